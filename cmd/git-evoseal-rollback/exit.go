package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/safety"
	"golang.org/x/sys/unix"
)

// The exit codes. They are part of what users rely on: the manual page lists
// them from exitCodes, and JSON errors repeat them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitNotFound = 10
	exitBusy     = 11
	exitDenied   = 12
	exitUnsafe   = 13
	exitCorrupt  = 14
	exitLimit    = 15
	exitPartial  = 16
	// exitUndecided is for a verdict that is neither pass nor fail.
	exitUndecided = 17
	exitUsage     = 129
	exitCancelled = 130
)

type exitCode struct {
	code    int
	meaning string
}

func exitCodes() []exitCode {
	return []exitCode{
		{exitDone, "Done."},
		{exitFailed, "Failed, for a reason that has no code of its own; of auto: the version failed."},
		{exitNotFound, "There is no such checkpoint, no such path in it, or no store yet."},
		{exitBusy, "Another process holds a lock that is needed."},
		{exitDenied, "Not authorised."},
		{exitUnsafe, "The target, or the project, is refused by a safety rule. Nothing was written."},
		{exitCorrupt, "Something in the store is not what was recorded."},
		{exitLimit, "A limit is reached: too many rollbacks were tried lately (by auto 3 in 24 h, unless the policy says otherwise), or the disk has no room."},
		{exitPartial, "Not everything could be read, so nothing was recorded."},
		{exitUndecided, "The verdict is inconclusive or an error. Nothing was rolled back."},
		{exitGuard, "Guard itself went wrong. Its code is that of its command otherwise."},
		{exitUsage, "The command line can't be understood, or names what can't exist."},
		{exitCancelled, "Cancelled by a signal. Nothing is left half-written."},
	}
}

// answer is what the process says of an error: its exit code, a stable word,
// and a hint that tells what to do next.
type answer struct {
	code int
	kind string
	hint string
}

// printedError is one whose JSON form is a part of the object that the command
// has printed already.
type printedError struct{ err error }

func (e *printedError) Error() string { return e.err.Error() }

func (e *printedError) Unwrap() error { return e.err }

// hintedError gives an error a better hint than its kind has.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }

func (e *hintedError) Unwrap() error { return e.err }

// judge is the one place where errors become exit codes. The first row that
// matches counts.
func (c *call) judge(err error) answer {
	v := c.answerOf(err)
	var hinted *hintedError
	if errors.As(err, &hinted) {
		v.hint = hinted.hint
	}
	v.hint = c.rooted(v.hint)
	return v
}

func (c *call) answerOf(err error) answer {
	var usage *usageError
	if errors.As(err, &usage) {
		return answer{exitUsage, "usage", c.usageHint(usage)}
	}
	var guard *guardError
	if errors.As(err, &guard) {
		v := c.answerOf(guard.err)
		if v.code != exitUsage {
			v.code = exitGuard
		}
		return v
	}
	if v, ok := c.judgeHooks(err); ok {
		return v
	}
	if v, ok := c.judgeDecision(err); ok {
		return v
	}
	if v, ok := c.judgeStore(err); ok {
		return v
	}
	for _, row := range []struct {
		err    error
		answer answer
	}{
		{context.Canceled, answer{exitCancelled, "cancelled", "nothing is left half-written; " + c.shown("status") + " says what the target holds"}},
		{manager.ErrBlocked, answer{exitLimit, "limit", blockedHint(err)}},
		{unix.ENOSPC, answer{exitLimit, "space", "make room on the disk and try again; nothing is left half-written"}},
		{unix.EDQUOT, answer{exitLimit, "space", "make room in the quota and try again; nothing is left half-written"}},
		{manager.ErrNotVerified, answer{exitFailed, "not_verified", "something else writes to the target; stop that and roll back again"}},
		{safety.ErrNoPrevious, answer{exitFailed, "no_previous", c.shown("list") + " shows the checkpoints; rollback brings back any of them"}},
		{gitstore.ErrStorePlace, answer{exitUnsafe, "store_place", "make .evoseal a directory, or name another place: git config evoseal.store <dir>/.git"}},
		{gitstore.ErrInsideTarget, answer{exitFailed, "no_project", "go to the project, or name it with -C"}},
		{gitstore.ErrBareRepository, answer{exitFailed, "no_project", "go to a work tree, or name one with -C"}},
		{gitstore.ErrNoRepository, answer{exitFailed, "no_repository", "leave out --branch: the target then holds the files"}},
		{gitstore.ErrForeignFormat, answer{exitFailed, "format", "leave out --branch, and copy from the target what you need"}},
		{fs.ErrPermission, answer{exitFailed, "permission", "make what the line above names readable and writable for this user, or run as its owner"}},
	} {
		if errors.Is(err, row.err) {
			return row.answer
		}
	}
	return answer{exitFailed, "failed", "run it again with EVOSEAL_LOG=debug to see more; " + c.shown("doctor") + " looks for what is wrong"}
}

// judgeStore knows the errors of checkpoints, store and target.
func (c *call) judgeStore(err error) (answer, bool) {
	var unsafe *safety.UnsafeError
	for _, row := range []struct {
		match bool
		code  int
		kind  string
		hint  func() string
	}{
		{errors.As(err, &unsafe), exitUnsafe, "unsafe", func() string { return c.unsafeHint(unsafe) }},
		{errors.Is(err, safety.ErrChanged), exitUnsafe, "changed", func() string { return "nothing was replaced; look at the target and try again" }},
		{errors.Is(err, gitstore.ErrPartial), exitPartial, "partial", c.partialHint},
		{errors.Is(err, gitstore.ErrBusy), exitBusy, "busy", func() string {
			return "wait until it is done, then try again; where a git that died left its lock, " + c.shown("doctor") + " says how to remove it"
		}},
		{errors.Is(err, gitstore.ErrRemoved), exitCorrupt, "removed", func() string {
			return "nothing is left of it; wait until git's gc, repack or prune is done, and run it again"
		}},
		{errors.Is(err, gitstore.ErrCorrupt), exitCorrupt, "corrupt", func() string {
			return c.shown("verify --all") + " names what is damaged and what is whole; " + c.shown("doctor --repair") + " mends what can be mended"
		}},
		{errors.Is(err, gitstore.ErrMissingObject), exitCorrupt, "corrupt", func() string { return c.shown("verify --all") + " names what is damaged and what is whole" }},
		{errors.Is(err, gitstore.ErrNoStore), exitNotFound, "no_store", func() string { return c.shown("checkpoint") + " records the project and makes the store" }},
		{errors.Is(err, gitstore.ErrNotFound), exitNotFound, "not_found", func() string { return c.notFoundHint(err) }},
		{errors.Is(err, gitstore.ErrNoPath), exitNotFound, "no_path", func() string {
			return "paths start from the working directory"
		}},
		{errors.Is(err, gitstore.ErrBadPath), exitUsage, "bad_path", func() string { return "name files and directories of the project" }},
		{errors.Is(err, gitstore.ErrBadName), exitUsage, "bad_name", func() string {
			var name *gitstore.NameError
			if errors.As(err, &name) && name.Conflict != "" {
				return "take a name that neither begins with " + name.Conflict + "/ nor is the beginning of it, such as " + strings.ReplaceAll(name.Name, "/", "-") + "-2"
			}
			return "take a name such as v1.0 or before-refactoring: letters, digits, and . - _ between them"
		}},
		{errors.Is(err, gitstore.ErrExists), exitFailed, "exists", c.existsHint},
		{errors.Is(err, gitstore.ErrBranchExists), exitFailed, "branch_exists", func() string { return "name another branch with --branch" }},
	} {
		if row.match {
			return answer{row.code, row.kind, row.hint()}, true
		}
	}
	return answer{}, false
}

// shown is a command line to paste, marked as such.
func (c *call) shown(rest string) string { return "`" + c.command(rest) + "`" }

func (c *call) usageHint(u *usageError) string {
	switch {
	case u.hint != "":
		return u.hint
	case u.cmd != nil:
		return c.shown(u.cmd.name+" -h") + " explains"
	}
	return "`git evoseal-rollback -h` explains"
}

func (c *call) unsafeHint(u *safety.UnsafeError) string {
	switch {
	case u.Op == "project":
		return "go to the project's directory, or allow this one: git config --global --add evoseal.allowProject " + shellQuote(u.Path)
	case u.Rule == safety.RuleProject && c.insideOf(u.Resolved):
		return "leave the directory first: cd " + shellQuote(filepath.Dir(u.Resolved))
	case u.Rule == safety.RuleNotOurs && (u.Blocker != "" || c.isDefaultTarget(u.Resolved)):
		path := cmp.Or(u.Blocker, u.Resolved)
		return "put it away, for it is not what a rollback made: mv " + c.shownPath(path) + " " + c.shownPath(path+".mine")
	case u.Rule == safety.RuleNotOurs:
		return "name an empty or new directory, or add --adopt: what lies there is then kept beside it"
	}
	return "leave out --target to use .evoseal/rollback_target, or name a new directory elsewhere"
}

// insideOf says that the program was started in a directory or below it.
func (c *call) insideOf(dir string) bool {
	wd, err := c.getwd()
	if err != nil || dir == "" {
		return false
	}
	_, inside := below(dir, wd)
	return inside && filepath.Base(dir) == "rollback_target"
}

// isDefaultTarget says that a path is the target that nobody has to name.
func (c *call) isDefaultTarget(path string) bool {
	return strings.HasSuffix(path, filepath.Join(gitstore.Dir, "rollback_target"))
}

func (c *call) partialHint() string {
	if c.cmd != nil && c.cmd.name == "checkpoint" {
		return "make them readable, rename or ignore them, or run it again with --allow-partial to record the rest"
	}
	return "make them readable, rename or ignore them, and run it again"
}

func (c *call) existsHint() string {
	return "take another name; --force gives this one to the new checkpoint, and the old one stays reachable by its commit"
}

func (c *call) notFoundHint(err error) string {
	var missing *gitstore.NotFoundError
	if errors.As(err, &missing) && len(missing.Similar) > 0 {
		return fmt.Sprintf("did you mean %s? %s shows all", strings.Join(missing.Similar, " or "), c.shown("list"))
	}
	return c.shown("list") + " shows what there is"
}

func blockedHint(err error) string {
	var blocked *manager.BlockedError
	if errors.As(err, &blocked) && blocked.Finding.Hint != "" {
		return blocked.Finding.Hint
	}
	return "--force goes on all the same"
}

// errorJSON is an error in the form that programs read.
type errorJSON struct {
	Code    int        `json:"code"`
	Kind    string     `json:"kind"`
	Message string     `json:"message"`
	Hint    string     `json:"hint,omitempty"`
	Rule    string     `json:"rule,omitempty"`
	Paths   []pathJSON `json:"paths,omitempty"`
}

type pathJSON struct {
	Path   gitstore.Path `json:"path"`
	Reason string        `json:"reason"`
}

// errorObject is nil for no error.
func (c *call) errorObject(err error) *errorJSON {
	if err == nil {
		return nil
	}
	v := c.judge(err)
	out := &errorJSON{Code: v.code, Kind: v.kind, Message: oneLine(err), Hint: v.hint}
	var unsafe *safety.UnsafeError
	if errors.As(err, &unsafe) {
		out.Rule = string(unsafe.Rule)
	}
	var partial *gitstore.PartialError
	if errors.As(err, &partial) {
		for _, f := range partial.Paths {
			out.Paths = append(out.Paths, pathJSON{gitstore.Path(f.Path), f.Err.Error()})
		}
	}
	return out
}

// finish tells the error and returns the exit code.
func (c *call) finish(err error) int {
	if err == nil {
		return exitDone
	}
	var decided interface {
		error
		code() int
	}
	if errors.As(err, &decided) {
		// All that there is to say is on stdout already.
		return decided.code()
	}
	v := c.judge(err)
	var printed *printedError
	switch {
	case c.json && errors.As(err, &printed):
	case c.json:
		if c.out.object(struct {
			Schema int        `json:"schema"`
			Error  *errorJSON `json:"error"`
		}{1, c.errorObject(err)}) != nil || c.out.flush() != nil {
			fmt.Fprintf(c.stderr, "error: %s\n", oneLine(err))
		}
	default:
		fmt.Fprintf(c.stderr, "error: %s\n", oneLine(err))
		if v.hint != "" {
			fmt.Fprintf(c.stderr, "hint: %s\n", v.hint)
		}
		c.listUnread(err)
	}
	return v.code
}

// oneLine keeps joined errors on the line that an error has.
func oneLine(err error) string {
	var partial *gitstore.PartialError
	if errors.As(err, &partial) {
		return fmt.Sprintf("nothing recorded: %s can't be recorded", count(int64(len(partial.Paths)), "path"))
	}
	if errors.Is(err, context.Canceled) {
		return "cancelled"
	}
	return printable(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
}

// mostPaths bounds what is listed of the paths that can't be read.
const mostPaths = 20

func (c *call) listUnread(err error) {
	var partial *gitstore.PartialError
	if !errors.As(err, &partial) {
		return
	}
	for _, f := range partial.Paths[:min(mostPaths, len(partial.Paths))] {
		fmt.Fprintf(c.stderr, "  %s: %v\n", quotePath(f.Path), f.Err)
	}
	if n := len(partial.Paths) - mostPaths; n > 0 {
		fmt.Fprintf(c.stderr, "  and %d more\n", n)
	}
}

// warn tells a finding that stops nothing.
func (c *call) warn(f manager.Finding) {
	if c.quiet || c.json {
		return
	}
	fmt.Fprintf(c.screen, "warning: %s\n", printable(f.Message))
	if f.Hint != "" {
		fmt.Fprintf(c.screen, "hint: %s\n", c.rooted(f.Hint))
	}
}
