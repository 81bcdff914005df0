package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"golang.org/x/sys/unix"
)

// dirTask is a directory to fill.
type dirTask struct {
	h    *dirfd.Handle
	live source
	// was is what an older rollback wrote into the directory, nil for a new one.
	was *slotDir
	// out names the tree that is wanted and gets its items. It is was itself where that
	// holds the very entries of the tree.
	out *slotDir
	// known says that the directory has the names in was and no others.
	known bool
}

// reuse takes what was there for what is wanted, where it is, by the hash of its
// entries. No tree need be read then.
func (t *dirTask) reuse() {
	if t.was != nil && t.was.tree == t.out.tree {
		t.out = t.was
	}
}

// before is what bore the item's name and kind, nil for nothing.
func (t *dirTask) before(it *slotItem) *slotItem {
	if t.out == t.was {
		return it
	}
	return it.was
}

// hold takes handles for a task of its own on the same directory.
func (t dirTask) hold() dirTask {
	t.h.Hold()
	t.live.dir.hold()
	return t
}

func (t dirTask) release() {
	t.h.Release()
	t.live.dir.release()
}

// fileBatch is how many files of one directory make a task.
const fileBatch = 128

// dir fills a directory from a tree, and takes over the task's handles.
func (m *materialiser) dir(w *matWorker, t dirTask) {
	defer t.release()
	if m.list.Stopped() {
		return
	}
	if err := m.want(w, t); err != nil {
		m.list.Stop(err)
		return
	}
	if t.was == nil {
		t.out.touched.Store(true)
	} else if err := m.clear(t); err != nil {
		m.list.Stop(fmt.Errorf("%q: %w", t.out.path, err))
		return
	}
	files := make([]int, 0, len(t.out.items))
	for i := range t.out.items {
		if t.out.items[i].sub == nil {
			files = append(files, i)
		}
	}
	// Last in, first out: the first directory's turn comes first.
	for i := len(t.out.items) - 1; i >= 0; i-- {
		if t.out.items[i].sub != nil {
			m.pushDir(t, &t.out.items[i])
		}
	}
	for len(files) > fileBatch {
		part := files[len(files)-fileBatch:]
		files = files[:len(files)-fileBatch]
		held := t.hold()
		m.list.Push(func(w *matWorker) {
			defer held.release()
			m.write(w, held, part)
		})
	}
	m.write(w, t, files)
}

// want lists what the directory is to hold.
func (m *materialiser) want(w *matWorker, t dirTask) error {
	if t.out == t.was {
		return m.checkReused(t.out)
	}
	list, err := m.entries(w, t)
	if err == nil {
		err = m.limit.entries.take(len(list))
	}
	if err != nil {
		return fmt.Errorf("directory %q: %w", t.out.path, err)
	}
	t.out.items = make([]slotItem, 0, len(list))
	files := make([]gitindex.Entry, len(list))
	for i, e := range list {
		if err := m.sink.CheckName(e.Name); err != nil {
			return &FormError{Object: t.out.tree, Path: t.out.path, Err: err}
		}
		path := joinPath(t.out.path, e.Name)
		if !m.filter.wants(path, e.Mode == scan.ModeDir) {
			continue
		}
		it := slotItem{name: path[len(path)-len(e.Name):]}
		if e.Mode == scan.ModeDir {
			it.sub = &slotDir{path: path, tree: e.ID}
		} else {
			files[i] = gitindex.Entry{Name: path, Mode: e.Mode, ID: e.ID}
			it.file = &files[i]
		}
		t.out.items = append(t.out.items, it)
	}
	if t.was != nil {
		t.out.follow(t.was)
	}
	return nil
}

// entries are those of the tree that is wanted. Where the live directory had the same
// ones, the stat cache tells them sooner than the store does.
func (m *materialiser) entries(w *matWorker, t dirTask) ([]odb.TreeEntry, error) {
	// The top's paths are names of the cache, which is gone before they are.
	if t.out.path != "" && t.live.cache.Tree() == t.out.tree {
		if list := cachedEntries(t.live.cache, t.out.tree, w.hash); list != nil {
			return list, m.s.checkForm(list, t.out.tree, t.out.path)
		}
	}
	return m.s.readForm(t.out.tree, t.out.path)
}

// pushDir makes a task of a sub-directory.
func (m *materialiser) pushDir(t dirTask, it *slotItem) {
	parent := t.h.Hold()
	next := dirTask{out: it.sub, live: t.live.sub(it.name)}
	if was := t.before(it); was != nil {
		next.was = was.sub
		next.reuse()
		it.sub = next.out
	}
	m.list.Push(func(w *matWorker) {
		defer parent.Release()
		if err := m.openDir(&next, parent, it.name); err != nil {
			m.list.Stop(err)
			next.live.dir.release()
			return
		}
		if next.was == nil {
			t.out.touched.Store(true)
		}
		m.dir(w, next)
	})
}

// openDir opens a directory that was there before, or makes it.
func (m *materialiser) openDir(t *dirTask, parent *dirfd.Handle, name string) (err error) {
	if t.was != nil {
		if err := m.reopen(t, parent, name); t.h != nil || err != nil {
			return err
		}
		// Nothing of what was there is.
		*t.out = slotDir{path: t.out.path, tree: t.out.tree}
		t.was = nil
	}
	t.h, err = m.mkdir(parent, name, t.out.path)
	return err
}

// mkdir makes a directory that must not be there yet.
func (m *materialiser) mkdir(parent *dirfd.Handle, name, path string) (*dirfd.Handle, error) {
	if err := unix.Mkdirat(parent.FD, name, 0o700); err != nil {
		return nil, &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	h, err := parent.Open(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := m.setPerm(h.Hold(), path); err != nil {
		h.Release()
		return nil, err
	}
	return h, nil
}

// setPerm gives a directory its bits: at once if its owner may still fill it
// then, else at the end. It takes over the handle.
func (m *materialiser) setPerm(h *dirfd.Handle, path string) error {
	perm := m.bits.of(path, scan.ModeDir)
	if perm&0o700 != 0o700 {
		m.mu.Lock()
		m.perms = append(m.perms, latePerm{h, perm})
		m.mu.Unlock()
		return nil
	}
	defer h.Release()
	if err := unix.Fchmod(h.FD, uint32(perm)); err != nil {
		return &fs.PathError{Op: "chmod", Path: path, Err: err}
	}
	return nil
}

func (m *materialiser) applyPerms() error {
	for _, p := range m.perms {
		if err := unix.Fchmod(p.dir.FD, uint32(p.perm)); err != nil {
			return &fs.PathError{Op: "chmod", Path: "directory", Err: err}
		}
	}
	return nil
}

func (m *materialiser) releasePerms() {
	for _, p := range m.perms {
		p.dir.Release()
	}
	m.perms = nil
}

// emptyDirs makes the directories that no tree could hold, and those on the way.
func (m *materialiser) emptyDirs(note ID, paths []Path) error {
	for _, p := range paths {
		if !m.filter.wants(string(p), true) {
			continue
		}
		err := m.emptyDir(string(p))
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			err = &FormError{Object: note, Path: string(p), Err: errNotEmptyDir}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *materialiser) emptyDir(path string) error {
	h, err := dirfd.Dup(m.sink.Dir())
	if err != nil {
		return err
	}
	at := ""
	for name := range strings.SplitSeq(path, "/") {
		if err := m.sink.CheckName(name); err != nil {
			h.Release()
			return &FormError{Path: path, Err: err}
		}
		at = joinPath(at, name)
		next, err := m.mkdir(h, name, at)
		if errors.Is(err, fs.ErrExist) {
			next, err = h.Open(name)
		}
		h.Release()
		if err != nil {
			return err
		}
		h = next
	}
	h.Release()
	return nil
}
