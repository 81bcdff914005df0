package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
	"golang.org/x/sys/unix"
)

// RecordRequest says what to record. The zero value records the project under
// a name made from the time, as a child of the newest checkpoint.
type RecordRequest struct {
	// Version names the checkpoint; empty makes a name that sorts by time.
	Version string
	Message string
	Reason  string
	// Parent is any name that [Store.Resolve] knows; empty is the newest
	// checkpoint.
	Parent string
	// IncludeIgnored records what the ignore rules leave out.
	IncludeIgnored bool
	// AllowPartial records without the paths that can't be read, and marks the
	// checkpoint so.
	AllowPartial bool
	// Reuse takes the parent itself, without recording anything, where it is just
	// what would be recorded and no Version is asked for.
	Reuse bool
	// Force lets Version take the place of a checkpoint of that name, which
	// stays reachable by its commit's id.
	Force bool
	// Progress is told how far the work is, from another goroutine, a few times
	// a second; nil is not told.
	Progress func(Progress)
}

// Recorded is what [Store.Record] did.
type Recorded struct {
	Checkpoint
	// Meta is what was noted beside the tree.
	Meta Meta
	// NewObjects and PackBytes are what the store grew by.
	NewObjects int
	PackBytes  int64
	// Unchanged says that the tree is the parent's.
	Unchanged bool
	// Known says that nothing was recorded, since just this was before.
	Known bool
}

// Record makes a checkpoint of the project. Nothing is visible until all of it
// is durable: pack first, then the meta note, then the tag, which alone makes a
// checkpoint exist.
//
// It fails with [ErrPartial] when a path can't be read, with [ErrExists] and
// [ErrBadName] for a version that can't be had, with [ErrNotFound] for a parent
// that isn't there, and with [ErrBareRepository] where there is no work tree. The
// live project is only read.
func (s *Store) Record(ctx context.Context, req RecordRequest) (Recorded, error) {
	if s.project.Bare {
		return Recorded{}, ErrBareRepository
	}
	unlock, err := s.lockObjects(ctx, unix.LOCK_SH, "checkpoint")
	if err != nil {
		return Recorded{}, err
	}
	defer unlock()
	s.sweepPacks(s.db)
	r := &recording{s: s, req: req}
	defer r.release()
	if err := r.name(ctx); err != nil {
		return Recorded{}, err
	}
	cache, err := statcache.NewWriter(s.cachePath(statCacheFile))
	if err != nil {
		return Recorded{}, err
	}
	defer cache.Discard()
	// The tree keeps names of the cache until its successor is written.
	old := s.openCache()
	defer old.Close()
	if err := r.again(func(try int) error {
		if try == 1 {
			return r.record(ctx, old)
		}
		// What the cache names may be what has gone.
		if err := r.name(ctx); err != nil {
			return err
		}
		return r.record(ctx, nil)
	}); err != nil {
		return Recorded{}, err
	}
	// Before the cache is written, which names the packs that are left.
	moved := s.consolidateIfCheap(ctx)
	if r.tree.Kept() && r.vouched && !moved {
		return r.out, nil
	}
	if err := r.tree.WriteCache(cache, r.pack.Homes()); err != nil {
		s.log.Warn("the stat cache can't be written; the next checkpoint is slower", "error", err)
	}
	return r.out, nil
}

// record reads the project, with what the cache knows of it, and publishes the
// checkpoint.
func (r *recording) record(ctx context.Context, cache *statcache.Cache) error {
	if err := r.newPack(); err != nil {
		return err
	}
	if err := r.scan(ctx, cache); err != nil {
		return err
	}
	if err := r.writeMeta(); err != nil {
		return err
	}
	if r.req.Reuse && r.out.Unchanged && r.pack.Empty() && r.generated {
		r.out.Checkpoint, r.out.Known = *r.parent, true
		return nil
	}
	return r.finish(ctx)
}

// sweepPacks makes room before a pack is written.
func (s *Store) sweepPacks(db *odb.DB) {
	if freed, err := db.SweepPacks(); err != nil {
		s.log.Warn("leftovers of a dead process can't be removed", "error", err)
	} else if freed > 0 {
		s.log.Info("removed leftovers of a dead process", "bytes", freed)
	}
}

// recording is one checkpoint in the making.
type recording struct {
	s   *Store
	req RecordRequest

	parent   *Checkpoint
	replaces ID
	when     time.Time
	// pack is the last of packs.
	pack    *odb.PackWriter
	packs   []*odb.PackWriter
	lane    *odb.Lane
	tree    *scan.Tree
	content content
	meta    ID
	// vouched says that all packs are there that hold what the stat cache names.
	vouched bool
	// generated says that the version was made up, and another will do.
	generated bool
	// notesHead is the meta notebook as it was, notesNext as it is to be.
	notesHead, notesNext ID
	out                  Recorded
}

// content is what a checkpoint is made of, and where that came from.
type content struct {
	tree         ID
	files, bytes int64
	meta         Meta
	source       Head
	dirty        string
}

// name settles version, parent and time before any work is done.
func (r *recording) name(ctx context.Context) error {
	if err := r.place(ctx); err != nil {
		return err
	}
	r.generated = r.generated || r.req.Version == ""
	ref, old, err := r.settleName()
	if err != nil {
		return err
	}
	r.replaces = old
	other, err := r.s.refs.Conflict(ref)
	if err != nil {
		return refError(err)
	}
	if other = strings.TrimPrefix(other, tagPrefix); other != "" {
		return &NameError{Name: r.req.Version, Reason: fmt.Sprintf("git can't hold it beside %q", other), Conflict: other}
	}
	return nil
}

// settleName makes a name up where none was asked for, and says what its ref is and
// names so far.
func (r *recording) settleName() (ref string, old ID, err error) {
	for n := 1; ; n++ {
		if r.generated {
			r.req.Version = generateVersion(r.when, n)
		}
		if err := CheckVersion(r.req.Version); err != nil {
			return "", ID{}, err
		}
		ref = tagPrefix + r.req.Version
		old, err = r.s.refs.Read(ref)
		switch {
		case errors.Is(err, refs.ErrNotFound):
			return ref, ID{}, nil
		case err != nil:
			// Another name wouldn't do: it may be packed-refs that can't be read.
			return "", ID{}, refError(err)
		case r.generated:
		case !r.req.Force:
			return "", ID{}, &ExistsError{Version: r.req.Version}
		default:
			return ref, old, nil
		}
	}
}

// place finds the parent, and a time that makes the checkpoint the newest.
func (r *recording) place(ctx context.Context) error {
	newest, err := r.s.newestWhole(ctx)
	if err != nil {
		return err
	}
	r.when, r.parent = r.s.now().Truncate(time.Second), newest
	// A clock that was set back must not make the newest look old.
	if newest != nil && r.when.Before(newest.Time) {
		r.when = newest.Time
	}
	if r.req.Parent == "" {
		return nil
	}
	p, err := r.s.Resolve(ctx, r.req.Parent)
	if err != nil {
		return err
	}
	r.parent = &p
	// Within one second, lineage tells which one is newer; here it can't.
	if newest != nil && p.Commit != newest.Commit && !r.when.After(newest.Time) {
		r.when = newest.Time.Add(time.Second)
	}
	return nil
}

// scan reads the project into the pack.
func (r *recording) scan(ctx context.Context, cache *statcache.Cache) error {
	counters := &scan.Progress{}
	done := report(r.req.Progress, func() Progress {
		p := Progress{Files: counters.Files.Load(), Bytes: counters.Bytes.Load()}
		if r.parent != nil {
			p.TotalFiles, p.TotalBytes = max(p.Files, r.parent.Files), max(p.Bytes, r.parent.Bytes)
		}
		return p
	})
	defer done()
	stored := r.pack.Has
	if r.vouched = r.vouch(cache); r.vouched {
		stored = func(ID) bool { return true }
	}
	tree, err := r.s.scanProject(ctx, scan.Options{
		Cache:    cache,
		Stored:   stored,
		NewLane:  func() scan.Lane { return r.pack.NewLane() },
		Progress: counters,
	}, r.req.IncludeIgnored)
	if err != nil {
		return err
	}
	if len(tree.Failed) > 0 && !r.req.AllowPartial {
		return &PartialError{Paths: tree.Failed}
	}
	r.tree, r.lane = tree, r.pack.NewLane()
	p := r.s.project
	head := p.Head()
	r.content = content{
		tree: tree.Root.ID, files: tree.Files, bytes: tree.Bytes,
		meta: newMeta(p, tree), source: head, dirty: p.dirty(head, tree),
	}
	return nil
}

// openCache opens the stat cache; a damaged one is an empty one.
func (s *Store) openCache() *statcache.Cache {
	cache, err := statcache.Open(s.cachePath(statCacheFile))
	if err != nil {
		s.log.Debug("stat cache not used", "error", err)
	}
	return cache
}

// scanProject walks the live project with its own ignore rules.
func (s *Store) scanProject(ctx context.Context, opts scan.Options, includeIgnored bool) (*scan.Tree, error) {
	top, err := os.Open(s.project.Root)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	opts.Top, opts.Workers, opts.CheckName = top, s.opts.Workers, s.opts.CheckName
	if !includeIgnored {
		if opts.Scope, err = s.project.scope(); err != nil {
			return nil, err
		}
	}
	opts.Nested = s.project.nestedScope
	opts.Never = s.isStoreDir()
	return scan.Walk(ctx, opts)
}

// isStoreDir recognises the store wherever it lies, so that it never records
// itself.
func (s *Store) isStoreDir() func(dev, ino uint64) bool {
	var st unix.Stat_t
	if unix.Stat(s.dir, &st) != nil {
		return nil
	}
	return func(dev, ino uint64) bool { return ino == st.Ino && dev == uint64(st.Dev) }
}
