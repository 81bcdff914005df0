package manager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// RollbackResult is what a rollback did.
type RollbackResult struct {
	Record     Record
	Checkpoint gitstore.Checkpoint
	Findings   []Finding
	// Copied files came from the live project, Inflated ones from the store,
	// Unchanged ones were already in place.
	Copied, Inflated, Unchanged int64
	// Branch is what was made in the project's repository, nil when nothing was.
	Branch *gitstore.Branch
	// HasPrevious says that Undo has something to go back to.
	HasPrevious bool
}

// ErrNotVerified says that a target was not, after the swap, what was written
// into it: something else changed it.
var ErrNotVerified = errors.New("the target is not what was written")

// Rollback brings a checkpoint back into the target: it checks, materialises
// beside the target, swaps, verifies and records. The live project is only read.
//
// A failure before the swap leaves the target as it was. What was refused or
// failed is recorded as well; the error then still is that of the rollback.
func (m *Manager) Rollback(ctx context.Context, req RollbackRequest) (*RollbackResult, error) {
	start := time.Now()
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	r := &rollback{m: m, s: s, req: req, rec: m.newRecord(ActionRollback, req.Version, req.Reason)}
	err = r.run(ctx)
	if err != nil {
		r.rec.Outcome, r.rec.Error = outcomeOf(err), err.Error()
	} else {
		r.rec.Outcome = Completed
	}
	if saving := m.save(ctx, s, r.rec, r.out.Checkpoint.Commit, start); saving != nil {
		err = errRecord(err, saving)
	}
	r.out.Record = *r.rec
	return &r.out, err
}

// outcomeOf tells what was not to be from what went wrong.
func outcomeOf(err error) Outcome {
	for _, refusal := range []error{
		safety.ErrUnsafe, gitstore.ErrNotFound, gitstore.ErrBusy, ErrBlocked, gitstore.ErrNoPath, gitstore.ErrBadPath,
		gitstore.ErrBranchExists, gitstore.ErrNoRepository, gitstore.ErrForeignFormat, gitstore.ErrBadName, safety.ErrNoPrevious,
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
	rec *Record
	out RollbackResult
}

func (r *rollback) run(ctx context.Context) error {
	unlock, err := r.s.LockTarget(ctx, "rollback "+r.req.Version)
	if err != nil {
		return err
	}
	defer unlock()
	plan, decision, err := r.m.plan(ctx, r.s, r.req)
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
	if err := plan.Err(r.req.Force); err != nil {
		return err
	}
	if r.req.Branch != "" {
		if err := r.s.CheckBranch(r.req.Branch); err != nil {
			return err
		}
	}
	if err := r.m.tidy(r.s, target); err != nil {
		return err
	}
	if !plan.same || !r.inPlace(ctx, target) {
		if err := r.fill(ctx, target); err != nil {
			return err
		}
		if err := r.verify(ctx, target); err != nil {
			return err
		}
	}
	if r.req.Branch != "" {
		r.out.Branch, err = r.s.WriteBranch(ctx, r.req.Branch, plan.Checkpoint)
		r.rec.Branch = r.req.Branch
	}
	return err
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
	removed, err := t.Sweep()
	if err != nil {
		return err
	}
	if len(removed) > 0 {
		m.log.Info("removed what a dead process left", "paths", removed)
	}
	return s.MendSlots(slotPaths(t)...)
}

func slotPaths(t *safety.Target) []string {
	return []string{t.Path(), t.Path() + ".previous"}
}

// inPlace says that the target holds the checkpoint already and that nothing in
// it was changed. To write it again would only push out what Undo goes back to.
func (r *rollback) inPlace(ctx context.Context, target *safety.Target) bool {
	if r.verify(ctx, target) != nil {
		return false
	}
	c := r.out.Checkpoint
	r.rec.Files, r.rec.Bytes, r.out.Unchanged = c.Files, c.Bytes, c.Files
	r.out.HasPrevious, _ = target.HasPrevious()
	return true
}

// fill writes the checkpoint beside the target and puts it in its place.
func (r *rollback) fill(ctx context.Context, target *safety.Target) error {
	policy, err := r.s.Policy()
	if err != nil {
		return err
	}
	pending, err := target.Pending()
	if err != nil {
		return err
	}
	defer pending.Cleanup()
	done, err := r.s.Materialise(ctx, gitstore.MaterialiseRequest{
		Checkpoint: r.out.Checkpoint, Sink: pending, Paths: r.req.Paths, Progress: r.req.Progress,
	})
	if err != nil {
		return err
	}
	r.rec.Files, r.rec.Bytes = done.Files, done.Bytes
	r.out.Copied, r.out.Inflated = done.Copied, done.Inflated
	slot, err := r.s.LinkSlot(pending.Dir(), target.Path(), r.out.Checkpoint, done, policy.Bool("target", "gitFile", true))
	if err != nil {
		return err
	}
	err = pending.Commit(safety.CommitOptions{
		KeepPrevious: policy.Bool("rollback", "keepPrevious", true), Mode: fs.FileMode(done.RootPerm),
	})
	if errors.Is(err, safety.ErrLeftovers) {
		r.m.log.Warn("the rollback is done, but what it replaced could not be put away", "error", err)
		err = nil
	}
	if err != nil {
		return errors.Join(err, r.s.DropSlot(slot))
	}
	r.out.HasPrevious, _ = target.HasPrevious()
	return r.s.MendSlots(slotPaths(target)...)
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
	if len(differences) > 0 {
		d := differences[0]
		return fmt.Errorf("%w: %d path(s) differ, such as %q (%s)", ErrNotVerified, len(differences), d.Path, d.Kind)
	}
	rec.Verified = true
	return nil
}

// UndoResult is what Undo did.
type UndoResult struct {
	Record Record
	// Version is what the target holds now.
	Version string
	// Edited are paths of it that were changed since they were written.
	Edited []gitstore.Difference
	// HasPrevious says that another Undo has something to go back to.
	HasPrevious bool
}

// Undo exchanges the target with the one before it, so that calling it again
// brings the first back.
func (m *Manager) Undo(ctx context.Context, reason string) (*UndoResult, error) {
	start := time.Now()
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	out := &UndoResult{}
	rec := m.newRecord(ActionUndo, "", reason)
	on, err := m.undo(ctx, s, rec, out)
	if err != nil {
		rec.Outcome, rec.Error = outcomeOf(err), err.Error()
	} else {
		rec.Outcome = Completed
	}
	if saving := m.save(ctx, s, rec, on, start); saving != nil {
		err = errRecord(err, saving)
	}
	out.Record = *rec
	return out, err
}

func (m *Manager) undo(ctx context.Context, s *gitstore.Store, rec *Record, out *UndoResult) (on gitstore.ID, err error) {
	unlock, err := s.LockTarget(ctx, "undo")
	if err != nil {
		return on, err
	}
	defer unlock()
	// The exchange loses nothing, whoever made what lies there.
	decision, err := m.choose(s, RollbackRequest{Adopt: true})
	rec.take(&Plan{Target: decision.Used, Requested: decision.Requested, Fallback: decision.Fallback, SafetyValidated: decision.Validated}, decision, err)
	if err != nil {
		return on, err
	}
	target := decision.Target
	defer target.Close()
	if err := m.tidy(s, target); err != nil {
		return on, err
	}
	if now, err := target.Open(); err == nil {
		if slot, err := s.SlotOf(now); err == nil && slot != nil {
			rec.FromVersion = slot.Version
		}
		now.Close()
	}
	if err := target.SwapPrevious(); err != nil {
		return on, err
	}
	out.HasPrevious, _ = target.HasPrevious()
	if err := s.MendSlots(slotPaths(target)...); err != nil {
		return on, err
	}
	dir, err := target.Open()
	if err != nil {
		return on, err
	}
	defer dir.Close()
	slot, err := s.SlotOf(dir)
	if err != nil || slot == nil {
		return on, err
	}
	rec.Version, out.Version = slot.Version, slot.Version
	if out.Edited, err = s.CheckSlot(ctx, dir, slot, false); err != nil {
		// The exchange is done; only what git would say of the tree is unknown.
		m.log.Warn("the target can't be compared with what was written into it", "error", err)
		return slot.Commit, nil
	}
	rec.Verified = len(out.Edited) == 0
	return slot.Commit, nil
}
