package odb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// repacking puts what is wanted of some packs and loose objects into a new pack
// and then removes them.
type repacking struct {
	db      *DB
	sources []*source
	loose   []ID
	// wanted says what goes into the new pack; nil is all.
	wanted   func(ID) bool
	progress func(done, total int64)

	// name is the name by which an object was found, for deltas.
	name func(ID) NameKey
	// deltas has all of it compressed anew; nil copies.
	deltas *Deltas
	// others are packs that are not to be removed, beside the new one.
	others []string

	w           *PackWriter
	packed      Packed
	packedLoose []ID
	// made is how many deltas were made.
	made    int
	damaged []error
}

// run copies, publishes, and removes.
func (r *repacking) run(ctx context.Context) error {
	defer r.release()
	if err := r.write(ctx); err != nil {
		return err
	}
	r.keepAge()
	return r.replace()
}

// release ends the mark by which git's collecting leaves the new pack alone.
func (r *repacking) release() {
	if r.w != nil {
		r.w.Release()
	}
}

// write makes the new pack durable and visible beside the old ones, and marks it
// until release.
func (r *repacking) write(ctx context.Context) error {
	w, err := r.db.NewPack()
	if err != nil {
		return err
	}
	defer w.Abort()
	w.again, w.replacing = true, true
	defer func() {
		for _, s := range r.sources {
			s.close()
		}
	}()
	check, err := r.fill(ctx, w)
	if err != nil {
		return err
	}
	if r.packed, err = w.Finish(); err != nil {
		return err
	}
	r.w = w
	return r.check(ctx, check)
}

// fill brings the objects into the new pack and says which of them are to be
// verified there.
func (r *repacking) fill(ctx context.Context, w *PackWriter) ([]ID, error) {
	if r.deltas != nil {
		return r.deltify(ctx, w)
	}
	c := newCopier(w)
	err := r.copy(ctx, c)
	return c.again, err
}

// keepAge gives the new pack the time of the newest old one: what nothing leads to
// in it must not look younger each time that it moves, or it would never go.
func (r *repacking) keepAge() {
	if len(r.packedLoose) > 0 || len(r.sources) == 0 || r.packed.Name == "" {
		return
	}
	var newest time.Time
	for _, s := range r.sources {
		if s.modTime.After(newest) {
			newest = s.modTime
		}
	}
	os.Chtimes(filepath.Join(r.db.dir, "pack", r.packed.Name+".pack"), time.Time{}, newest)
}

func (r *repacking) copy(ctx context.Context, c *copier) error {
	wanted := r.wanted
	if wanted == nil {
		wanted = func(ID) bool { return true }
	}
	var done, total int64
	for _, s := range r.sources {
		total += s.size
	}
	for _, s := range r.sources {
		if err := c.copyPack(ctx, s, wanted); err != nil {
			return err
		}
		if done += s.size; r.progress != nil {
			r.progress(done, total)
		}
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	lane := c.w.NewLane()
	for i, id := range r.loose {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !wanted(id) {
			continue
		}
		if _, ok := c.done[id]; ok {
			c.again = append(c.again, id)
			r.packedLoose = append(r.packedLoose, id)
			continue
		}
		err := r.db.packLoose(lane, id)
		var corrupt *CorruptError
		switch {
		case errors.As(err, &corrupt):
			r.damaged = append(r.damaged, corrupt)
		case errors.Is(err, fs.ErrNotExist):
			// git has packed it meanwhile.
		case err != nil:
			return err
		default:
			r.packedLoose = append(r.packedLoose, id)
		}
	}
	return nil
}

// check reads the objects of the new pack of which only one copy was taken, or that
// were compressed anew. Where one isn't sound, the packs stay as they are.
func (r *repacking) check(ctx context.Context, ids []ID) error {
	if len(ids) == 0 {
		return nil
	}
	p := r.db.packNamed(r.packed.Name)
	if p == nil {
		return fmt.Errorf("%s: %w", r.packed.Name, fs.ErrNotExist)
	}
	list := make([]rawEntry, 0, len(ids))
	for _, id := range ids {
		off, ok := p.find(id)
		if !ok {
			return errors.Join(fmt.Errorf("%s lacks object %s", p.name, id), r.discard())
		}
		list = append(list, rawEntry{id: id, off: off})
	}
	// Deltas stand behind their bases.
	slices.SortFunc(list, func(a, b rawEntry) int { return cmp.Compare(a.off, b.off) })
	var next atomic.Int64
	var readers sync.WaitGroup
	bad := make([]error, runtime.GOMAXPROCS(0))
	blamed := make([]ID, len(bad))
	const part = 256
	for i := range bad {
		readers.Go(func() {
			for bad[i] == nil {
				at := int(next.Add(part)) - part
				if at >= len(list) {
					return
				}
				blamed[i], bad[i] = p.verify(ctx, r.db, list[at:min(at+part, len(list))])
			}
			next.Store(int64(len(list)))
		})
	}
	readers.Wait()
	for i, err := range bad {
		if err != nil {
			return r.blame(blamed[i], err)
		}
	}
	return nil
}

// verify reads objects of a pack.
func (p *pack) verify(ctx context.Context, db *DB, list []rawEntry) (ID, error) {
	for _, e := range list {
		if err := ctx.Err(); err != nil {
			return e.id, err
		}
		if _, _, err := p.copy(db, e.id, e.off, io.Discard); err != nil {
			return e.id, err
		}
	}
	return ID{}, nil
}

// blame finds the source that an object was copied from in vain, and gives up the
// new pack.
func (r *repacking) blame(id ID, bad error) error {
	if err := r.discard(); err != nil {
		return err
	}
	for _, s := range r.sources {
		if off, ok := s.find(id); ok {
			if _, _, err := s.copy(r.db, id, off, io.Discard); err != nil {
				return s.damaged(err)
			}
		}
	}
	return bad
}

// discard removes the new pack, whose objects are all still where they came from.
func (r *repacking) discard() error {
	if r.packed.Name == "" {
		return nil
	}
	for _, s := range r.sources {
		if s.name == r.packed.Name {
			return nil
		}
	}
	p := r.db.packNamed(r.packed.Name)
	if p == nil {
		return nil
	}
	s, err := p.source()
	if errors.Is(err, fs.ErrNotExist) {
		// git has removed it already.
		return nil
	}
	if err != nil {
		return err
	}
	return r.db.removePacks([]*source{s})
}

func (db *DB) packNamed(name string) *pack {
	for _, p := range db.snapshot() {
		if p.name == name {
			return p
		}
	}
	return nil
}

// replace removes what the new pack, which is durable by now, has taken in.
func (r *repacking) replace() error {
	var errs []error
	if len(r.sources) > 0 {
		errs = append(errs, r.db.removeMultiIndex())
	}
	errs = append(errs, r.db.removePacks(slices.DeleteFunc(slices.Clone(r.sources), func(s *source) bool {
		return s.name == r.packed.Name || slices.Contains(r.others, s.name) || s.has(".keep")
	})))
	if p := r.db.packNamed(r.packed.Name); p != nil {
		for _, id := range r.packedLoose {
			if _, ok := p.find(id); ok {
				errs = append(errs, r.db.removeLoose(id))
			}
		}
	}
	return errors.Join(append(errs, r.db.Refresh())...)
}

func (db *DB) removeLoose(id ID) error {
	path := db.loosePath(id)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	os.Remove(filepath.Dir(path)) // where that was the last
	return nil
}

// removeMultiIndex removes git's index over all packs, which it makes anew: it
// names packs that are about to go.
func (db *DB) removeMultiIndex() error {
	found, err := filepath.Glob(filepath.Join(db.dir, "pack", "multi-pack-index*"))
	for _, path := range found {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
