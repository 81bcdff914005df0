package gitstore

import (
	"errors"
	"fmt"
	"io"
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
	l.left.Store(min(max(c.Files, 0), 1<<40)*entriesPerFile + entrySlack)
	return l
}

func (l *entryLimit) take(entries int) error {
	if l.left.Add(-int64(entries)) < 0 {
		return &FormError{Object: l.commit, Err: errors.New("it holds more files and directories than it says")}
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
			return 0, &FormError{Object: l.checkpoint.Commit, Err: fmt.Errorf("it says that it holds %s, and holds more", humanize.IBytes(uint64(max(l.most, 0))))}
		}
		return w.Write(b)
	})
}
