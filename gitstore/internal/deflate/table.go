package deflate

import (
	"math/bits"
	"sync"
)

// A table decodes one Huffman code: the next bits of the stream, as many as the
// table's root, are the index of an entry. Codewords that are longer lead to a
// second table, which lies behind the first.
//
// An entry is, from the lowest bit on:
//
//	8 bits  how many bits of the stream it takes, those that follow the codeword
//	        to complete a length or a distance included
//	4 bits  how long the codeword is; of a second table, how many bits are its index
//	4 bits  flags
//	16 bits the byte, the least length or distance, or where the second table begins
//
// Bits that no codeword begins with have the entry zero.
const (
	entryLiteral = 1 << 15
	// entryOther is whatever is neither a byte nor a length: what flags tell, or an
	// error.
	entryOther  = 1 << 14
	entrySecond = 1 << 13
	entryEnd    = 1 << 12

	takeMask = 0xff
)

// maxCode is how long a codeword may be.
const maxCode = 15

const (
	literalRoot, literalSize   = 10, 1 << 11
	distanceRoot, distanceSize = 8, 1 << 9
	lengthRoot, lengthSize     = 7, 1 << 7
)

// symbols are those of the three codes, as table entries without the codeword's length.
// They are made when they are first needed: not each process inflates anything.
var symbols = sync.OnceValue(func() *symbolEntries {
	return &symbolEntries{makeLiteralSymbols(), makeDistanceSymbols(), makeLengthSymbols()}
})

type symbolEntries struct {
	literal  [288]uint32
	distance [32]uint32
	length   [19]uint32
}

func makeLiteralSymbols() (s [288]uint32) {
	for i := range 256 {
		s[i] = uint32(i)<<16 | entryLiteral
	}
	s[256] = entryOther | entryEnd
	base := 3
	for i := range 28 {
		extra := max(0, i/4-1)
		s[257+i] = uint32(base)<<16 | uint32(extra)
		base += 1 << extra
	}
	s[285] = 258 << 16
	s[286], s[287] = entryOther, entryOther
	return s
}

func makeDistanceSymbols() (s [32]uint32) {
	base := 1
	for i := range 30 {
		extra := max(0, i/2-1)
		s[i] = uint32(base)<<16 | uint32(extra)
		base += 1 << extra
	}
	s[30], s[31] = entryOther, entryOther
	return s
}

func makeLengthSymbols() (s [19]uint32) {
	for i := range s {
		s[i] = uint32(i) << 16
	}
	return s
}

// builder makes tables. Its fields are room to work in.
type builder struct {
	count  [maxCode + 1]int
	sorted [288]uint16
}

// build fills the table of the code whose codewords have these lengths, one a symbol.
// It answers whether that is a code as zlib takes it: no two codewords may begin
// alike, and all bits must begin one, but that a lone codeword of one bit will do.
func (b *builder) build(table []uint32, root int, lengths []uint8, entries []uint32) bool {
	b.count = [maxCode + 1]int{}
	for _, n := range lengths {
		b.count[n&maxCode]++
	}
	used := len(lengths) - b.count[0]
	b.count[0] = 0
	switch room := b.room(); {
	case room < 0, room > 0 && used > 1, room > 0 && used == 1 && b.count[1] != 1:
		return false
	case room > 0:
		clear(table[:1<<root])
	}
	b.sort(lengths)
	b.fill(table, root, lengths, entries, used)
	return true
}

// room is how much no codeword begins with, in units of the longest.
func (b *builder) room() int {
	left := 1 << maxCode
	for n := 1; n <= maxCode; n++ {
		left -= b.count[n] << (maxCode - n)
	}
	return left
}

// sort orders the used symbols by the length of their codewords, and then by number.
func (b *builder) sort(lengths []uint8) {
	var next [maxCode + 2]int
	for n := 1; n <= maxCode; n++ {
		next[n+1] = next[n] + b.count[n]
	}
	for symbol, n := range lengths {
		if n != 0 {
			b.sorted[next[n]] = uint16(symbol)
			next[n]++
		}
	}
}

func (b *builder) fill(table []uint32, root int, lengths []uint8, entries []uint32, used int) {
	left := b.count
	// The codeword, its first bit the lowest, as the stream has it.
	code := 0
	prefix, second, secondBits := -1, 0, 0
	end := 1 << root
	for _, symbol := range b.sorted[:used] {
		n := int(lengths[symbol])
		entry := entries[symbol] + uint32(n) | uint32(n)<<8
		if n <= root {
			for i := code; i < 1<<root; i += 1 << n {
				table[i] = entry
			}
		} else {
			if code&(1<<root-1) != prefix {
				prefix, second = code&(1<<root-1), end
				secondBits = n - root
				for room := left[n]; room < 1<<secondBits; {
					secondBits++
					room = room<<1 + left[root+secondBits]
				}
				end += 1 << secondBits
				table[prefix] = uint32(second)<<16 | entryOther | entrySecond | uint32(secondBits)<<8 | uint32(root)
			}
			entry -= uint32(root)
			for i := code >> root; i < 1<<secondBits; i += 1 << (n - root) {
				table[second+i] = entry - uint32(root)<<8
			}
		}
		left[n]--
		code = nextCode(code, n)
	}
}

// nextCode adds one to a codeword of n bits whose first bit is the lowest.
func nextCode(code, n int) int {
	// The ones at its end, which is on top, become zeros, and the zero before them a one.
	ones := bits.LeadingZeros64(^(uint64(code) << (64 - n)))
	if ones >= n {
		return 0
	}
	top := n - 1 - ones
	return code&(1<<top-1) | 1<<top
}
