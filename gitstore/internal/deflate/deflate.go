package deflate

import (
	"encoding/binary"
	"hash/adler32"
	"math/bits"
	"sync"
)

// The sizes of the alphabets.
const (
	literals  = 286
	distances = 30
	endSymbol = 256
)

// Deflater deflates one thing after another. The zero value is ready. It is for one
// goroutine at a time.
type Deflater struct {
	parts   *blockParts
	matcher matcher
	coder   coder

	literalFreq  [literals]uint32
	distanceFreq [distances]uint32
	literal      [literals]codeword
	distance     [distances]codeword
	bytes        [4][256]uint32
	head         blockHead
	w            bitWriter
}

// AppendZlib appends to dst the zlib stream (RFC 1950) of src, and returns it.
func (d *Deflater) AppendZlib(dst, src []byte) []byte {
	// 32 KiB of window, the fastest level: what zlib writes then.
	d.w = bitWriter{out: append(dst, 0x78, 0x01)}
	d.parts = parts()
	d.matcher.begin(len(src))
	for from := 0; ; {
		to := min(from+blockSize, len(src))
		d.matcher.block(src, from, to)
		d.block(src, from, to, to == len(src))
		if from = to; from == len(src) {
			break
		}
	}
	d.matcher.end(len(src))
	out := d.w.end()
	d.w = bitWriter{}
	return binary.BigEndian.AppendUint32(out, adler32.Checksum(src))
}

// block writes src[from:to], which the matcher's list is of, in the shortest of the
// three ways.
func (d *Deflater) block(src []byte, from, to int, last bool) {
	extra := d.count()
	d.coder.make(d.literal[:], d.literalFreq[:], maxCode)
	d.coder.make(d.distance[:], d.distanceFreq[:], maxCode)
	head := d.head.prepare(&d.coder, d.literal[:], d.distance[:])
	own := head + extra + cost(d.literal[:], d.literalFreq[:]) + cost(d.distance[:], d.distanceFreq[:])
	fixed := extra + cost(d.parts.literal[:], d.literalFreq[:]) + cost(d.parts.distance[:], d.distanceFreq[:])
	stored := (to - from + 5) * 8
	final := uint64(0)
	if last {
		final = 1
	}
	d.w.grow(min(own, fixed, stored)/8 + 64)
	switch {
	case stored <= min(own, fixed):
		d.w.stored(src[from:to], final)
	case fixed <= own:
		d.w.put(final|1<<1, 3)
		d.sequences(&d.parts.literal, &d.parts.distance)
	default:
		d.w.put(final|2<<1, 3)
		d.head.write(&d.w)
		d.sequences(&d.literal, &d.distance)
	}
}

// count counts the symbols of the block, and returns how many bits complete them.
func (d *Deflater) count() (extra int) {
	clear(d.literalFreq[:])
	clear(d.distanceFreq[:])
	for _, s := range d.matcher.list {
		if s.length != 0 {
			l := &d.parts.lengths[s.length]
			d.literalFreq[l.symbol]++
			d.distanceFreq[s.symbol]++
			extra += int(l.extra) + int(d.parts.distanceExtra[s.symbol&31])
		}
	}
	// Several counts for a byte: one that comes up twice in a row needn't wait.
	d.bytes = [4][256]uint32{}
	runs := d.matcher.runs
	for len(runs) >= 4 {
		d.bytes[0][runs[0]]++
		d.bytes[1][runs[1]]++
		d.bytes[2][runs[2]]++
		d.bytes[3][runs[3]]++
		runs = runs[4:]
	}
	for _, b := range runs {
		d.bytes[0][b]++
	}
	for b := range 256 {
		d.literalFreq[b] = d.bytes[0][b] + d.bytes[1][b] + d.bytes[2][b] + d.bytes[3][b]
	}
	d.literalFreq[endSymbol] = 1
	return extra
}

// cost is how many bits the symbols take that come up so often.
func cost(code []codeword, freq []uint32) (n int) {
	for i, f := range freq {
		n += int(f) * int(code[i].len())
	}
	return n
}

// sequences writes the block's body.
func (d *Deflater) sequences(literal *[literals]codeword, distance *[distances]codeword) {
	w := &d.w
	runs := d.matcher.runs
	for _, s := range d.matcher.list {
		w.bytes(runs[:s.literals], literal)
		runs = runs[s.literals:]
		if s.length == 0 {
			continue
		}
		l := &d.parts.lengths[s.length]
		c := literal[l.symbol]
		// A length and a distance are no more than 48 bits.
		bits, n := c.bits(), c.len()
		bits |= uint64(l.rest) << (n & 63)
		n += uint(l.extra)
		c = distance[s.symbol]
		bits |= c.bits() << (n & 63)
		n += c.len()
		extra := uint(d.parts.distanceExtra[s.symbol&31])
		bits |= (uint64(s.back) & (1<<(extra&63) - 1)) << (n & 63)
		w.put(bits, n+extra)
	}
	c := literal[endSymbol]
	w.put(c.bits(), c.len())
}

// lengthPart is a length as a symbol and the bits that complete it.
type lengthPart struct {
	symbol      uint16
	rest, extra uint8
}

// parts are what blocks are made of, made when they are first needed.
var parts = sync.OnceValue(func() *blockParts {
	p := &blockParts{}
	for i, e := range symbols().literal[257:literals] {
		base, extra := int(e>>16), uint8(e)
		for rest := 0; rest < 1<<extra && base+rest <= longest; rest++ {
			p.lengths[base+rest] = lengthPart{uint16(257 + i), uint8(rest), extra}
		}
	}
	for i, e := range symbols().distance[:distances] {
		p.distanceExtra[i] = uint8(e)
	}
	p.makeFixed()
	return p
})

type blockParts struct {
	lengths [longest + 1]lengthPart
	// distanceExtra is how many bits complete each symbol of a distance.
	distanceExtra [32]uint8
	// literal and distance are the codes of blocks that bring none: RFC 1951, 3.2.6.
	literal  [literals]codeword
	distance [distances]codeword
}

func (p *blockParts) makeFixed() {
	for i := range p.literal {
		n, word := 8, 0x30+i
		switch {
		case i >= 280:
			word = 0xc0 + i - 280
		case i >= 256:
			n, word = 7, i-256
		case i >= 144:
			n, word = 9, 0x190+i-144
		}
		p.literal[i] = codeword(n<<16 | int(bits.Reverse16(uint16(word))>>(16-n)))
	}
	for i := range p.distance {
		p.distance[i] = codeword(5<<16 | int(bits.Reverse16(uint16(i))>>(16-5)))
	}
}

// distanceSymbol is for a distance less one. Its symbol tells the two highest bits, and
// where they are; those below complete it.
func distanceSymbol(back uint32) uint8 {
	if back < 2 {
		return uint8(back)
	}
	n := uint(bits.Len32(back)) - 2
	return uint8(2*n + uint(back>>(n&31)))
}
