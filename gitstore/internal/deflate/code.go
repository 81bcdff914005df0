package deflate

import (
	"math/bits"
	"slices"
)

// codeword is a symbol's bits, the first one lowest, with their number in the upper
// half.
type codeword uint32

func (c codeword) bits() uint64 { return uint64(c & 0xffff) }

func (c codeword) len() uint { return uint(c >> 16) }

// coder makes Huffman codes. Its fields are room to work in.
type coder struct {
	// sorted are the symbols in use, the rarest first: how often each comes up in the
	// upper bits, the symbol in the lower ones.
	sorted [literals]uint64
	weight [literals]uint32
	count  [maxCode + 2]int
}

const symbolBits = 16

// make fills code for symbols that come up as often as freq says, with codewords of at
// most limit bits. A symbol that doesn't come up has none. At least two have one,
// since some readers refuse a code of a single word.
func (c *coder) make(code []codeword, freq []uint32, limit int) {
	clear(code)
	list := c.sort(freq)
	for symbol := 0; len(list) < 2; symbol++ {
		if freq[symbol] == 0 {
			list = append(list, uint64(symbol))
		}
	}
	c.depths(list)
	c.shorten(limit)
	c.assign(code, list)
}

// few is a number of times up to which symbols are sorted by counting.
const few = 128

func (c *coder) sort(freq []uint32) []uint64 {
	var start [few + 1]int
	for _, n := range freq {
		start[min(n, few)]++
	}
	at := 0
	for n := 1; n <= few; n++ {
		start[n], at = at, at+start[n]
	}
	many := start[few]
	for symbol, n := range freq {
		if n != 0 {
			i := &start[min(n, few)]
			c.sorted[*i] = uint64(n)<<symbolBits | uint64(symbol)
			*i++
		}
	}
	slices.Sort(c.sorted[many:at])
	return c.sorted[:at]
}

// depths counts how many codewords an optimal code has of each length, those longer
// than maxCode+1 as that. It works in place on the weights, as A. Moffat and J.
// Katajainen, "In-Place Calculation of Minimum-Redundancy Codes" (1995), have it.
func (c *coder) depths(list []uint64) {
	n := len(list)
	w := c.weight[:n]
	for i, s := range list {
		w[i] = uint32(s >> symbolBits)
	}
	// Pairs of the lightest become inner nodes, which lie where the leaves that they
	// took were: w is a node's weight at first, and its parent's place when it has one.
	leaf, root := 0, 0
	take := func(next int) uint32 {
		if leaf >= n || root < next && w[root] < w[leaf] {
			light := w[root]
			w[root] = uint32(next)
			root++
			return light
		}
		leaf++
		return w[leaf-1]
	}
	for next := range n - 1 {
		first := take(next)
		w[next] = first + take(next)
	}
	// From the root down, a node lies one deeper than its parent.
	w[n-2] = 0
	for i := n - 3; i >= 0; i-- {
		w[i] = w[w[i]] + 1
	}
	c.count = [maxCode + 2]int{}
	available, inner, depth := 1, n-2, 0
	for available > 0 {
		used := 0
		for inner >= 0 && int(w[inner]) == depth {
			used++
			inner--
		}
		c.count[min(depth, maxCode+1)] += available - used
		available = 2 * used
		depth++
	}
}

// shorten makes the code one of words with at most limit bits, at little cost: each
// word that is too long takes the place of one half of a shorter one's.
func (c *coder) shorten(limit int) {
	over := 0
	for n := limit + 1; n < len(c.count); n++ {
		over += c.count[n]
		c.count[n] = 0
	}
	c.count[limit] += over
	room := 1 << limit
	for n := 1; n <= limit; n++ {
		room -= c.count[n] << (limit - n)
	}
	for ; room < 0; room++ {
		n := limit - 1
		for c.count[n] == 0 {
			n--
		}
		c.count[limit]--
		c.count[n]--
		c.count[n+1] += 2
	}
}

// assign gives the longest codewords to the rarest symbols, and those of one length in
// the order of the symbols, as RFC 1951 has it.
func (c *coder) assign(code []codeword, list []uint64) {
	i := 0
	var next [maxCode + 2]uint32
	for n := maxCode; n > 0; n-- {
		for range c.count[n] {
			code[list[i]&(1<<symbolBits-1)] = codeword(n << 16)
			i++
		}
	}
	for n := 1; n <= maxCode; n++ {
		next[n+1] = (next[n] + uint32(c.count[n])) << 1
	}
	for symbol, word := range code {
		if n := word.len(); n != 0 {
			code[symbol] |= codeword(bits.Reverse16(uint16(next[n])) >> (16 - n))
			next[n]++
		}
	}
}
