package gitstore

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/worklist"
	"golang.org/x/sys/unix"
)

// Difference is a path of a rollback target that is not as it was written.
type Difference struct {
	Path string
	Kind DifferenceKind
}

// DifferenceKind says how a path differs.
type DifferenceKind string

// The kinds of difference.
const (
	Missing DifferenceKind = "missing"
	Edited  DifferenceKind = "edited"
	// Foreign files were not written by the rollback.
	Foreign DifferenceKind = "foreign"
	// Unknown is all of a target when nothing tells what was written into it.
	Unknown DifferenceKind = "unknown"
)

// CheckSlot compares an open target with what was written into it, by the stat
// data in its Git index. A file whose stat data changed is read and hashed, and
// full reads all of them. A slot that is Damaged, or has lost its index, differs as
// a whole, which is told of the path ".".
func (s *Store) CheckSlot(ctx context.Context, dir *os.File, slot *Slot, full bool) ([]Difference, error) {
	tree, err := s.readSlot(slot)
	if err != nil {
		s.log.Warn("nothing tells what was written into the target", "target", slot.Path, "error", err)
		return []Difference{{Path: ".", Kind: Unknown}}, nil
	}
	return s.checkSlot(ctx, dir, &slotCheck{top: tree.top, full: full})
}

// CheckWritten compares a directory with what Materialise has just written into it,
// or taken away. What was in it already and stayed was looked at then. Where all is
// well, whoever brings the slot up to date will find what is known of its directories.
func (s *Store) CheckWritten(ctx context.Context, dir *os.File, m *Materialised) ([]Difference, error) {
	differences, err := s.checkSlot(ctx, dir, &slotCheck{top: m.root, touched: true})
	if err == nil && len(differences) == 0 && m.slot != nil && len(m.paths) == 0 {
		if err := s.writeStamps(m.slot, m.root); err != nil {
			s.log.Debug("the next rollback lists all directories", "error", err)
		}
	}
	return differences, err
}

func (s *Store) checkSlot(ctx context.Context, dir *os.File, c *slotCheck) ([]Difference, error) {
	// A handle of its own, since reading the names moves its position.
	fd, err := dirfd.OpenDir(int(dir.Fd()), ".")
	if err != nil {
		return nil, err
	}
	top := dirfd.New(fd)
	c.list = worklist.New[*matWorker](ctx)
	c.list.Push(func(w *matWorker) { c.dir(w, top, c.top) })
	err = c.list.Run(s.opts.Workers, newMatWorker)
	slices.SortFunc(c.found, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return c.found, err
}

type slotCheck struct {
	top *slotDir
	// full reads everything, touched looks only into directories that were.
	full, touched bool
	list          *worklist.List[*matWorker]

	mu    sync.Mutex
	found []Difference
}

func (c *slotCheck) add(path string, kind DifferenceKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, Difference{path, kind})
}

// dir checks a directory, and takes over its handle.
func (c *slotCheck) dir(w *matWorker, h *dirfd.Handle, d *slotDir) {
	defer h.Release()
	if c.list.Stopped() {
		return
	}
	here := !c.touched || d.touched.Load()
	for i := range d.items {
		it := &d.items[i]
		switch {
		case it.sub != nil:
			if !c.touched || it.sub.touchedBelow || it.sub.touched.Load() {
				c.descend(h, it)
			}
		case !c.touched || it.written:
			if err := c.file(w, h, it); err != nil {
				c.list.Stop(err)
				return
			}
		}
	}
	if !here {
		return
	}
	if err := c.foreign(h, d); err != nil {
		c.list.Stop(err)
	}
}

// descend opens a sub-directory only when its turn comes, which bounds the
// handles that are open at once.
func (c *slotCheck) descend(parent *dirfd.Handle, it *slotItem) {
	parent.Hold()
	c.list.Push(func(w *matWorker) {
		defer parent.Release()
		if c.list.Stopped() {
			return
		}
		h, err := parent.Open(it.name)
		if err != nil {
			c.missing(it.sub)
			return
		}
		c.dir(w, h, it.sub)
	})
}

// missing reports all files below a directory that isn't there.
func (c *slotCheck) missing(d *slotDir) {
	for _, it := range d.items {
		if it.sub != nil {
			c.missing(it.sub)
		} else {
			c.add(it.file.Name, Missing)
		}
	}
}

func (c *slotCheck) file(w *matWorker, h *dirfd.Handle, it *slotItem) error {
	st, err := dirfd.Lstat(h.FD, it.name)
	switch {
	case errors.Is(err, unix.ENOENT):
		c.add(it.file.Name, Missing)
	case err != nil:
		return err
	case !c.full && sameStat(it.file, st):
	case !sameKind(it.file, st),
		!sameContent(w.hash, w.buf, h.FD, it, st):
		c.add(it.file.Name, Edited)
	}
	return nil
}

// foreign reports what nobody wrote.
func (c *slotCheck) foreign(h *dirfd.Handle, d *slotDir) error {
	var names []string
	err := dirfd.EachName(h.FD, func(name []byte) {
		known := d.find(string(name), false) != nil || d.find(string(name), true) != nil
		if !known && (d != c.top || string(name) != ".git") {
			names = append(names, string(name))
		}
	})
	for _, name := range names {
		if st, err := dirfd.Lstat(h.FD, name); err == nil && st.Kind() == unix.S_IFDIR && onlyDirs(h, name) {
			d.stamp = dirStamp{}
			continue
		}
		c.add(joinPath(d.path, name), Foreign)
	}
	return err
}

// onlyDirs says that nothing but directories is below: what a checkpoint's empty
// directories look like, and harmless in any case.
func onlyDirs(parent *dirfd.Handle, name string) bool {
	h, err := parent.Open(name)
	if err != nil {
		return false
	}
	defer h.Release()
	names, err := dirfd.Names(h.FD)
	if err != nil {
		return false
	}
	for _, n := range names {
		if st, err := dirfd.Lstat(h.FD, n); err != nil || st.Kind() != unix.S_IFDIR || !onlyDirs(h, n) {
			return false
		}
	}
	return true
}

// sameStat says that the file is the one that was written, as far as stat data
// can tell. A file written in the very moment the index was is looked at again
// by whoever asks for a full check.
func sameStat(e *gitindex.Entry, st dirfd.Stat) bool {
	now := indexEntry(e.Name, e.Mode, e.ID, st)
	return now.MTimeSec == e.MTimeSec && now.MTimeNsec == e.MTimeNsec && now.CTimeSec == e.CTimeSec &&
		now.CTimeNsec == e.CTimeNsec && now.Ino == e.Ino && now.Size == e.Size && sameKind(e, st)
}

func sameKind(e *gitindex.Entry, st dirfd.Stat) bool {
	switch e.Mode {
	case scan.ModeSymlink:
		return st.Kind() == unix.S_IFLNK
	case scan.ModeExec:
		return st.Kind() == unix.S_IFREG && st.Mode&0o100 != 0
	}
	return st.Kind() == unix.S_IFREG && st.Mode&0o100 == 0
}

// sameContent says that a file or symbolic link has the bytes that its item names.
func sameContent(hash *odb.Hasher, buf []byte, dir int, it *slotItem, st dirfd.Stat) bool {
	if it.file.Mode == scan.ModeSymlink {
		n, err := unix.Readlinkat(dir, it.name, buf)
		if err != nil {
			return false
		}
		id, err := odb.Hash(odb.Blob, buf[:n])
		return err == nil && id == it.file.ID
	}
	fd, err := dirfd.OpenFile(dir, it.name)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	hash.Start(odb.Blob, st.Size)
	n, err := io.CopyBuffer(hash, &dirfd.Reader{FD: fd}, buf)
	if err != nil || n != st.Size {
		return false
	}
	id, err := hash.Sum()
	return err == nil && id == it.file.ID
}
