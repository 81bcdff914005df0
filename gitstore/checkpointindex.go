package gitstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
)

// checkpointIndex is what the checkpoints are that packed-refs names, newest first,
// so that listing them reads no objects, and the newest few cost the same of ten as
// of ten thousand. It is a cache: an entry is what a tag's object said, whose id it
// bears, and the file says which packed-refs it is of. What a rollback brings back
// is never taken from it but from the objects.
//
// The file is a header, the records, all of one size, and their text, in the same order:
//
//	header  magic, stamp of packed-refs (4 numbers), count, CRC-32C of all this
//	record  CRC-32C of record and text, flags, time, files, bytes, place and length
//	        of the text, five object names
//	text    nine strings, each after its length
//
// Numbers are little-endian, and eight bytes but for the first two of a record.
type checkpointIndex struct {
	f     *os.File
	size  int64
	count int

	// records are those from first on that were read last, text what belongs to them,
	// which begins at textFrom in the file.
	first    int
	records  []byte
	text     []byte
	textFrom uint64
}

const (
	checkpointIndexFile  = "checkpoints"
	checkpointIndexTemp  = "tmp_checkpoints_"
	checkpointIndexMagic = "EVCP0001"

	indexHeaderSize = 8 + 4*8 + 8 + 8
	indexRecordSize = 4 + 4 + 5*8 + 5*20

	indexPartial = 1
)

// openCheckpointIndex opens the index; nil when there is none that can be used, for
// this state of packed-refs or, with any, at all. It is for one goroutine, and must be
// closed.
func (s *Store) openCheckpointIndex(stamp refs.PackedStamp, any bool) *checkpointIndex {
	f, err := durable.Open(s.cachePath(checkpointIndexFile))
	if err != nil {
		return nil
	}
	x, err := newCheckpointIndex(f, stamp, any)
	if x == nil || err != nil {
		f.Close()
		return nil
	}
	return x
}

func newCheckpointIndex(f *os.File, stamp refs.PackedStamp, any bool) (*checkpointIndex, error) {
	fi, err := f.Stat()
	if err != nil || fi.Size() > 1<<30 {
		return nil, err
	}
	var head [indexHeaderSize]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if string(head[:8]) != checkpointIndexMagic || le.Uint64(head[48:]) != uint64(crc32.Checksum(head[:48], castagnoli())) {
		return nil, nil
	}
	count := le.Uint64(head[40:])
	if count > uint64(fi.Size())/indexRecordSize {
		return nil, nil
	}
	if !any && (!bytes.Equal(head[8:40], stamp.Append(nil)) || !stamp.Before(fi)) {
		return nil, nil
	}
	return &checkpointIndex{f: f, size: fi.Size(), count: int(count)}, nil
}

func (x *checkpointIndex) close() {
	if x != nil {
		x.f.Close()
	}
}

func (x *checkpointIndex) len() int {
	if x == nil {
		return 0
	}
	return x.count
}

// Records are read in passing: the newest few are what most are after, and who goes on
// is likely to want them all.
const (
	fewRecords  = 32
	mostRecords = 512
)

// record returns the i-th record and the text that belongs to it, false for a damaged
// one.
func (x *checkpointIndex) record(i int) (rec, text []byte, ok bool) {
	if n := len(x.records) / indexRecordSize; i < x.first || i >= x.first+n {
		if !x.read(i, min(max(fewRecords, 8*n), mostRecords, x.count-i)) {
			return nil, nil, false
		}
	}
	rec = x.records[(i-x.first)*indexRecordSize:][:indexRecordSize]
	from, to := textOf(rec)
	if from < x.textFrom || to < from || to-x.textFrom > uint64(len(x.text)) {
		return nil, nil, false
	}
	return rec, x.text[from-x.textFrom : to-x.textFrom], true
}

// resize returns a slice of n bytes, whatever they are.
func resize(b []byte, n int) []byte { return slices.Grow(b[:0], n)[:n] }

// textOf is where a record's text lies in the file.
func textOf(rec []byte) (from, to uint64) {
	from = binary.LittleEndian.Uint64(rec[32:])
	return from, from + binary.LittleEndian.Uint64(rec[40:])
}

// read takes n records from the i-th on into memory, and their text.
func (x *checkpointIndex) read(i, n int) bool {
	records := resize(x.records, n*indexRecordSize)
	if _, err := x.f.ReadAt(records, int64(indexHeaderSize+i*indexRecordSize)); err != nil {
		return false
	}
	x.first, x.records, x.text, x.textFrom = i, records, x.text[:0], 0
	// A damaged record has another idea of where its text lies.
	from, to := uint64(x.size), uint64(0)
	for rec := range slices.Chunk(records, indexRecordSize) {
		if a, b := textOf(rec); a <= b && b <= uint64(x.size) {
			from, to = min(from, a), max(to, b)
		}
	}
	if from > to {
		return true
	}
	text := resize(x.text, int(to-from))
	if _, err := x.f.ReadAt(text, int64(from)); err != nil {
		return false
	}
	x.text, x.textFrom = text, from
	return true
}

// at returns the i-th checkpoint; false for a damaged record.
func (x *checkpointIndex) at(i int) (c Checkpoint, ok bool) {
	rec, text, ok := x.record(i)
	le := binary.LittleEndian
	if !ok || crc32.Update(crc32.Checksum(rec[4:], castagnoli()), castagnoli(), text) != le.Uint32(rec) {
		return c, false
	}
	c.Partial = le.Uint32(rec[4:])&indexPartial != 0
	c.Time = time.Unix(int64(le.Uint64(rec[8:])), 0).UTC()
	c.Files, c.Bytes = int64(le.Uint64(rec[16:])), int64(le.Uint64(rec[24:]))
	for i, id := range indexIDs(&c) {
		*id = ID(rec[48+20*i:])
	}
	words := string(text)
	for _, s := range indexTexts(&c) {
		n, used := binary.Uvarint(text)
		if used <= 0 || n > uint64(len(text)-used) {
			return c, false
		}
		end := used + int(n)
		*s, text, words = words[used:end], text[end:], words[end:]
	}
	return c, true
}

func indexIDs(c *Checkpoint) [5]*ID {
	return [5]*ID{&c.Tag, &c.Commit, &c.Tree, &c.Parent, &c.MetaID}
}

func indexTexts(c *Checkpoint) [9]*string {
	return [9]*string{
		&c.Version, &c.Author.Name, &c.Author.Email, &c.Message, &c.SourceCommit, &c.SourceBranch, &c.SourceDirty, &c.ToolVersion, &c.Reason,
	}
}

// writeCheckpointIndex stores the checkpoints, newest first, that this state of
// packed-refs names.
func (s *Store) writeCheckpointIndex(stamp refs.PackedStamp, all []Checkpoint) error {
	le := binary.LittleEndian
	var out, text bytes.Buffer
	head := le.AppendUint64(stamp.Append([]byte(checkpointIndexMagic)), uint64(len(all)))
	head = le.AppendUint64(head, uint64(crc32.Checksum(head, castagnoli())))
	out.Write(head)
	place := indexHeaderSize + len(all)*indexRecordSize
	for i := range all {
		c := &all[i]
		from := text.Len()
		for _, t := range indexTexts(c) {
			text.Write(binary.AppendUvarint(nil, uint64(len(*t))))
			text.WriteString(*t)
		}
		rec := make([]byte, 4, indexRecordSize)
		flags := uint32(0)
		if c.Partial {
			flags |= indexPartial
		}
		rec = le.AppendUint32(rec, flags)
		for _, n := range []int64{c.Time.Unix(), c.Files, c.Bytes, int64(place + from), int64(text.Len() - from)} {
			rec = le.AppendUint64(rec, uint64(n))
		}
		for _, id := range indexIDs(c) {
			rec = append(rec, id[:]...)
		}
		le.PutUint32(rec, crc32.Update(crc32.Checksum(rec[4:], castagnoli()), castagnoli(), text.Bytes()[from:]))
		out.Write(rec)
	}
	f, err := durable.Create(filepath.Join(s.dir, cacheDir), checkpointIndexTemp, 0o644)
	if err != nil {
		return err
	}
	defer f.Discard()
	_, err = f.Write(out.Bytes())
	_, err2 := f.Write(text.Bytes())
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	// Not synced: a damaged one is noticed, and made again.
	return f.Rename(s.cachePath(checkpointIndexFile))
}
