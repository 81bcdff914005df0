package indexfile

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Entry is one path of an index. Numbers are cut to 32 bits, as the format has
// them; Mode is Git's.
type Entry struct {
	CTimeSec, CTimeNsec, MTimeSec, MTimeNsec uint32
	Dev, Ino, Mode, UID, GID, Size           uint32
	ID                                       [20]byte
	// Name is the path from the top, with slashes.
	Name string
	// Stage is 0, or 1 to 3 in a conflict.
	Stage uint8

	AssumeValid, SkipWorktree, IntentToAdd bool
}

// ErrFormat says that bytes are no index, or one that is damaged.
var ErrFormat = errors.New("malformed index")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

const (
	headerSize = 12
	// fixedSize is an entry up to its name, for SHA-1.
	fixedSize = 62

	flagAssumeValid  = 1 << 15
	flagExtended     = 1 << 14
	flagStage        = 3 << 12
	flagName         = 0xfff
	flagSkipWorktree = 1 << 14
	flagIntentToAdd  = 1 << 13
)

// Decode reads an index of version 2, 3 or 4 and checks its checksum, unless
// that is null, as git writes it under index.skipHash.
func Decode(data []byte) ([]Entry, error) {
	r, err := newReader(data, sha1.Size)
	if err != nil {
		return nil, err
	}
	sum := data[len(data)-sha1.Size:]
	if !bytes.Equal(sum, make([]byte, sha1.Size)) && sha1.Sum(data[:len(data)-sha1.Size]) != [sha1.Size]byte(sum) {
		return nil, malformed("its checksum is another")
	}
	entries := make([]Entry, 0, min(r.count, len(data)/fixedSize))
	for range r.count {
		raw, err := r.next()
		if err != nil {
			return nil, err
		}
		entries = append(entries, raw.entry())
	}
	return entries, r.extensions(func(string, []byte) error { return nil })
}

// reader goes through the entries of an index.
type reader struct {
	data    []byte
	at      int
	version uint32
	count   int
	idSize  int
	name    []byte
}

func newReader(data []byte, idSize int) (*reader, error) {
	if len(data) < headerSize+idSize || string(data[:4]) != "DIRC" {
		return nil, malformed("no header")
	}
	r := &reader{data: data[:len(data)-idSize], at: headerSize, idSize: idSize}
	r.version = binary.BigEndian.Uint32(data[4:])
	if r.version < 2 || r.version > 4 {
		return nil, malformed("version %d", r.version)
	}
	n := binary.BigEndian.Uint32(data[8:])
	if int64(n) > int64(len(data)) {
		return nil, malformed("%d entries in %d bytes", n, len(data))
	}
	r.count = int(n)
	return r, nil
}

// rawEntry is an entry as it lies in the file; name is good until the next one.
type rawEntry struct {
	fixed    []byte
	flags    uint16
	extended uint16
	name     []byte
}

func (r *reader) next() (rawEntry, error) {
	fixed := fixedSize - sha1.Size + r.idSize
	start := r.at
	if len(r.data)-start < fixed {
		return rawEntry{}, malformed("truncated")
	}
	e := rawEntry{fixed: r.data[start : start+fixed]}
	e.flags = binary.BigEndian.Uint16(e.fixed[fixed-2:])
	r.at += fixed
	if e.flags&flagExtended != 0 {
		if r.version < 3 || len(r.data)-r.at < 2 {
			return rawEntry{}, malformed("extended flags out of place")
		}
		e.extended = binary.BigEndian.Uint16(r.data[r.at:])
		r.at += 2
	}
	if r.version == 4 {
		strip, n := readVarint(r.data[r.at:])
		if n == 0 || strip > uint64(len(r.name)) {
			return rawEntry{}, malformed("a name shares more than there is")
		}
		r.at += n
		r.name = r.name[:len(r.name)-int(strip)]
	} else {
		r.name = r.name[:0]
	}
	end := bytes.IndexByte(r.data[r.at:], 0)
	if end < 0 {
		return rawEntry{}, malformed("a name has no end")
	}
	r.name = append(r.name, r.data[r.at:r.at+end]...)
	r.at += end + 1
	if r.version < 4 {
		// One to eight NULs pad an entry to a multiple of eight bytes.
		r.at = start + (r.at-1-start+8)&^7
		if r.at > len(r.data) {
			return rawEntry{}, malformed("truncated")
		}
	}
	e.name = r.name
	return e, nil
}

// readVarint reads the encoding of offsets in packs, in which every
// continuation adds one.
func readVarint(b []byte) (v uint64, n int) {
	for i, c := range b {
		if i > 0 {
			v++
		}
		if v > 1<<40 {
			return 0, 0
		}
		v = v<<7 | uint64(c&0x7f)
		if c&0x80 == 0 {
			return v, i + 1
		}
	}
	return 0, 0
}

func (e rawEntry) mode() uint32 { return binary.BigEndian.Uint32(e.fixed[24:]) }

func (e rawEntry) entry() Entry {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(e.fixed[4*i:]) }
	return Entry{
		CTimeSec: word(0), CTimeNsec: word(1), MTimeSec: word(2), MTimeNsec: word(3),
		Dev: word(4), Ino: word(5), Mode: word(6), UID: word(7), GID: word(8), Size: word(9),
		ID: [20]byte(e.fixed[40:60]), Name: string(e.name), Stage: uint8(e.flags & flagStage >> 12),
		AssumeValid:  e.flags&flagAssumeValid != 0,
		SkipWorktree: e.extended&flagSkipWorktree != 0, IntentToAdd: e.extended&flagIntentToAdd != 0,
	}
}

// extensions calls f for each extension after the entries. One that must be
// understood, by its small first letter, and that f doesn't know is f's to
// refuse.
func (r *reader) extensions(f func(name string, data []byte) error) error {
	for r.at < len(r.data) {
		if len(r.data)-r.at < 8 {
			return malformed("an extension is truncated")
		}
		name := string(r.data[r.at : r.at+4])
		size := int64(binary.BigEndian.Uint32(r.data[r.at+4:]))
		r.at += 8
		if size > int64(len(r.data)-r.at) {
			return malformed("extension %q is truncated", name)
		}
		body := r.data[r.at : r.at+int(size)]
		r.at += int(size)
		if name[0] >= 'a' && name[0] <= 'z' && name != "link" && name != "sdir" {
			return malformed("extension %q is not known", name)
		}
		if err := f(name, body); err != nil {
			return err
		}
	}
	return nil
}

// Encode writes an index. Entries must be sorted by name, then stage.
func Encode(w io.Writer, entries []Entry) error {
	version := uint32(2)
	size := headerSize + sha1.Size
	for i := range entries {
		e := &entries[i]
		if i > 0 && (entries[i-1].Name > e.Name || entries[i-1].Name == e.Name && entries[i-1].Stage >= e.Stage) {
			return malformed("%q is out of order", e.Name)
		}
		if e.SkipWorktree || e.IntentToAdd {
			version = 3
		}
		size += fixedSize + 2 + len(e.Name) + 8
	}
	be := binary.BigEndian
	b := make([]byte, 0, size)
	b = append(b, "DIRC"...)
	b = be.AppendUint32(b, version)
	b = be.AppendUint32(b, uint32(len(entries)))
	for i := range entries {
		b = entries[i].append(b)
	}
	sum := sha1.Sum(b)
	_, err := w.Write(append(b, sum[:]...))
	return err
}

func (e *Entry) append(b []byte) []byte {
	start := len(b)
	be := binary.BigEndian
	for _, v := range [...]uint32{e.CTimeSec, e.CTimeNsec, e.MTimeSec, e.MTimeNsec, e.Dev, e.Ino, e.Mode, e.UID, e.GID, e.Size} {
		b = be.AppendUint32(b, v)
	}
	b = append(b, e.ID[:]...)
	flags := uint16(min(len(e.Name), flagName)) | uint16(e.Stage&3)<<12
	if e.AssumeValid {
		flags |= flagAssumeValid
	}
	var extended uint16
	if e.SkipWorktree {
		extended |= flagSkipWorktree
	}
	if e.IntentToAdd {
		extended |= flagIntentToAdd
	}
	if extended != 0 {
		b = be.AppendUint16(b, flags|flagExtended)
		b = be.AppendUint16(b, extended)
	} else {
		b = be.AppendUint16(b, flags)
	}
	b = append(b, e.Name...)
	return append(b, make([]byte, 8-(len(b)-start)%8)...)
}
