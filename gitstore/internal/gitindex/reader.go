package gitindex

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// reader goes through an index entry by entry, then through its extensions.
type reader struct {
	data    []byte // without the checksum
	pos     int
	version uint32
	left    int
	idSize  int

	// name is version 4's last name, of which the next keeps a part. budget is
	// how many bytes all such names may still have: without a limit, 65 bytes of
	// a hostile index could repeat a name of any length.
	name   []byte
	budget int
}

// Version 4's names together may be so many times longer than the index, and may
// have freeNames bytes in any case. That is a thousand bytes for each name.
const (
	expansion = 16
	freeNames = 1 << 20
)

// record is an entry as it lies in the index. Its slices are good until the next
// one is read.
type record struct {
	stat, id, name  []byte
	flags, extended uint16
}

func newReader(data []byte, idSize int) (*reader, error) {
	if len(data) < headerSize+idSize {
		return nil, fmt.Errorf("%w: only %d bytes", ErrCorrupt, len(data))
	}
	if string(data[:4]) != "DIRC" {
		return nil, fmt.Errorf("%w: no signature", ErrCorrupt)
	}
	r := &reader{data: data[:len(data)-idSize], pos: headerSize, idSize: idSize, budget: math.MaxInt}
	if r.version = binary.BigEndian.Uint32(data[4:]); r.version < 2 || r.version > 4 {
		return nil, fmt.Errorf("%w: version %d", ErrUnsupported, r.version)
	}
	if r.version == 4 {
		r.budget = freeNames + len(data)*expansion
	}
	count := binary.BigEndian.Uint32(data[8:])
	if int64(count)*int64(statSize+idSize+2) > int64(len(r.data)) {
		return nil, fmt.Errorf("%w: too short for %d entries", ErrCorrupt, count)
	}
	r.left = int(count)
	return r, nil
}

func (r *reader) corrupt(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrCorrupt, what, r.pos)
}

// next reads an entry while some are left.
func (r *reader) next() (e record, err error) {
	rest := r.data[r.pos:]
	head := statSize + r.idSize + 2
	if len(rest) < head {
		return e, r.corrupt("truncated entry")
	}
	e.stat, e.id = rest[:statSize], rest[statSize:head-2]
	e.flags = binary.BigEndian.Uint16(rest[head-2:])
	if e.flags&flagExtended != 0 {
		if r.version < 3 || len(rest) < head+2 {
			return e, r.corrupt("misplaced extended flags")
		}
		e.extended = binary.BigEndian.Uint16(rest[head:])
		if e.extended&^(extendedSkipWorktree|extendedIntentToAdd) != 0 {
			return e, fmt.Errorf("%w: extended flags %04x", ErrUnsupported, e.extended)
		}
		head += 2
	}
	size := 0
	if r.version == 4 {
		e.name, size, err = r.compressedName(rest[head:])
	} else {
		e.name, size, err = r.paddedName(rest, head)
	}
	if err != nil {
		return e, err
	}
	if n := int(e.flags & flagName); n != min(len(e.name), flagName) {
		return e, r.corrupt("wrong length of a name")
	}
	r.pos += head + size
	r.left--
	return e, nil
}

// paddedName reads versions 2 and 3: the name and one to eight zero bytes, up to
// a multiple of eight.
func (r *reader) paddedName(rest []byte, head int) (name []byte, size int, err error) {
	n := bytes.IndexByte(rest[head:], 0)
	if n < 0 {
		return nil, 0, r.corrupt("unterminated name")
	}
	end := (head + n + 8) &^ 7
	if end > len(rest) {
		return nil, 0, r.corrupt("truncated padding")
	}
	return rest[head : head+n], end - head, nil
}

// compressedName reads version 4: how many bytes of the last name to drop, and
// what comes instead.
func (r *reader) compressedName(rest []byte) (name []byte, size int, err error) {
	drop, n := offsetVarint(rest)
	if n == 0 || drop > uint64(len(r.name)) {
		return nil, 0, r.corrupt("bad prefix of a name")
	}
	tail := bytes.IndexByte(rest[n:], 0)
	if tail < 0 {
		return nil, 0, r.corrupt("unterminated name")
	}
	r.name = append(r.name[:len(r.name)-int(drop)], rest[n:n+tail]...)
	if r.budget -= len(r.name); r.budget < 0 {
		return nil, 0, r.corrupt("names out of proportion")
	}
	return r.name, n + tail + 1, nil
}

// offsetVarint is the number format of pack offsets: big-endian groups of seven
// bits, each but the last one less than what it stands for. The second result is
// its length, zero for none.
func offsetVarint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 9 {
		c := b[n]
		n++
		v = v<<7 | uint64(c&0x7f)
		if c&0x80 == 0 {
			return v, n
		}
		v++
	}
	return 0, 0
}

// extensions calls f with each extension after the entries. An extension that f
// does not know must be understood unless its name starts with a capital.
func (r *reader) extensions(f func(name string, body []byte) (known bool)) error {
	for r.pos < len(r.data) {
		rest := r.data[r.pos:]
		if len(rest) < 8 {
			return r.corrupt("truncated extension")
		}
		name, size := string(rest[:4]), binary.BigEndian.Uint32(rest[4:])
		if uint64(size) > uint64(len(rest)-8) {
			return r.corrupt("truncated extension")
		}
		optional := 'A' <= name[0] && name[0] <= 'Z'
		if !f(name, rest[8:8+size]) && !optional {
			return fmt.Errorf("%w: required extension %q", ErrUnsupported, name)
		}
		r.pos += 8 + int(size)
	}
	return nil
}
