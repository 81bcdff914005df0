package odb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// pack is one pack with its index, which is mapped at the first lookup.
type pack struct {
	dir  string
	name string
	// opens counts the pack files that the database keeps open.
	opens *atomic.Int64

	// gone says that git has removed the pack.
	gone atomic.Bool
	// hollow says that there is an index and no pack, which holds nothing.
	hollow atomic.Bool
	// ownAges says that each of its objects has an age of its own: it is a cruft pack.
	ownAges atomic.Bool

	once sync.Once
	err  error
	idx  *packIndex

	// mu guards file and length: the pack itself is opened when its first object
	// is read.
	mu     sync.Mutex
	file   *os.File
	length int64
	// users are the readers of file; a retired pack is closed by the last one.
	users   int
	retired bool
}

// Entry kinds that are not objects by themselves.
const (
	ofsDelta = 6
	refDelta = 7
)

func newPack(db *DB, name string) *pack {
	return &pack{dir: filepath.Join(db.dir, "pack"), name: name, opens: &db.openPacks}
}

func (p *pack) path(ext string) string { return filepath.Join(p.dir, p.name+ext) }

func (p *pack) open() error {
	p.once.Do(func() {
		p.idx, p.err = openIndex(p.path(".idx"))
	})
	return p.err
}

func (p *pack) close() error {
	p.once.Do(func() { p.err = os.ErrClosed })
	var errs []error
	if p.idx != nil {
		errs = append(errs, p.idx.close())
	}
	p.err = os.ErrClosed
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		errs = append(errs, p.file.Close())
		p.file = nil
		p.opens.Add(-1)
	}
	return errors.Join(errs...)
}

// maxOpenPacks is how many pack files stay open. A store of thousands of packs,
// one a checkpoint, must not use up the process's descriptors.
const maxOpenPacks = 128

// packFile is an open pack, to be released after use.
type packFile struct {
	*os.File
	length int64
	// kept is the pack that keeps the file open, nil for none.
	kept *pack
}

func (f packFile) release() {
	if f.kept == nil {
		f.Close()
		return
	}
	p := f.kept
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	p.closeUnused()
}

// retire lets go of the file of a pack that is gone, so that it takes neither a
// descriptor nor, being deleted, any room on the disk.
func (p *pack) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	p.closeUnused()
}

// closeUnused is called with mu held.
func (p *pack) closeUnused() {
	if p.retired && p.users == 0 && p.file != nil {
		p.file.Close()
		p.file = nil
		p.opens.Add(-1)
	}
}

func (p *pack) acquire() (packFile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		p.users++
		return packFile{p.file, p.length, p}, nil
	}
	f, err := durable.Open(p.path(".pack"))
	if err != nil {
		return packFile{}, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return packFile{}, err
	}
	if p.retired || p.opens.Add(1) > maxOpenPacks {
		if !p.retired {
			p.opens.Add(-1)
		}
		return packFile{f, fi.Size(), nil}, nil
	}
	p.file, p.length = f, fi.Size()
	p.users++
	return packFile{f, p.length, p}, nil
}

func (p *pack) find(id ID) (off int64, ok bool) {
	if p.open() != nil {
		return 0, false
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var fault error
	defer func() {
		if fault != nil {
			off, ok = 0, false
		}
	}()
	defer guardFault(&fault)
	i, ok := p.idx.find(id)
	if !ok {
		return 0, false
	}
	return p.idx.offset(i), true
}

// entry is the header of a packed object.
type entry struct {
	kind Type
	size int64
	// data is where the deflated bytes start.
	data int64
	// base is the offset of an ofsDelta's base, baseID the name of a refDelta's.
	base   int64
	baseID ID
}

// maxEntryHeader is room for a type and a 64-bit size, and a base.
const maxEntryHeader = 32

func (f packFile) entry(off int64) (entry, error) {
	var buf [maxEntryHeader]byte
	if off < packHeader || off >= f.length-20 {
		return entry{}, fmt.Errorf("offset %d lies outside the pack", off)
	}
	n, err := f.ReadAt(buf[:], off)
	if err != nil && err != io.EOF {
		return entry{}, err
	}
	e, used, err := parseEntry(buf[:n], off)
	if err != nil {
		return entry{}, err
	}
	e.data = off + int64(used)
	return e, nil
}

var errEntryHeader = errors.New("pack entry has a malformed header")

func parseEntry(b []byte, off int64) (entry, int, error) {
	if len(b) == 0 {
		return entry{}, 0, errEntryHeader
	}
	e := entry{kind: Type(b[0] >> 4 & 7), size: int64(b[0] & 15)}
	i, shift := 1, 4
	for b[i-1]&0x80 != 0 {
		if i >= len(b) || shift > 57 {
			return entry{}, 0, errEntryHeader
		}
		e.size |= int64(b[i]&0x7f) << shift
		shift += 7
		i++
	}
	switch e.kind {
	case Commit, Tree, Blob, Tag:
	case ofsDelta:
		back, n, err := parseOffset(b[i:])
		if err != nil {
			return entry{}, 0, err
		}
		i += n
		e.base = off - back
	case refDelta:
		if len(b) < i+20 {
			return entry{}, 0, errEntryHeader
		}
		e.baseID = ID(b[i : i+20])
		i += 20
	default:
		return entry{}, 0, errEntryHeader
	}
	return e, i, nil
}

// parseOffset reads git's offset encoding, in which every continuation adds
// one so that no value has two spellings.
func parseOffset(b []byte) (int64, int, error) {
	var v int64
	for i, c := range b {
		if i > 0 {
			v++
		}
		if v > math.MaxInt64>>8 {
			break
		}
		v = v<<7 | int64(c&0x7f)
		if c&0x80 == 0 {
			return v, i + 1, nil
		}
	}
	return 0, 0, errEntryHeader
}

// deltaError is what is wrong with a deltified object, as opposed to trouble with
// whoever its bytes are for.
type deltaError struct{ err error }

func (e *deltaError) Error() string { return e.err.Error() }

// copyDelta is copyTo for a deltified object: in memory, or by way of the disk when
// it is big.
func (p *pack) copyDelta(db *DB, f packFile, off int64, e entry, h *Hasher, id ID, w io.Writer, left *int) (Type, int64, error) {
	typ, data, err := p.resolve(db, f, off, e, left)
	if err == nil {
		err = check(h, typ, data, id)
	}
	if err != nil && !errors.Is(err, errBigDelta) && !errors.Is(err, errDeltaDeep) {
		if typ, data, err = p.resolveChecked(db, f, off, err, left); err == nil {
			err = check(h, typ, data, id)
		}
	}
	if err == nil {
		_, err = w.Write(data)
		return typ, int64(len(data)), err
	}
	if !errors.Is(err, errBigDelta) {
		return 0, 0, &deltaError{err}
	}
	typ, content, err := f.rebuild(db, e, left)
	if err != nil {
		return 0, 0, &deltaError{err}
	}
	defer content.Close()
	h.Start(typ, content.size)
	if err := content.copyTo(h, 0, content.size); err != nil {
		return 0, 0, err
	}
	if err := checkSum(h, id); err != nil {
		return 0, 0, &deltaError{err}
	}
	return typ, content.size, content.copyTo(w, 0, content.size)
}

// copy is copyTo for one object by itself.
func (p *pack) copy(db *DB, id ID, off int64, w io.Writer) (Type, int64, error) {
	left := maxBases
	return p.copyTo(db, id, off, w, &left)
}

// copyTo writes the object at off and verifies that it is id.
func (p *pack) copyTo(db *DB, id ID, off int64, w io.Writer, left *int) (Type, int64, error) {
	corrupt := func(err error) (Type, int64, error) {
		return 0, 0, &CorruptError{ID: id, File: p.path(".pack"), Err: err}
	}
	f, err := p.acquire()
	if err != nil {
		return 0, 0, err
	}
	defer f.release()
	e, err := f.entry(off)
	if err != nil {
		return corrupt(err)
	}
	h := verifiers.Get().(*Hasher)
	defer verifiers.Put(h)
	switch {
	case e.kind == ofsDelta, e.kind == refDelta:
		typ, n, err := p.copyDelta(db, f, off, e, h, id, w, left)
		if notRight := new(deltaError); errors.As(err, &notRight) {
			return corrupt(notRight.err)
		}
		return typ, n, err
	case e.size <= smallObject:
		// Nothing is written before it is known to be right: where it isn't, the next
		// copy has its turn.
		z := inflaters.Get().(*inflater)
		defer inflaters.Put(z)
		data, err := z.small(f, e)
		if err == nil {
			err = check(h, e.kind, data, id)
		}
		if err != nil {
			return corrupt(err)
		}
		_, err = w.Write(data)
		return e.kind, e.size, err
	}
	// Of a big one there is seldom another copy; where there is, this one is read twice.
	if _, again := w.(*bytes.Buffer); !again && db.copies(id) > 1 {
		if err := p.verifyEntry(f, e, id); err != nil {
			return corrupt(err)
		}
	}
	h.Start(e.kind, e.size)
	sink := &teeWriter{h: h, w: w}
	if err := f.inflate(e, sink); err != nil {
		if sink.err != nil {
			return 0, 0, sink.err
		}
		return corrupt(err)
	}
	if err := checkSum(h, id); err != nil {
		return corrupt(err)
	}
	return e.kind, e.size, nil
}

// check says whether data is the object of that name.
func check(h *Hasher, typ Type, data []byte, want ID) error {
	h.Start(typ, int64(len(data)))
	h.Write(data)
	return checkSum(h, want)
}

// verifyEntry verifies an entry that isn't a delta.
func (p *pack) verifyEntry(f packFile, e entry, id ID) error {
	h := NewVerifier()
	h.Start(e.kind, e.size)
	if err := f.inflate(e, h); err != nil {
		return err
	}
	return checkSum(h, id)
}

// copies counts the packs that have an object.
func (db *DB) copies(id ID) int {
	n := 0
	for _, p := range db.snapshot() {
		if _, ok := p.find(id); ok && !p.gone.Load() {
			n++
		}
	}
	return n
}

// teeWriter tells the writer's own failure, such as a full disk, from that of
// the object.
type teeWriter struct {
	h   *Hasher
	w   io.Writer
	err error
}

func (t *teeWriter) Write(b []byte) (int, error) {
	t.h.Write(b)
	n, err := t.w.Write(b)
	t.err = err
	return n, err
}

func checkSum(h *Hasher, want ID) error {
	got, err := h.Sum()
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("its bytes hash to %s", got)
	}
	return nil
}
