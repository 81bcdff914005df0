package gitstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
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
// The file is a header, the records, all of one size, and their text:
//
//	header  magic, stamp of packed-refs (4 numbers), count, CRC-32C of all this
//	record  CRC-32C of record and text, flags, time, files, bytes, place and length
//	        of the text, five object names
//	text    nine strings, each after its length
//
// Numbers are little-endian, and eight bytes but for the first two of a record.
type checkpointIndex struct {
	data  []byte
	count int
}

const (
	checkpointIndexFile  = "checkpoints"
	checkpointIndexTemp  = "tmp_checkpoints_"
	checkpointIndexMagic = "EVCP0001"

	indexHeaderSize = 8 + 4*8 + 8 + 8
	indexRecordSize = 4 + 4 + 5*8 + 5*20

	indexPartial = 1
)

// openCheckpointIndex reads the index; nil when there is none that can be used, for
// this state of packed-refs or, with any, at all.
func (s *Store) openCheckpointIndex(stamp refs.PackedStamp, any bool) *checkpointIndex {
	f, err := os.Open(s.cachePath(checkpointIndexFile))
	if err != nil {
		return nil
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() < indexHeaderSize || fi.Size() > 1<<30 {
		return nil
	}
	data := make([]byte, fi.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		return nil
	}
	head := data[:indexHeaderSize]
	le := binary.LittleEndian
	if string(head[:8]) != checkpointIndexMagic || le.Uint64(head[48:]) != uint64(crc32.Checksum(head[:48], castagnoli())) {
		return nil
	}
	count := le.Uint64(head[40:])
	if count > uint64(len(data))/indexRecordSize {
		return nil
	}
	// Within a tick of the clock packed-refs might have been replaced unnoticed.
	if !any && (indexStamp(stamp) != [32]byte(head[8:40]) || max(stamp.Mtime, stamp.Ctime) >= fi.ModTime().UnixNano()) {
		return nil
	}
	return &checkpointIndex{data: data, count: int(count)}
}

func indexStamp(s refs.PackedStamp) (b [32]byte) {
	le := binary.LittleEndian
	for i, n := range []uint64{uint64(s.Size), uint64(s.Mtime), uint64(s.Ctime), s.Ino} {
		le.PutUint64(b[8*i:], n)
	}
	return b
}

// at returns the i-th checkpoint; false for a damaged record.
func (x *checkpointIndex) at(i int) (c Checkpoint, ok bool) {
	le := binary.LittleEndian
	rec := x.data[indexHeaderSize+i*indexRecordSize:]
	if len(rec) < indexRecordSize {
		return c, false
	}
	rec = rec[:indexRecordSize]
	from, size := le.Uint64(rec[32:]), le.Uint64(rec[40:])
	if from > uint64(len(x.data)) || size > uint64(len(x.data))-from {
		return c, false
	}
	text := x.data[from : from+size]
	if crc32.Update(crc32.Checksum(rec[4:], castagnoli()), castagnoli(), text) != le.Uint32(rec) {
		return c, false
	}
	c.Partial = le.Uint32(rec[4:])&indexPartial != 0
	c.Time = time.Unix(int64(le.Uint64(rec[8:])), 0).UTC()
	c.Files, c.Bytes = int64(le.Uint64(rec[16:])), int64(le.Uint64(rec[24:]))
	for i, id := range indexIDs(&c) {
		*id = ID(rec[48+20*i:])
	}
	for _, s := range indexTexts(&c) {
		n, used := binary.Uvarint(text)
		if used <= 0 || n > uint64(len(text)-used) {
			return c, false
		}
		*s, text = string(text[used:used+int(n)]), text[used+int(n):]
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
	head := append([]byte(checkpointIndexMagic), make([]byte, indexHeaderSize-8)...)
	mark := indexStamp(stamp)
	copy(head[8:], mark[:])
	le.PutUint64(head[40:], uint64(len(all)))
	le.PutUint64(head[48:], uint64(crc32.Checksum(head[:48], castagnoli())))
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
