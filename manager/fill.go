package manager

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// fill writes the checkpoint beside the target and puts it in its place, but for a rehearsal.
func (r *rollback) fill(ctx context.Context, target *safety.Target) (*gitstore.Materialised, error) {
	pending, done, err := r.materialise(ctx, target)
	if err != nil {
		return nil, err
	}
	defer pending.Cleanup()
	r.rec.Files, r.rec.Bytes = done.Files, done.Bytes
	r.out.Copied, r.out.Inflated, r.out.Unchanged = done.Copied, done.Inflated, done.Unchanged
	if r.how.rehearse {
		return done, nil
	}
	slot, err := r.s.LinkSlot(pending.Dir(), gitstore.SlotRequest{
		Path: target.Path(), Checkpoint: r.out.Checkpoint, Written: done, Before: wholeIn(r.s, target), GitFile: r.policy.GitFile,
	})
	if err != nil {
		return nil, err
	}
	err = pending.Commit(safety.CommitOptions{
		KeepPrevious: r.policy.KeepPrevious, Mode: fs.FileMode(done.RootPerm),
	})
	if errors.Is(err, safety.ErrLeftovers) {
		r.m.log.Warn("the rollback is done, but what it replaced could not be put away", "error", err)
		err = nil
	}
	if err != nil {
		return nil, errors.Join(err, r.s.DropSlot(slot))
	}
	r.out.HasPrevious, _ = target.HasPrevious()
	return done, r.s.MendSlots(slotPaths(target)...)
}

// materialise fills a staging directory: the tree before the target's, which this
// rollback would have thrown away, when that can be brought up to date, else a new
// one.
func (r *rollback) materialise(ctx context.Context, target *safety.Target) (*safety.Pending, *gitstore.Materialised, error) {
	req := gitstore.MaterialiseRequest{Checkpoint: r.out.Checkpoint, Paths: r.req.Paths, Progress: r.req.Progress, Beside: func() (*os.File, *gitstore.Filled, error) { return filledIn(r.s, target) }}
	if pending, filled := r.previous(target); pending != nil {
		req.Sink, req.Filled = pending, filled
		done, err := r.s.Materialise(ctx, req)
		if err == nil {
			return pending, done, nil
		}
		if err := errors.Join(err, pending.Cleanup()); ctx.Err() != nil {
			return nil, nil, err
		}
		r.m.log.Warn("the tree before the target's can't be brought up to date; all of it is written anew", "error", err)
	}
	pending, err := target.Pending()
	if err != nil {
		return nil, nil, err
	}
	req.Sink, req.Filled = pending, nil
	done, err := r.s.Materialise(ctx, req)
	if err != nil {
		return nil, nil, errors.Join(err, pending.Cleanup())
	}
	return pending, done, nil
}

// filledIn is the target and what was written into it; nothing for what isn't ours.
func filledIn(s *gitstore.Store, target *safety.Target) (*os.File, *gitstore.Filled, error) {
	dir, err := target.Open()
	if err != nil {
		return nil, nil, err
	}
	_, filled, err := readSlotOf(s, dir)
	return dir, filled, err
}

// readSlotOf is the slot that an open directory is the tree of, and what was written
// into it; nothing for what isn't ours.
func readSlotOf(s *gitstore.Store, dir *os.File) (*gitstore.Slot, *gitstore.Filled, error) {
	slot, err := s.SlotOf(dir)
	if err != nil || slot == nil {
		return nil, nil, err
	}
	filled, err := s.ReadSlot(slot)
	return slot, filled, err
}

// previous takes the tree before the target's for staging, unless this rollback
// must leave it alone or nothing tells what was written into it.
func (r *rollback) previous(target *safety.Target) (*safety.Pending, *gitstore.Filled) {
	if r.how.rehearse || !r.policy.KeepPrevious || len(r.req.Paths) > 0 {
		return nil, nil
	}
	dir, err := target.OpenPrevious()
	if err != nil {
		return nil, nil
	}
	defer dir.Close()
	slot, filled, err := readSlotOf(r.s, dir)
	if err != nil {
		r.m.log.Debug("the tree before the target's is no help", "error", err)
	}
	if err != nil || slot == nil {
		return nil, nil
	}
	pending, err := target.PendingPrevious()
	if err != nil {
		r.m.log.Debug("the tree before the target's can't be had", "error", err)
		return nil, nil
	}
	// From here on the directory isn't what its slot says.
	if err := r.s.DropSlot(slot); err != nil {
		r.m.log.Warn("what the store knew of the tree before the target's can't be removed", "error", err)
		pending.Cleanup()
		return nil, nil
	}
	return pending, filled
}
