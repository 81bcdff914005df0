package odb

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
)

// rawEntry is where the entry of an object lies in a pack, header and all.
type rawEntry struct {
	id       ID
	crc      uint32
	off, end int64
}

// entries lists the pack in the order of the disk. An index that contradicts
// itself or its pack is an error: who copies by a wrong index spreads the damage.
func (p *pack) entries(f packFile) (list []rawEntry, err error) {
	if err := p.idx.checksum(); err != nil {
		return nil, err
	}
	var head [packHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	if string(head[:4]) != "PACK" || binary.BigEndian.Uint32(head[8:]) != uint32(p.idx.count) {
		return nil, errors.New("index and pack don't hold the same number of objects")
	}
	if list, err = p.idx.all(); err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b rawEntry) int { return cmp.Compare(a.off, b.off) })
	for i := range list {
		list[i].end = f.length - 20
		if i+1 < len(list) {
			list[i].end = list[i+1].off
		}
		if list[i].off < packHeader || list[i].end <= list[i].off {
			return nil, fmt.Errorf("index puts object %s at offset %d, where none can be", list[i].id, list[i].off)
		}
	}
	return list, nil
}

// all copies the index out of its mapping.
func (x *packIndex) all() (list []rawEntry, err error) {
	defer runtime.KeepAlive(x)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer guardFault(&err)
	list = make([]rawEntry, x.count)
	crcs := x.data[indexHeader+indexFanout+x.count*20:]
	for i := range list {
		list[i] = rawEntry{
			id: ID(x.ids[i*20 : i*20+20]), crc: binary.BigEndian.Uint32(crcs[i*4:]), off: x.offset(i),
		}
	}
	return list, nil
}

// at finds the entry that begins at an offset.
func at(list []rawEntry, off int64) (rawEntry, bool) {
	i, ok := slices.BinarySearchFunc(list, off, func(e rawEntry, off int64) int { return cmp.Compare(e.off, off) })
	if !ok {
		return rawEntry{}, false
	}
	return list[i], true
}

// rawWindow is how much of a pack is read at a time, and the size up to which an
// entry is copied in one piece.
const rawWindow = 1 << 20

// rawReader reads entries in the order of the disk with few system calls.
type rawReader struct {
	f   packFile
	buf []byte
	// start is where in the pack buf begins.
	start int64
}

// bytes returns n bytes at off, no more than rawWindow, which are good until the
// next call.
func (r *rawReader) bytes(off, n int64) ([]byte, error) {
	if off < r.start || off+n > r.start+int64(len(r.buf)) {
		if r.buf == nil {
			r.buf = make([]byte, rawWindow)
		}
		r.buf = r.buf[:min(rawWindow, r.f.length-off)]
		if _, err := io.ReadFull(io.NewSectionReader(r.f, off, int64(len(r.buf))), r.buf); err != nil {
			r.buf = r.buf[:0]
			return nil, err
		}
		r.start = off
	}
	return r.buf[off-r.start:][:n], nil
}

var errCRC = errors.New("its bytes don't match the checksum in the index")

// header reads and parses the entry's header; an entry that is read in one piece
// is compared with its checksum, and returned.
func (r *rawReader) header(e rawEntry) (parsed entry, raw []byte, err error) {
	n := e.end - e.off
	whole := n <= rawWindow
	if !whole {
		n = maxEntryHeader
	}
	if raw, err = r.bytes(e.off, n); err != nil {
		return entry{}, nil, err
	}
	if whole && crc32.ChecksumIEEE(raw) != e.crc {
		return entry{}, nil, errCRC
	}
	parsed, used, err := parseEntry(raw, e.off)
	if err != nil {
		return entry{}, nil, err
	}
	parsed.data = e.off + int64(used)
	if !whole {
		raw = nil
	}
	return parsed, raw, nil
}

// appendEntryHeader writes the type and size of an entry, as gitformat-pack(5)
// has them: four bits of the size beside the type, then seven a byte.
func appendEntryHeader(b []byte, typ Type, size int64) []byte {
	c := byte(typ)<<4 | byte(size&15)
	for size >>= 4; size != 0; size >>= 7 {
		b = append(b, c|0x80)
		c = byte(size & 0x7f)
	}
	return append(b, c)
}

// appendOffset writes how far back a delta's base lies; parseOffset reads it.
func appendOffset(b []byte, back int64) []byte {
	var digits [10]byte
	i := len(digits) - 1
	digits[i] = byte(back & 0x7f)
	for back >>= 7; back != 0; back >>= 7 {
		back--
		i--
		digits[i] = 0x80 | byte(back&0x7f)
	}
	return append(b, digits[i:]...)
}
