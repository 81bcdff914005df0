package refs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// A search in packed-refs reads a few blocks of it, however many refs it has, if it
// was read whole before in its present state, and found in order. A file beside the
// journals says so: magic, stamp (4 numbers of eight bytes), CRC-32C of packed-refs,
// CRC-32C of all this.
const (
	orderedFile  = "packed-refs.ordered"
	orderedTemp  = "tmp_packed_refs_ordered_"
	orderedMagic = "EVPR0001"
	orderedSize  = 8 + 4*8 + 4 + 4
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (db *DB) orderedPath() string { return filepath.Join(db.opts.JournalDir, orderedFile) }

func encodeOrdered(s PackedStamp, sum uint32) []byte {
	le := binary.LittleEndian
	b := s.Append(append(make([]byte, 0, orderedSize), orderedMagic...))
	b = le.AppendUint32(b, sum)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

// readOrdered returns the checksum of packed-refs in this state, if it was found in
// order.
func (db *DB) readOrdered(s PackedStamp) (sum uint32, ok bool) {
	if db.opts.JournalDir == "" {
		return 0, false
	}
	f, err := durable.Open(db.orderedPath())
	if err != nil {
		return 0, false
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !s.Before(fi) {
		return 0, false
	}
	var data [orderedSize]byte
	if _, err = io.ReadFull(f, data[:]); err != nil {
		return 0, false
	}
	sum = binary.LittleEndian.Uint32(data[orderedSize-8:])
	return sum, bytes.Equal(data[:], encodeOrdered(s, sum))
}

// worthSearching is how long packed-refs is, in bytes, where looking through all of it
// takes longer than the rest of a quick command.
const worthSearching = 32 << 10

// noteOrdered keeps what readOrdered returns. It is only a cache: nobody is told of an
// error.
func (db *DB) noteOrdered(s PackedStamp, data []byte) {
	if db.opts.JournalDir == "" || len(data) < worthSearching {
		return
	}
	f, err := durable.Create(db.opts.JournalDir, orderedTemp, 0o644)
	if err != nil {
		return
	}
	defer f.Discard()
	if _, err = f.Write(encodeOrdered(s, crc32.Checksum(data, castagnoli()))); err == nil {
		err = f.Rename(db.orderedPath())
	}
	if err != nil {
		db.opts.Log.Debug("that packed-refs is in order can't be kept", "error", err)
	}
}

// packedFrom returns the first ref in packed-refs whose name isn't before name,
// false for none.
func (db *DB) packedFrom(name string) (Ref, bool, error) {
	if r, found, err := db.searchPacked(name); err == nil {
		return r, found, nil
	}
	lines, err := db.packedLines()
	if err != nil {
		return Ref{}, false, err
	}
	if i, _ := lines.search(name); i < len(lines.refs) {
		r, err := refOfLine(lines.line(lines.refs[i]))
		return r, err == nil, err
	}
	return Ref{}, false, nil
}

// errUnordered says that packed-refs must be read whole.
var errUnordered = errors.New("packed-refs isn't known to be in order")

// searchPacked looks into the file. A bit that has fallen over on the disk may lead it
// astray, so that there is no such ref is only believed of the very bytes that were
// found in order.
func (db *DB) searchPacked(name string) (Ref, bool, error) {
	db.packedMu.Lock()
	defer db.packedMu.Unlock()
	if db.searches++; db.packed != nil || db.searches > fewSearches {
		return Ref{}, false, errUnordered
	}
	f, err := durable.Open(db.packedPath())
	if err != nil {
		return Ref{}, false, err
	}
	defer f.Close()
	stamp, err := stampOf(int(f.Fd()))
	if err != nil {
		return Ref{}, false, err
	}
	sum, ok := db.readOrdered(stamp)
	if !ok {
		return Ref{}, false, errUnordered
	}
	s := packedSearch{f: f, size: stamp.Size, lines: bufio.NewReaderSize(nil, searchBlock)}
	r, found, err := s.from(name)
	if err != nil || found && r.Name == name || db.summed == stamp {
		return r, found, err
	}
	if now, err := s.checksum(); err != nil || now != sum {
		return Ref{}, false, errors.Join(errUnordered, err)
	}
	db.summed = stamp
	return r, found, nil
}

// fewSearches are soon done; whoever looks for more refs had better have all of them.
const fewSearches = 16

// searchBlock is how much is read at a time: a few lines. A longer line ends the
// search.
const searchBlock = 1 << 10

// packedSearch is one search by halving in an ordered packed-refs.
type packedSearch struct {
	f     io.ReaderAt
	size  int64
	lines *bufio.Reader
}

func (s *packedSearch) seek(off int64) { s.lines.Reset(io.NewSectionReader(s.f, off, s.size-off)) }

func (s *packedSearch) checksum() (uint32, error) {
	h := crc32.New(castagnoli())
	// Hidden, so that io.CopyBuffer uses the buffer.
	from := struct{ io.Reader }{io.NewSectionReader(s.f, 0, s.size)}
	n, err := io.CopyBuffer(h, from, make([]byte, 128<<10))
	if err == nil && n != s.size {
		err = io.ErrUnexpectedEOF
	}
	return h.Sum32(), err
}

// from is as packedFrom.
func (s *packedSearch) from(name string) (best Ref, found bool, err error) {
	// What begins before low is before name; at high begins what isn't, or nothing.
	low, high := int64(0), s.size
	for high-low > searchBlock {
		mid := low + (high-low)/2
		// From the byte before, so that a line that begins at mid is the next one.
		s.seek(mid - 1)
		rest, err := s.lines.ReadSlice('\n')
		if err != nil && err != io.EOF {
			return Ref{}, false, err
		}
		r, start, end, err := s.next(mid - 1 + int64(len(rest)))
		switch {
		case err != nil && err != io.EOF:
			return Ref{}, false, err
		case err == io.EOF, start >= high:
			high = mid
		case r.Name < name:
			low = end
		default:
			high, best, found = start, r, true
		}
	}
	s.seek(low)
	for low < high {
		r, start, end, err := s.next(low)
		if err == io.EOF || err == nil && start >= high {
			break
		}
		if err != nil {
			return Ref{}, false, err
		}
		if r.Name >= name {
			return r, true, nil
		}
		low = end
	}
	return best, found, nil
}

// next reads the next ref, where the reader stands at the beginning of a line. It
// returns where the ref's line begins and ends, and [io.EOF] after the last.
func (s *packedSearch) next(at int64) (r Ref, start, end int64, err error) {
	for {
		line, err := s.lines.ReadSlice('\n')
		if err == io.EOF && len(line) > 0 {
			err = nil
		}
		if err != nil {
			return Ref{}, 0, 0, err
		}
		start, at = at, at+int64(len(line))
		line = bytes.TrimSuffix(line, []byte("\n"))
		switch isRef, err := checkLine(line); {
		case err != nil:
			return Ref{}, 0, 0, err
		case isRef:
			r, err := refOfLine(line)
			return r, start, at, err
		}
	}
}
