package odb

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Consolidation says what to put together.
type Consolidation struct {
	// MinPacks is how many packs there must be to merge; two is the least.
	MinPacks int
	// MinLoose is how many loose objects there must be for them to be packed, by
	// an estimate; zero packs any.
	MinLoose int
	// MaxBytes bounds what is copied; zero is no bound.
	MaxBytes int64
	// DryRun only says what would be done.
	DryRun bool
	// Progress is told how many bytes of how many are copied; nil is not told.
	Progress func(done, total int64)
}

// Consolidated is what [DB.Consolidate] did.
type Consolidated struct {
	// Packs and Loose are how many packs and loose objects were put into one new
	// pack, of Objects objects and Bytes bytes.
	Packs, Loose, Objects int
	Bytes                 int64
	// Damaged lists what was left alone because it isn't whole.
	Damaged []error
}

// Consolidate merges the smallest packs, and the loose objects, into one pack, so
// that those that are left form a geometric progression: each is at least twice as
// large as all smaller ones together. Of n bytes there are log n packs then, and
// each byte is copied log n times at most however often this is called: a large
// pack is rewritten only when as much has come since. Sizes are bytes, since bytes
// are what a merge costs.
//
// Nothing is inflated but what lies loose. Entries are copied with their checksums
// compared; a pack in which anything is wrong is left alone as it is.
//
// Objects move and none goes, so writers and readers in any process need no lock
// against it: who was content that an object is stored in a pack still is, and a
// reader who finds the pack gone looks for the object anew, as after git-repack(1).
// But two that remove packs at once might each count on what the other removes:
// the caller holds a lock that excludes those.
func (db *DB) Consolidate(ctx context.Context, o Consolidation) (Consolidated, error) {
	var done Consolidated
	db.sweepGone()
	if err := db.Refresh(); err != nil {
		return done, err
	}
	excluded := make(map[string]bool)
	for attempt := 0; ; attempt++ {
		packs := db.mergeable(excluded)
		packs = packs[:progression(packs, o)]
		if len(packs) < max(2, o.MinPacks) {
			packs = nil
		}
		loose := db.looseToPack(o)
		if len(packs) == 0 && len(loose) == 0 {
			return done, nil
		}
		if o.DryRun {
			done.Packs, done.Loose = len(packs), len(loose)
			return done, nil
		}
		r := &repacking{db: db, sources: packs, loose: loose, progress: o.Progress}
		err := r.run(ctx)
		done.Damaged = append(done.Damaged, r.damaged...)
		var damaged *DamagedPackError
		switch {
		case errors.As(err, &damaged) && damaged.pack != nil && !excluded[damaged.Pack]:
			excluded[damaged.Pack] = true
			done.Damaged = append(done.Damaged, damaged)
			continue
		case attempt < repacks && overtaken(err, packs):
			if err := db.Refresh(); err != nil {
				return done, err
			}
			continue
		case err != nil:
			return done, err
		}
		done.Packs, done.Loose = len(packs), len(r.packedLoose)
		done.Objects, done.Bytes = r.packed.Objects, r.packed.Bytes
		return done, nil
	}
}

// overtaken says that it came to the error because one of the packs has gone: git,
// which knows nothing of our locks, has put it together with others.
func overtaken(err error, packs []*source) bool {
	return (errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotFound)) && slices.ContainsFunc(packs, func(s *source) bool { return !s.has(".pack") })
}

// fileID is what tells a file from any other that is there at the same time.
type fileID struct{ dev, ino uint64 }

// source is a pack that is read from to be replaced.
type source struct {
	*pack
	size    int64
	modTime time.Time
	// cruft says that nothing led to its objects when it was written.
	cruft bool
	// doomed says that it holds something that is to go.
	doomed bool
	// data and index tell the pack's files from others of the same name, which a
	// writer may put in their place.
	data, index fileID

	file    packFile
	entries []rawEntry
	opened  bool
}

func (s *source) open() (err error) {
	if err := s.pack.open(); err != nil {
		return err
	}
	if s.file, err = s.acquire(); err != nil {
		return err
	}
	s.opened = true
	s.entries, err = s.pack.entries(s.file)
	return err
}

func (s *source) close() {
	if s.opened {
		s.file.release()
		s.opened, s.entries = false, nil
	}
}

// mergeable lists the packs that may be merged, the smallest first: all that may
// be replaced but those of git's that hold garbage with ages of its own.
func (db *DB) mergeable(excluded map[string]bool) []*source {
	return slices.DeleteFunc(db.replaceable(excluded), func(s *source) bool { return s.cruft })
}

// replaceable lists the packs that may be replaced, the smallest first. Packs that
// somebody keeps, or that come from a remote that promised the rest, are not ours
// to change.
func (db *DB) replaceable(excluded map[string]bool) []*source {
	var list []*source
	for _, p := range db.snapshot() {
		if excluded[p.name] || p.has(".keep") || p.has(".promisor") {
			continue
		}
		if s, err := p.source(); err == nil {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *source) int {
		return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.name, b.name))
	})
	return list
}

func (p *pack) has(ext string) bool {
	_, err := os.Lstat(p.path(ext))
	return err == nil
}

func (p *pack) source() (*source, error) {
	fi, err := os.Stat(p.path(".pack"))
	if err != nil {
		return nil, err
	}
	index, err := os.Stat(p.path(".idx"))
	if err != nil {
		return nil, err
	}
	return &source{
		pack: p, size: fi.Size(), modTime: fi.ModTime(), cruft: p.has(".mtimes"), data: identity(fi), index: identity(index),
	}, nil
}

func identity(fi fs.FileInfo) fileID {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return fileID{uint64(st.Dev), st.Ino}
	}
	return fileID{}
}

// progression says how many of the packs, the smallest first, have to be merged
// for the rest to be a geometric progression.
func progression(packs []*source, o Consolidation) int {
	split, sum := 0, int64(0)
	for i, p := range packs {
		if i > 0 && p.size < 2*sum {
			split = i + 1
		}
		sum += p.size
	}
	if o.MaxBytes == 0 {
		return split
	}
	sum = 0
	for i, p := range packs[:split] {
		if sum += p.size; sum > o.MaxBytes {
			return i
		}
	}
	return split
}

// looseSample is the directory whose files stand for all loose objects, as git's
// own estimate has it.
const looseSample = "17"

// looseToPack lists the loose objects that are to be packed, within bounds.
func (db *DB) looseToPack(o Consolidation) []ID {
	if o.MinLoose > 0 {
		sample, _ := os.ReadDir(filepath.Join(db.dir, looseSample))
		if len(sample)*256 < o.MinLoose {
			return nil
		}
	}
	var ids []ID
	var sum int64
	for id := range db.looseIDs() {
		if o.MaxBytes > 0 {
			fi, err := os.Lstat(db.loosePath(id))
			if err != nil || sum+fi.Size() > o.MaxBytes {
				continue
			}
			sum += fi.Size()
		}
		ids = append(ids, id)
	}
	sortIDs(ids)
	return ids
}

func sortIDs(ids []ID) {
	slices.SortFunc(ids, func(a, b ID) int { return slices.Compare(a[:], b[:]) })
}
