package deflate

import (
	"encoding/binary"
	"errors"
	"sync"
)

// The ways in which a stream may be wrong.
var (
	// ErrShort says that a stream goes on behind what was given.
	ErrShort  = errors.New("deflated stream ends early")
	errBroken = errors.New("deflated stream is malformed")
	// ErrSize says that a stream holds more than there is room for.
	ErrSize = errors.New("deflated stream holds more than there is room for")
)

// Inflater is the tables of one inflation, to be used again. The zero value is ready.
// It is for one goroutine at a time.
type Inflater struct {
	builder  builder
	literal  [literalSize]uint32
	distance [distanceSize]uint32
	length   [lengthSize]uint32
	lengths  [288 + 32]uint8
}

// stream is where an inflation stands.
type stream struct {
	src []byte
	// pos is the next byte of src to be looked at. bits are those that were, the next
	// one lowest; the lowest count of them are still to come, and those above are of
	// the bytes from pos on or zero.
	pos   int
	bits  uint64
	count uint

	dst []byte
	out int
}

// Inflate fills dst from the stream that src begins with: raw DEFLATE, without zlib's
// header and checksum. It returns how many bytes dst got, which may be fewer than it has
// room for, and how many of src the stream took. For a stream that holds more the error
// is [ErrSize]; dst then got all but the last of it, no fewer than its length less 257.
func (z *Inflater) Inflate(dst, src []byte) (n, used int, err error) {
	s := stream{src: src, dst: dst}
	for last := false; !last; {
		s.fill()
		if s.count < 3 {
			return s.out, s.pos, ErrShort
		}
		last = s.bits&1 != 0
		kind := s.bits >> 1 & 3
		s.drop(3)
		switch kind {
		case 0:
			err = s.stored()
		case 1:
			fixed := fixedTables()
			err = s.block(&fixed.literal, &fixed.distance)
		case 2:
			if err = z.readTables(&s); err == nil {
				err = s.block(&z.literal, &z.distance)
			}
		default:
			err = errBroken
		}
		if err != nil {
			return s.out, s.pos, err
		}
	}
	return s.out, s.pos - int(s.count/8), nil
}

// fill makes at least 56 bits ready, or as many as there are.
func (s *stream) fill() {
	if len(s.src)-s.pos >= 8 {
		s.bits |= binary.LittleEndian.Uint64(s.src[s.pos:]) << (s.count & 63)
		s.pos += int((63 - s.count) >> 3)
		s.count |= 56
		return
	}
	for s.count <= 56 && s.pos < len(s.src) {
		s.bits |= uint64(s.src[s.pos]) << (s.count & 63)
		s.pos++
		s.count += 8
	}
}

func (s *stream) drop(n uint) {
	s.bits >>= n & 63
	s.count -= n
}

// stored copies a block that isn't deflated.
func (s *stream) stored() error {
	s.pos -= int(s.count / 8)
	s.bits, s.count = 0, 0
	if len(s.src)-s.pos < 4 {
		return ErrShort
	}
	n := int(binary.LittleEndian.Uint16(s.src[s.pos:]))
	if n != int(^binary.LittleEndian.Uint16(s.src[s.pos+2:])) {
		return errBroken
	}
	s.pos += 4
	switch {
	case n > len(s.src)-s.pos:
		return ErrShort
	}
	copied := copy(s.dst[s.out:], s.src[s.pos:s.pos+n])
	s.pos += copied
	s.out += copied
	if copied < n {
		return ErrSize
	}
	return nil
}

// codeOrder is the order in which a block tells the lengths of the codewords that
// tell the lengths of all others.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readTables reads the head of a block that brings its own codes.
func (z *Inflater) readTables(s *stream) error {
	s.fill()
	if s.count < 14 {
		return ErrShort
	}
	nLiterals, nDistances, codes := int(s.bits&31)+257, int(s.bits>>5&31)+1, int(s.bits>>10&15)+4
	s.drop(14)
	if nLiterals > literals || nDistances > distances {
		return errBroken
	}
	all := symbols()
	var codeLengths [19]uint8
	for _, i := range codeOrder[:codes] {
		if s.count < 3 {
			if s.fill(); s.count < 3 {
				return ErrShort
			}
		}
		codeLengths[i] = uint8(s.bits & 7)
		s.drop(3)
	}
	if !z.builder.build(z.length[:], lengthRoot, codeLengths[:], all.length[:]) || z.builder.room() != 0 {
		return errBroken
	}
	if err := z.readLengths(s, nLiterals+nDistances); err != nil {
		return err
	}
	if z.lengths[256] == 0 {
		return errBroken
	}
	if !z.builder.build(z.literal[:], literalRoot, z.lengths[:nLiterals], all.literal[:]) ||
		!z.builder.build(z.distance[:], distanceRoot, z.lengths[nLiterals:nLiterals+nDistances], all.distance[:]) {
		return errBroken
	}
	return nil
}

// readLengths reads so many lengths of codewords.
func (z *Inflater) readLengths(s *stream, n int) error {
	for i := 0; i < n; {
		if s.count < lengthRoot+7 {
			s.fill()
		}
		e := z.length[s.bits&(1<<lengthRoot-1)]
		take := uint(e & takeMask)
		if take > s.count {
			return ErrShort
		}
		s.drop(take)
		value := uint8(e >> 16)
		if value < 16 {
			z.lengths[i] = value
			i++
			continue
		}
		var repeated uint8
		extra, least := uint(7), 11
		switch value {
		case 16:
			if i == 0 {
				return errBroken
			}
			repeated, extra, least = z.lengths[i-1], 2, 3
		case 17:
			extra, least = 3, 3
		}
		if s.count < extra {
			return ErrShort
		}
		times := least + int(s.bits&(1<<extra-1))
		s.drop(extra)
		if times > n-i {
			return errBroken
		}
		for range times {
			z.lengths[i] = repeated
			i++
		}
	}
	return nil
}

// fixedTables are the codes of blocks that bring none.
var fixedTables = sync.OnceValue(func() *Inflater {
	z, all := &Inflater{}, symbols()
	lengths := z.lengths[:288]
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	z.builder.build(z.literal[:], literalRoot, lengths, all.literal[:])
	for i := range 32 {
		lengths[i] = 5
	}
	z.builder.build(z.distance[:], distanceRoot, lengths[:32], all.distance[:])
	return z
})

// Slack is how much longer than what a stream holds the destination is best made: the
// end of the stream is then inflated as quickly as the rest.
const Slack = 258 + 8 + 2

// sourceRoom is what one turn of the fast loop may look at: eight bytes, twice.
const sourceRoom = 16

// block inflates a block up to its end.
func (s *stream) block(literal *[literalSize]uint32, distance *[distanceSize]uint32) error {
	done, err := s.fast(literal, distance)
	for !done && err == nil {
		done, err = s.careful(literal, distance)
	}
	return err
}

// fast inflates while there is room on both sides for whatever may come, so that
// nothing needs to be looked at twice. Done is the end of the block.
func (s *stream) fast(literal *[literalSize]uint32, distance *[distanceSize]uint32) (done bool, err error) {
	src, dst := s.src, s.dst
	pos, bits, count, out := s.pos, s.bits, s.count, s.out
	for len(src)-pos >= sourceRoom && len(dst)-out >= Slack {
		bits |= binary.LittleEndian.Uint64(src[pos:]) << (count & 63)
		pos += int((63 - count) >> 3)
		count |= 56
		// At least 56 bits: two bytes and a length take no more than 50.
		e := literal[bits&(1<<literalRoot-1)]
		if e&entryLiteral != 0 {
			bits >>= e & 63
			count -= uint(e & 63)
			dst[out] = byte(e >> 16)
			out++
			e = literal[bits&(1<<literalRoot-1)]
			if e&entryLiteral != 0 {
				bits >>= e & 63
				count -= uint(e & 63)
				dst[out] = byte(e >> 16)
				out++
				e = literal[bits&(1<<literalRoot-1)]
			}
		}
		if e&entrySecond != 0 {
			bits >>= e & 63
			count -= uint(e & 63)
			e = literal[(e>>16+uint32(bits)&(1<<(e>>8&15)-1))&(literalSize-1)]
		}
		saved := bits
		bits >>= e & 63
		count -= uint(e & 63)
		if e&entryLiteral != 0 {
			dst[out] = byte(e >> 16)
			out++
			continue
		}
		if e&entryOther != 0 || e == 0 {
			if done = e&entryEnd != 0; !done {
				err = errBroken
			}
			break
		}
		length := int(e>>16) + int(saved&(1<<(e&63)-1)>>(e>>8&15))

		bits |= binary.LittleEndian.Uint64(src[pos:]) << (count & 63)
		pos += int((63 - count) >> 3)
		count |= 56
		e = distance[bits&(1<<distanceRoot-1)]
		if e&entrySecond != 0 {
			bits >>= e & 63
			count -= uint(e & 63)
			e = distance[(e>>16+uint32(bits)&(1<<(e>>8&15)-1))&(distanceSize-1)]
		}
		back := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits >>= e & 63
		count -= uint(e & 63)
		if e&entryOther != 0 || e == 0 || back > out {
			err = errBroken
			break
		}
		copyBack(dst[out-back:], back, length)
		out += length
	}
	s.pos, s.bits, s.count, s.out = pos, bits, count, out
	return done, err
}

// copyBack repeats the first bytes of b, so many of which were written, for length
// bytes more. It may write up to seven bytes beyond.
func copyBack(b []byte, written, length int) {
	switch {
	case written >= length && length > 16:
		copy(b[written:written+length], b)
	case written >= 8:
		for i := 0; i < length; i += 8 {
			binary.LittleEndian.PutUint64(b[written+i:], binary.LittleEndian.Uint64(b[i:]))
		}
	case written == 1:
		same := uint64(b[0]) * 0x0101010101010101
		for i := 0; i < length; i += 8 {
			binary.LittleEndian.PutUint64(b[1+i:], same)
		}
	default:
		to := b[written : written+length]
		for i := range to {
			to[i] = b[i]
		}
	}
}

// careful inflates one byte or one copy where either side may end.
func (s *stream) careful(literal *[literalSize]uint32, distance *[distanceSize]uint32) (done bool, err error) {
	s.fill()
	e, extra, err := s.look(literal[:], literalRoot)
	switch {
	case err != nil:
		return false, err
	case e&entryEnd != 0:
		return true, nil
	case e&entryLiteral != 0:
		if s.out == len(s.dst) {
			return false, ErrSize
		}
		s.dst[s.out] = byte(e >> 16)
		s.out++
		return false, nil
	case e&entryOther != 0:
		return false, errBroken
	}
	length := int(e>>16) + extra
	s.fill()
	e, extra, err = s.look(distance[:], distanceRoot)
	if err != nil {
		return false, err
	}
	back := int(e>>16) + extra
	switch {
	case e&entryOther != 0, back > s.out:
		return false, errBroken
	case length > len(s.dst)-s.out:
		return false, ErrSize
	}
	to := s.dst[s.out : s.out+length]
	from := s.dst[s.out-back:]
	for i := range to {
		to[i] = from[i]
	}
	s.out += length
	return false, nil
}

// look decodes one symbol, with the bits that complete it.
func (s *stream) look(table []uint32, root uint) (e uint32, extra int, err error) {
	e = table[s.bits&(1<<root-1)]
	if e&entrySecond != 0 {
		if s.count < root {
			return 0, 0, ErrShort
		}
		s.drop(root)
		e = table[e>>16+uint32(s.bits)&(1<<(e>>8&15)-1)]
	}
	switch take := uint(e & takeMask); {
	case e == 0:
		return 0, 0, errBroken
	case take > s.count:
		return 0, 0, ErrShort
	default:
		extra = int(s.bits & (1<<take - 1) >> (e >> 8 & 15))
		s.drop(take)
		return e, extra, nil
	}
}
