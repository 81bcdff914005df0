package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

var (
	// ErrNoCandidate says that there is no version to roll back to.
	ErrNoCandidate = errors.New("there is no version to roll back to")
	// ErrDisabled says that the policy turns something off.
	ErrDisabled = errors.New("the policy turns this off")
	// ErrExhausted says that no version of a chain could be brought back.
	ErrExhausted = errors.New("no version could be brought back")
)

// Considered is a version that was thought of.
type Considered struct {
	Version string `json:"version"`
	// Chosen says that it was to be brought back.
	Chosen bool   `json:"chosen"`
	Why    string `json:"why"`
}

// candidate is a version that a chain may try; one with a skip isn't tried.
type candidate struct {
	gitstore.Checkpoint
	why, skip string
	// left is why it isn't taken when one before it is.
	left string
}

func considered(list []candidate) []Considered {
	var all []Considered
	for _, c := range list {
		if c.skip != "" {
			all = append(all, Considered{c.Version, false, c.skip})
		} else {
			all = append(all, Considered{c.Version, true, c.why})
		}
	}
	return all
}

// ChainResult is what a cascade did.
type ChainResult struct {
	// Chain is the id that its records share.
	Chain string
	// Resumed says that a process had died in the middle of it.
	Resumed bool
	// Steps are the rollbacks that were tried, in order; the last one completed
	// unless there is an error.
	Steps []Record
	// Considered are all versions that were thought of.
	Considered []Considered
	// Rollback is the one that completed, nil when none did.
	Rollback *RollbackResult
}

// chain is a row of attempts, of which the first to succeed is the last.
type chain struct {
	m   *Manager
	s   *gitstore.Store
	req RollbackRequest
	// open is the record that began it.
	open *Record
	out  *ChainResult
	// tried are the versions that were tried before, attempts how many may be yet.
	tried    map[string]bool
	attempts int
	// end names the chain's own event.
	action Action
	how    circumstances
}

// run tries the candidates in order.
func (c *chain) run(ctx context.Context, list []candidate) error {
	var last error
	step := len(c.tried)
	for _, at := range list {
		if at.skip != "" || c.tried[at.Version] {
			continue
		}
		if c.attempts == 0 {
			break
		}
		c.attempts--
		step++
		req, how := c.req, c.how
		req.Version, how.step, how.chain = at.Commit.String(), step, c.out.Chain
		res, err := c.m.rollback(ctx, c.s, req, how)
		if res != nil {
			c.out.Steps = append(c.out.Steps, res.Record)
		}
		if err == nil || errors.Is(err, ErrNotRecorded) {
			c.out.Rollback = res
			return err
		}
		last = fmt.Errorf("%s: %w", at.Version, err)
		if !goesOn(err) {
			return last
		}
		c.m.log.Warn("rollback failed; the next version is tried", "version", at.Version, "error", err)
	}
	if last == nil {
		return ErrNoCandidate
	}
	return fmt.Errorf("%w: %w", ErrExhausted, last)
}

// goesOn says that another version may fare better.
func goesOn(err error) bool {
	for _, hopeless := range []error{context.Canceled, context.DeadlineExceeded, gitstore.ErrBusy, auth.ErrDenied, ErrBlocked} {
		if errors.Is(err, hopeless) {
			return false
		}
	}
	return outcomeOf(err) == Failed || errors.Is(err, gitstore.ErrNotFound)
}

// begin writes the record that opens the chain.
func (c *chain) begin(ctx context.Context, failed gitstore.Checkpoint, list []candidate) error {
	c.open.Outcome, c.open.Chain = Started, c.out.Chain
	c.open.FromVersion, c.open.Considered = failed.Version, considered(list)
	if err := c.m.save(ctx, c.s, c.open, failed.Commit, time.Now()); err != nil {
		return err
	}
	c.m.publish(ctx, c.s, event.CascadeStarted, failed.Version, event.CascadeData{
		Chain: c.out.Chain, FailedVersion: failed.Version, Actor: c.open.Actor, Reason: c.open.Reason,
	})
	return nil
}

// finish writes the record that closes it.
func (c *chain) finish(ctx context.Context, failed gitstore.Checkpoint, start time.Time, err error) error {
	end := c.m.newRecord(c.action, "", c.open.Reason)
	// Like any record it begins when the request did.
	end.Time = end.Time.Add(-time.Since(start))
	end.Chain, end.FromVersion, end.Trigger, end.Verdict = c.out.Chain, failed.Version, c.open.Trigger, c.open.Verdict
	end.takeGrant(c.open)
	end.Step = len(c.tried) + len(c.out.Steps)
	end.Outcome = Completed
	if r := c.out.Rollback; r != nil {
		end.Version, end.Target, end.Verified = r.Record.Version, r.Record.Target, r.Record.Verified
		end.SafetyValidated, end.Files, end.Bytes = r.Record.SafetyValidated, r.Record.Files, r.Record.Bytes
	}
	if err != nil {
		end.Outcome, end.Error = outcomeOf(err), err.Error()
	}
	saving := c.m.save(ctx, c.s, end, failed.Commit, start)
	c.m.publish(ctx, c.s, event.CascadeCompleted, failed.Version, event.CascadeData{
		Chain: c.out.Chain, FailedVersion: failed.Version, Version: end.Version, Outcome: string(end.Outcome),
		Error: end.Error, Steps: end.Step, Actor: end.Actor, Reason: end.Reason,
	})
	return errRecord(err, saving)
}

// UnfinishedChain is one whose process died.
type UnfinishedChain struct {
	Chain string
	// Failed is the version that it was to lead away from.
	Failed string
	Since  time.Time
	Actor  string
	Reason string
	// Steps are those that were recorded.
	Steps []Record

	open Record
}

// UnfinishedChains lists the chains that were begun and neither completed nor
// failed, newest first. One that a living process is at work on is not among
// them.
func (m *Manager) UnfinishedChains(ctx context.Context) ([]UnfinishedChain, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	unlock, busy, err := holdChains(ctx, s)
	if err != nil || busy {
		return nil, err
	}
	defer unlock()
	return m.unfinished(ctx, s)
}

// holdChains keeps chains from being begun while it is looked for unfinished
// ones, which are then known to be a dead process's; busy says that a living one
// is at work on a chain.
func holdChains(ctx context.Context, s *gitstore.Store) (unlock func(), busy bool, err error) {
	unlock, err = s.TryLockChain(ctx)
	if errors.Is(err, gitstore.ErrBusy) {
		return func() {}, true, nil
	}
	return unlock, false, err
}

func (m *Manager) unfinished(ctx context.Context, s *gitstore.Store) ([]UnfinishedChain, error) {
	records, err := m.history(ctx, s, HistoryFilter{})
	if err != nil {
		return nil, err
	}
	return unfinishedOf(records), nil
}

// unfinishedOf finds chains that nothing closed in the records, newest first.
func unfinishedOf(records []Record) []UnfinishedChain {
	closed := make(map[string]bool)
	steps := make(map[string][]Record)
	var all []UnfinishedChain
	for _, r := range records {
		switch {
		case r.Chain == "":
		case r.Outcome == Started:
			if !closed[r.Chain] {
				list := steps[r.Chain]
				slices.Reverse(list)
				all = append(all, UnfinishedChain{
					Chain: r.Chain, Failed: r.FromVersion, Since: r.Time, Actor: r.Actor, Reason: r.Reason, Steps: list, open: r,
				})
			}
		case r.Action == ActionCascade:
			closed[r.Chain] = true
		default:
			steps[r.Chain] = append(steps[r.Chain], r)
		}
	}
	return all
}

// describe says why a version is tried, or isn't.
func describe(l *lineage, c gitstore.Checkpoint, why string) candidate {
	out := candidate{Checkpoint: c, why: why}
	st := l.standings[c.Commit]
	switch {
	case st.State == verdict.Bad:
		out.skip = "known to be bad: " + st.Reason
	case c.Partial:
		out.skip = "partial: not everything could be read when it was recorded"
	case st.State == verdict.Good:
		out.why += ", verified good"
	default:
		out.why += ", never judged"
	}
	return out
}
