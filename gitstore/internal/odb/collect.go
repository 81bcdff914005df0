package odb

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Collection says what [DB.Collect] is to do.
type Collection struct {
	// Reach is what stays in any case.
	Reach *Reach
	// Expire is the time at and after which an object that nothing leads to is too
	// young to go. The zero time lets nothing go.
	Expire time.Time
	// Settle is called, when anything is to go, once all that stays is durable. It
	// excludes those that record, adds to Reach what came since, and returns what
	// ends the exclusion.
	Settle func(context.Context) (unlock func(), err error)
	// Deltas packs all that is reachable anew, as deltas; nil copies.
	Deltas *Deltas
	DryRun bool
	// Progress is told how many bytes of how many are done; nil is not told.
	Progress func(done, total int64)
}

// Collected is what [DB.Collect] did.
type Collected struct {
	// Packs and Loose are how many packs and loose objects were put together.
	Packs, Loose int
	// Removed and RemovedBytes are what went: objects, and their deflated bytes,
	// an estimate where they were deltas.
	Removed      int
	RemovedBytes int64
	// Unreachable is how many objects that nothing leads to stay, since they are
	// young, or something that is young leads to them.
	Unreachable int
	// Rewritten says that anything was, or in a dry run would be, written or
	// removed.
	Rewritten bool
	// Deltas is how many objects are deltas, where they were asked for.
	Deltas  int
	Damaged []error
}

// collection is one run of Collect.
type collection struct {
	Collection
	db  *DB
	out Collected

	excluded map[string]bool
	all      []*source
	loose    map[ID]time.Time
	// stray are the objects that nothing leads to, with the youngest of their ages.
	stray map[ID]time.Time
	// doomed are those of them that go.
	doomed map[ID]int64
}

// Collect consolidates as [DB.Consolidate] does, packs loose objects, and removes
// the objects that nothing leads to and that are older than the grace; what is
// younger, or is needed by something younger, moves into a pack of its own that
// keeps the ages. Like git, it removes no pack that somebody marked to be kept.
//
// The caller excludes others that remove packs, and git's own gc.
func (db *DB) Collect(ctx context.Context, o Collection) (Collected, error) {
	db.sweepGone()
	c := &collection{Collection: o, db: db, excluded: make(map[string]bool)}
	for attempt := 0; ; attempt++ {
		err := c.run(ctx)
		var damaged *DamagedPackError
		switch {
		case attempt < repacks && overtaken(err, c.all):
			c.out = Collected{Damaged: c.out.Damaged}
		case errors.As(err, &damaged) && damaged.pack != nil && !c.excluded[damaged.Pack]:
			c.excluded[damaged.Pack] = true
			c.out = Collected{Damaged: append(c.out.Damaged, damaged)}
		default:
			return c.out, err
		}
	}
}

func (c *collection) run(ctx context.Context) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	sources, loose := c.choose()
	c.out.Rewritten = len(sources)+len(loose) > 0 || c.Deltas != nil || c.looseDoomed()
	if c.DryRun {
		c.out.Packs, c.out.Loose, c.out.Removed = len(sources), len(loose), len(c.doomed)
		c.countBytes()
		return nil
	}
	if !c.out.Rewritten {
		return nil
	}
	return c.rewrite(ctx, sources, loose)
}

// look finds what is unreachable, and of what age.
func (c *collection) look(ctx context.Context) error {
	if err := c.db.Refresh(); err != nil {
		return err
	}
	c.all = c.db.replaceable(c.excluded)
	c.stray, c.doomed = make(map[ID]time.Time), make(map[ID]int64)
	c.loose = make(map[ID]time.Time)
	for _, s := range c.all {
		if err := s.pack.open(); err != nil {
			return s.damaged(err)
		}
		age, err := s.ages()
		if err != nil {
			return s.damaged(err)
		}
		ids, err := s.idx.all()
		if err != nil {
			return s.damaged(err)
		}
		for i, e := range ids {
			c.sort(e.id, age(i))
		}
	}
	for id := range c.db.looseIDs() {
		if fi, err := os.Lstat(c.db.loosePath(id)); err == nil {
			c.loose[id] = fi.ModTime()
			c.sort(id, fi.ModTime())
		}
	}
	return c.doom(ctx)
}

func (c *collection) sort(id ID, age time.Time) {
	if c.Reach.Has(id) {
		return
	}
	if was, ok := c.stray[id]; !ok || age.After(was) {
		c.stray[id] = age
	}
}

// doom settles which stray objects go: the old ones that no young one leads to.
func (c *collection) doom(ctx context.Context) error {
	if c.Expire.IsZero() {
		c.out.Unreachable = len(c.stray)
		return nil
	}
	young := c.db.NewReach()
	young.Forgiving, young.Shallow = true, c.Reach.Shallow
	for id, age := range c.stray {
		if !age.Before(c.Expire) {
			if err := young.Walk(ctx, []ID{id}); err != nil {
				return err
			}
		}
	}
	for id, age := range c.stray {
		if age.Before(c.Expire) && !young.Has(id) {
			c.doomed[id] = 0
		}
	}
	c.out.Unreachable = len(c.stray) - len(c.doomed)
	return c.markDoomed()
}

// markDoomed finds the packs that hold any of what is to go.
func (c *collection) markDoomed() error {
	if len(c.doomed) == 0 {
		return nil
	}
	for _, s := range c.all {
		ids, err := s.idx.all()
		if err != nil {
			return s.damaged(err)
		}
		s.doomed = slices.ContainsFunc(ids, func(e rawEntry) bool {
			_, ok := c.doomed[e.id]
			return ok
		})
	}
	return nil
}

func (c *collection) looseDoomed() bool {
	for id := range c.loose {
		if _, ok := c.doomed[id]; ok {
			return true
		}
	}
	return false
}

// choose finds the packs to rewrite: those that break the progression, those that
// hold what is to go, and all of them for deltas; and the loose objects to pack.
func (c *collection) choose() (sources []*source, loose []ID) {
	for id := range c.loose {
		if c.Reach.Has(id) {
			loose = append(loose, id)
		}
	}
	sortIDs(loose)
	if c.Deltas != nil {
		return c.all, loose
	}
	var plain []*source
	for _, s := range c.all {
		if !s.cruft {
			plain = append(plain, s)
		}
	}
	merge := make(map[*source]bool)
	for _, s := range plain[:progression(plain, Consolidation{})] {
		merge[s] = true
	}
	for _, s := range c.all {
		if merge[s] || s.doomed {
			sources = append(sources, s)
		}
	}
	if len(sources) == 0 {
		return nil, loose
	}
	// What is young goes into one pack, so the one there is takes part.
	for _, s := range c.all {
		if s.cruft && !s.doomed {
			sources = append(sources, s)
		}
	}
	return sources, loose
}

// countBytes adds up what the doomed take.
func (c *collection) countBytes() {
	for id := range c.doomed {
		c.doomed[id] = 0
		if _, ok := c.loose[id]; ok {
			if fi, err := os.Lstat(c.db.loosePath(id)); err == nil {
				c.doomed[id] = fi.Size()
			}
		}
	}
	for _, s := range c.all {
		if !s.doomed || s.open() != nil {
			continue
		}
		for _, e := range s.entries {
			if _, ok := c.doomed[e.id]; ok {
				c.doomed[e.id] += e.end - e.off
			}
		}
		s.close()
	}
	for _, n := range c.doomed {
		c.out.RemovedBytes += n
	}
}

// rewrite writes what stays, and then removes what it came from.
func (c *collection) rewrite(ctx context.Context, sources []*source, loose []ID) error {
	c.countBytes()
	keep := &repacking{
		db: c.db, sources: sources, loose: loose, wanted: c.Reach.Has,
		progress: c.Progress, deltas: c.Deltas, name: c.Reach.Name,
	}
	defer keep.release()
	if err := keep.write(ctx); err != nil {
		return err
	}
	young := &repacking{db: c.db, sources: sources, wanted: func(id ID) bool {
		_, stray := c.stray[id]
		_, doomed := c.doomed[id]
		return stray && !doomed
	}}
	defer young.release()
	if err := c.writeYoung(ctx, young); err != nil {
		return errors.Join(err, keep.discard())
	}
	if len(c.doomed) > 0 {
		unlock, err := c.settle(ctx, keep, young)
		if err != nil {
			return errors.Join(err, keep.discard(), young.discard())
		}
		defer unlock()
	}
	keep.others = append(keep.others, young.packed.Name)
	if err := keep.replace(); err != nil {
		return err
	}
	c.out.Packs, c.out.Loose, c.out.Removed = len(sources), len(keep.packedLoose), len(c.doomed)
	c.out.Deltas = keep.made
	c.out.Damaged = append(c.out.Damaged, keep.damaged...)
	return c.removeLooseDoomed()
}

// writeYoung writes the pack of those that may go later, if there are any in the
// sources; loose ones stay loose, and have their ages of themselves.
func (c *collection) writeYoung(ctx context.Context, young *repacking) error {
	if len(c.stray) == len(c.doomed) {
		return nil
	}
	if err := young.write(ctx); err != nil || young.packed.Name == "" {
		return err
	}
	p := c.db.packNamed(young.packed.Name)
	if p == nil {
		return &NotFoundError{}
	}
	if err := p.open(); err != nil {
		return err
	}
	return c.db.writeMtimes(p, func(id ID) time.Time { return c.stray[id] })
}

// settle excludes those that record, and saves what they have come to rely on
// since the roots were looked at.
func (c *collection) settle(ctx context.Context, keep, young *repacking) (func(), error) {
	unlock, err := c.Settle(ctx)
	if err != nil {
		return nil, err
	}
	wanted := make(map[ID]bool)
	for id := range c.doomed {
		if c.Reach.Has(id) {
			wanted[id] = true
			delete(c.doomed, id)
		}
	}
	if len(wanted) == 0 {
		return unlock, nil
	}
	saved := &repacking{db: c.db, sources: keep.sources, wanted: func(id ID) bool { return wanted[id] }}
	defer saved.release()
	if err := saved.write(ctx); err != nil {
		unlock()
		return nil, err
	}
	keep.others = append(keep.others, saved.packed.Name)
	return unlock, nil
}

func (c *collection) removeLooseDoomed() error {
	var errs []error
	for id := range c.doomed {
		was, ok := c.loose[id]
		if !ok {
			continue
		}
		// Somebody may have written it again, as git does to renew the age of what
		// it finds stored.
		path := c.db.loosePath(id)
		fi, err := os.Lstat(path)
		if err != nil || !fi.ModTime().Equal(was) {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		os.Remove(filepath.Dir(path))
	}
	return errors.Join(errs...)
}
