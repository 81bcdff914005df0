package main

import (
	"errors"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// code is 1 for a version that failed, 17 for one that nothing was decided of.
func (e *verdictError) code() int {
	if e.outcome == verdict.Fail {
		return exitFailed
	}
	return exitUndecided
}

// judgeDecision knows the errors of policy, tokens and chains.
func (c *call) judgeDecision(err error) (answer, bool) {
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		return answer{exitDenied, "denied", denied.Decision.Hint}, true
	}
	var parse *policy.ParseError
	isParse := errors.As(err, &parse)
	if errors.Is(err, manager.ErrPolicy) {
		return answer{exitFailed, "policy", c.shown("policy edit") + " mends it, " + c.shown("policy log") + " tells who changed it"}, true
	}
	if errors.Is(err, manager.ErrTokens) {
		return answer{exitFailed, "tokens", c.shown("doctor") + " says how to set the list back; docs/threat-model.md explains"}, true
	}
	if isParse {
		hint := parse.Hint
		if hint == "" {
			hint = "docs/policy.md describes every key; " + c.shown("policy get") + " lists them"
		}
		return answer{exitUsage, "policy", hint}, true
	}
	for _, row := range []struct {
		err    error
		answer answer
	}{
		{auth.ErrLastAdmin, answer{exitFailed, "last_admin", "issue another admin token first: " + c.shown("token issue --role admin")}},
		{auth.ErrNoToken, answer{exitNotFound, "no_token", c.shown("token list") + " shows which there are"}},
		{auth.ErrBadToken, answer{exitUsage, "bad_token", c.shown("token issue -h") + " explains"}},
		{auth.ErrMalformed, answer{exitDenied, "denied", "the file named by --token-file must hold one token and nothing else"}},
		{manager.ErrNoIncident, answer{exitNotFound, "no_incident", c.shown("status") + " shows what is open"}},
		{manager.ErrNeedsReason, answer{exitUsage, "usage", "say in a few words why"}},
		{manager.ErrDisabled, answer{exitFailed, "disabled", c.shown("policy get") + " shows the rules, policy set changes them"}},
		{manager.ErrNoCandidate, answer{exitNotFound, "no_candidate", c.shown("list") + " shows the versions; rollback brings back any of them"}},
		{manager.ErrRewritten, answer{exitCorrupt, "rewritten", "`git --git-dir=.evoseal/.git reflog refs/notes/evoseal/history` shows what the history was"}},
		{manager.ErrNotRecorded, answer{exitCorrupt, "not_recorded", c.shown("status") + " says what the target holds; " + c.shown("doctor --repair") + " mends what can be mended"}},
		{gitstore.ErrNeeded, answer{exitFailed, "needed", c.shown("prune --dry-run") + " tells what stays and why"}},
		{manager.ErrOpen, answer{exitFailed, "open", "end it first: " + c.shown("status") + " shows what is open and how it ends"}},
		{gitstore.ErrNothingToArchive, answer{exitFailed, "empty", "there is no record yet, so there is nothing to put away"}},
		{errReplay, answer{exitCorrupt, "replay", c.shown("verdict show") + " shows the verdict that is kept"}},
	} {
		if errors.Is(err, row.err) {
			return row.answer, true
		}
	}
	return answer{}, false
}
