package manager

import (
	"context"
	"errors"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// UndoRequest says what to undo, why, and by what right.
type UndoRequest struct {
	// Target is the directory whose last rollback is undone, as a person named it;
	// empty is the configured one or the default.
	Target string
	Reason string
	Token  auth.Secret
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
// brings the first back. It needs what [Manager.Rollback] needs.
func (m *Manager) Undo(ctx context.Context, req UndoRequest) (*UndoResult, error) {
	start := time.Now()
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	out := &UndoResult{}
	rec := m.newRecord(ActionUndo, "", req.Reason)
	var on gitstore.ID
	if err = m.authorize(ctx, s, auth.Rollback, req.Token, rec); err == nil {
		on, err = m.undo(ctx, s, req.Target, rec, out)
	}
	if err != nil {
		rec.Outcome, rec.Error = outcomeOf(err), err.Error()
	} else {
		rec.Outcome = Completed
	}
	if saving := m.save(ctx, s, rec, on, start); saving != nil {
		err = errRecord(err, saving)
	}
	out.Record = *rec
	m.tell(ctx, s, rec)
	return out, err
}

func (m *Manager) undo(ctx context.Context, s *gitstore.Store, path string, rec *Record, out *UndoResult) (on gitstore.ID, err error) {
	unlock, err := s.LockTarget(ctx, "undo")
	if err != nil {
		return on, err
	}
	defer unlock()
	// The exchange loses nothing, whoever made what lies there.
	decision, err := m.choose(s, RollbackRequest{Target: path, Adopt: true})
	rec.take(&Plan{Target: decision.Used, Requested: decision.Requested, Fallback: decision.Fallback, SafetyValidated: decision.Validated}, decision, err)
	if err != nil {
		return on, err
	}
	target := decision.Target
	defer target.Close()
	if err := m.tidy(s, target); err != nil {
		return on, err
	}
	rec.FromVersion = versionIn(s, target)
	err = target.SwapPrevious()
	if errors.Is(err, safety.ErrNoPrevious) {
		err = m.bringBefore(ctx, s, target, rec, err)
	}
	if err != nil {
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

// bringBefore writes what the target held before anew, where the tree itself is
// gone, as after a rollback that was killed while it brought that tree up to date.
// Without such a checkpoint the error is none.
func (m *Manager) bringBefore(ctx context.Context, s *gitstore.Store, target *safety.Target, rec *Record, none error) error {
	slot := slotIn(s, target)
	if slot == nil || slot.Before.IsZero() {
		return none
	}
	c, err := s.Resolve(ctx, slot.Before.String())
	if err != nil {
		return none
	}
	rules, err := m.standingRules(s)
	if err != nil {
		return err
	}
	r := &rollback{m: m, s: s, rec: rec, policy: rules.Policy, out: RollbackResult{Checkpoint: c}}
	_, err = r.fill(ctx, target)
	return err
}

// slotIn is what a target holds, nil for what isn't ours.
func slotIn(s *gitstore.Store, target *safety.Target) *gitstore.Slot {
	dir, err := target.Open()
	if err != nil {
		return nil
	}
	defer dir.Close()
	slot, err := s.SlotOf(dir)
	if err != nil {
		return nil
	}
	return slot
}

// versionIn is the version that a target holds, empty for what isn't ours.
func versionIn(s *gitstore.Store, target *safety.Target) string {
	if slot := slotIn(s, target); slot != nil {
		return slot.Version
	}
	return ""
}

// wholeIn is the checkpoint that a target holds all of, null for anything else.
func wholeIn(s *gitstore.Store, target *safety.Target) gitstore.ID {
	if slot := slotIn(s, target); slot != nil && len(slot.Paths) == 0 {
		return slot.Commit
	}
	return gitstore.ID{}
}
