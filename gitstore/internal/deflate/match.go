package deflate

import (
	"encoding/binary"
	"math/bits"
)

// sequence is bytes that are taken as they are, and a copy of earlier ones that
// follows them; the last one of a block may have no copy.
type sequence struct {
	literals, length uint16
	// back is the distance less one, and symbol what stands for it.
	back   uint16
	symbol uint8
}

const (
	hashBits   = 15
	leastMatch = 4
	longest    = 258
	farthest   = 1 << 15
	// blockSize is the most that one block is of.
	blockSize = 1<<16 - 1
	// wide is how much of a run is copied at once, whatever its length.
	wide = 16
)

// matcher finds what was there before. Of places that look alike it knows the last.
type matcher struct {
	// table has places by the hash of their bytes, base being that of the first byte.
	// Those of earlier inputs are too far from it to be taken for some of this one.
	table [1 << hashBits]uint32
	base  uint32

	list []sequence
	// runs are the bytes of the list that are taken as they are.
	runs []byte
	room [blockSize + wide]byte
}

func hash(v uint64) uint32 { return uint32((v << 24) * 889523592379 >> (64 - hashBits)) }

// begin is to be called for each input.
func (m *matcher) begin(size int) {
	if m.base == 0 || uint64(m.base)+uint64(size)+farthest > 1<<32-1 {
		clear(m.table[:])
		m.base = farthest + 1
	}
}

func (m *matcher) end(size int) {
	if m.base += uint32(size) + farthest; size > 1<<31 {
		m.base = 0
	}
}

// block parses src[from:to] into the list of sequences.
func (m *matcher) block(src []byte, from, to int) {
	m.list, m.runs = m.list[:0], m.room[:0]
	emitted, at := from, from
	base := m.base
	// Nine bytes are looked at.
	last := min(to-leastMatch-1, len(src)-9)
	for at <= last {
		here := binary.LittleEndian.Uint64(src[at:])
		h := hash(here)
		back := base + uint32(at) - m.table[h]
		m.table[h] = base + uint32(at)
		if before := place(at, back); uint32(here) != binary.LittleEndian.Uint32(src[before:]) {
			h = hash(here >> 8)
			at++
			back = base + uint32(at) - m.table[h]
			m.table[h] = base + uint32(at)
			if before = place(at, back); uint32(here>>8) != binary.LittleEndian.Uint32(src[before:]) {
				at += 2 + (at-emitted)>>5
				continue
			}
		}
		if back > farthest {
			at++
			continue
		}
		before := at - int(back)
		// No further than a copy reaches: its end must lie behind what was looked at.
		first := max(emitted, at-(longest-leastMatch))
		for at > first && before > 0 && src[at-1] == src[before-1] {
			at--
			before--
		}
		length := leastMatch + matchLength(src[before+leastMatch:], src[at+leastMatch:min(to, at+longest)])
		m.take(src, emitted, at-emitted)
		m.list = append(m.list, sequence{uint16(at - emitted), uint16(length), uint16(back - 1), distanceSymbol(back - 1)})
		at += length
		emitted = at
		if at <= last {
			m.table[hash(binary.LittleEndian.Uint64(src[at-2:]))] = base + uint32(at-2)
		}
	}
	if emitted < to {
		m.take(src, emitted, to-emitted)
		m.list = append(m.list, sequence{literals: uint16(to - emitted)})
	}
}

// place is how far back lies what may be the same; where that is too far, a place that
// is hardly ever the same, so that one comparison answers both questions.
func place(at int, back uint32) int {
	before := at - int(back)
	if back > farthest {
		before = at + 1
	}
	return before
}

// take adds n bytes to the runs.
func (m *matcher) take(src []byte, from, n int) {
	had := len(m.runs)
	m.runs = m.room[:had+n]
	if n <= wide && len(src)-from >= wide {
		to := m.room[had : had+wide]
		run := src[from : from+wide]
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(run))
		binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(run[8:]))
		return
	}
	copy(m.runs[had:], src[from:])
}

// matchLength says how many bytes a and b, which is the shorter one, begin alike.
func matchLength(a, b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		if diff := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); diff != 0 {
			return n + bits.TrailingZeros64(diff)>>3
		}
		n += 8
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
