package deflate

import (
	"encoding/binary"
	"slices"
)

// bitWriter appends bits to out. Whoever writes must have grown it before.
type bitWriter struct {
	out   []byte
	bits  uint64
	count uint
}

// grow makes room for n bytes.
func (w *bitWriter) grow(n int) { w.out = slices.Grow(w.out, n) }

// put writes the lowest n bits of b, in which no others may be set; n is at most 56.
func (w *bitWriter) put(b uint64, n uint) {
	w.bits |= b << (w.count & 63)
	w.count += n
	w.flush()
}

// flush hands whole bytes on.
func (w *bitWriter) flush() {
	n := len(w.out)
	binary.LittleEndian.PutUint64(w.out[n:n+8], w.bits)
	w.out = w.out[:n+int(w.count>>3)]
	w.bits >>= w.count &^ 7 & 63
	w.count &= 7
}

// bytes writes the codewords of bytes.
func (w *bitWriter) bytes(run []byte, code *[literals]codeword) {
	bits, count := w.bits, w.count
	out, at := w.out[:cap(w.out)], len(w.out)
	for len(run) >= 3 {
		// Up to 45 bits, beside at most seven that are there.
		a, b, c := code[run[0]], code[run[1]], code[run[2]]
		bits |= a.bits() << (count & 63)
		count += a.len()
		bits |= b.bits() << (count & 63)
		count += b.len()
		bits |= c.bits() << (count & 63)
		count += c.len()
		binary.LittleEndian.PutUint64(out[at:], bits)
		at += int(count >> 3)
		bits >>= count &^ 7 & 63
		count &= 7
		run = run[3:]
	}
	w.out, w.bits, w.count = out[:at], bits, count
	for _, b := range run {
		w.put(code[b].bits(), code[b].len())
	}
}

// stored writes a block that isn't deflated, of no more than blockSize bytes.
func (w *bitWriter) stored(data []byte, final uint64) {
	w.put(final, 3)
	w.out = w.end()
	w.out = binary.LittleEndian.AppendUint16(w.out, uint16(len(data)))
	w.out = binary.LittleEndian.AppendUint16(w.out, ^uint16(len(data)))
	w.out = append(w.out, data...)
}

// end completes the last byte.
func (w *bitWriter) end() []byte {
	if w.count > 0 {
		w.out = append(w.out, byte(w.bits))
	}
	w.bits, w.count = 0, 0
	return w.out
}
