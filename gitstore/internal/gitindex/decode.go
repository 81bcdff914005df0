package gitindex

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strings"
)

// Decode reads an index of version 2, 3 or 4 with SHA-1 names. The checksum must
// be right, unless it is all zero (index.skipHash), and the entries in order. A
// split index is an [ErrUnsupported], since most of its entries are elsewhere; a
// sparse one yields its directories, with their slash. The data is not kept.
func Decode(data []byte) ([]Entry, error) {
	r, err := newReader(data, checksumSize)
	if err != nil {
		return nil, err
	}
	// Nothing that is found without a right checksum is told.
	checked := make(chan error, 1)
	go func() { checked <- checkSum(r.data, data[len(r.data):]) }()
	entries, err := r.entries()
	if wrong := <-checked; wrong != nil {
		return nil, wrong
	}
	return entries, err
}

func checkSum(data, sum []byte) error { return compareSum(sum, sha1.Sum(data)) }

func compareSum(sum []byte, is [checksumSize]byte) error {
	var zero, want [checksumSize]byte
	copy(want[:], sum)
	if want != zero && want != is {
		return fmt.Errorf("%w: checksum mismatch", ErrCorrupt)
	}
	return nil
}

func (r *reader) entries() ([]Entry, error) {
	entries := make([]Entry, r.left)
	var names nameList
	nameless := false
	for i := range entries {
		rec, err := r.next()
		if err != nil {
			return nil, err
		}
		nameless = nameless || len(rec.name) == 0
		entries[i] = rec.entry()
		names.add(rec.name)
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if nameless { // a split index, refused above, has such entries
		return nil, errNameless
	}
	names.give(entries)
	for i := range entries[:max(0, len(entries)-1)] {
		if !entries[i].before(&entries[i+1]) {
			return nil, outOfOrder(&entries[i+1])
		}
	}
	return entries, nil
}

var errNameless = fmt.Errorf("%w: empty name", ErrCorrupt)

func outOfOrder(e *Entry) error { return fmt.Errorf("%w: %q is out of order", ErrCorrupt, e.Name) }

// end looks at what follows the entries.
func (r *reader) end() error {
	return r.extensions(func(name string, _ []byte) bool { return name == "sdir" })
}

// nameList has all names share one string, cut once it is complete.
type nameList struct {
	text strings.Builder
	ends []int
}

func (l *nameList) add(name []byte) {
	l.text.Write(name)
	l.ends = append(l.ends, l.text.Len())
}

// give names the entries, in the order in which the names were added.
func (l *nameList) give(entries []Entry) {
	text, start := l.text.String(), 0
	for i, end := range l.ends {
		entries[i].Name = text[start:end]
		start = end
	}
}

// entry is the record without its name.
func (rec *record) entry() Entry {
	number := func(i int) uint32 { return binary.BigEndian.Uint32(rec.stat[4*i:]) }
	return Entry{
		CTimeSec: number(0), CTimeNsec: number(1), MTimeSec: number(2), MTimeNsec: number(3),
		Dev: number(4), Ino: number(5), Mode: number(6), UID: number(7), GID: number(8), Size: number(9),
		ID:           [20]byte(rec.id),
		Stage:        uint8(rec.flags & flagStage >> 12),
		AssumeValid:  rec.flags&flagAssumeValid != 0,
		SkipWorktree: rec.extended&extendedSkipWorktree != 0,
		IntentToAdd:  rec.extended&extendedIntentToAdd != 0,
	}
}
