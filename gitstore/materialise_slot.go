package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"golang.org/x/sys/unix"
)

// Filled is what an older rollback wrote into a directory, as [Store.ReadSlot]
// found it.
type Filled struct{ tree *slotTree }

// ReadSlot reads what was written into a slot, for [Store.Materialise] to bring its
// directory up to date. The error says why that can't be done, as when the slot
// holds only a part of a checkpoint.
func (s *Store) ReadSlot(slot *Slot) (*Filled, error) {
	if len(slot.Paths) > 0 {
		return nil, malformed("the directory holds only a part of a checkpoint")
	}
	tree, err := s.readSlot(slot)
	if err != nil {
		return nil, err
	}
	return &Filled{tree}, nil
}

// clear removes from a directory what is neither wanted there nor, perhaps, still
// good.
func (m *materialiser) clear(t dirTask) error {
	stale, err := t.stale()
	if err != nil {
		return err
	}
	for _, name := range stale {
		if err := m.remove(t.h, name); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		t.out.touched.Store(true)
	}
	return nil
}

// stale are the names that clear removes.
func (t dirTask) stale() (names []string, err error) {
	switch {
	case t.known && t.out == t.was:
		return nil, nil
	case t.known:
		for i := range t.was.items {
			if it := &t.was.items[i]; t.out.find(it.name, it.sub != nil) == nil {
				names = append(names, it.name)
			}
		}
		return names, nil
	}
	err = dirfd.EachName(t.h.FD, func(name []byte) {
		for _, dir := range []bool{false, true} {
			if it := t.out.find(string(name), dir); it != nil && t.before(it) != nil {
				return
			}
		}
		names = append(names, string(name))
	})
	return names, err
}

// remove takes away whatever bears the name; nothing is fine, too.
func (m *materialiser) remove(h *dirfd.Handle, name string) error {
	err := dirfd.Retry(func() error { return unix.Unlinkat(h.FD, name, 0) })
	if err == nil || err == unix.ENOENT {
		return nil
	}
	fd, err := unix.FcntlInt(uintptr(h.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(fd), "directory")
	defer dir.Close()
	return m.sink.Remove(dir, name)
}

// reopen opens a directory that was there before, so that it can be changed.
// Something else of that name gives way; the task has no handle then.
func (m *materialiser) reopen(t *dirTask, parent *dirfd.Handle, name string) error {
	path := t.out.path
	h, err := parent.OpenInside(name)
	if err == unix.EXDEV {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err != nil {
		return m.remove(parent, name)
	}
	st, err := dirfd.Fstat(h.FD)
	t.known = err == nil && stampOf(st) == t.was.stamp
	// What is listed from here on is what was there then. Where anything is done, the
	// times will be others.
	t.out.stamp = stampOf(st)
	if err == nil && st.Mode&0o700 != 0o700 {
		err = unix.Fchmod(h.FD, 0o700)
		st.Mode = 0o700
	}
	if err != nil {
		h.Release()
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if Perm(st.Perm()) != m.bits.of(path, scan.ModeDir) {
		if err := m.setPerm(h.Hold(), path); err != nil {
			h.Release()
			return err
		}
	}
	t.h = h
	return nil
}

// checkReused refuses names and kinds that no tree of a checkpoint has: they come from an
// index, and its hash only tells that a tree has them, too.
func (m *materialiser) checkReused(d *slotDir) error {
	if err := m.limit.entries.take(len(d.items)); err != nil {
		return err
	}
	for i := range d.items {
		it := &d.items[i]
		err := m.sink.CheckName(it.name)
		switch {
		case err != nil:
		case it.name == "" || it.name == "." || it.name == "..":
			err = errNotName
		case it.sub != nil && d.find(it.name, false) != nil:
			err = errors.New("is there twice, as a file and as a directory")
		case it.sub == nil && !isRecorded(it.file.Mode):
			err = fmt.Errorf("its mode %o is none that is ever recorded", it.file.Mode)
		}
		if err != nil {
			return &FormError{Object: d.tree, Path: d.path, Err: fmt.Errorf("entry %q: %w", shown(it.name), err)}
		}
	}
	return nil
}

// kept returns the index's entry of a file that the sink still has, and its size;
// nil when that isn't, or may not be, the one that is wanted. What somebody has under
// another name as well is none of ours any more, and what has other bits is written anew:
// changing them would change whatever else the file is.
func (m *materialiser) kept(w *matWorker, h *dirfd.Handle, was *slotItem, want *gitindex.Entry) (*gitindex.Entry, int64) {
	if was.file.ID != want.ID || was.file.Mode != want.Mode {
		return nil, 0
	}
	st, err := dirfd.Lstat(h.FD, was.name)
	if err != nil || !sameKind(was.file, st) || st.Nlink > 1 {
		return nil, 0
	}
	if want.Mode != scan.ModeSymlink && Perm(st.Perm()) != m.bits.of(want.Name, want.Mode) {
		return nil, 0
	}
	same := sameStat(was.file, st)
	if racy := latest(st) >= m.settled; (racy || !same) && !sameContent(w, m.list.Stopped, h.FD, was, st) {
		return nil, 0
	}
	if same {
		return was.file, st.Size
	}
	entry := indexEntry(want.Name, want.Mode, want.ID, st)
	if latest(st) >= m.started {
		// It may be changed once more with the same times. As git does: no file that is
		// looked at later has this size.
		entry.Size = 0
	}
	return &entry, st.Size
}

// latest is when a file or its name was changed last.
func latest(st dirfd.Stat) int64 { return max(st.Mtime, st.Ctime) }
