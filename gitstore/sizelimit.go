package gitstore

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"

	"github.com/dustin/go-humanize"
)

// sizeSlack is how much more than a checkpoint promises may be inflated of it: its
// size is told for the sake of people, and being off by a little harms nobody.
const sizeSlack = 64 << 20

// sizeLimit stops what inflates to more than its checkpoint says: a few kilobytes
// of a store that somebody else wrote to could fill the disk, and whoever asked
// whether there is room was told another number.
type sizeLimit struct {
	checkpoint Checkpoint
	entries    *entryLimit
	most       int64
	written    atomic.Int64
}

// A checkpoint counts its files. It may have so many directories for each, and so many
// besides: some hold only others.
const (
	entriesPerFile = 16
	entrySlack     = 1 << 16
)

// entryLimit bounds how much of a tree is walked. Trees that hold one another many
// times over tell of more files, in a few kilobytes, than any disk has.
type entryLimit struct {
	commit ID
	left   atomic.Int64
}

func newEntryLimit(c Checkpoint) *entryLimit {
	l := &entryLimit{commit: c.Commit}
	l.left.Store(mostEntries(c))
	return l
}

func mostEntries(c Checkpoint) int64 {
	return min(max(c.Files, 0), 1<<40)*entriesPerFile + entrySlack
}

func (l *entryLimit) take(entries int) error {
	if l.left.Add(-int64(entries)) < 0 {
		return tooMany(l.commit)
	}
	return nil
}

func tooMany(commit ID) error {
	return &FormError{Object: commit, Err: errors.New("it holds more files and directories than it says")}
}

func tooBig(commit ID, said int64) error {
	return &FormError{Object: commit, Err: fmt.Errorf("it says that it holds %s, and holds more", humanize.IBytes(uint64(max(said, 0))))}
}

// extent is how much of a tree there is to write. Both numbers stop at the greatest:
// trees that hold one another may tell of any number.
type extent struct{ entries, bytes int64 }

func (x *extent) add(y extent) {
	x.entries, x.bytes = addUpTo(x.entries, y.entries), addUpTo(x.bytes, y.bytes)
}

func addUpTo(a, b int64) int64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxInt64
}

// within says what would stop a rollback to a checkpoint of that extent.
func (x extent) within(c Checkpoint) error {
	switch {
	case x.entries > mostEntries(c):
		return tooMany(c.Commit)
	case c.Files > 0 && x.bytes-sizeSlack > c.Bytes:
		return tooBig(c.Commit, c.Bytes)
	}
	return nil
}

func (s *Store) newSizeLimit(c Checkpoint) (*sizeLimit, error) {
	_, most, err := s.Extent(c, nil)
	return &sizeLimit{checkpoint: c, entries: newEntryLimit(c), most: most}, err
}

// writer passes on what is within the limit.
func (l *sizeLimit) writer(w io.Writer) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		if l.written.Add(int64(len(b)))-sizeSlack > l.most {
			return 0, tooBig(l.checkpoint.Commit, l.most)
		}
		return w.Write(b)
	})
}
