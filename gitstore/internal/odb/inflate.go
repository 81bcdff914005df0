package odb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

var (
	verifiers = sync.Pool{New: func() any { return NewVerifier() }}
	inflaters = sync.Pool{New: func() any { return newInflater() }}
)

// inflater is what one inflation needs, kept for the next.
type inflater struct {
	r    io.ReadCloser
	src  bytes.Reader
	in   []byte
	out  []byte
	file *bufio.Reader
}

func newInflater() *inflater {
	return &inflater{
		r:    flate.NewReader(bytes.NewReader(nil)),
		out:  make([]byte, 64<<10),
		file: bufio.NewReaderSize(nil, 256<<10),
	}
}

// smallObject is the size up to which an object's deflated bytes are read in
// one go.
const smallObject = 1 << 20

// inflate writes exactly e.size bytes into w. The two bytes of zlib header are
// stepped over and its Adler-32 is not computed: the object's own hash, which
// every caller checks, says more.
func (f packFile) inflate(e entry, w io.Writer) error {
	z := inflaters.Get().(*inflater)
	defer inflaters.Put(z)
	rest := f.length - 20 - e.data
	if rest < 2 {
		return io.ErrUnexpectedEOF
	}
	if e.size <= smallObject {
		// deflateBound of zlib, with room to spare.
		n := min(rest, e.size+e.size>>8+64)
		if int64(cap(z.in)) < n {
			z.in = make([]byte, n)
		}
		z.in = z.in[:n]
		if _, err := f.ReadAt(z.in, e.data); err != nil {
			return err
		}
		if err := checkZlib(z.in); err != nil {
			return err
		}
		z.src.Reset(z.in[2:])
		return z.run(&z.src, e.size, w)
	}
	z.file.Reset(io.NewSectionReader(f, e.data, rest))
	head, err := z.file.Peek(2)
	if err != nil {
		return err
	}
	if err := checkZlib(head); err != nil {
		return err
	}
	z.file.Discard(2)
	return z.run(z.file, e.size, w)
}

// checkZlib checks the two bytes of header (RFC 1950).
func checkZlib(b []byte) error {
	if b[0]&0x0f != 8 || (uint(b[0])<<8|uint(b[1]))%31 != 0 || b[1]&0x20 != 0 {
		return errors.New("not a zlib stream")
	}
	return nil
}

func (z *inflater) run(src io.Reader, size int64, w io.Writer) error {
	if err := z.r.(flate.Resetter).Reset(src, nil); err != nil {
		return err
	}
	var got int64
	for {
		n, err := z.r.Read(z.out)
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
