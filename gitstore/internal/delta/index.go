package delta

import "math/bits"

// block is the length of the base's blocks and of the window. Shorter ones find
// more, and fill the table; a copy costs up to seven bytes.
const block = 16

// Index is a base prepared for encoding. It keeps the base, which must not change.
type Index struct {
	base []byte
	// starts has, for each bucket, where its slots begin, and one more at the end.
	starts []uint32
	slots  []slot
	shift  uint
}

// slot is one block: its hash and where it ends.
type slot struct{ hash, end uint32 }

const (
	// factor is odd, so that no bit of a byte gets lost.
	factor uint32 = 0x01000193
	// spread takes the hash's bits to the top (Knuth's multiplicative hashing).
	spread uint32 = 0x9E3779B1
	// crowd is how many blocks of a bucket are looked at. A base of many like blocks
	// would cost the square of its length.
	crowd = 48
)

// leaving is factor^(block-1): what the byte that leaves the window adds to the
// hash.
var leaving = power(factor, block-1)

func power(x uint32, n int) uint32 {
	out := uint32(1)
	for range n {
		out *= x
	}
	return out
}

func hashOf(b []byte) uint32 {
	h := uint32(0)
	for _, c := range b[:block] {
		h = h*factor + uint32(c)
	}
	return h
}

// MaxBase is the length of the longest base: offsets in a delta have 32 bits.
const MaxBase = 1<<32 - 1

// NewIndex prepares a base of at most MaxBase bytes.
func NewIndex(base []byte) *Index {
	x := &Index{base: base}
	n := len(base) / block
	if n == 0 {
		return x
	}
	width := bits.Len(uint(n))
	x.shift = uint(32 - min(width, 24))
	x.starts = make([]uint32, 1<<(32-x.shift)+1)
	hashes := make([]uint32, n)
	taken := make([]bool, n)
	for i := range n {
		hashes[i] = hashOf(base[i*block:])
		// Of a run of like blocks the first is enough: a match there extends over
		// all of them.
		taken[i] = i == 0 || hashes[i] != hashes[i-1]
		if taken[i] {
			x.starts[x.bucket(hashes[i])+1]++
		}
	}
	for i := 1; i < len(x.starts); i++ {
		x.starts[i] += x.starts[i-1]
	}
	x.slots = make([]slot, x.starts[len(x.starts)-1])
	next := append([]uint32(nil), x.starts...)
	for i, h := range hashes {
		if taken[i] {
			b := x.bucket(h)
			x.slots[next[b]] = slot{h, uint32((i + 1) * block)}
			next[b]++
		}
	}
	return x
}

func (x *Index) bucket(h uint32) uint32 { return h * spread >> x.shift }

// Size is the memory that the index takes beside its base, in bytes.
func (x *Index) Size() int { return 4*len(x.starts) + 8*len(x.slots) }

// find returns the longest match of target from at on: where it begins in the base
// and how long it is.
func (x *Index) find(hash uint32, target []byte, at int) (from, n int) {
	b := x.bucket(hash)
	slots := x.slots[x.starts[b]:x.starts[b+1]]
	for _, s := range slots[:min(len(slots), crowd)] {
		if s.hash != hash {
			continue
		}
		start := int(s.end) - block
		got := common(x.base[start:], target[at:])
		if got > n {
			from, n = start, got
			if n >= enough {
				break
			}
		}
	}
	return from, n
}

// enough is a match that no better one is sought for.
const enough = 4 << 10
