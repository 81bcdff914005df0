package gitindex

import (
	"crypto/sha1"
	"fmt"
	"io"
	"unsafe"
)

// runLength is how many entries Stream hands on at once, streamPiece how many bytes it
// reads.
const (
	runLength   = 1 << 11
	streamPiece = 512 << 10
)

// Stream is Decode of an index of size bytes that is worked on while it is read: use
// gets the entries in order, run by run, each once it is complete; they are parts of
// what Stream returns. What use got counts for nothing if Stream returns an error, which
// may be no sooner than at the end. The entries are the caller's, and share memory.
func Stream(from io.Reader, size int, use func(run []Entry)) ([]Entry, error) {
	s := stream{data: make([]byte, size), arrived: make(chan int, size/streamPiece+2)}
	sums := make(chan int, cap(s.arrived))
	read, checked := make(chan error, 1), make(chan error, 1)
	go func() { read <- s.read(from, sums) }()
	go func() { checked <- s.sum(sums) }()
	entries, err := s.entries(use)
	for range s.arrived {
	}
	wrong := <-checked
	if readErr := <-read; readErr != nil {
		return nil, readErr
	}
	if wrong != nil {
		return nil, wrong
	}
	return entries, err
}

type stream struct {
	data []byte
	// arrived tells how much of data is there, until all that is to be had is.
	arrived chan int
	there   int
}

func (s *stream) read(from io.Reader, sums chan<- int) error {
	defer close(s.arrived)
	defer close(sums)
	for at := 0; at < len(s.data); {
		n, err := io.ReadFull(from, s.data[at:min(at+streamPiece, len(s.data))])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return fmt.Errorf("%w: only %d bytes of %d", ErrCorrupt, at+n, len(s.data))
		}
		if err != nil {
			return err
		}
		at += n
		s.arrived <- at
		sums <- at
	}
	return nil
}

// sum compares the checksum at the end.
func (s *stream) sum(sums <-chan int) error {
	h := sha1.New()
	end, at := max(0, len(s.data)-checksumSize), 0
	for there := range sums {
		if there = min(there, end); there > at {
			h.Write(s.data[at:there])
			at = there
		}
	}
	if at < end || len(s.data) < checksumSize {
		return nil // who reads tells
	}
	return compareSum(s.data[end:], [checksumSize]byte(h.Sum(nil)))
}

// wait waits until more is there; false says that there is no more.
func (s *stream) wait() bool {
	there, more := <-s.arrived
	if more {
		s.there = there
	}
	return more
}

func (s *stream) entries(use func([]Entry)) ([]Entry, error) {
	for s.there < headerSize && s.wait() {
	}
	if s.there < headerSize {
		return nil, fmt.Errorf("%w: only %d bytes", ErrCorrupt, s.there)
	}
	r, err := newReader(s.data, checksumSize)
	if err != nil {
		return nil, err
	}
	if r.version == 4 {
		// Its names are made up of others', and none of our own indexes has it.
		for s.wait() {
		}
		all, err := r.entries()
		if err == nil {
			use(all)
		}
		return all, err
	}
	whole := r.data
	entries := make([]Entry, r.left)
	for from := 0; from < len(entries); {
		run := entries[from:min(from+runLength, len(entries))]
		for i := range run {
			if err := s.next(r, whole, &run[i]); err != nil {
				return nil, err
			}
			if at := from + i; at > 0 && !entries[at-1].before(&run[i]) {
				return nil, outOfOrder(&run[i])
			}
		}
		use(run)
		from += len(run)
	}
	for s.wait() {
	}
	r.data = whole
	return entries, r.end()
}

// next reads an entry as soon as all of it is there. Its name lies in the data.
func (s *stream) next(r *reader, whole []byte, e *Entry) error {
	for {
		r.data = whole[:min(s.there, len(whole))]
		rec, err := r.next()
		if err != nil {
			if s.wait() {
				continue
			}
			return err
		}
		if len(rec.name) == 0 {
			return errNameless
		}
		*e = rec.entry()
		e.Name = unsafe.String(unsafe.SliceData(rec.name), len(rec.name))
		return nil
	}
}
