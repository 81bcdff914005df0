package refs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// packedLines is packed-refs as it is read for one name: it is searched, not parsed.
// Every line was looked at, so that damage can't lead the search astray: a ref that
// is there must not be taken for none, and written over.
type packedLines struct {
	// refs are the lines of refs, sorted by name; those that tell what a tag leads to
	// are left out.
	data []byte
	refs []int32
}

// settled is how old packed-refs must be to be known by its stat data: within a tick
// of the clock it may be replaced unnoticed.
const settled = 100 * time.Millisecond

// packedLines reads packed-refs, unless it is what it was when it was read last.
func (db *DB) packedLines() (*packedLines, error) {
	stamp, err := db.PackedStamp()
	if err != nil {
		return nil, err
	}
	db.packedMu.Lock()
	defer db.packedMu.Unlock()
	if db.packed != nil && db.packedStamp == stamp {
		return db.packed, nil
	}
	data, err := db.packedData()
	if err != nil {
		return nil, err
	}
	p, ordered, err := newPackedLines(data)
	if err != nil {
		return nil, err
	}
	db.packed = nil
	now, err := db.PackedStamp()
	if age := time.Since(time.Unix(0, max(stamp.Mtime, stamp.Ctime))); err == nil && now == stamp && age > settled {
		db.packed, db.packedStamp = p, stamp
		if ordered {
			db.noteOrdered(stamp, data)
		}
	}
	return p, nil
}

// packedData is packed-refs as it lies there, nothing where there is none.
func (db *DB) packedData() ([]byte, error) {
	data, err := durable.ReadFile(db.packedPath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, durable.ErrNotRegular):
		return nil, fmt.Errorf("%w: packed-refs is no file", ErrBroken)
	}
	return data, err
}

// newPackedLines checks every line. Ordered says that they are sorted as they lie.
func newPackedLines(data []byte) (p *packedLines, ordered bool, err error) {
	p = &packedLines{data: data, refs: make([]int32, 0, len(data)/128+1)}
	for at := 0; at < len(data); {
		line := p.line(int32(at))
		isRef, err := checkLine(line)
		if err != nil {
			return nil, false, err
		}
		if isRef {
			p.refs = append(p.refs, int32(at))
		}
		at += len(line) + 1
	}
	byName := func(a, b int32) int { return bytes.Compare(p.name(a), p.name(b)) }
	if ordered = slices.IsSortedFunc(p.refs, byName); !ordered {
		slices.SortStableFunc(p.refs, byName)
	}
	return p, ordered, nil
}

// checkLine says whether a line is a ref's; some aren't, and are as they must be.
func checkLine(line []byte) (isRef bool, err error) {
	switch {
	case len(line) == 0, line[0] == '#', line[0] == '^' && hexName(line[1:]):
		return false, nil
	case len(line) > nameOffset && line[nameOffset-1] == ' ' && hexName(line[:nameOffset-1]):
		return true, nil
	}
	return false, fmt.Errorf("%w: packed-refs has the malformed line %q", ErrBroken, line)
}

// refOfLine is the ref that a checked line is of.
func refOfLine(line []byte) (Ref, error) {
	id, ok := parseID(line[:nameOffset-1])
	if !ok {
		return Ref{}, fmt.Errorf("%w: packed-refs has the malformed line %q", ErrBroken, line)
	}
	return Ref{Name: string(line[nameOffset:]), ID: id}, nil
}

// nameOffset is where a line's name begins.
const nameOffset = 41

// hexName says whether b is an object's name in hexadecimal.
func hexName(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return len(b) == nameOffset-1
}

func (p *packedLines) line(at int32) []byte {
	line, _, _ := bytes.Cut(p.data[at:], []byte("\n"))
	return line
}

func (p *packedLines) name(at int32) []byte { return p.line(at)[nameOffset:] }

func (p *packedLines) search(name string) (int, bool) {
	return slices.BinarySearchFunc(p.refs, name, func(at int32, name string) int { return strings.Compare(string(p.name(at)), name) })
}

// PackedStamp tells one state of packed-refs from another: the file is never changed
// but replaced.
type PackedStamp struct {
	Size, Mtime, Ctime int64
	Ino                uint64
}

// PackedStamp is the present state; the zero stamp when there is no such file.
func (db *DB) PackedStamp() (PackedStamp, error) {
	var st unix.Stat_t
	err := unix.Stat(db.packedPath(), &st)
	if errors.Is(err, unix.ENOENT) {
		return PackedStamp{}, nil
	}
	if err != nil {
		return PackedStamp{}, &fs.PathError{Op: "stat", Path: db.packedPath(), Err: err}
	}
	return newStamp(&st), nil
}

func stampOf(fd int) (PackedStamp, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return newStamp(&st), err
}

// Append appends the stamp as four little-endian numbers of eight bytes: size, both
// times in nanoseconds, inode.
func (s PackedStamp) Append(b []byte) []byte {
	for _, n := range [...]uint64{uint64(s.Size), uint64(s.Mtime), uint64(s.Ctime), s.Ino} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// Before says that packed-refs had come to be before a file that tells of it was
// written. Within a tick of the clock it might have been replaced unnoticed.
func (s PackedStamp) Before(fi fs.FileInfo) bool {
	return max(s.Mtime, s.Ctime) < fi.ModTime().UnixNano()
}

func newStamp(st *unix.Stat_t) PackedStamp {
	return PackedStamp{Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(), Ino: st.Ino}
}

// ListPacked is List for packed refs only, whatever outranks them.
func (db *DB) ListPacked(prefix string) ([]Ref, error) {
	packed, err := db.readPacked()
	if err != nil {
		return nil, err
	}
	from, _ := packed.find(prefix)
	to := from
	for to < len(packed.refs) && strings.HasPrefix(packed.refs[to].Name, prefix) {
		to++
	}
	return packed.refs[from:to], nil
}

// Conflict returns a ref that keeps another of that name from being made, since one
// would be a directory of the other; empty for none.
func (db *DB) Conflict(name string) (string, error) {
	var c *ConflictError
	if err := db.conflicts(name); errors.As(err, &c) {
		return c.With, nil
	} else if err != nil {
		return "", err
	}
	return "", nil
}

// looseBelow says whether loose refs may lie below a name.
func (db *DB) looseBelow(name string) bool {
	fi, err := os.Lstat(filepath.Join(db.dir, filepath.FromSlash(name)))
	return err == nil && fi.IsDir()
}
