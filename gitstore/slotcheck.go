package gitstore

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
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
	entries, err := s.slotIndex(slot)
	if err != nil {
		s.log.Warn("nothing tells what was written into the target", "target", slot.Path, "error", err)
		return []Difference{{Path: ".", Kind: Unknown}}, nil
	}
	c := &slotCheck{top: newCheckedDir("."), full: full, list: worklist.New[*checkWorker](ctx)}
	c.dirs = map[string]*checkedDir{".": c.top}
	for i := range entries {
		if !entries[i].SkipWorktree {
			d := c.dirOf(path.Dir(entries[i].Name))
			d.files = append(d.files, &entries[i])
		}
	}
	// A handle of its own, since reading the names moves its position.
	fd, err := dirfd.OpenDir(int(dir.Fd()), ".")
	if err != nil {
		return nil, err
	}
	c.push(dirfd.New(fd), c.top)
	err = c.list.Run(s.opts.Workers, func() *checkWorker { return &checkWorker{odb.NewHasher(), make([]byte, 128<<10)} })
	slices.SortFunc(c.found, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return c.found, err
}

// slotIndex reads what was written into a slot.
func (s *Store) slotIndex(slot *Slot) ([]gitindex.Entry, error) {
	if slot.Damaged {
		return nil, malformed("the store has lost what it knew of the directory")
	}
	data, err := os.ReadFile(filepath.Join(s.slotDir(slot.id), "index"))
	if err != nil {
		return nil, err
	}
	return gitindex.Decode(data)
}

type slotCheck struct {
	top  *checkedDir
	dirs map[string]*checkedDir
	full bool
	list *worklist.List[*checkWorker]

	mu    sync.Mutex
	found []Difference
}

type checkedDir struct {
	name  string
	files []*gitindex.Entry
	subs  map[string]*checkedDir
}

func newCheckedDir(name string) *checkedDir {
	return &checkedDir{name: name, subs: make(map[string]*checkedDir)}
}

type checkWorker struct {
	hash *odb.Hasher
	buf  []byte
}

func (c *slotCheck) dirOf(name string) *checkedDir {
	if d := c.dirs[name]; d != nil {
		return d
	}
	d := newCheckedDir(name)
	c.dirs[name] = d
	c.dirOf(path.Dir(name)).subs[path.Base(name)] = d
	return d
}

func (c *slotCheck) add(path string, kind DifferenceKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, Difference{path, kind})
}

// push makes a task of a directory, and takes over its handle.
func (c *slotCheck) push(h *dirfd.Handle, d *checkedDir) {
	c.list.Push(func(w *checkWorker) {
		defer h.Release()
		if c.list.Stopped() {
			return
		}
		if err := c.check(w, h, d); err != nil {
			c.list.Stop(err)
			return
		}
		for base, sub := range d.subs {
			c.descend(h, base, sub)
		}
	})
}

// descend opens a sub-directory only when its turn comes, which bounds the
// handles that are open at once.
func (c *slotCheck) descend(parent *dirfd.Handle, base string, sub *checkedDir) {
	parent.Hold()
	c.list.Push(func(*checkWorker) {
		defer parent.Release()
		if c.list.Stopped() {
			return
		}
		h, err := parent.Open(base)
		if err != nil {
			c.missing(sub)
			return
		}
		c.push(h, sub)
	})
}

// missing reports all files below a directory that isn't there.
func (c *slotCheck) missing(d *checkedDir) {
	for _, e := range d.files {
		c.add(e.Name, Missing)
	}
	for _, sub := range d.subs {
		c.missing(sub)
	}
}

func (c *slotCheck) check(w *checkWorker, h *dirfd.Handle, d *checkedDir) error {
	expected := make(map[string]bool, len(d.files))
	for _, e := range d.files {
		base := path.Base(e.Name)
		expected[base] = true
		st, err := dirfd.Lstat(h.FD, base)
		switch {
		case errors.Is(err, unix.ENOENT):
			c.add(e.Name, Missing)
		case err != nil:
			return err
		case !c.full && sameStat(e, st):
		case !w.sameContent(h.FD, base, e, st):
			c.add(e.Name, Edited)
		}
	}
	names, err := dirfd.Names(h.FD)
	if err != nil {
		return err
	}
	for _, n := range names {
		if expected[n] || d.subs[n] != nil || d == c.top && n == ".git" {
			continue
		}
		if st, err := dirfd.Lstat(h.FD, n); err == nil && st.Kind() == unix.S_IFDIR && onlyDirs(h, n) {
			continue
		}
		c.add(strings.TrimPrefix(d.name+"/"+n, "./"), Foreign)
	}
	return nil
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
	now := indexEntry(e.Name, odb.TreeEntry{Mode: e.Mode, ID: e.ID}, st)
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

func (w *checkWorker) sameContent(dir int, name string, e *gitindex.Entry, st dirfd.Stat) bool {
	if !sameKind(e, st) {
		return false
	}
	if e.Mode == scan.ModeSymlink {
		n, err := unix.Readlinkat(dir, name, w.buf)
		if err != nil {
			return false
		}
		id, err := odb.Hash(odb.Blob, w.buf[:n])
		return err == nil && id == e.ID
	}
	fd, err := dirfd.OpenFile(dir, name)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	w.hash.Start(odb.Blob, st.Size)
	n, err := io.CopyBuffer(w.hash, &dirfd.Reader{FD: fd}, w.buf)
	if err != nil || n != st.Size {
		return false
	}
	id, err := w.hash.Sum()
	return err == nil && id == e.ID
}
