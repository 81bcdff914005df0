package odb

import (
	"bufio"
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
	// wasted is what was inflated in vain.
	wasted int64
	bases  baseCache
	window rawReader
}

// maxWasted bounds what is inflated in vain: who knows how the search for the next
// entry goes could let each byte begin something long.
const maxWasted = 8 << 30

// maxScanned bounds what is inflated to find out whether an entry is whole.
const maxScanned = 1 << 40

var errPackHeader = errors.New("not a version 2 pack")

// scanPack finds the objects that can be read. The crc of each entry is that of the
// bytes as they lie there.
func (db *DB) scanPack(f packFile) (*packScan, error) {
	s := &packScan{db: db, f: f, at: make(map[ID]int64), window: rawReader{f: f}}
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
			if s.wasted > maxWasted {
				return s, errPackNoise
			}
			off = s.candidate(off + 1)
			continue
		}
		inGap = false
		offs, ends = append(offs, off), append(ends, end)
		off = end
	}
	s.name(offs, ends)
	return s, nil
}

var errPackNoise = errors.New("what is between its entries can't be told from entries")

// candidate is the first place from off on where an entry may begin.
func (s *packScan) candidate(off int64) int64 {
	for end := s.f.length - 20; off < end; off++ {
		b, err := s.window.bytes(off, min(maxEntryHeader+2, end-off))
		if err != nil {
			return off
		}
		_, used, err := parseEntry(b, off)
		if err == nil && (used+2 > len(b) || checkZlib(b[used:]) == nil) {
			return off
		}
	}
	return off
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
	if err == nil && n != e.size {
		err = errors.New("inflates to another size")
	}
	if err != nil {
		s.wasted += n
		return 0, err
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

// name hashes the objects. A delta's base may lie behind it: those whose base isn't
// known yet wait until that has its name.
func (s *packScan) name(offs, ends []int64) {
	waiting := make(map[ID][]int)
	for first := range offs {
		for todo := []int{first}; len(todo) > 0; {
			i := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			id, err := s.hash(offs[i])
			if missing := new(NotFoundError); errors.As(err, &missing) {
				waiting[missing.ID] = append(waiting[missing.ID], i)
			}
			if err != nil {
				continue
			}
			crc, err := s.crc(offs[i], ends[i])
			if err == nil {
				s.found = append(s.found, packed{id: id, crc: crc, off: offs[i]})
				s.at[id] = offs[i]
				todo = append(todo, waiting[id]...)
				delete(waiting, id)
			}
		}
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
	if errors.Is(err, errBigDelta) {
		return s.hashBig(e, h)
	}
	if err != nil {
		return ID{}, err
	}
	return Hash(typ, data)
}

// hashBig is hash for a delta of what isn't held in memory.
func (s *packScan) hashBig(e entry, h *Hasher) (ID, error) {
	left := maxBases
	typ, content, err := s.f.rebuild(s.db, e, &left)
	if err != nil {
		return ID{}, err
	}
	defer content.Close()
	h.Start(typ, content.size)
	if err := content.copyTo(h, 0, content.size); err != nil {
		return ID{}, err
	}
	return h.Sum()
}

// resolve is packFile.resolve for a pack without an index.
func (s *packScan) resolve(off int64, depth int) (Type, []byte, error) {
	if depth > maxBases {
		return 0, nil, errors.New("delta chain is too long")
	}
	if typ, data, ok := s.bases.get(packedAt{nil, off}); ok {
		return typ, data, nil
	}
	e, err := s.f.entry(off)
	if err != nil {
		return 0, nil, err
	}
	// The base first: many deltas on one another are not to be in memory at once.
	var typ Type
	var base, out []byte
	switch at, here := s.at[e.baseID]; {
	case e.kind == ofsDelta:
		typ, base, err = s.resolve(e.base, depth+1)
	case e.kind == refDelta && here:
		typ, base, err = s.resolve(at, depth+1)
	case e.kind == refDelta:
		typ, base, err = s.db.Read(e.baseID)
	default:
		typ = e.kind
		out, err = s.f.inflateAll(e)
	}
	if err == nil && (e.kind == ofsDelta || e.kind == refDelta) {
		out, err = s.applied(e, base)
	}
	if err != nil {
		return 0, nil, err
	}
	s.bases.put(packedAt{nil, off}, typ, out)
	return typ, out, nil
}

// applied is what a delta makes of its base.
func (s *packScan) applied(e entry, base []byte) ([]byte, error) {
	change, err := s.f.inflateAll(e)
	if err != nil {
		return nil, err
	}
	if _, to, _, err := delta.Sizes(change); len(base) > spoolMemory || err == nil && to > spoolMemory {
		return nil, errBigDelta
	}
	return delta.Apply(base, change)
}

func (s *packScan) crc(from, to int64) (uint32, error) {
	h := crc32.NewIEEE()
	_, err := io.Copy(h, io.NewSectionReader(s.f, from, to-from))
	return h.Sum32(), err
}
