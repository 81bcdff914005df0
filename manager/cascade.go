package manager

import (
	"context"
	"fmt"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// CascadeRequest asks for the nearest ancestor of a version that can be brought
// back.
type CascadeRequest struct {
	// Failed is the version to lead away from.
	Failed string
	// MaxAttempts is how many ancestors are tried; zero is what the policy says.
	MaxAttempts int
	Reason      string
	Target      string
	Force       bool
	Token       auth.Secret
	Trigger     string
	Progress    func(gitstore.Progress)
}

// CascadingRollback walks from a version to its ancestors, nearest first, and
// brings back the first that can be. Versions that are known to be bad or are
// partial are passed over. Each attempt is recorded, as is the chain that they
// form; a chain whose process died is gone on with. When no attempt succeeds the
// error matches [ErrExhausted], and the target is as it was.
func (m *Manager) CascadingRollback(ctx context.Context, req CascadeRequest) (*ChainResult, error) {
	start := time.Now()
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := m.inForce(s)
	if err != nil {
		return nil, err
	}
	open := m.newRecord(ActionCascade, "", req.Reason)
	open.FromVersion, open.Trigger = req.Failed, req.Trigger
	if err := m.authorizeCascade(ctx, s, req, open); err != nil {
		return nil, err
	}
	unlock, err := s.LockChain(ctx, "cascade")
	if err != nil {
		return nil, err
	}
	defer unlock()
	failed, l, err := m.mayCascade(ctx, s, rules, req)
	if err != nil {
		open.Outcome, open.Error = outcomeOf(err), err.Error()
		return nil, errRecord(err, m.save(ctx, s, open, failed.Commit, start))
	}
	c := &chain{
		m: m, s: s, open: open, action: ActionCascade, attempts: req.MaxAttempts, tried: make(map[string]bool),
		req: RollbackRequest{Reason: req.Reason, Target: req.Target, Force: req.Force, Trigger: req.Trigger, Progress: req.Progress},
		how: circumstances{action: ActionRollback, grant: open, admitted: true},
		out: &ChainResult{Chain: newID(m.now())},
	}
	if c.attempts == 0 {
		c.attempts = rules.Policy.MaxAttempts
	}
	var list []candidate
	for i, a := range l.ancestors(failed) {
		list = append(list, describe(l, a, ordinal(i)))
	}
	c.out.Considered = considered(list)
	return c.out, c.cascade(ctx, failed, list, start)
}

// cascade begins a chain, or goes on with one whose process died.
func (c *chain) cascade(ctx context.Context, failed gitstore.Checkpoint, list []candidate, start time.Time) error {
	old, err := c.m.unfinished(ctx, c.s)
	if err != nil {
		return err
	}
	for _, u := range old {
		if u.Failed == failed.Version {
			c.resume(u)
			if done := u.Steps; len(done) > 0 && done[len(done)-1].Outcome == Completed {
				c.out.Rollback = &RollbackResult{Record: done[len(done)-1]}
				return c.finish(ctx, failed, start, nil)
			}
			break
		}
	}
	if !c.out.Resumed {
		if err := c.begin(ctx, failed, list); err != nil {
			return err
		}
	}
	return c.finish(ctx, failed, start, c.run(ctx, list))
}

// resume takes up a chain where its process died.
func (c *chain) resume(u UnfinishedChain) {
	c.out.Chain, c.out.Resumed = u.Chain, true
	for _, step := range u.Steps {
		if step.Outcome == Completed || step.Outcome == Failed {
			c.tried[step.Version] = true
			c.attempts = max(0, c.attempts-1)
		}
	}
}

func (m *Manager) authorizeCascade(ctx context.Context, s *gitstore.Store, req CascadeRequest, rec *Record) error {
	if req.Force {
		if err := m.authorizeRecorded(ctx, s, auth.Force, req.Token, rec); err != nil {
			return err
		}
	}
	return m.authorizeRecorded(ctx, s, auth.Rollback, req.Token, rec)
}

// mayCascade makes the checks that hold for the chain as a whole.
func (m *Manager) mayCascade(ctx context.Context, s *gitstore.Store, rules *rules, req CascadeRequest) (gitstore.Checkpoint, *lineage, error) {
	failed, err := s.Resolve(ctx, req.Failed)
	if err != nil {
		return failed, nil, err
	}
	if !rules.Policy.Cascade {
		return failed, nil, fmt.Errorf("%w: rollback.cascade is false", ErrDisabled)
	}
	plan := &Plan{}
	if err := m.lookAtAttempts(ctx, s, plan, rules, req.Trigger != ""); err != nil {
		return failed, nil, err
	}
	if err := plan.Err(req.Force); err != nil {
		return failed, nil, err
	}
	l, err := m.lineage(ctx, s)
	if err == nil && len(l.ancestors(failed)) == 0 {
		err = fmt.Errorf("%w: %s has no ancestor", ErrNoCandidate, failed.Version)
	}
	return failed, l, err
}

func ordinal(i int) string {
	if i == 0 {
		return "the parent"
	}
	return fmt.Sprintf("%d steps back", i+1)
}

// recover tries other versions after an automatic rollback failed: ancestors
// first, nearest first, then every other version that was verified good.
func (m *Manager) recover(ctx context.Context, s *gitstore.Store, p *policy.Policy, failed gitstore.Checkpoint, how circumstances, first RollbackRequest, cause *RollbackResult) (*ChainResult, error) {
	start := time.Now()
	unlock, err := s.LockChain(ctx, "recovery")
	if err != nil {
		return nil, err
	}
	defer unlock()
	l, err := m.lineage(ctx, s)
	if err != nil {
		return nil, err
	}
	var list []candidate
	for i, a := range l.ancestors(failed) {
		list = append(list, describe(l, a, ordinal(i)))
	}
	known := map[gitstore.ID]bool{failed.Commit: true}
	for _, at := range list {
		known[at.Commit] = true
	}
	for _, other := range l.all {
		if !known[other.Commit] && l.state(other) == verdict.Good {
			list = append(list, describe(l, other, "of another line"))
		}
	}
	open := m.newRecord(ActionCascade, "", "recovery: "+cause.Record.Error)
	open.Trigger, open.Verdict = first.Trigger, how.verdict
	open.takeGrant(how.grant)
	how.grant, how.admitted = open, true
	c := &chain{
		m: m, s: s, open: open, action: ActionCascade, attempts: p.MaxAttempts, how: how, req: first,
		tried: map[string]bool{cause.Checkpoint.Version: true}, out: &ChainResult{Chain: newID(m.now()), Considered: considered(list)},
	}
	if err := c.begin(ctx, failed, list); err != nil {
		return c.out, err
	}
	return c.out, c.finish(ctx, failed, start, c.run(ctx, list))
}
