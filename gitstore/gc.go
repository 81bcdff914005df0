package gitstore

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"golang.org/x/sys/unix"
)

// DefaultGrace is how old an object must be that nothing leads to, to be removed:
// git's own default for gc.pruneExpire.
const DefaultGrace = 14 * 24 * time.Hour

// GCRequest says what to collect.
type GCRequest struct {
	// Grace is how old an object must be that nothing leads to, to be removed;
	// negative removes none. Nil is what gc.pruneExpire says in the store's
	// configuration, or [DefaultGrace].
	Grace *time.Duration
	// Aggressive packs everything anew, as deltas.
	Aggressive bool
	// DryRun changes nothing.
	DryRun bool
	// Progress is told of the bytes that are packed.
	Progress func(Progress)
}

// StoreSize is how much there is of a store. Bytes are those of its packs, with
// their indexes, and loose objects.
type StoreSize struct {
	Packs, Loose int
	Bytes        int64
}

// Collected is what [Store.GC] did, or in a dry run would do.
type Collected struct {
	Before, After StoreSize
	// Rewritten says that packs were written or objects removed.
	Rewritten bool
	// Merged and Packed are how many packs and loose objects were put together.
	Merged, Packed int
	// Removed and RemovedBytes are the objects that went.
	Removed      int
	RemovedBytes int64
	// Unreachable is how many objects stay that nothing leads to, for being young.
	Unreachable int
	// Deltas is how many objects are deltas in the new pack of an aggressive run.
	Deltas int
	// SweptBytes is what leftovers of dead processes took.
	SweptBytes int64
	// Damaged lists packs and objects that are not whole; they stay as they are.
	Damaged []error
	// Unsure says why nothing was removed: what the store needs can't be told.
	Unsure   error
	Duration time.Duration
}

// GC consolidates the packs, packs loose objects, sweeps leftovers, and removes
// objects that nothing leads to once they are older than a grace. What leads to
// objects is what git-gc(1) goes by: refs, HEADs, reflogs, indexes of linked
// worktrees; where any of it can't be read, nothing is removed.
//
// Others may record meanwhile: packs are replaced by what holds the same, and only
// when something is to go they are excluded, while what came since is looked at
// again. Git's own gc is excluded by its own lock. The error is a [BusyError] when
// another process is at it.
func (s *Store) GC(ctx context.Context, req GCRequest) (Collected, error) {
	start := time.Now()
	var out Collected
	unlock, err := s.lock(ctx, packsLock, unix.LOCK_EX, "gc")
	if err != nil {
		return out, err
	}
	defer unlock()
	done, err := s.announceGC()
	if err != nil {
		return out, err
	}
	defer done()
	if !req.DryRun {
		if out.SweptBytes, err = s.sweepForGC(); err != nil {
			return out, err
		}
		if _, err := s.PackRefs(ctx); err != nil {
			s.log.Warn("refs stay loose", "error", err)
		}
	}
	if out.Before, err = s.size(); err != nil {
		return out, err
	}
	if err := s.collect(ctx, req, &out); err != nil {
		return out, err
	}
	if out.After, err = s.size(); err != nil {
		return out, err
	}
	out.Duration = time.Since(start)
	return out, nil
}

func (s *Store) sweepForGC() (int64, error) {
	own, err := durable.Sweep(filepath.Join(s.dir, cacheDir), tempPid, tempLog)
	rest, err2 := s.Sweep()
	return own + rest, errors.Join(err, err2)
}

// manyPacks is from how many packs on they are merged before anything is looked up
// in them.
const manyPacks = 256

// collect does it as far as it can be told what is needed, and only consolidates
// otherwise.
func (s *Store) collect(ctx context.Context, req GCRequest, out *Collected) error {
	progress := bytesProgress(req.Progress)
	if out.Before.Packs > manyPacks && !req.DryRun {
		done, err := s.db.Consolidate(ctx, odb.Consolidation{Progress: progress})
		out.Merged, out.Packed, out.Rewritten = done.Packs, done.Loose, done.Packs > 0
		if err != nil {
			return err
		}
	}
	c := odb.Collection{DryRun: req.DryRun, Progress: progress, Reach: s.db.NewReach()}
	if req.Aggressive {
		c.Deltas = &odb.Deltas{Workers: s.opts.Workers}
	}
	err := s.reach(ctx, c.Reach, !req.DryRun)
	switch {
	case errors.Is(err, ErrCorrupt):
		out.Unsure = err
		done, err := s.db.Consolidate(ctx, odb.Consolidation{DryRun: req.DryRun, Progress: progress})
		out.Merged, out.Packed, out.Damaged = max(out.Merged, done.Packs), out.Packed+done.Loose, done.Damaged
		out.Rewritten = out.Rewritten || done.Packs+done.Loose > 0
		return err
	case err != nil:
		return err
	}
	if grace := s.grace(req); grace >= 0 {
		// What was written this very moment is old enough for a grace of nothing.
		c.Expire = s.now().Add(-grace).Add(time.Second)
		if grace > 0 {
			c.Expire = s.now().Add(-grace)
		}
	}
	c.Settle = func(ctx context.Context) (func(), error) { return s.settleGC(ctx, c.Reach) }
	done, err := s.db.Collect(ctx, c)
	out.Damaged, out.Unreachable, out.Deltas = done.Damaged, done.Unreachable, done.Deltas
	out.Removed, out.RemovedBytes = done.Removed, done.RemovedBytes
	out.Merged, out.Packed = max(out.Merged, done.Packs), out.Packed+done.Loose
	out.Rewritten = out.Rewritten || done.Rewritten
	if err == nil && done.Removed > 0 && !req.DryRun {
		err = s.dropCommitGraph()
	}
	return err
}

func (s *Store) grace(req GCRequest) time.Duration {
	if req.Grace != nil {
		return *req.Grace
	}
	return s.gcAge("pruneExpire", DefaultGrace)
}

// reach walks from all roots. Reflogs are cut short before they are looked at.
func (s *Store) reach(ctx context.Context, r *odb.Reach, expire bool) (err error) {
	before := r.Shallow
	if r.Shallow, err = s.shallow(); err != nil {
		return err
	}
	// Commits that were cut off their parents and aren't any more.
	for id := range before {
		if !r.Shallow[id] && r.Has(id) {
			r.Forget(id)
			if err := r.Walk(ctx, []ID{id}); err != nil {
				return err
			}
		}
	}
	from, err := s.roots()
	if err != nil {
		return err
	}
	if err := s.reachFirm(ctx, r, from); err != nil {
		return err
	}
	if expire {
		if err := s.expireReflogs(ctx, r); err != nil {
			return err
		}
		if from, err = s.roots(); err != nil {
			return err
		}
		if err := s.reachFirm(ctx, r, from); err != nil {
			return err
		}
	}
	return s.reachLoose(ctx, r, from)
}

// settleTimeout is how long to wait for checkpoints under way: what they would hold
// up for nothing may be the work of minutes.
const settleTimeout = 10 * time.Minute

// settleGC excludes those that record, and adds what they have recorded since the
// walk. Whoever takes a look at what is stored from now on waits, and then sees
// what is left; who relied on an object before has a ref that names it by now.
func (s *Store) settleGC(ctx context.Context, r *odb.Reach) (unlock func(), err error) {
	unlock, err = s.lockWithin(ctx, settleTimeout, objectsLock, unix.LOCK_EX, "gc")
	if err != nil {
		return nil, err
	}
	if err := s.reach(ctx, r, false); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

func (s *Store) size() (StoreSize, error) {
	packs, loose, bytes, err := s.db.Usage()
	return StoreSize{Packs: packs, Loose: loose, Bytes: bytes}, err
}

// bytesProgress turns counts of bytes into what a request is told.
func bytesProgress(f func(Progress)) func(done, total int64) {
	if f == nil {
		return nil
	}
	var last time.Time
	return func(done, total int64) {
		if now := time.Now(); done == total || now.Sub(last) > 100*time.Millisecond {
			last = now
			f(Progress{Bytes: done, TotalBytes: total})
		}
	}
}
