package safety

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CommitOptions say how a commit ends.
type CommitOptions struct {
	// KeepPrevious keeps the replaced tree as "<target>.previous" and removes
	// the one that was there. Otherwise the replaced tree is removed and an older
	// previous one stays. A tree that was adopted is kept either way.
	KeepPrevious bool
	// Mode is the target's permission bits. Zero means what the umask allows.
	Mode fs.FileMode
}

// Commit puts the staging directory in the target's place.
//
// It makes sure that the target is still what was checked ([ErrChanged] if
// not), makes the tree durable, exchanges the two names, and puts the old tree
// away. Before the exchange a failure leaves the target as it was, and
// [Pending.Cleanup] is due. After it the commit has taken effect: an error then
// matches [ErrLeftovers], and [Target.Sweep] finishes the work.
func (p *Pending) Commit(opts CommitOptions) error {
	if p.dir == nil {
		return fmt.Errorf("commit %s: %w", p.Path(), fs.ErrClosed)
	}
	if err := p.seal(opts); err != nil {
		return err
	}
	if err := p.verify(); err != nil {
		return err
	}
	t := p.target
	replaced := t.found
	keep := opts.KeepPrevious || replaced.kind == foreign
	t.step("publish")
	var err error
	if replaced.exists {
		err = t.swap(p.name, p.id, keep)
	} else {
		err = t.move(p.name, t.base)
	}
	if e, lerr := lookAt(t.parent, t.base); err != nil && (lerr != nil || e.id != p.id) {
		return err
	}
	// The tree is in its place, whatever else went wrong.
	defer p.release()
	t.found = found{exists: true, id: p.id, kind: owned}
	if err == nil {
		err = t.putAway(p.name, replaced, keep)
	}
	if err != nil {
		return fmt.Errorf("committed, but %w: %w", ErrLeftovers, err)
	}
	return nil
}

// seal gives the tree its final mode and makes it durable.
func (p *Pending) seal(opts CommitOptions) error {
	mode := opts.Mode
	if mode == 0 {
		mode = p.granted
	}
	if err := p.dir.Chmod(mode); err != nil {
		return err
	}
	p.target.step("sync")
	return syncTree(p.dir)
}

// verify makes sure that all three names are what they were: the staging
// directory, the target, and what is about to be removed. It also looks
// whether the parent is still where people will look for it; that comparison is
// all that a path is used for.
func (p *Pending) verify() error {
	t := p.target
	if e, err := lookAt(t.parent, p.name); err != nil || e.id != p.id {
		return changed(fmt.Errorf("%s is another", p.Path()))
	}
	here, err := t.parent.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(filepath.Dir(t.path))
	if err != nil || !os.SameFile(here, there) {
		return changed(fmt.Errorf("%s was moved", filepath.Dir(t.path)))
	}
	if err := t.verify(); err != nil {
		return err
	}
	return t.refuseForeign(t.base + previousSuffix)
}

// move gives an entry a name that must be free.
func (t *Target) move(from, to string) error {
	err := unix.ENOTSUP
	if !t.seams.plain {
		err = errnoOf(renameFree(t.parent, from, to))
	}
	if cannotExchange(err) {
		if exists(t.parent, to) {
			err = unix.EEXIST
		} else {
			return renameAt(t.parent, from, to)
		}
	}
	switch err {
	case 0:
		return nil
	case unix.EEXIST:
		return changed(pathError("rename", t.parent, to, err))
	}
	return pathError("rename", t.parent, from, err)
}

// swap exchanges the target with other, whose identity is fresh. The marker
// that it writes first lets Sweep finish or undo what a crash breaks off; it
// stays until the old tree is put away.
func (t *Target) swap(other string, fresh fileID, keep bool) error {
	m := marker{Other: other, Aside: t.neighbour(asideKind), Fresh: fresh.ino, Old: t.found.id.ino, Keep: keep}
	t.step("mark")
	if err := t.writeMarker(m); err != nil {
		return err
	}
	t.step("exchange")
	if err := t.exchange(m); err != nil {
		if e, lerr := lookAt(t.parent, t.base); lerr == nil && e.id == t.found.id {
			err = errors.Join(err, t.dropMarker()) // nothing happened that needs recovery
		}
		return err
	}
	// The exchange was atomic, so what is under the other name now is what was
	// replaced. If somebody was quicker, everything goes back.
	if e, err := lookAt(t.parent, other); err != nil || e.id != t.found.id {
		err := errors.Join(changed(fmt.Errorf("%s is another", t.path)), t.exchange(m))
		return errors.Join(err, t.dropMarker())
	}
	if isPrevious := other == t.base+previousSuffix; isPrevious {
		return t.dropMarker()
	}
	return nil
}

func (t *Target) exchange(m marker) error {
	err := unix.ENOTSUP
	if !t.seams.plain {
		err = errnoOf(exchangeNames(t.parent, m.Other, t.base))
	}
	if cannotExchange(err) {
		return t.exchangePlainly(m)
	}
	if err != 0 {
		return pathError("exchange", t.parent, t.base, err)
	}
	return nil
}

// exchangePlainly exchanges two names by three renames. For the instant after
// the first the target is missing; Sweep puts it back if we die there.
func (t *Target) exchangePlainly(m marker) error {
	if err := t.move(t.base, m.Aside); err != nil {
		return err
	}
	t.step("place")
	err := syncDir(t.parent)
	if err == nil {
		err = t.move(m.Other, t.base)
	}
	if err != nil {
		return errors.Join(err, t.move(m.Aside, t.base))
	}
	t.step("return")
	if err = syncDir(t.parent); err == nil {
		err = t.move(m.Aside, m.Other)
	}
	return errors.Join(err, syncDir(t.parent))
}

// putAway deals with the replaced tree, which is called name now.
func (t *Target) putAway(name string, replaced found, keep bool) error {
	t.step("settle")
	if err := syncDir(t.parent); err != nil || !replaced.exists {
		return err
	}
	if !keep {
		t.step("unmark")
		return errors.Join(t.dropMarker(), removeTree(t.parent, name, replaced.id))
	}
	trash, err := t.rotate(name)
	if err != nil {
		return err
	}
	t.step("unmark")
	if err := t.dropMarker(); err != nil || trash == "" {
		return err
	}
	t.step("remove")
	e, err := lookAt(t.parent, trash)
	if err != nil {
		return err
	}
	return removeTree(t.parent, trash, e.id)
}

// rotate makes the tree called name the previous one, and returns the name
// under which an older one waits to be removed.
func (t *Target) rotate(name string) (trash string, err error) {
	previous := t.base + previousSuffix
	if exists(t.parent, previous) {
		if err := t.refuseForeign(previous); err != nil {
			return "", err
		}
		trash = t.neighbour(trashKind)
		t.step("trash")
		if err := t.move(previous, trash); err != nil {
			return "", err
		}
	}
	t.step("previous")
	if err := t.move(name, previous); err != nil {
		return trash, err
	}
	return trash, syncDir(t.parent)
}

// errnoOf unwraps the error number that a rename ended with; 0 is success.
func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	if err != nil && !errors.As(err, &errno) {
		return unix.EIO
	}
	return errno
}

// cannotExchange tells a file system or kernel without the call from a failure.
func cannotExchange(errno unix.Errno) bool {
	return errno == unix.EINVAL || errno == unix.ENOSYS || errno == unix.ENOTSUP || errno == unix.EOPNOTSUPP
}
