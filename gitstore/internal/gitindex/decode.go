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
	var zero, want [checksumSize]byte
	copy(want[:], data[len(r.data):])
	if want != zero && want != sha1.Sum(r.data) {
		return nil, fmt.Errorf("%w: checksum mismatch", ErrCorrupt)
	}
	entries := make([]Entry, r.left)
	// The names share one string, cut once it is complete.
	var names strings.Builder
	ends := make([]int, len(entries))
	nameless := false
	for i := range entries {
		rec, err := r.next()
		if err != nil {
			return nil, err
		}
		nameless = nameless || len(rec.name) == 0
		entries[i] = rec.entry()
		names.Write(rec.name)
		ends[i] = names.Len()
	}
	if err := r.extensions(func(name string, _ []byte) bool { return name == "sdir" }); err != nil {
		return nil, err
	}
	if nameless { // a split index, refused above, has such entries
		return nil, fmt.Errorf("%w: empty name", ErrCorrupt)
	}
	text, start := names.String(), 0
	for i := range entries {
		entries[i].Name = text[start:ends[i]]
		start = ends[i]
		if i > 0 && !entries[i-1].before(&entries[i]) {
			return nil, fmt.Errorf("%w: %q is out of order", ErrCorrupt, entries[i].Name)
		}
	}
	return entries, nil
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
