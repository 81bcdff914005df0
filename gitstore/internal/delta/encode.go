package delta

import (
	"encoding/binary"
	"math/bits"
)

// maxCopy is what one instruction copies at most, and maxInsert what one brings.
const (
	maxCopy   = 1 << 16
	maxInsert = 127
)

// Encode appends to dst the delta that makes target of the base, and returns false
// when it would take more than limit bytes.
func (x *Index) Encode(dst, target []byte, limit int) ([]byte, bool) {
	e := encoder{out: dst, max: len(dst) + limit}
	e.out = binary.AppendUvarint(e.out, uint64(len(x.base)))
	e.out = binary.AppendUvarint(e.out, uint64(len(target)))
	// fresh is where what no copy covers yet begins.
	fresh, at := 0, 0
	if len(x.slots) > 0 && len(target) >= block {
		hash := hashOf(target)
		for at+block <= len(target) && len(e.out)+at-fresh <= e.max {
			from, n := x.find(hash, target, at)
			if n < block {
				if at+block < len(target) {
					hash = (hash-uint32(target[at])*leaving)*factor + uint32(target[at+block])
				}
				at++
				continue
			}
			back := commonEnd(x.base[:from], target[fresh:at])
			e.insert(target[fresh : at-back])
			e.copy(from-back, n+back)
			at += n
			fresh = at
			if at+block <= len(target) {
				hash = hashOf(target[at:])
			}
		}
	}
	if len(e.out)+len(target)-fresh > e.max {
		return dst, false
	}
	e.insert(target[fresh:])
	return e.out, len(e.out) <= e.max
}

type encoder struct {
	out []byte
	max int
}

// insert brings bytes that the base doesn't have.
func (e *encoder) insert(b []byte) {
	for len(b) > 0 {
		n := min(len(b), maxInsert)
		e.out = append(append(e.out, byte(n)), b[:n]...)
		b = b[n:]
	}
}

// copy takes bytes of the base. Of offset and length only the bytes are written
// that aren't zero; seven bits of the instruction say which. A length of 65536 is
// written as none.
func (e *encoder) copy(from, n int) {
	for n > 0 {
		size := min(n, maxCopy)
		at := len(e.out)
		e.out = append(e.out, 0)
		op := byte(0x80)
		for i, v := 0, uint32(from); v != 0; i, v = i+1, v>>8 {
			if byte(v) != 0 {
				op |= 1 << i
				e.out = append(e.out, byte(v))
			}
		}
		for i, v := 4, uint16(size); v != 0; i, v = i+1, v>>8 {
			if byte(v) != 0 {
				op |= 1 << i
				e.out = append(e.out, byte(v))
			}
		}
		e.out[at] = op
		from, n = from+size, n-size
	}
}

// common is how many bytes two slices have in common from their beginning.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if d := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); d != 0 {
			return i + bits.TrailingZeros64(d)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// commonEnd is how many bytes two slices have in common up to their end.
func commonEnd(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
