package odb

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// CheckPacks compares every pack and index with its own checksum, and with each
// other, and returns what does not hold. It reads all of them.
func (db *DB) CheckPacks() []error {
	bad, _ := db.CheckPacksUntil(func() bool { return false })
	return bad
}

// CheckPacksUntil is CheckPacks that asks before each pack whether to stop, and says
// whether it did.
func (db *DB) CheckPacksUntil(stop func() bool) (bad []error, stopped bool) {
	if err := db.Refresh(); err != nil {
		bad = append(bad, err)
	}
	for _, p := range db.snapshot() {
		if stop() {
			return bad, true
		}
		err := p.check()
		if err != nil && db.Refresh() == nil && p.gone.Load() {
			// git has put its objects elsewhere meanwhile.
			continue
		}
		if errors.Is(err, fs.ErrNotExist) && db.spare(p) {
			continue
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", filepath.Base(p.name), err))
		}
	}
	return bad, false
}

// spare says that all that an index names is stored elsewhere: its pack is missed by
// nobody.
func (db *DB) spare(p *pack) bool {
	if p.open() != nil || p.idx.checksum() != nil {
		return false
	}
	ids, err := p.idx.all()
	return err == nil && !slices.ContainsFunc(ids, func(e rawEntry) bool { return !db.Stored(e.id) })
}

// Packs are the names of all packs, with their sizes: a pack is never changed, so that
// one of the same name and size holds the same.
func (db *DB) Packs() map[string]int64 {
	out := make(map[string]int64)
	for _, p := range db.snapshot() {
		if fi, err := os.Stat(p.path(".pack")); err == nil && !p.gone.Load() {
			out[p.name] = fi.Size()
		}
	}
	return out
}

// Count is how many objects are stored here; one that is stored twice counts twice.
func (db *DB) Count() int64 {
	n := int64(len(db.looseIDs()))
	for _, p := range db.snapshot() {
		if p.open() == nil && !p.gone.Load() {
			n += int64(p.idx.count)
		}
	}
	return n
}

func (p *pack) check() error {
	if err := p.open(); err != nil {
		return err
	}
	if err := p.idx.checksum(); err != nil {
		return err
	}
	f, err := p.acquire()
	if err != nil {
		return err
	}
	defer f.release()
	if f.length < packHeader+sha1.Size {
		return errors.New("pack is truncated")
	}
	h := sha1.New()
	body := io.NewSectionReader(f, 0, f.length-sha1.Size)
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{body}, make([]byte, 1<<20)); err != nil {
		return err
	}
	var trailer [sha1.Size]byte
	if _, err := f.ReadAt(trailer[:], f.length-sha1.Size); err != nil {
		return err
	}
	if [sha1.Size]byte(h.Sum(nil)) != trailer {
		return errors.New("pack does not match its own checksum")
	}
	if trailer != p.idx.packChecksum() {
		return errors.New("index belongs to another pack")
	}
	return nil
}
