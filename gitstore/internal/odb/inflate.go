package odb

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/deflate"
	"github.com/klauspost/compress/flate"
)

var (
	verifiers = sync.Pool{New: func() any { return NewVerifier() }}
	inflaters = sync.Pool{New: func() any { return new(inflater) }}
	streamers = sync.Pool{New: func() any { return newStreamer() }}
)

// inflater is what one inflation needs, kept for the next.
type inflater struct {
	z       deflate.Inflater
	in, out []byte
}

// streamer is an inflater for objects that are too big to be held.
type streamer struct {
	z    io.ReadCloser
	out  []byte
	file *bufio.Reader
}

func newStreamer() *streamer {
	return &streamer{
		z:    flate.NewReader(bytes.NewReader(nil)),
		out:  make([]byte, 64<<10),
		file: bufio.NewReaderSize(nil, 256<<10),
	}
}

// smallObject is the size up to which an object is inflated in one go.
const smallObject = 1 << 20

// inflate writes exactly e.size bytes into w. The two bytes of zlib header are
// stepped over and its Adler-32 is not computed: the object's own hash, which
// every caller checks, says more.
func (f packFile) inflate(e entry, w io.Writer) error {
	if e.size <= smallObject {
		z := inflaters.Get().(*inflater)
		defer inflaters.Put(z)
		data, err := z.small(f, e)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	return f.stream(e, w)
}

// stream is inflate for an object of any size.
func (f packFile) stream(e entry, w io.Writer) error {
	rest := f.length - 20 - e.data
	if rest < 2 {
		return io.ErrUnexpectedEOF
	}
	z := streamers.Get().(*streamer)
	defer streamers.Put(z)
	z.file.Reset(io.NewSectionReader(f, e.data, rest))
	head, err := z.file.Peek(2)
	if err != nil {
		return err
	}
	if err := checkZlib(head); err != nil {
		return err
	}
	z.file.Discard(2)
	return z.run(e.size, w)
}

// small returns the bytes of an entry that is no bigger than smallObject. They are
// good until the next call.
func (z *inflater) small(f packFile, e entry) ([]byte, error) {
	got, err := z.upTo(f, e, int(e.size)+deflate.Slack)
	switch {
	case errors.Is(err, deflate.ErrShort):
		// Whoever flushes often, or takes codes that don't fit, needs more than zlib's bound.
		b := bytes.NewBuffer(z.out[:0])
		err := f.stream(e, b)
		return b.Bytes(), err
	case errors.Is(err, deflate.ErrSize), err == nil && int64(got) > e.size:
		return nil, fmt.Errorf("inflates to more than its %d bytes", e.size)
	case err == nil && int64(got) != e.size:
		return nil, fmt.Errorf("inflates to %d bytes instead of %d", got, e.size)
	}
	return z.out[:got], err
}

// head returns the first n bytes of an entry that is no bigger than smallObject. What is
// behind them may be wrong.
func (z *inflater) head(f packFile, e entry, n int) ([]byte, error) {
	got, err := z.upTo(f, e, n+deflate.Slack)
	if n = min(n, int(e.size)); got < n {
		return nil, cmp.Or(err, io.ErrUnexpectedEOF)
	}
	return z.out[:n], nil
}

// upTo inflates an entry into z.out, which gets that much room, and returns how much of
// it was filled. The error matches [deflate.ErrSize] where that wasn't enough.
func (z *inflater) upTo(f packFile, e entry, room int) (got int, err error) {
	// deflateBound of zlib, with room to spare: enough for what zlib writes in one go.
	n := min(f.length-20-e.data, e.size+e.size>>8+64)
	if n < 2 {
		return 0, io.ErrUnexpectedEOF
	}
	z.in = slices.Grow(z.in[:0], int(n))[:n]
	if _, err := f.ReadAt(z.in, e.data); err != nil {
		return 0, err
	}
	if err := checkZlib(z.in); err != nil {
		return 0, err
	}
	z.out = slices.Grow(z.out[:0], room)[:room]
	got, _, err = z.z.Inflate(z.out, z.in[2:])
	return got, err
}

// checkZlib checks the two bytes of header (RFC 1950).
func checkZlib(b []byte) error {
	if b[0]&0x0f != 8 || (uint(b[0])<<8|uint(b[1]))%31 != 0 || b[1]&0x20 != 0 {
		return errors.New("not a zlib stream")
	}
	return nil
}

func (z *streamer) run(size int64, w io.Writer) error {
	if err := z.z.(flate.Resetter).Reset(z.file, nil); err != nil {
		return err
	}
	var got int64
	for {
		n, err := z.z.Read(z.out)
		got += int64(n)
		if got > size {
			return fmt.Errorf("inflates to more than its %d bytes", size)
		}
		if n > 0 {
			if _, err := w.Write(z.out[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if got != size {
		return fmt.Errorf("inflates to %d bytes instead of %d", got, size)
	}
	return nil
}
