package safety

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Target is a place that passed the rules, held by a handle on its parent
// directory. Its methods look at, and change, names in that directory only,
// and never resolve a path again.
//
// A Target is for one goroutine at a time. Whoever changes what it names holds
// the engine's rollback lock.
type Target struct {
	path   string
	base   string
	parent *os.File // the deepest directory on the way that exists
	rest   []string // directories still missing between parent and base
	guard  *Guard
	adopt  bool
	found  found // what the rules saw, or what the engine put there since
	seams  seams
}

// seams let tests stop a commit between any two of its steps, and take the
// file system's exchange away. Both are zero in use.
type seams struct {
	before func(step string)
	plain  bool
}

func (t *Target) step(name string) {
	if t.seams.before != nil {
		t.seams.before(name)
	}
}

// newTarget turns an inspected place into a target with a handle of its own.
func newTarget(in *inspection) (*Target, error) {
	p := in.target
	t := &Target{path: p.path(), base: filepath.Base(p.path()), guard: in.guard, adopt: in.adopt, found: in.found}
	from := p.last()
	if in.found.exists {
		from = p.steps[len(p.steps)-2]
	} else {
		t.rest = append(t.rest, p.rest[:len(p.rest)-1]...)
	}
	parent, err := openDirAt(from.dir, ".")
	if err != nil {
		return nil, err
	}
	t.parent = parent
	return t, nil
}

// Path returns the target's absolute path, free of symbolic links as it was
// when it was checked.
func (t *Target) Path() string { return t.path }

// Close releases the handle. A [Pending] of the target must be done by then.
func (t *Target) Close() error { return t.parent.Close() }

// FreeSpace is how many bytes are free where the target lies, or would be made.
func (t *Target) FreeSpace() (uint64, error) {
	dir, err := t.Open()
	if err != nil {
		return FreeSpace(t.parent)
	}
	defer dir.Close()
	return FreeSpace(dir)
}

// settle walks on to the target's real parent, and creates what is missing on
// the way if it is told to. It reports whether it got there.
func (t *Target) settle(create bool) (bool, error) {
	for len(t.rest) > 0 {
		name := t.rest[0]
		if create {
			if err := makeDirAt(t.parent, name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
				return false, err
			}
			if err := syncDir(t.parent); err != nil {
				return false, err
			}
		}
		dir, err := openDirAt(t.parent, name)
		if errors.Is(err, fs.ErrNotExist) && !create {
			return false, nil
		}
		if err != nil {
			return false, changed(err)
		}
		// What appeared since the check has not been through the rules.
		if mounted, err := isMountPoint(t.parent, dir); err != nil || mounted || looksBare(dir) {
			dir.Close()
			return false, changed(fmt.Errorf("%s", dir.Name()))
		}
		t.parent.Close()
		t.parent, t.rest = dir, t.rest[1:]
	}
	return true, nil
}

func changed(err error) error { return fmt.Errorf("%w: %w", ErrChanged, err) }

// Exists reports whether the target is there. Something else than a directory
// at its name is an [ErrChanged].
func (t *Target) Exists() (bool, error) { return t.holdsDir(t.base) }

// HasPrevious reports whether there is a tree that [Target.SwapPrevious] can
// bring back.
func (t *Target) HasPrevious() (bool, error) { return t.holdsDir(t.base + previousSuffix) }

func (t *Target) holdsDir(name string) (bool, error) {
	if there, err := t.settle(false); err != nil || !there {
		return false, err
	}
	e, err := lookAt(t.parent, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !e.isDir():
		return false, changed(pathError("open", t.parent, name, unix.ENOTDIR))
	}
	return true, nil
}

// Open returns a handle on the target, which must be the directory that was
// checked or the one that a commit put there. The error matches
// [fs.ErrNotExist] when there is none, [ErrChanged] when it is another.
func (t *Target) Open() (*os.File, error) {
	dir, e, err := t.openDir(t.base)
	if err != nil {
		return nil, err
	}
	if !t.found.exists || e.id != t.found.id {
		dir.Close()
		return nil, changed(errors.New(t.path))
	}
	return dir, nil
}

// OpenPrevious returns a handle on the tree that the target replaced last. The
// error matches [ErrNoPrevious] when there is none.
func (t *Target) OpenPrevious() (*os.File, error) {
	dir, _, err := t.openDir(t.base + previousSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w of %s: %w", ErrNoPrevious, t.path, fs.ErrNotExist)
	}
	return dir, err
}

func (t *Target) openDir(name string) (*os.File, entry, error) {
	there, err := t.settle(false)
	if err == nil && !there {
		err = pathError("open", t.parent, name, unix.ENOENT)
	}
	if err != nil {
		return nil, entry{}, err
	}
	dir, err := openDirAt(t.parent, name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			err = changed(err)
		}
		return nil, entry{}, err
	}
	e, err := lookAtHandle(dir)
	if err != nil {
		dir.Close()
		return nil, entry{}, err
	}
	return dir, e, nil
}

// verify makes sure that the target is still what the rules were applied to:
// absent, or the same directory with the same right to replace it.
func (t *Target) verify() error {
	e, err := lookAt(t.parent, t.base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if t.found.exists {
			return changed(fmt.Errorf("%s is gone", t.path))
		}
		return nil
	case err != nil:
		return err
	case !t.found.exists:
		return changed(fmt.Errorf("%s has appeared", t.path))
	case !e.isDir() || e.id != t.found.id:
		return changed(fmt.Errorf("%s is another", t.path))
	}
	if t.adopt {
		return nil
	}
	return t.refuseForeign(t.base)
}

// refuseForeign refuses a directory with anything in it that the engine did
// not make. A missing one is fine.
func (t *Target) refuseForeign(name string) error {
	kind, err := t.guard.whoseAt(t.parent, name)
	if err != nil || kind != foreign {
		return err
	}
	refusal := &UnsafeError{
		Op: "target", Path: filepath.Join(filepath.Dir(t.path), name), Rule: RuleNotOurs,
		Detail: "the engine did not make what it holds; move it away first",
	}
	if name != t.base {
		refusal.Blocker = refusal.Path
	}
	return refusal
}

// SwapPrevious exchanges the target with the tree before it, atomically where
// the file system can. Calling it again brings the first state back. When the
// target was deleted, the previous tree takes its place. Without a previous
// tree the error matches [ErrNoPrevious].
func (t *Target) SwapPrevious() error {
	previous, e, err := t.openDir(t.base + previousSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w of %s", ErrNoPrevious, t.path)
	}
	if err != nil {
		return err
	}
	defer previous.Close()
	if err := t.verifySwap(); err != nil {
		return err
	}
	kind, err := t.guard.whose(previous)
	if err != nil {
		return err
	}
	if !t.found.exists {
		err = t.move(t.base+previousSuffix, t.base)
	} else {
		err = t.swap(t.base+previousSuffix, e.id, false)
	}
	if err != nil {
		return err
	}
	t.found = found{exists: true, id: e.id, kind: kind}
	return syncDir(t.parent)
}

// verifySwap is verify for an exchange, which deletes nothing: whose the trees
// are doesn't matter then.
func (t *Target) verifySwap() error {
	adopt := t.adopt
	defer func() { t.adopt = adopt }()
	t.adopt = true
	return t.verify()
}
