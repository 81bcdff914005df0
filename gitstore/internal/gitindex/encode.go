package gitindex

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Encode writes an index of version 2, or of version 3 when an entry needs it,
// with its SHA-1 checksum. Entries must be sorted by name, then stage, without
// double ones; permissions are brought to 0644 or 0755 as git does. What can't be
// written is an [ErrEntry], told before anything is written.
//
// With tree nodes, sorted by [TreeNode.Compare], a cache of tree names follows
// (the TREE extension). Their counts are checked against the entries; that the
// ids are those of the entries' trees is the caller's promise, and git believes
// it.
func Encode(w io.Writer, entries []*Entry, tree ...TreeNode) error {
	version, err := checkEntries(entries)
	if err != nil {
		return err
	}
	var cache []byte
	if len(tree) > 0 {
		if cache, err = appendTree(nil, entries, tree); err != nil {
			return err
		}
	}
	e := newEncoder(w)
	e.buf = append(e.buf, "DIRC"...)
	e.buf = binary.BigEndian.AppendUint32(e.buf, version)
	e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(len(entries)))
	for _, entry := range entries {
		e.buf = appendEntry(e.buf, entry)
		if len(e.buf) >= encoderBuffer {
			e.flush()
		}
	}
	if len(cache) > 0 {
		e.buf = append(e.buf, "TREE"...)
		e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(len(cache)))
		e.buf = append(e.buf, cache...)
	}
	return e.end()
}

// encoderBuffer is how many bytes are hashed and written at once.
const encoderBuffer = 128 << 10

// encoder has what is in buf written by another goroutine, and hashed by one more.
type encoder struct {
	buf                  []byte
	full, written, freed chan []byte
	made                 int
	wrote                chan error
	hashed               chan []byte
}

func newEncoder(w io.Writer) *encoder {
	e := &encoder{
		full: make(chan []byte, 4), written: make(chan []byte, 4), freed: make(chan []byte, 8),
		wrote: make(chan error, 1), hashed: make(chan []byte, 1),
	}
	e.buf = e.next()
	go e.hash()
	go func() { e.wrote <- e.write(w) }()
	return e
}

// write returns the first error, after which nothing more is written.
func (e *encoder) write(w io.Writer) (err error) {
	for buf := range e.full {
		if err == nil {
			_, err = w.Write(buf)
		}
		e.written <- buf
	}
	close(e.written)
	if err == nil {
		_, err = w.Write(<-e.hashed)
	}
	return err
}

func (e *encoder) hash() {
	sum := sha1.New()
	for buf := range e.written {
		sum.Write(buf)
		e.freed <- buf[:0]
	}
	e.hashed <- sum.Sum(nil)
}

// next is an empty buffer: a new one while there are few.
func (e *encoder) next() []byte {
	select {
	case buf := <-e.freed:
		return buf
	default:
	}
	if e.made == cap(e.freed) {
		return <-e.freed
	}
	e.made++
	return make([]byte, 0, encoderBuffer+1<<10)
}

func (e *encoder) flush() {
	e.full <- e.buf
	e.buf = e.next()
}

// end returns once everything is written.
func (e *encoder) end() error {
	e.full <- e.buf
	close(e.full)
	return <-e.wrote
}

// checkEntries says which version the entries need.
func checkEntries(entries []*Entry) (version uint32, err error) {
	version = 2
	if uint64(len(entries)) > 1<<32-1 {
		return 0, fmt.Errorf("%w: %d of them", ErrEntry, len(entries))
	}
	for i, e := range entries {
		problem := ""
		switch {
		case e.Name == "" || strings.IndexByte(e.Name, 0) >= 0:
			problem = "empty name, or a zero byte in it"
		case e.Stage > 3:
			problem = "no such stage"
		case i > 0 && !entries[i-1].before(e):
			problem = "out of order"
		}
		switch e.Mode & modeKind {
		case modeRegular, modeSymlink, modeGitlink:
		default:
			problem = fmt.Sprintf("mode %o", e.Mode)
		}
		if problem != "" {
			return 0, fmt.Errorf("%w: %q: %s", ErrEntry, e.Name, problem)
		}
		if e.SkipWorktree || e.IntentToAdd {
			version = 3
		}
	}
	return version, nil
}

// canonical is git's create_ce_mode.
func canonical(mode uint32) uint32 {
	switch {
	case mode&modeKind != modeRegular:
		return mode & modeKind
	case mode&0o100 != 0:
		return modeRegular | 0o755
	}
	return modeRegular | 0o644
}

func appendEntry(b []byte, e *Entry) []byte {
	start := len(b)
	for _, n := range [...]uint32{
		e.CTimeSec, e.CTimeNsec, e.MTimeSec, e.MTimeNsec, e.Dev, e.Ino, canonical(e.Mode), e.UID, e.GID, e.Size,
	} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	b = append(b, e.ID[:]...)
	flags := uint16(min(len(e.Name), flagName)) | uint16(e.Stage)<<12
	if e.AssumeValid {
		flags |= flagAssumeValid
	}
	var extended uint16
	if e.SkipWorktree {
		extended |= extendedSkipWorktree
	}
	if e.IntentToAdd {
		extended |= extendedIntentToAdd
	}
	if extended != 0 {
		b = binary.BigEndian.AppendUint16(b, flags|flagExtended)
		b = binary.BigEndian.AppendUint16(b, extended)
	} else {
		b = binary.BigEndian.AppendUint16(b, flags)
	}
	b = append(b, e.Name...)
	var zeros [8]byte
	return append(b, zeros[:8-(len(b)-start)%8]...)
}
