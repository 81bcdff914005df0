package odb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxDeltaSize is how big an object may be that is stored as a delta, or that
// one is built upon. git deltifies none beyond core.bigFileThreshold, which is half
// of this unless somebody set it. Without a bound a few kilobytes could fill the disk.
const maxDeltaSize = 1 << 30

// maxBases bounds how many bases are read for one object, over all copies of it.
// git's own default of a chain is 50 and its maximum 4095.
const maxBases = 4095

var (
	errDelta     = errors.New("malformed delta")
	errDeltaDeep = errors.New("delta chain is too long")
	errDeltaSize = fmt.Errorf("a delta of more than %d MiB; `git -c core.bigFileThreshold=512m repack -adF` would store it whole", maxDeltaSize>>20)
)

// baseError says that what an object is built upon can't be read. Of a long chain
// it says so once.
type baseError struct{ err error }

func (e *baseError) Error() string { return "its base: " + e.err.Error() }
func (e *baseError) Unwrap() error { return e.err }

func onBase(err error) error {
	if inner := new(CorruptError); errors.As(err, &inner) {
		err = inner.Err
	}
	if already := new(baseError); errors.As(err, &already) {
		return already
	}
	return &baseError{err}
}

// rebuild makes the content of a deltified object. The bases of the same pack are
// walked in a loop, those that are named through the database, where each is verified; left is how many
// of these may still be read, so that neither a circle nor many copies of one go on
// forever.
func (f packFile) rebuild(db *DB, e entry, left *int) (Type, *spool, error) {
	chain := []entry{e}
	for e.kind == ofsDelta {
		var err error
		if e, err = f.entry(e.base); err != nil {
			return 0, nil, err
		}
		if chain = append(chain, e); len(chain) > maxBases {
			return 0, nil, errDeltaDeep
		}
	}
	content, typ := db.newSpool(), e.kind
	var err error
	if e.kind == refDelta {
		typ, err = db.readBase(e.baseID, content, left)
	} else {
		chain = chain[:len(chain)-1]
		err = f.inflate(e, content)
	}
	for i := len(chain) - 1; err == nil && i >= 0; i-- {
		var next *spool
		next, err = f.apply(db, chain[i], content)
		content.Close()
		content = next
	}
	if err != nil {
		content.Close()
		return 0, nil, err
	}
	return typ, content, nil
}

func (db *DB) readBase(id ID, into io.Writer, left *int) (Type, error) {
	if *left--; *left < 0 {
		return 0, errDeltaDeep
	}
	typ, _, err := db.copyTo(id, into, true, left)
	if err != nil {
		return 0, onBase(err)
	}
	return typ, nil
}

// apply returns what a delta makes of a base; the caller closes both.
func (f packFile) apply(db *DB, e entry, base *spool) (*spool, error) {
	delta, out := db.newSpool(), db.newSpool()
	defer delta.Close()
	err := f.inflate(e, delta)
	if err == nil {
		err = patch(bufio.NewReader(delta.section(0, delta.size)), base, out)
	}
	return out, err
}

// patch runs the commands of a delta: git's pack-format(5), "Deltified
// representation".
func patch(delta *bufio.Reader, base, out *spool) error {
	from, to, err := deltaSizes(delta)
	switch {
	case err != nil:
		return err
	case from != base.size:
		return fmt.Errorf("%w: it is for a base of %d bytes, not %d", errDelta, from, base.size)
	}
	for {
		c, err := delta.ReadByte()
		if err == io.EOF && out.size == to {
			return nil
		}
		if err != nil || c == 0 {
			return errDelta
		}
		n := int64(c)
		if c&0x80 == 0 {
			if out.size+n > to {
				return errDelta
			}
			if _, err := io.CopyN(out, delta, n); err != nil {
				return errors.Join(errDelta, err)
			}
			continue
		}
		var off int64
		if off, n, err = copyCommand(c, delta); err != nil || off+n > base.size || out.size+n > to {
			return errDelta
		}
		if err := base.copyTo(out, off, n); err != nil {
			return err
		}
	}
}

// copyCommand reads the bytes of offset and size that the command's bits say are
// there.
func copyCommand(c byte, delta io.ByteReader) (off, n int64, err error) {
	var v uint64
	for bit := range 7 {
		if c&(1<<bit) == 0 {
			continue
		}
		b, err := delta.ReadByte()
		if err != nil {
			return 0, 0, err
		}
		v |= uint64(b) << (8 * bit)
	}
	off, n = int64(v&0xffffffff), int64(v>>32)
	if n == 0 {
		n = 0x10000
	}
	return off, n, nil
}

// deltaSizes reads how long the base must be and the result will be.
func deltaSizes(delta io.ByteReader) (from, to int64, err error) {
	a, err := binary.ReadUvarint(delta)
	if err != nil {
		return 0, 0, errDelta
	}
	b, err := binary.ReadUvarint(delta)
	if err != nil {
		return 0, 0, errDelta
	}
	if a > maxDeltaSize || b > maxDeltaSize {
		return 0, 0, errDeltaSize
	}
	return int64(a), int64(b), nil
}

// deltaSize reads how long the result will be from the first bytes of a delta.
func (f packFile) deltaSize(e entry) (int64, error) {
	if e.size <= smallObject {
		z := inflaters.Get().(*inflater)
		defer inflaters.Put(z)
		if head, err := z.head(f, e, 2*binary.MaxVarintLen64); err == nil {
			_, to, err := deltaSizes(bytes.NewReader(head))
			return to, err
		}
	}
	var head headWriter
	if err := f.stream(e, &head); err != nil && !errors.Is(err, errEnough) {
		return 0, err
	}
	_, to, err := deltaSizes(bytes.NewReader(head.data))
	return to, err
}

var errEnough = errors.New("that is enough")

// headWriter takes as many bytes as two sizes have.
type headWriter struct{ data []byte }

func (h *headWriter) Write(b []byte) (int, error) {
	h.data = append(h.data, b[:min(len(b), 2*binary.MaxVarintLen64)]...)
	return len(b), errEnough
}

// spoolMemory is what a spool keeps in memory.
const spoolMemory = 32 << 20

// spool holds an object that others are built upon: in memory, or, when that gets
// much, in a file without a name.
type spool struct {
	dir  string
	mem  []byte
	file *os.File
	size int64
}

func (db *DB) newSpool() *spool { return &spool{dir: db.staging} }

func (s *spool) Write(b []byte) (int, error) {
	if s.size+int64(len(b)) > maxDeltaSize {
		return 0, errDeltaSize
	}
	if s.file == nil && len(s.mem)+len(b) > spoolMemory {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	s.size += int64(len(b))
	if s.file == nil {
		s.mem = append(s.mem, b...)
		return len(b), nil
	}
	return s.file.Write(b)
}

func (s *spool) toFile() error {
	f, err := os.CreateTemp(s.dir, tempObject+"*")
	if errors.Is(err, os.ErrPermission) {
		// A store that may only be read.
		f, err = os.CreateTemp("", tempObject+"*")
	}
	if err != nil {
		return err
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	_, err = f.Write(s.mem)
	s.mem = nil
	return err
}

// Reset empties the spool.
func (s *spool) Reset() {
	s.Close()
	s.mem, s.size = s.mem[:0], 0
}

// Close lets go of the file.
func (s *spool) Close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

func (s *spool) section(off, n int64) io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, off, n)
	}
	return bytes.NewReader(s.mem[off : off+n])
}

func (s *spool) copyTo(w io.Writer, off, n int64) error {
	if s.file == nil {
		_, err := w.Write(s.mem[off : off+n])
		return err
	}
	_, err := io.Copy(w, s.section(off, n))
	return err
}
