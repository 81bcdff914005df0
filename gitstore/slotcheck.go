package gitstore

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path"
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

// CheckSlot compares an open target with the checkpoint that was written into it. What it
// holds is told by the stat data in its Git index; a file that has other stat data, or so
// young ones that they tell nothing, is read and hashed, and full reads all files. A slot
// that is Damaged, or has lost its index, differs as a whole, which is told of the path
// ".". Of a checkpoint that can't be read any more only the index tells.
func (s *Store) CheckSlot(ctx context.Context, dir *os.File, slot *Slot, full bool) ([]Difference, error) {
	entries, err := s.slotIndex(slot)
	if err != nil {
		s.log.Warn("nothing tells what was written into the target", "target", slot.Path, "error", err)
		return []Difference{{Path: ".", Kind: Unknown}}, nil
	}
	c := &slotCheck{full: full, settled: slot.Settled}
	var empty []Path
	if cp, err := s.load("", slot.Commit); err == nil {
		if entries, err = s.asRecorded(cp, slot, entries); err != nil {
			return nil, err
		}
		if meta, err := s.Meta(cp); err == nil {
			c.bits = newPermissions(meta)
			empty, err = within(meta.EmptyDirs, slot.Paths)
			if err != nil {
				return nil, err
			}
			c.expect(empty)
		}
	}
	c.top = newSlotDir(entries, false)
	if err := s.checkSlot(ctx, dir, c); err != nil {
		return nil, err
	}
	for _, p := range empty {
		if !isDirBelow(dir, string(p)) {
			c.add(string(p), Missing)
		}
	}
	if s.foreignGit(dir, slot) {
		c.add(".git", Edited)
	}
	return c.sorted(), nil
}

// foreignGit says that git would take the directory for something else than the slot:
// what is added or committed there would go elsewhere.
func (s *Store) foreignGit(dir *os.File, slot *Slot) bool {
	if _, err := dirfd.Lstat(int(dir.Fd()), ".git"); errors.Is(err, unix.ENOENT) {
		return false
	}
	var named, ours unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), gitFileTarget(dir), &named, 0)
	err2 := unix.Stat(s.slotDir(slot.id), &ours)
	return errors.Join(err, err2) != nil || named.Dev != ours.Dev || named.Ino != ours.Ino
}

// CheckWritten compares a directory with what Materialise has just written into it,
// or taken away. What was in it already and stayed was looked at then. Where all is
// well, whoever brings the slot up to date will find what is known of its directories.
func (s *Store) CheckWritten(ctx context.Context, dir *os.File, m *Materialised) ([]Difference, error) {
	empty, err := within(m.empty, m.paths)
	if err != nil {
		return nil, err
	}
	c := &slotCheck{top: m.root, touched: true, settled: math.MaxInt64}
	c.expect(empty)
	if err := s.checkSlot(ctx, dir, c); err != nil {
		return nil, err
	}
	if len(c.found) == 0 && m.slot != nil && len(m.paths) == 0 {
		if err := s.writeStamps(m); err != nil {
			s.log.Debug("the next rollback lists all directories", "error", err)
		}
	}
	return c.sorted(), nil
}

func (s *Store) checkSlot(ctx context.Context, dir *os.File, c *slotCheck) error {
	// A handle of its own, since reading the names moves its position.
	fd, err := dirfd.OpenDir(int(dir.Fd()), ".")
	if err != nil {
		return err
	}
	top := dirfd.New(fd)
	c.list = worklist.New[*matWorker](ctx)
	c.list.Push(func(w *matWorker) { c.dir(w, top, c.top) })
	return c.list.Run(s.opts.Workers, newMatWorker)
}

type slotCheck struct {
	top *slotDir
	// full reads everything, touched looks only into directories that were.
	full, touched bool
	// settled is as in [Slot].
	settled int64
	// bits are what permissions are to be; nil asks for none.
	bits *permissions
	// empty are the directories without files, and those on the way.
	empty map[string]bool
	list  *worklist.List[*matWorker]

	mu    sync.Mutex
	found []Difference
}

func (c *slotCheck) add(path string, kind DifferenceKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, Difference{path, kind})
}

func (c *slotCheck) sorted() []Difference {
	slices.SortFunc(c.found, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return c.found
}

// expect says which directories without files there are to be.
func (c *slotCheck) expect(empty []Path) {
	c.empty = make(map[string]bool, len(empty))
	for _, p := range empty {
		for at := string(p); at != "." && !c.empty[at]; at = path.Dir(at) {
			c.empty[at] = true
		}
	}
}

// dir checks a directory, and takes over its handle.
func (c *slotCheck) dir(w *matWorker, h *dirfd.Handle, d *slotDir) {
	defer h.Release()
	if c.list.Stopped() {
		return
	}
	here := !c.touched || d.touched.Load()
	if c.bits != nil && d != c.top {
		st, err := dirfd.Fstat(h.FD)
		if err != nil {
			c.list.Stop(err)
			return
		}
		if Perm(st.Perm()) != c.bits.of(d.path, scan.ModeDir) {
			c.add(d.path, Edited)
		}
	}
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
	case !c.full && latest(st) < c.settled && sameStat(it.file, st):
	case !sameKind(it.file, st),
		!sameContent(w, c.list.Stopped, h.FD, it, st),
		c.bits != nil && it.file.Mode != scan.ModeSymlink && Perm(st.Perm()) != c.bits.of(it.file.Name, it.file.Mode):
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
		path := joinPath(d.path, name)
		if st, err := dirfd.Lstat(h.FD, name); err == nil && st.Kind() == unix.S_IFDIR && c.hollow(h, name, path) {
			continue
		}
		c.add(path, Foreign)
	}
	return err
}

// hollow says that a directory holds no file, and is one that is to be there.
func (c *slotCheck) hollow(parent *dirfd.Handle, name, path string) bool {
	if !c.empty[path] {
		return false
	}
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
		if st, err := dirfd.Lstat(h.FD, n); err != nil || st.Kind() != unix.S_IFDIR || !c.hollow(h, n, joinPath(path, n)) {
			return false
		}
	}
	return true
}

// sameStat says that the file is the one that was written, as far as stat data
// can tell.
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

// sameContent says that a file or symbolic link has the bytes that its item names, and no
// when it is stopped before that is known.
func sameContent(w *matWorker, stopped func() bool, dir int, it *slotItem, st dirfd.Stat) bool {
	if it.file.Mode == scan.ModeSymlink {
		n, err := unix.Readlinkat(dir, it.name, w.buf)
		if err != nil {
			return false
		}
		id, err := odb.Hash(odb.Blob, w.buf[:n])
		return err == nil && id == it.file.ID
	}
	if otherSize(it.file, st) {
		return false
	}
	fd, err := dirfd.OpenFile(dir, it.name)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	w.hash.Start(odb.Blob, st.Size)
	n, err := io.CopyBuffer(w.hash, untilStopped{&dirfd.Reader{FD: fd}, stopped}, w.buf)
	if err != nil || n != st.Size {
		return false
	}
	id, err := w.hash.Sum()
	return err == nil && id == it.file.ID
}

// otherSize says that the file can't have the bytes that were written. The index has 32
// bits of a size, and none for a file that is always to be looked at.
func otherSize(e *gitindex.Entry, st dirfd.Stat) bool {
	return e.Size != 0 && e.Size != uint32(st.Size)
}

// untilStopped reads until the work is called off.
type untilStopped struct {
	r       io.Reader
	stopped func() bool
}

func (u untilStopped) Read(b []byte) (int, error) {
	if u.stopped() {
		return 0, context.Canceled
	}
	return u.r.Read(b)
}
