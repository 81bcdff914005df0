package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

// filterFlags select records of the history.
type filterFlags struct {
	since, until, version, action, outcome, actor, reason, chain string
}

func (f *filterFlags) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&f.since, "since", "", "only records from `time` on: 2026-01-31, RFC 3339, or how long ago, as in 7d or 12h")
	fs.StringVar(&f.until, "until", "", "only records before `time`")
	fs.StringVar(&f.version, "version", "", "only records about `version`")
	fs.StringVar(&f.action, "action", "", "only records of `action`: "+wordList(actions(), "or"))
	fs.StringVar(&f.outcome, "outcome", "", "only those with outcome `completed|failed|denied|refused|started`")
	fs.StringVar(&f.actor, "actor", "", "only requests of `name`")
	fs.StringVar(&f.reason, "reason", "", "only those whose reason contains `text`")
	fs.StringVar(&f.chain, "chain", "", "only those of the cascade `id`")
}

func (f *filterFlags) filter(c *call) (manager.HistoryFilter, error) {
	if !slices.Contains(actions(), f.action) && f.action != "" {
		return manager.HistoryFilter{}, &usageError{
			msg: fmt.Sprintf("--action takes %s, not %q", wordList(actions(), "or"), f.action), cmd: c.cmd,
		}
	}
	outcomes := []manager.Outcome{"", manager.Completed, manager.Failed, manager.Denied, manager.Refused, manager.Started}
	if !slices.Contains(outcomes, manager.Outcome(f.outcome)) {
		return manager.HistoryFilter{}, &usageError{
			msg: fmt.Sprintf("--outcome takes completed, failed, denied, refused or started, not %q", f.outcome), cmd: c.cmd,
		}
	}
	out := manager.HistoryFilter{
		Version: f.version, Action: manager.Action(f.action), Outcome: manager.Outcome(f.outcome),
		Actor: f.actor, Reason: f.reason, Chain: f.chain,
	}
	var err error
	if out.Since, err = c.moment("since", f.since); err != nil {
		return out, err
	}
	out.Until, err = c.moment("until", f.until)
	return out, err
}

// actions are what records are about.
func actions() []string {
	var out []string
	for _, a := range []manager.Action{
		manager.ActionRollback, manager.ActionUndo, manager.ActionCascade, manager.ActionEmergency, manager.ActionClose, manager.ActionDrill,
		manager.ActionJudge, manager.ActionConfigure, manager.ActionTokens, manager.ActionArchive, manager.ActionPrune, manager.ActionUnprune, manager.ActionSkip,
	} {
		out = append(out, string(a))
	}
	return out
}

// wordList is "a, b or c".
func wordList(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}

// moment reads a time as people type one; empty is none.
func (c *call) moment(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	if d, err := parseSpan(s); err == nil && d >= 0 {
		return c.now().Add(-d), nil
	}
	return time.Time{}, &usageError{
		msg: fmt.Sprintf("--%s can't be understood: %q", flag, s), cmd: c.cmd,
		hint: "name a day as 2026-01-31, a moment as 2026-01-31T12:00:00Z, or how long ago, as in 7d or 12h",
	}
}

// parseSpan is [time.ParseDuration] with days, as in 7d.
func parseSpan(s string) (time.Duration, error) {
	if digits, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseUint(digits, 10, 16)
		return time.Duration(days) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}
