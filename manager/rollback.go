package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// RollbackResult is what a rollback did.
type RollbackResult struct {
	Record     Record
	Checkpoint gitstore.Checkpoint
	Findings   []Finding
	// Copied files came from the live project or from the target as it was, Inflated
	// ones from the store, Unchanged ones were already in place.
	Copied, Inflated, Unchanged int64
	// Branch is what was made in the project's repository, nil when nothing was.
	Branch *gitstore.Branch
	// HasPrevious says that Undo has something to go back to.
	HasPrevious bool
}

// ErrNotVerified says that a target was not, after the swap, what was written
// into it: something else changed it.
var ErrNotVerified = errors.New("the target is not what was written")

// Rollback brings a checkpoint back into the target: it authorises, checks,
// materialises beside the target, swaps, verifies and records. The live project
// is only read.
//
// A failure before the swap leaves the target as it was. What was denied, refused
// or failed is recorded as well; the error then still is that of the rollback.
// Errors match [auth.ErrDenied] and [ErrBlocked] besides those of the packages
// below.
func (m *Manager) Rollback(ctx context.Context, req RollbackRequest) (*RollbackResult, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	return m.rollback(ctx, s, req, circumstances{action: ActionRollback})
}

// circumstances are what a rollback is a part of.
type circumstances struct {
	action                   Action
	chain, incident, verdict string
	step                     int
	// grant, unless it is nil, is whom an enclosing request was granted to; nobody
	// is asked again.
	grant *Record
	// admitted says that the attempt was counted with an enclosing one, override
	// that no limit holds, rehearse that all but the swap is to be done.
	admitted, override, rehearse bool
	considered                   []Considered
}

func (m *Manager) rollback(ctx context.Context, s *gitstore.Store, req RollbackRequest, how circumstances) (*RollbackResult, error) {
	start := time.Now()
	r := &rollback{m: m, s: s, req: req, how: how, rec: m.newRecord(how.action, req.Version, req.Reason)}
	r.rec.Chain, r.rec.Incident, r.rec.Verdict, r.rec.Step = how.chain, how.incident, how.verdict, how.step
	r.rec.Trigger, r.rec.Considered = req.Trigger, how.considered
	err := r.run(ctx)
	if err != nil {
		r.rec.Outcome, r.rec.Error = outcomeOf(err), err.Error()
		r.rec.notVerified = errors.Is(err, ErrNotVerified)
	} else {
		r.rec.Outcome = Completed
	}
	on := r.out.Checkpoint.Commit
	if r.rec.Outcome == Denied {
		on = gitstore.ID{}
	}
	if saving := m.save(ctx, s, r.rec, on, start); saving != nil {
		err = errRecord(err, saving)
	}
	r.out.Record = *r.rec
	m.tell(ctx, s, r.rec)
	return &r.out, err
}

// outcomeOf tells what was not to be from what went wrong.
func outcomeOf(err error) Outcome {
	if errors.Is(err, auth.ErrDenied) {
		return Denied
	}
	for _, refusal := range []error{
		safety.ErrUnsafe, gitstore.ErrNotFound, gitstore.ErrBusy, ErrBlocked, gitstore.ErrNoPath, gitstore.ErrBadPath,
		gitstore.ErrBranchExists, gitstore.ErrNoRepository, gitstore.ErrForeignFormat, gitstore.ErrBadName, safety.ErrNoPrevious,
		ErrNoCandidate, ErrDisabled, ErrPolicy, ErrTokens,
	} {
		if errors.Is(err, refusal) {
			return Refused
		}
	}
	return Failed
}

// rollback is one call of Rollback.
type rollback struct {
	m   *Manager
	s   *gitstore.Store
	req RollbackRequest
	how circumstances
	rec *Record
	out RollbackResult
	// policy is the one in force when the rollback was authorised.
	policy *policy.Policy
}

func (r *rollback) run(ctx context.Context) error {
	rules, err := r.m.standingRules(r.s)
	if err != nil {
		return err
	}
	r.policy = rules.Policy
	if err := r.authorize(ctx); err != nil {
		return err
	}
	unlock, err := r.s.LockTarget(ctx, string(r.how.action)+" "+r.req.Version)
	if err != nil {
		return err
	}
	defer unlock()
	plan, decision, err := r.m.plan(ctx, r.s, rules, r.req, r.how)
	r.out.Checkpoint, r.out.Findings = plan.Checkpoint, plan.Findings
	r.rec.take(plan, decision, err)
	if err != nil {
		return err
	}
	target := decision.Target
	defer target.Close()
	for _, f := range plan.Findings {
		r.m.log.Debug("rollback", "finding", f.Code, "message", f.Message)
	}
	if err := plan.Err(r.req.Force || r.how.override); err != nil {
		return err
	}
	// What can't be recorded isn't to be done, unless it is an emergency.
	if err := r.s.CheckNotes(gitstore.History, plan.Checkpoint.Commit); err != nil && !r.how.override {
		return err
	}
	if r.req.Branch != "" {
		if err := r.s.CheckBranch(r.req.Branch); err != nil {
			return err
		}
	}
	r.m.publish(ctx, r.s, event.RollbackInitiated, r.rec.Version, rollbackData(r.rec))
	if err := r.m.tidy(r.s, target); err != nil {
		return err
	}
	if err := r.bring(ctx, plan, target); err != nil {
		return err
	}
	if r.req.Branch != "" && !r.how.rehearse {
		r.out.Branch, err = r.s.WriteBranch(ctx, r.req.Branch, plan.Checkpoint)
		r.rec.Branch = r.req.Branch
	}
	return err
}

// authorize asks for the rollback, and once more for overriding limits.
func (r *rollback) authorize(ctx context.Context) error {
	if g := r.how.grant; g != nil {
		r.rec.takeGrant(g)
		return nil
	}
	if r.req.Force {
		if err := r.m.authorize(ctx, r.s, auth.Force, r.req.Token, r.rec); err != nil {
			return err
		}
	}
	return r.m.authorize(ctx, r.s, auth.Rollback, r.req.Token, r.rec)
}

// bring fills the target, unless it holds the checkpoint already.
func (r *rollback) bring(ctx context.Context, plan *Plan, target *safety.Target) error {
	if plan.same && !r.how.rehearse && r.inPlace(ctx, target) {
		return nil
	}
	done, err := r.fill(ctx, target)
	if err != nil || r.how.rehearse {
		return err
	}
	if r.req.VerifyFull {
		return r.verify(ctx, target)
	}
	dir, err := target.Open()
	if err != nil {
		return err
	}
	defer dir.Close()
	differences, err := r.s.CheckWritten(ctx, dir, done)
	if err != nil {
		return err
	}
	return r.rec.verified(differences)
}

// take keeps what was decided.
func (rec *Record) take(p *Plan, d safety.Decision, err error) {
	if p.Checkpoint.Version != "" {
		rec.Version = p.Checkpoint.Version
	}
	rec.FromVersion = p.FromVersion
	for _, path := range p.Paths {
		rec.Paths = append(rec.Paths, gitstore.Path(path))
	}
	rec.Target, rec.TargetRequested, rec.Fallback = p.Target, p.Requested, p.Fallback
	rec.SafetyValidated = p.SafetyValidated
	var unsafe *safety.UnsafeError
	switch {
	case errors.As(err, &unsafe):
		rec.Safety = "refused by rule " + string(unsafe.Rule)
	case d.Fallback:
		rec.Safety = "safety validated, after the configured target was refused by rule " + string(d.Refusal.Rule)
	case d.Validated:
		rec.Safety = "safety validated"
	}
}

// tidy finishes or clears away what dead runs left.
func (m *Manager) tidy(s *gitstore.Store, t *safety.Target) error {
	if err := m.sweep(t); err != nil {
		return err
	}
	return s.MendSlots(slotPaths(t)...)
}

// sweep removes what dead runs left beside the target. What nobody here may remove, such
// as files that another user made in an older tree, is told and left.
func (m *Manager) sweep(t *safety.Target) error {
	removed, err := t.Sweep()
	m.tellSwept(removed)
	if errors.Is(err, safety.ErrLeftovers) {
		m.log.Warn("what an older rollback left beside the target can't be removed; its owner can", "error", err)
		return nil
	}
	return err
}

func (m *Manager) tellSwept(removed []string) {
	if len(removed) > 0 {
		m.log.Info("removed what a dead process left", "paths", removed)
	}
}

func slotPaths(t *safety.Target) []string {
	return []string{t.Path(), t.Path() + ".previous"}
}

// inPlace says that the target holds the checkpoint already and that nothing in
// it was changed. To write it again would only push out what Undo goes back to.
func (r *rollback) inPlace(ctx context.Context, target *safety.Target) bool {
	// Without its .git, git in the target would take the store for its repository.
	if _, err := os.Lstat(filepath.Join(target.Path(), ".git")); r.policy.GitFile && err != nil {
		return false
	}
	if r.verify(ctx, target) != nil {
		return false
	}
	c := r.out.Checkpoint
	r.rec.Files, r.rec.Bytes, r.out.Unchanged = c.Files, c.Bytes, c.Files
	r.rec.InPlace = true
	r.out.HasPrevious, _ = target.HasPrevious()
	return true
}

// verify compares the target with what was written.
func (r *rollback) verify(ctx context.Context, target *safety.Target) error {
	dir, err := target.Open()
	if err != nil {
		return err
	}
	defer dir.Close()
	return r.m.verifySlot(ctx, r.s, dir, r.rec, r.req.VerifyFull)
}

func (m *Manager) verifySlot(ctx context.Context, s *gitstore.Store, dir *os.File, rec *Record, full bool) error {
	slot, err := s.SlotOf(dir)
	if err != nil {
		return err
	}
	if slot == nil {
		return ErrNotVerified
	}
	differences, err := s.CheckSlot(ctx, dir, slot, full)
	if err != nil {
		return err
	}
	return rec.verified(differences)
}

func (rec *Record) verified(differences []gitstore.Difference) error {
	if len(differences) > 0 {
		d := differences[0]
		return fmt.Errorf("%w: %d path(s) differ, such as %q (%s)", ErrNotVerified, len(differences), d.Path, d.Kind)
	}
	rec.Verified = true
	return nil
}
