package odb

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
)

// Type is an object's type, with Git's own numbering.
type Type = plumbing.ObjectType

// The four object types.
const (
	Commit = plumbing.CommitObject
	Tree   = plumbing.TreeObject
	Blob   = plumbing.BlobObject
	Tag    = plumbing.TagObject
)

// DB is an object database. Its methods may be called by any number of
// goroutines.
type DB struct {
	dir string
	// staging is where files in the making are.
	staging string

	mu         sync.RWMutex
	packs      []*pack
	alternates []*DB
	keepAges   bool
	// changes counts how often packs were seen to have come or gone.
	changes atomic.Int64

	openPacks atomic.Int64
	bases     baseCache
}

// Dir is the objects directory.
func (db *DB) Dir() string { return db.dir }

// Close releases the files. The DB must not be in use any more.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	var errs []error
	for _, p := range db.packs {
		errs = append(errs, p.close())
	}
	db.packs = nil
	for _, alt := range db.alternates {
		errs = append(errs, alt.Close())
	}
	return errors.Join(errs...)
}

// Refresh looks for packs that came since, such as those of another process,
// and lets go of those that went.
func (db *DB) Refresh() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	entries, err := os.ReadDir(filepath.Join(db.dir, "pack"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	changed := false
	had := make(map[string]*pack, len(db.packs))
	for _, p := range db.packs {
		had[p.name] = p
	}
	// An index comes after its pack, and may be seen without it all the same: a listing
	// isn't of one moment.
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		there[e.Name()] = true
	}
	var now []*pack
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ".idx")
		if !ok || !strings.HasPrefix(base, "pack-") {
			continue
		}
		p := had[base]
		if p == nil {
			p = newPack(db, base)
			changed = true
		}
		p.hollow.Store(!there[base+".pack"] && isMissing(p.path(".pack")))
		p.ownAges.Store(there[base+".mtimes"])
		now = append(now, p)
		delete(had, base)
	}
	// A pack that went may still be read by another goroutine, which keeps its file
	// and index as long as it needs them. What it held is elsewhere, or not stored any
	// more.
	for _, p := range had {
		changed = true
		p.gone.Store(true)
		p.retire()
	}
	db.bases.forget(had)
	db.packs = now
	if changed {
		db.changes.Add(1)
	}
	return nil
}

func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (db *DB) snapshot() []*pack {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return slices.Clone(db.packs)
}

// Has says whether an index or a loose file names the object. It doesn't read
// the object, and doesn't look for packs that came since the last Refresh.
func (db *DB) Has(id ID) bool {
	if _, ok := db.locate(id); ok {
		return true
	}
	if _, err := os.Lstat(db.loosePath(id)); err == nil {
		return true
	}
	for _, alt := range db.alternates {
		if alt.Has(id) {
			return true
		}
	}
	return false
}

// HasPacked is Has for packs of this directory only, without a system call.
func (db *DB) HasPacked(id ID) bool {
	_, ok := db.locate(id)
	return ok
}

// maxSums bounds the list of packs that somebody keeps: of more, looking each object
// up is as quick.
const maxSums = 1 << 10

// packSums are the checksums of all packs by which they are called; none when one is
// called otherwise.
func (db *DB) packSums() [][20]byte {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if len(db.packs) > maxSums {
		return nil
	}
	var out [][20]byte
	for _, p := range db.packs {
		if p.gone.Load() {
			continue
		}
		sum, err := ParseID(strings.TrimPrefix(p.name, "pack-"))
		if err != nil {
			return nil
		}
		out = append(out, sum)
	}
	return out
}

// HasPacks says whether all of those packs are there; an empty list is of no use, and
// the answer is no. It doesn't look for packs that came since the last Refresh.
func (db *DB) HasPacks(sums [][20]byte) bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	have := make(map[string]bool, len(db.packs))
	for _, p := range db.packs {
		have[p.name] = !p.gone.Load() && !p.hollow.Load()
	}
	for _, sum := range sums {
		if !have["pack-"+ID(sum).String()] {
			return false
		}
	}
	return len(sums) > 0
}

func (db *DB) locate(id ID) (Location, bool) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	for _, p := range db.packs {
		if p.gone.Load() || p.hollow.Load() {
			continue
		}
		if off, ok := p.find(id); ok {
			return Location{pack: p, Offset: off}, true
		}
	}
	return Location{}, false
}

// Location says where in which pack an object lies, so that a reader of many
// objects can take them in the order of the disk.
type Location struct {
	pack   *pack
	Offset int64
}

// Pack is the file name of the pack, empty for an object that isn't packed.
func (l Location) Pack() string {
	if l.pack == nil {
		return ""
	}
	return l.pack.name
}

// Locate returns where id is packed; the zero Location when it isn't.
func (db *DB) Locate(id ID) Location {
	l, _ := db.locate(id)
	return l
}

// Read returns the object with its bytes, which hash to id. The slice is the
// caller's.
func (db *DB) Read(id ID) (Type, []byte, error) { return db.readUpTo(id, MaxWhole) }

func (db *DB) readUpTo(id ID, most int) (Type, []byte, error) {
	buf := whole{id: id, most: most}
	left := maxBases
	typ, _, err := db.copyTo(id, &buf, true, &left)
	if err != nil {
		return 0, nil, err
	}
	return typ, buf.Bytes(), nil
}

// ReadType is Read for an object that must be of one type.
func (db *DB) ReadType(id ID, want Type) ([]byte, error) { return db.ReadUpTo(id, want, MaxWhole) }

// ReadUpTo is ReadType for an object that has at most so many bytes; of a bigger one
// no more are read.
func (db *DB) ReadUpTo(id ID, want Type, most int) ([]byte, error) {
	typ, data, err := db.readUpTo(id, most)
	if err != nil {
		return nil, err
	}
	if typ != want {
		return nil, &TypeError{ID: id, Got: typ, Want: want}
	}
	return data, nil
}

// Stream copies the object into w with memory that doesn't grow with its size
// (unless it is stored as a delta). The bytes are hashed in passing: when Stream
// returns an error, what w received must be thrown away.
func (db *DB) Stream(id ID, w io.Writer) (Type, int64, error) {
	left := maxBases
	return db.copyTo(id, w, false, &left)
}

// MaxWhole is how big an object may be that [DB.Read] returns: lists of directories
// and notes, which somebody else may have written. Files of any size are streamed.
const MaxWhole = 128 << 20

// whole takes an object into memory.
type whole struct {
	bytes.Buffer
	id   ID
	most int
}

// Write implements [io.Writer].
func (b *whole) Write(data []byte) (int, error) {
	if b.Len()+len(data) > b.most {
		return 0, &SizeError{ID: b.id, Most: b.most}
	}
	return b.Buffer.Write(data)
}

// repacks is how often a reader follows an object that git moves from pack to
// pack meanwhile.
const repacks = 20

// follow tries again as long as packs come and go: what is looked for may have moved
// into one that wasn't there yet when its turn was.
func (db *DB) follow(try func() error) error {
	for attempt := 0; ; attempt++ {
		before := db.changes.Load()
		err := try()
		if !errors.Is(err, ErrNotFound) || attempt > repacks {
			return err
		}
		if err := db.Refresh(); err != nil {
			return err
		}
		// Another goroutine may have been the one that saw the change.
		if attempt > 0 && db.changes.Load() == before {
			return err
		}
	}
}

// Lookup is [DB.Has] that looks for packs that came since, before it says no, which
// is a [NotFoundError].
func (db *DB) Lookup(id ID) error {
	return db.follow(func() error {
		if !db.Has(id) {
			return &NotFoundError{ID: id}
		}
		return nil
	})
}

// copyTo tries every copy of the object. A writer that can't take its bytes
// back gets only one try.
func (db *DB) copyTo(id ID, w io.Writer, again bool, left *int) (typ Type, n int64, err error) {
	err = db.follow(func() error {
		typ, n, err = db.tryCopies(id, w, again, left)
		return err
	})
	return typ, n, err
}

func (db *DB) tryCopies(id ID, w io.Writer, again bool, left *int) (Type, int64, error) {
	var bad error
	try := func(read func(io.Writer) (Type, int64, error)) (Type, int64, bool) {
		c := &countingWriter{w: w}
		typ, n, err := read(c)
		if err == nil {
			return typ, n, true
		}
		if !errors.Is(err, fs.ErrNotExist) {
			bad = err
		}
		if buf, ok := w.(interface{ Reset() }); ok && again {
			buf.Reset()
			c.n = 0
		}
		return 0, 0, c.n > 0
	}
	for _, p := range db.snapshot() {
		off, ok := p.find(id)
		if !ok {
			continue
		}
		typ, n, stop := try(func(w io.Writer) (Type, int64, error) { return p.copyTo(db, id, off, w, left) })
		if stop {
			return typ, n, badOrNil(typ, bad)
		}
	}
	if typ, n, stop := try(func(w io.Writer) (Type, int64, error) { return db.copyLoose(id, w) }); stop {
		return typ, n, badOrNil(typ, bad)
	}
	for _, alt := range db.alternates {
		if typ, n, stop := try(func(w io.Writer) (Type, int64, error) { return alt.tryCopies(id, w, again, left) }); stop {
			return typ, n, badOrNil(typ, bad)
		}
	}
	if bad != nil {
		return 0, 0, bad
	}
	return 0, 0, &NotFoundError{ID: id}
}

// badOrNil keeps the error of a read that failed after it had written.
func badOrNil(typ Type, bad error) error {
	if typ != 0 {
		return nil
	}
	return bad
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// Size returns an object's type and size from its header alone, that of the first copy
// that has one; nothing is verified.
func (db *DB) Size(id ID) (Type, int64, error) {
	left := maxBases
	var typ Type
	var n int64
	err := db.follow(func() (err error) {
		typ, n, err = db.trySize(id, &left)
		return err
	})
	return typ, n, err
}

func (db *DB) trySize(id ID, left *int) (Type, int64, error) {
	var bad error
	for _, p := range db.snapshot() {
		off, ok := p.find(id)
		if !ok {
			continue
		}
		typ, n, err := p.size(db, off, left)
		switch {
		case err == nil:
			return typ, n, nil
		case errors.Is(err, ErrCorrupt):
			bad = err
		case !errors.Is(err, fs.ErrNotExist):
			bad = &CorruptError{ID: id, File: p.path(".pack"), Err: err}
		}
	}
	typ, n, err := db.looseHeader(id)
	if err == nil {
		return typ, n, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		bad = err
	}
	for _, alt := range db.alternates {
		if typ, n, err := alt.Size(id); err == nil {
			return typ, n, nil
		}
	}
	if bad != nil {
		return 0, 0, bad
	}
	return 0, 0, &NotFoundError{ID: id}
}

// Reader returns the object's bytes as they are verified by Stream. It must be
// closed. The error of a corrupt object may come as late as the last byte.
func (db *DB) Reader(id ID) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, _, err := db.Stream(id, w)
		w.CloseWithError(err)
	}()
	return r
}
