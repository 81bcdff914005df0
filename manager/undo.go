package manager

import (
	"context"
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

// versionIn is the version that a target holds, empty for what isn't ours.
func versionIn(s *gitstore.Store, target *safety.Target) string {
	dir, err := target.Open()
	if err != nil {
		return ""
	}
	defer dir.Close()
	slot, err := s.SlotOf(dir)
	if err != nil || slot == nil {
		return ""
	}
	return slot.Version
}
