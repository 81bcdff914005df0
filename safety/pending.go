package safety

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	pendingKind = ".pending-"
	trashKind   = ".trash-"
	asideKind   = ".aside-"
)

// neighbour returns a fresh name beside the target.
func (t *Target) neighbour(kind string) string {
	var b [8]byte
	rand.Read(b[:]) // never fails, by its contract
	return "." + t.base + kind + hex.EncodeToString(b[:])
}

// Pending is a staging directory beside its target: on the same file system,
// readable by its owner alone, and locked for as long as its process lives, so
// that another run's [Target.Sweep] leaves it alone. It is for one goroutine at
// a time, though several may write below its handle.
type Pending struct {
	target  *Target
	name    string
	dir     *os.File // nil after Commit or Cleanup
	id      fileID
	granted fs.FileMode // what the umask allows a new directory
}

// Pending makes a staging directory. Missing parents of the target are made
// on the way; they stay, whatever becomes of the rest.
func (t *Target) Pending() (*Pending, error) {
	if _, err := t.settle(true); err != nil {
		return nil, err
	}
	if err := t.verify(); err != nil {
		return nil, err
	}
	if err := t.refuseForeign(t.base + previousSuffix); err != nil {
		return nil, err
	}
	p := &Pending{target: t, name: t.neighbour(pendingKind)}
	// Made with every right first: what is granted is what the umask allows.
	if err := makeDirAt(t.parent, p.name, 0o777); err != nil {
		return nil, err
	}
	if err := p.claim(); err != nil {
		if p.dir != nil {
			p.dir.Close()
		}
		return nil, errors.Join(err, unlinkAt(t.parent, p.name, unix.AT_REMOVEDIR))
	}
	return p, nil
}

// PendingPrevious makes the tree that the target replaced last the staging
// directory, with all that it holds: whoever knows what that is can bring it up to
// date instead of writing everything. From now on there is no previous tree, until
// Commit makes the target one. Without one the error matches [ErrNoPrevious].
func (t *Target) PendingPrevious() (*Pending, error) {
	if err := t.verify(); err != nil {
		return nil, err
	}
	if err := t.refuseForeign(t.base + previousSuffix); err != nil {
		return nil, err
	}
	previous, err := t.OpenPrevious()
	if err != nil {
		return nil, err
	}
	defer previous.Close()
	e, err := lookAtHandle(previous)
	if err != nil {
		return nil, err
	}
	p := &Pending{target: t, name: t.neighbour(pendingKind)}
	if err := t.move(t.base+previousSuffix, p.name); err != nil {
		return nil, err
	}
	err = p.claim()
	if err == nil && p.id != e.id {
		err = changed(errors.New(p.Path()))
	}
	if err == nil {
		// What is changed in it from now on must never be found under the old name.
		err = syncDir(t.parent)
	}
	if err != nil {
		if p.dir != nil {
			p.dir.Close()
		}
		return nil, errors.Join(err, t.move(p.name, t.base+previousSuffix))
	}
	return p, nil
}

// claim opens the directory that was just made, closes it to others, and locks it.
func (p *Pending) claim() error {
	dir, err := openDirAt(p.target.parent, p.name)
	if err != nil {
		return changed(err)
	}
	p.dir = dir
	e, err := lookAtHandle(dir)
	if err != nil {
		return err
	}
	if int(e.uid) != os.Geteuid() {
		return changed(fmt.Errorf("%s belongs to another user", dir.Name()))
	}
	p.id = e.id
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	p.granted = info.Mode() & (fs.ModePerm | fs.ModeSetgid)
	if err := dir.Chmod(0o700 | p.granted&fs.ModeSetgid); err != nil {
		return err
	}
	// Some network file systems have no locks; there a pending directory is
	// protected by the rollback lock alone.
	_ = withFD(dir, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if now, err := lookAt(p.target.parent, p.name); err != nil || now.id != p.id {
		return changed(errors.New(dir.Name()))
	}
	return nil
}

// Dir returns the handle of the staging directory. It belongs to the Pending,
// which closes it in Commit and Cleanup.
func (p *Pending) Dir() *os.File { return p.dir }

// Path returns where the staging directory was made. It is for messages: write
// through [Pending.Dir] or [Pending.Root].
func (p *Pending) Path() string {
	return filepath.Join(filepath.Dir(p.target.path), p.name)
}

// Root opens the staging directory as an [os.Root], which the caller closes.
// It fails with [ErrChanged] if the path leads elsewhere by now.
func (p *Pending) Root() (*os.Root, error) {
	if p.dir == nil {
		return nil, fs.ErrClosed
	}
	root, err := os.OpenRoot(p.Path())
	if err != nil {
		return nil, changed(err)
	}
	there, err := root.Stat(".")
	if err == nil {
		var here fs.FileInfo
		if here, err = p.dir.Stat(); err == nil && !os.SameFile(here, there) {
			err = changed(errors.New(p.Path()))
		}
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// CheckName refuses a name that no entry below the staging directory may have;
// see [CheckEntry].
func (p *Pending) CheckName(name string) error { return CheckEntry(name) }

// Remove removes what bears that name in a directory below the staging one, with
// all that it holds. Nothing of that name is no error.
func (p *Pending) Remove(dir *os.File, name string) error {
	e, err := lookAt(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !e.isDir() {
		return unlinkAt(dir, name, 0)
	}
	return removeTree(dir, name, e.id)
}

// Cleanup removes the staging directory, read-only directories in it included.
// It does nothing after a Commit that took effect, or when called again.
func (p *Pending) Cleanup() error {
	if p.dir == nil {
		return nil
	}
	defer p.release() // and with it the lock, once there is nothing left to protect
	err := removeTree(p.target.parent, p.name, p.id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// release gives up the handle and, with it, the lock.
func (p *Pending) release() {
	p.dir.Close()
	p.dir = nil
}
