package delta

import (
	"encoding/binary"
	"errors"
)

// ErrMalformed says that a delta can't be applied: it is damaged, or is for another
// base.
var ErrMalformed = errors.New("malformed delta")

// MaxHeader is how many bytes Sizes looks at, at most.
const MaxHeader = 2 * binary.MaxVarintLen64

// Sizes reads the lengths of base and target, and where the instructions begin.
func Sizes(delta []byte) (base, target uint64, rest []byte, err error) {
	base, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, 0, nil, ErrMalformed
	}
	target, m := binary.Uvarint(delta[n:])
	if m <= 0 {
		return 0, 0, nil, ErrMalformed
	}
	return base, target, delta[n+m:], nil
}

// maxGrowth bounds the memory that a header may ask for before there is anything
// to fill it: an instruction of seven bytes gives at most 16 MiB.
const maxGrowth = 1 << 24

// Apply returns the target, of which the caller becomes the owner.
func Apply(base, delta []byte) ([]byte, error) {
	from, to, ops, err := Sizes(delta)
	if err != nil || from != uint64(len(base)) || to/maxGrowth > uint64(len(ops)) {
		return nil, ErrMalformed
	}
	out := make([]byte, 0, to)
	for len(ops) > 0 {
		op := ops[0]
		ops = ops[1:]
		var part []byte
		switch {
		case op&0x80 != 0:
			if part, ops, err = copied(base, op, ops); err != nil {
				return nil, err
			}
		case op == 0 || int(op) > len(ops):
			return nil, ErrMalformed
		default:
			part, ops = ops[:op], ops[op:]
		}
		if uint64(len(out))+uint64(len(part)) > to {
			return nil, ErrMalformed
		}
		out = append(out, part...)
	}
	if uint64(len(out)) != to {
		return nil, ErrMalformed
	}
	return out, nil
}

// copied reads a copy instruction and returns the part of the base that it means.
func copied(base []byte, op byte, ops []byte) (part, rest []byte, err error) {
	var v [7]uint64
	for i := range v {
		if op&(1<<i) == 0 {
			continue
		}
		if len(ops) == 0 {
			return nil, nil, ErrMalformed
		}
		v[i], ops = uint64(ops[0]), ops[1:]
	}
	from := v[0] | v[1]<<8 | v[2]<<16 | v[3]<<24
	n := v[4] | v[5]<<8 | v[6]<<16
	if n == 0 {
		n = maxCopy
	}
	if from+n > uint64(len(base)) {
		return nil, nil, ErrMalformed
	}
	return base[from : from+n], ops, nil
}
