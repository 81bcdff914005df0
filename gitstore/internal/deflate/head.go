package deflate

// blockHead is the head of a block that brings its own codes: their codewords'
// lengths, in a code of their own (RFC 1951, 3.2.7).
type blockHead struct {
	literals, distances, codes int
	// symbols are the lengths, runs of them told by one symbol, with the bits that
	// complete those in the upper half.
	symbols []uint16
	lengths [literals + distances]uint8
	freq    [19]uint32
	code    [19]codeword
}

// runBits is how many bits complete the symbols 16 to 18, which repeat.
var runBits = [19]uint{16: 2, 17: 3, 18: 7}

// longestLength is how long a codeword for a length may be.
const longestLength = 7

// prepare makes the head of these two codes, and returns how many bits it takes.
func (h *blockHead) prepare(c *coder, literal, distance []codeword) (size int) {
	h.literals, h.distances = used(literal, 257), used(distance, 1)
	lengths := h.lengths[:0]
	for _, w := range literal[:h.literals] {
		lengths = append(lengths, uint8(w.len()))
	}
	for _, w := range distance[:h.distances] {
		lengths = append(lengths, uint8(w.len()))
	}
	h.runs(lengths)
	c.make(h.code[:], h.freq[:], longestLength)
	h.codes = len(codeOrder)
	for h.codes > 4 && h.code[codeOrder[h.codes-1]] == 0 {
		h.codes--
	}
	size = 14 + 3*h.codes
	for symbol, n := range h.freq {
		size += int(n) * int(h.code[symbol].len()+runBits[symbol])
	}
	return size
}

// used is how many symbols a code has up to the last in use, and no fewer than least.
func used(code []codeword, least int) int {
	n := len(code)
	for n > least && code[n-1] == 0 {
		n--
	}
	return n
}

// runs makes symbols of the lengths.
func (h *blockHead) runs(lengths []uint8) {
	h.symbols = h.symbols[:0]
	clear(h.freq[:])
	add := func(symbol uint8, rest int) {
		h.freq[symbol]++
		h.symbols = append(h.symbols, uint16(symbol)|uint16(rest)<<8)
	}
	for i := 0; i < len(lengths); {
		n := 1
		for i+n < len(lengths) && lengths[i+n] == lengths[i] {
			n++
		}
		first := lengths[i]
		i += n
		if first != 0 {
			add(first, 0)
			n--
		}
		for n > 0 {
			switch {
			case n < 3:
				add(first, 0)
				n--
			case first != 0:
				k := min(n, 6)
				add(16, k-3)
				n -= k
			case n <= 10:
				add(17, n-3)
				n = 0
			default:
				k := min(n, 138)
				add(18, k-11)
				n -= k
			}
		}
	}
}

// write writes what prepare made.
func (h *blockHead) write(w *bitWriter) {
	w.put(uint64(h.literals-257)|uint64(h.distances-1)<<5|uint64(h.codes-4)<<10, 14)
	for _, i := range codeOrder[:h.codes] {
		w.put(uint64(h.code[i].len()), 3)
	}
	for _, s := range h.symbols {
		c := h.code[s&0xff]
		w.put(c.bits()|uint64(s>>8)<<c.len(), c.len()+runBits[s&0xff])
	}
}
