package statcache

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// Writer builds a new cache from the leaves up: a directory is added after all
// of its sub-directories. It is for one goroutine.
type Writer struct {
	path string
	f    *durable.File
	// buf is what comes after the done bytes that are written.
	buf  []byte
	done uint64
	err  error
	now  int64
}

// Temp begins the name of a cache in the making, for [durable.Sweep].
const Temp = "tmp_statcache_"

// NewWriter opens the file that will become the cache at path. The moment it
// was made, by the file system's own clock, is the mark against which racy
// entries are told: make the Writer before the walk begins.
func NewWriter(path string) (*Writer, error) {
	f, err := durable.Create(filepath.Dir(path), Temp, 0o644)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Discard()
		return nil, err
	}
	return &Writer{path: path, f: f, now: fi.ModTime().UnixNano(), done: headerSize}, nil
}

// Racy says whether a file of these stat data might still change unnoticed.
// Times without a fraction are taken for those of a file system that keeps
// whole seconds only, or two.
func (w *Writer) Racy(st Stat) bool {
	const second = 1_000_000_000
	if st.Mtime%second == 0 && st.Ctime%second == 0 {
		return max(st.Mtime, st.Ctime) >= w.now-w.now%second-2*second
	}
	return max(st.Mtime, st.Ctime) >= w.now
}

// Place is where in the new cache a directory's record lies.
type Place struct{ start, at uint64 }

// Add writes a directory's record and returns its place, for the children argument
// of the directory above. Entries must be sorted by name; children holds the places
// of those entries that are directories, in order. All that lies below a directory
// must have been added in one go, right before it.
func (w *Writer) Add(tree [20]byte, entries []Entry, children []Place) Place {
	p := Place{at: w.done + uint64(len(w.buf))}
	p.start = p.at
	for _, child := range children {
		p.start = min(p.start, child.start)
	}
	from := len(w.buf)
	le := binary.LittleEndian
	w.buf = le.AppendUint32(w.buf, uint32(len(entries)))
	w.buf = append(w.buf, make([]byte, 8)...)
	w.buf = append(w.buf, tree[:]...)
	w.buf = le.AppendUint64(w.buf, p.at-p.start)
	names := 0
	for i := range entries {
		child := uint64(0)
		if entries[i].Mode == modeDir {
			child, children = p.at-children[0].at, children[1:]
		}
		w.entry(&entries[i], names, child)
		names += len(entries[i].Name)
	}
	for _, e := range entries {
		w.buf = append(w.buf, e.Name...)
	}
	rec := w.buf[from:]
	le.PutUint32(rec[4:], uint32(names))
	le.PutUint32(rec[8:], crc32.Update(crc32.Checksum(rec[:8], table()), table(), rec[12:]))
	w.flush()
	return p
}

func (w *Writer) entry(e *Entry, name int, child uint64) {
	le := binary.LittleEndian
	flags := uint16(0)
	size := uint64(e.Size)
	if e.Mode == modeDir {
		size = child
	} else if e.Racy || w.Racy(e.Stat) {
		flags |= flagRacy
	}
	w.buf = le.AppendUint32(w.buf, uint32(name))
	w.buf = le.AppendUint16(w.buf, uint16(len(e.Name)))
	w.buf = le.AppendUint16(w.buf, flags)
	w.buf = le.AppendUint32(w.buf, e.Mode)
	w.buf = le.AppendUint64(w.buf, size)
	w.buf = le.AppendUint64(w.buf, uint64(e.Mtime))
	w.buf = le.AppendUint64(w.buf, uint64(e.Ctime))
	w.buf = le.AppendUint64(w.buf, e.Ino)
	w.buf = append(w.buf, e.ID[:]...)
}

// Keep is Add for a directory that is, with all below it, as the old cache has it:
// its records tell of one another by distances, and are copied as they are.
func (w *Writer) Keep(d Dir) Place {
	var err error
	defer func() { w.err = cmp.Or(w.err, err) }()
	defer faults(&err)()
	at := w.done + uint64(len(w.buf))
	end := d.at + dirHeader + uint64(len(d.entries)+len(d.names))
	w.buf = append(w.buf, d.c.data[d.at-d.below:end]...)
	w.flush()
	return Place{start: at, at: at + d.below}
}

// enough is how much is gathered before it is written.
const enough = 1 << 20

func (w *Writer) flush() {
	if len(w.buf) < enough || w.err != nil {
		return
	}
	_, w.err = w.f.WriteAt(w.buf, int64(w.done))
	w.done += uint64(len(w.buf))
	w.buf = w.buf[:0]
}

// Commit makes the new cache the one that Open finds; packs are as in
// [Cache.Packs]. It isn't synced: after a power cut a damaged cache is noticed and
// costs a slower walk.
func (w *Writer) Commit(root Place, packs [][packSize]byte) error {
	from := len(w.buf)
	at := w.done + uint64(from)
	for _, p := range packs {
		w.buf = append(w.buf, p[:]...)
	}
	le := binary.LittleEndian
	head := append(make([]byte, 0, headerSize), magic...)
	head = le.AppendUint64(head, w.done+uint64(len(w.buf)))
	head = le.AppendUint64(head, root.at)
	head = le.AppendUint64(head, at)
	head = le.AppendUint64(head, uint64(headSum(head, w.buf[from:])))
	_, err := w.f.WriteAt(w.buf, int64(w.done))
	if err == nil {
		_, err = w.f.WriteAt(head, 0)
	}
	if err := cmp.Or(w.err, err); err != nil {
		return err
	}
	return w.f.Rename(w.path)
}

// Discard gives the new cache up. It does nothing after Commit.
func (w *Writer) Discard() { w.f.Discard() }
