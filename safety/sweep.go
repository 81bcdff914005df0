package safety

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Sweep finishes or undoes an exchange that a dead run broke off, and removes
// what such runs left beside the target. It returns the paths that it removed.
// Staging directories of live processes, things that are no directories, and
// what other users made stay. An error that matches [ErrLeftovers] says no more than
// that something couldn't be removed. The caller holds the rollback lock, and calls
// Sweep before [Target.Pending].
func (t *Target) Sweep() (removed []string, err error) {
	there, err := t.settle(false)
	if err != nil || !there {
		return nil, err
	}
	if live, err := t.recover(); err != nil || live {
		return nil, err
	}
	names, err := t.names()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		if !t.isNeighbour(name, pendingKind, trashKind) {
			continue
		}
		gone, err := t.sweepOne(name)
		errs = append(errs, err)
		if gone {
			removed = append(removed, filepath.Join(filepath.Dir(t.path), name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return removed, fmt.Errorf("%w: %w", ErrLeftovers, err)
	}
	return removed, nil
}

func (t *Target) names() ([]string, error) {
	if _, err := t.parent.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return t.parent.Readdirnames(-1)
}

func (t *Target) sweepOne(name string) (bool, error) {
	e, err := lookAt(t.parent, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !e.isDir() || !t.trusts(e) || t.inUse(name) {
		return false, err
	}
	err = removeTree(t.parent, name, e.id)
	return err == nil, err
}

// inUse reports whether a live process holds the lock of a staging directory.
func (t *Target) inUse(name string) bool {
	dir, err := openDirAt(t.parent, name)
	if err != nil {
		return false // unreadable: a tree on its way out, or nothing to lock
	}
	defer dir.Close()
	err = withFD(dir, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	return errors.Is(err, unix.EWOULDBLOCK)
}

// recover completes what the marker says was under way. The target comes back
// first; then an exchange that happened is finished, and one that did not is
// forgotten. It reports whether the marker belongs to a live process instead:
// another project may share the target, and its lock is not ours.
func (t *Target) recover() (live bool, err error) {
	m, marked, err := t.readMarker()
	if err != nil || !marked {
		return false, err
	}
	if m.Other == "" { // torn: nothing had been renamed yet
		return false, t.dropMarker()
	}
	if t.inUse(m.Other) || t.inUse(t.base) {
		return true, nil
	}
	if err := t.recoverAside(m); err != nil {
		return false, err
	}
	if m.Keep && t.happened(m) && exists(t.parent, m.Other) {
		if _, err := t.rotate(m.Other); err != nil {
			return false, err
		}
	}
	if err := t.dropMarker(); err != nil {
		return false, err
	}
	return false, t.refresh()
}

// recoverAside ends three renames that were broken off after the first or the second.
func (t *Target) recoverAside(m marker) error {
	if !exists(t.parent, m.Aside) {
		return nil
	}
	to := m.Other
	if !exists(t.parent, t.base) {
		to = t.base
	}
	return errors.Join(t.move(m.Aside, to), syncDir(t.parent))
}

// happened reports whether the target is the fresh tree.
func (t *Target) happened(m marker) bool {
	if e, err := lookAt(t.parent, t.base); err == nil && e.id.ino == m.Fresh {
		return true
	}
	e, err := lookAt(t.parent, m.Other)
	return err == nil && e.id.ino == m.Old
}

// refresh takes note of a target that recovery brought back.
func (t *Target) refresh() error {
	dir, e, err := t.openDir(t.base)
	if errors.Is(err, fs.ErrNotExist) {
		t.found = found{}
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	if t.found.exists && t.found.id == e.id {
		return nil
	}
	kind, err := t.guard.whose(dir)
	if err == nil && kind == foreign && !t.adopt {
		err = t.refuseForeign(t.base)
	}
	t.found = found{exists: true, id: e.id, kind: kind}
	return err
}
