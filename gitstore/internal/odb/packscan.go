package odb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"hash/crc32"
	"io"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/delta"
	"github.com/klauspost/compress/flate"
)

// packScan reads a pack from front to back without its index, as gitformat-pack(5)
// has it. An entry that is damaged hides where the next one begins: the scan goes on
// at the first place behind it where a whole entry lies.
type packScan struct {
	db *DB
	f  packFile
	// announced is how many entries the header promises.
	announced int
	found     []packed
	at        map[ID]int64
	// gaps is how often something unreadable lay between entries.
	gaps int
}

// maxScanned bounds what is inflated to find out whether an entry is whole.
const maxScanned = 1 << 40

var errPackHeader = errors.New("not a version 2 pack")

// scanPack finds the objects that can be read. The crc of each entry is that of the
// bytes as they lie there.
func (db *DB) scanPack(f packFile) (*packScan, error) {
	s := &packScan{db: db, f: f, at: make(map[ID]int64)}
	var head [packHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return s, err
	}
	if string(head[:4]) != "PACK" || binary.BigEndian.Uint32(head[4:]) != 2 {
		return s, errPackHeader
	}
	s.announced = int(binary.BigEndian.Uint32(head[8:]))
	var offs, ends []int64
	inGap := false
	for off := int64(packHeader); off < f.length-20; {
		end, err := s.span(off)
		if err != nil {
			if !inGap {
				s.gaps++
			}
			inGap = true
			off++
			continue
		}
		inGap = false
		offs, ends = append(offs, off), append(ends, end)
		off = end
	}
	s.name(offs, ends)
	return s, nil
}

// span returns where the entry at off ends.
func (s *packScan) span(off int64) (int64, error) {
	e, err := s.f.entry(off)
	if err != nil {
		return 0, err
	}
	if e.size < 0 || e.size > maxScanned {
		return 0, errEntryHeader
	}
	var z [2]byte
	if _, err := s.f.ReadAt(z[:], e.data); err != nil {
		return 0, err
	}
	if err := checkZlib(z[:]); err != nil {
		return 0, err
	}
	rest := &counted{r: io.NewSectionReader(s.f, e.data+2, s.f.length-20-e.data-2)}
	in := bufio.NewReader(rest)
	sum := adler32.New()
	n, err := io.Copy(sum, io.LimitReader(flate.NewReader(in), e.size+1))
	if err != nil {
		return 0, err
	}
	if n != e.size {
		return 0, errors.New("inflates to another size")
	}
	var trailer [4]byte
	if _, err := io.ReadFull(in, trailer[:]); err != nil {
		return 0, err
	}
	if binary.BigEndian.Uint32(trailer[:]) != sum.Sum32() {
		return 0, errors.New("does not match its Adler-32")
	}
	return e.data + 2 + rest.n - int64(in.Buffered()), nil
}

type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// name hashes the objects. A delta's base may lie behind it, so that those whose
// base isn't known yet get another turn as long as that helps.
func (s *packScan) name(offs, ends []int64) {
	todo := make([]int, len(offs))
	for i := range offs {
		todo[i] = i
	}
	for len(todo) > 0 {
		var later []int
		for _, i := range todo {
			id, err := s.hash(offs[i])
			if err != nil {
				later = append(later, i)
				continue
			}
			crc, err := s.crc(offs[i], ends[i])
			if err == nil {
				s.found = append(s.found, packed{id: id, crc: crc, off: offs[i]})
				s.at[id] = offs[i]
			}
		}
		if len(later) == len(todo) {
			return
		}
		todo = later
	}
}

func (s *packScan) hash(off int64) (ID, error) {
	e, err := s.f.entry(off)
	if err != nil {
		return ID{}, err
	}
	h := NewHasher()
	if e.kind != ofsDelta && e.kind != refDelta {
		h.Start(e.kind, e.size)
		if err := s.f.inflate(e, h); err != nil {
			return ID{}, err
		}
		return h.Sum()
	}
	typ, data, err := s.resolve(off, 0)
	if err != nil {
		return ID{}, err
	}
	return Hash(typ, data)
}

// resolve is packFile.resolve for a pack without an index.
func (s *packScan) resolve(off int64, depth int) (Type, []byte, error) {
	if depth > maxBases {
		return 0, nil, errors.New("delta chain is too long")
	}
	e, err := s.f.entry(off)
	if err != nil {
		return 0, nil, err
	}
	var change bytes.Buffer
	if err := s.f.inflate(e, &change); err != nil {
		return 0, nil, err
	}
	var typ Type
	var base []byte
	switch at, here := s.at[e.baseID]; {
	case e.kind == ofsDelta:
		typ, base, err = s.resolve(e.base, depth+1)
	case e.kind == refDelta && here:
		typ, base, err = s.resolve(at, depth+1)
	case e.kind == refDelta:
		typ, base, err = s.db.Read(e.baseID)
	default:
		return e.kind, change.Bytes(), nil
	}
	if err != nil {
		return 0, nil, err
	}
	out, err := delta.Apply(base, change.Bytes())
	return typ, out, err
}

func (s *packScan) crc(from, to int64) (uint32, error) {
	h := crc32.NewIEEE()
	_, err := io.Copy(h, io.NewSectionReader(s.f, from, to-from))
	return h.Sum32(), err
}
