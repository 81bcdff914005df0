package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// AutoRequest has a version judged.
type AutoRequest struct {
	// Version is any name that [gitstore.Store.Resolve] knows; empty is the newest.
	Version string
	// Report is what tests and measurements said. Without metrics in it, those
	// recorded with the checkpoint count.
	Report verdict.Report
	// Baseline is the version to compare with; empty is the last that was verified
	// good, among the ancestors first.
	Baseline string
	// Reason is for the record of a rollback; empty is the verdict's.
	Reason string
	Target string
	// Force rolls back where a check or a limit would stop it. It takes a right of
	// its own where tokens are required.
	Force bool
	// JudgeOnly reaches the verdict and rolls nothing back.
	JudgeOnly bool
	Token     auth.Secret
	Progress  func(gitstore.Progress)
}

// AutoResult is a verdict and what followed from it.
type AutoResult struct {
	// ID names the verdict.
	ID         string
	Checkpoint gitstore.Checkpoint
	Verdict    verdict.Verdict
	// Baseline is the version that was compared with, empty for none.
	Baseline string
	// FirstGood says that this version is the first that was verified good.
	FirstGood bool
	// RolledBack is the version that was brought back, empty when none was; Why
	// says why it was chosen, or why none was.
	RolledBack, Why string
	// Rollback is the rollback to it, Recovery the chain that was needed when the
	// first choice could not be brought back.
	Rollback *RollbackResult
	Recovery *ChainResult
}

// AutoRollback judges a version and, if it fails and the policy says so, rolls back
// to the last version that was verified good. The verdict is kept with
// everything that it depends on.
//
// An error says that judging or rolling back went wrong; a version that fails is
// no error. When the first choice can't be brought back and the policy allows
// recovery, ancestors and other good versions are tried.
func (m *Manager) AutoRollback(ctx context.Context, req AutoRequest) (*AutoResult, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	grant, err := m.mayJudge(ctx, s, req.Token, req.Force, req.Version, req.Reason)
	if err != nil {
		return nil, err
	}
	j := &judgement{m: m, s: s, req: req, grant: grant, dir: m.project.Root}
	return j.run(ctx)
}

// mayJudge asks for the right to judge, and to override limits.
func (m *Manager) mayJudge(ctx context.Context, s *gitstore.Store, token auth.Secret, force bool, version, reason string) (*Record, error) {
	grant := m.newRecord(ActionJudge, version, reason)
	if err := m.authorizeRecorded(ctx, s, auth.Judge, token, grant); err != nil {
		return nil, err
	}
	if force {
		return grant, m.authorizeRecorded(ctx, s, auth.Force, token, grant)
	}
	return grant, nil
}

// judgement is one verdict and what follows from it.
type judgement struct {
	m     *Manager
	s     *gitstore.Store
	rules *rules
	req   AutoRequest
	grant *Record
	// dir is where the commands of triggers run.
	dir string
	// prefer is where to roll back to unless it is known to be bad; nil leaves the
	// choice to the lineage.
	prefer *gitstore.Checkpoint
	// tried says that the report is a command's, so that what was recorded with the
	// version before isn't part of it; ended that the command did so with a plain
	// exit code other than 0, tested that it was to write reports of tests.
	tried, ended, tested bool
	out                  *AutoResult
	l                    *lineage
	// release lets what the verdict is about be pruned again.
	release func()
}

// run judges by the policy in force. The result is nil where there is no verdict.
func (j *judgement) run(ctx context.Context) (out *AutoResult, err error) {
	if j.rules, err = j.m.inForce(j.s); err != nil {
		return nil, err
	}
	j.out = &AutoResult{}
	defer func() { j.release() }()
	j.release = func() {}
	if err := j.judge(ctx); err != nil {
		return nil, err
	}
	if j.out.Verdict.Outcome == verdict.Fail && !j.req.JudgeOnly {
		err = j.rollBack(ctx)
	}
	return j.out, err
}

// judge reaches the verdict and keeps it.
func (j *judgement) judge(ctx context.Context) error {
	m, s := j.m, j.s
	if j.req.Version == "" {
		j.req.Version = gitstore.Latest
	}
	var err error
	if j.out.Checkpoint, err = s.Resolve(ctx, j.req.Version); err != nil {
		return err
	}
	if j.l, err = m.lineage(ctx, s); err != nil {
		return err
	}
	c := j.out.Checkpoint
	in := verdict.Input{
		Version: c.Version, Commit: c.Commit.String(), Report: j.req.Report,
		Rules: j.rules.Policy.Rules(), Policy: j.rules.Commit.String(),
	}
	if len(in.Report.Metrics) == 0 && !j.tried {
		in.Report.Metrics = j.l.standings[c.Commit].Metrics
	}
	if in.Baseline, err = j.baseline(ctx); err != nil {
		return err
	}
	good, _ := j.l.lastGood(c)
	release, err := m.holdAll(s, c.Commit, good.Commit)
	if err != nil {
		return err
	}
	j.release = release
	if i := slices.IndexFunc(in.Report.Checks, func(c verdict.Check) bool { return c.Trigger == exitTrigger }); i >= 0 {
		in.Rules.Triggers = append(slices.Clone(in.Rules.Triggers), exitRule(in.Rules, in.Report, j.ended))
	}
	if j.tested {
		// Whoever names a report means it to say something.
		in.Rules.Triggers = slices.Clone(in.Rules.Triggers)
		for i := range in.Rules.Triggers {
			t := &in.Rules.Triggers[i]
			t.MustHaveData = t.MustHaveData || t.Kind == verdict.KindTests && t.Name == "tests"
		}
	}
	if in.Report.Checks, err = m.runChecks(ctx, in, j.dir, m.trusts(s)); err != nil {
		return err
	}
	first, err := m.isFirstGood(ctx, s)
	if err != nil {
		return err
	}
	now := m.now()
	entry, err := verdict.NewVerdict(newID(now), now, j.grant.Actor, in)
	if err != nil {
		return err
	}
	j.out.ID, j.out.Verdict = entry.ID, entry.Verdict
	j.out.FirstGood = first && entry.Verdict.Outcome == verdict.Pass
	if err := m.append(ctx, s, c.Commit, entry, fmt.Sprintf("%s judged: %s", c.Version, entry.Verdict.Outcome)); err != nil {
		return fmt.Errorf("the verdict on %s is %s, but it can't be kept: %w", c.Version, entry.Verdict.Outcome, err)
	}
	j.tell(ctx)
	return nil
}

// baseline is what to compare with, nil for nothing.
func (j *judgement) baseline(ctx context.Context) (*verdict.Baseline, error) {
	c, ok := j.l.lastGood(j.out.Checkpoint)
	if j.req.Baseline != "" {
		var err error
		if c, err = j.s.Resolve(ctx, j.req.Baseline); err != nil {
			return nil, err
		}
		ok = true
	}
	if !ok {
		return nil, nil
	}
	j.out.Baseline = c.Version
	return &verdict.Baseline{Version: c.Version, Commit: c.Commit.String(), Metrics: j.l.standings[c.Commit].Metrics}, nil
}

// tell publishes what the verdict means.
func (j *judgement) tell(ctx context.Context) {
	v, c := j.out.Verdict, j.out.Checkpoint
	data := event.VerdictData{
		VerdictID: j.out.ID, Version: c.Version, Commit: c.Commit.String(), Outcome: string(v.Outcome),
		Trigger: v.Trigger, Reason: v.Reason, Baseline: j.out.Baseline,
	}
	if j.out.FirstGood {
		j.m.publish(ctx, j.s, event.BaselineEstablished, c.Version, data)
	}
	for _, f := range v.Findings {
		if f.Outcome == verdict.Fail && f.BaselineN > 0 && !f.DryRun {
			j.m.publish(ctx, j.s, event.RegressionDetected, c.Version, data)
			return
		}
	}
}

// rollBack follows a verdict of fail.
func (j *judgement) rollBack(ctx context.Context) error {
	c := j.out.Checkpoint
	if !j.rules.Policy.AutoRollback {
		j.out.Why = "the policy's rollback.autoRollback is false"
		return nil
	}
	to, why, ok := j.choose()
	j.out.Why = why
	if !ok {
		return nil
	}
	reason := j.req.Reason
	if reason == "" {
		reason = fmt.Sprintf("%s failed: %s", c.Version, j.out.Verdict.Reason)
	}
	trigger := j.out.Verdict.Trigger
	if trigger == "" {
		trigger = "verdict"
	}
	req := RollbackRequest{Version: to.Commit.String(), Reason: reason, Target: j.req.Target, Force: j.req.Force, Trigger: trigger, Progress: j.req.Progress}
	how := circumstances{action: ActionRollback, verdict: j.out.ID, grant: j.grant}
	res, err := j.m.rollback(ctx, j.s, req, how)
	if err == nil {
		j.out.Rollback, j.out.RolledBack = res, to.Version
		return nil
	}
	if !j.rules.Policy.Recovery || res == nil || !goesOn(err) {
		return err
	}
	j.m.log.Warn("rollback failed; recovery tries other versions", "version", to.Version, "error", err)
	chain, again := j.m.recover(ctx, j.s, j.rules.Policy, c, how, req, res)
	j.out.Recovery = chain
	if again != nil {
		return errors.Join(err, again)
	}
	j.out.Rollback, j.out.RolledBack = chain.Rollback, chain.Rollback.Record.Version
	j.out.Why = fmt.Sprintf("recovery, because %s can't be brought back", to.Version)
	return nil
}

// choose picks the last version that was verified good. Without one, the nearest
// ancestor that isn't known to be bad is better than nothing, and is said to be
// just that.
func (j *judgement) choose() (to gitstore.Checkpoint, why string, ok bool) {
	c := j.out.Checkpoint
	if j.prefer != nil && j.l.standings[j.prefer.Commit].State != verdict.Bad {
		return *j.prefer, "the project as it was before the command", true
	}
	if good, ok := j.l.lastGood(c); ok {
		return good, "the last version that was verified good", true
	}
	for i, a := range j.l.ancestors(c) {
		if at := describe(j.l, a, ordinal(i)); at.skip == "" {
			return a, "no version was verified good yet; this is the nearest ancestor that isn't known to be bad", true
		}
	}
	return to, fmt.Sprintf("%s has no ancestor that could be brought back", c.Version), false
}
