package odb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// reuse is what a pack in the making counts on that is stored already. It may be
// garbage, which git removes once it is old; so, as git does with what it finds
// stored, its file gets the present time. A git that is to remove it whatever its age
// may do so all the same: hence [PackWriter.Lost].
type reuse struct {
	// before are the packs there were at the start.
	before []*pack
	// packs and loose say of what was made young whether it was there.
	packs, loose sync.Map
}

// whole are the packs that are there.
func (db *DB) whole() []*pack {
	return slices.DeleteFunc(db.snapshot(), func(p *pack) bool { return p.hollow.Load() })
}

// KeepAges leaves the times of all that is stored alone: the database is somebody's who
// wants nothing of it changed.
func (db *DB) KeepAges() { db.keepAges = true }

// freshen gives a file the present time, and says whether it is there.
func (db *DB) freshen(path string) (there bool) {
	if db.keepAges {
		_, err := os.Lstat(path)
		return !errors.Is(err, fs.ErrNotExist)
	}
	now := time.Now()
	return !errors.Is(os.Chtimes(path, now, now), fs.ErrNotExist)
}

func (w *PackWriter) renewPack(p *pack) bool {
	r := &w.reuse
	if there, known := r.packs.Load(p); known {
		return there.(bool)
	}
	there := w.db.freshen(p.path(".pack"))
	r.packs.Store(p, there)
	return there
}

// reusePacked says whether a pack holds the object that may be counted on. A cruft
// pack may not: each object in it has an age of its own, which stays.
func (w *PackWriter) reusePacked(id ID) bool {
	w.db.mu.RLock()
	defer w.db.mu.RUnlock()
	for _, p := range w.db.packs {
		if p.gone.Load() || p.hollow.Load() || p.ownAges.Load() {
			continue
		}
		if _, ok := p.find(id); ok && w.renewPack(p) {
			return true
		}
	}
	return false
}

func (w *PackWriter) reuseLoose(id ID) bool {
	if _, listed := w.loose[id]; !listed {
		return false
	}
	if there, known := w.reuse.loose.Load(id); known {
		return there.(bool)
	}
	there := w.db.freshen(w.db.loosePath(id))
	w.reuse.loose.Store(id, there)
	return there
}

// ReuseAll makes all packs young that there were at the start, for who counts on
// objects in them without asking. It says whether all of them are there.
func (w *PackWriter) ReuseAll() bool {
	return !slices.ContainsFunc(w.reuse.before, func(p *pack) bool { return !w.renewPack(p) })
}

// Lost says whether anything went since the start that objects may have been counted
// on in. They may be elsewhere now.
func (w *PackWriter) Lost() bool {
	entries, err := os.ReadDir(filepath.Join(w.db.dir, "pack"))
	if err != nil {
		return true
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	lost := func(p *pack) bool { return !names[p.name+".pack"] || !names[p.name+".idx"] }
	found := slices.ContainsFunc(w.reuse.before, lost)
	w.reuse.packs.Range(func(p, there any) bool {
		found = found || there.(bool) && lost(p.(*pack))
		return !found
	})
	w.reuse.loose.Range(func(id, there any) bool {
		if there.(bool) {
			_, err := os.Lstat(w.db.loosePath(id.(ID)))
			found = found || err != nil
		}
		return !found
	})
	return found
}

// renew is Stored for an object that is to be counted on.
func (db *DB) renew(id ID) bool {
	if db.freshen(db.loosePath(id)) {
		return true
	}
	for _, p := range db.snapshot() {
		if _, ok := p.find(id); ok && !p.gone.Load() && !p.ownAges.Load() && db.freshen(p.path(".pack")) {
			return true
		}
	}
	return false
}
