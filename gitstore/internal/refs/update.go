package refs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

var (
	// ErrChanged says that a ref isn't what it was expected to be. See
	// [ChangedError].
	ErrChanged = errors.New("ref changed meanwhile")
	// ErrConflict says that one ref's name is a directory of another's. See
	// [ConflictError].
	ErrConflict = errors.New("ref names conflict")
)

// ChangedError says what was expected and what is there; null is no ref.
type ChangedError struct {
	Name       string
	Want, Have ID
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("ref %s is %x, not %x as expected", e.Name, e.Have, e.Want)
}

// Is matches [ErrChanged].
func (e *ChangedError) Is(target error) bool { return target == ErrChanged }

// ConflictError names a ref that can't be beside another.
type ConflictError struct{ Name, With string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("ref %s can't be beside %s", e.Name, e.With)
}

// Is matches [ErrConflict].
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Update is one change of one ref.
type Update struct {
	Name string
	// Old is what the ref must be; nil is anything, the null id nothing.
	Old *ID
	// New is what it becomes; the null id deletes it.
	New ID
	// Reason goes into the reflog.
	Reason string
}

// Update changes a ref if it is what u.Old says. The new value is durable when
// Update returns. Errors match [ErrChanged], [ErrConflict], [ErrLocked] and
// [ErrBadName].
func (db *DB) Update(ctx context.Context, u Update) error {
	h, err := db.hold(ctx, u.Name)
	if err != nil {
		return err
	}
	defer h.Release()
	if h.broken != nil {
		// What a power cut left may be written over, but it isn't no ref at all.
		if u.Old != nil {
			return h.broken
		}
		db.opts.Log.Warn("a broken ref is written over", "ref", u.Name)
	}
	have, _ := h.Current()
	if u.Old != nil && *u.Old != have {
		return &ChangedError{Name: u.Name, Want: *u.Old, Have: have}
	}
	return h.Commit(u.New, u.Reason)
}

// Held is a locked ref. It is for one goroutine, and other refs may be locked
// meanwhile.
type Held struct {
	db      *DB
	name    string
	lock    *lockFile
	current ID
	// broken is what is wrong with the ref's present file.
	broken error
}

// Lock locks a ref, waiting for whoever holds it. It must end in Commit or
// Release. A broken ref is a [BrokenError]: a value that is made from the current
// one mustn't be made from nothing, which would drop what the ref named.
func (db *DB) Lock(ctx context.Context, name string) (*Held, error) {
	h, err := db.hold(ctx, name)
	if err == nil && h.broken != nil {
		h.Release()
		return nil, h.broken
	}
	return h, err
}

func (db *DB) hold(ctx context.Context, name string) (*Held, error) {
	lock, err := db.lockName(ctx, name)
	if err != nil {
		return nil, err
	}
	id, next, err := db.readOne(name)
	var broken error
	switch {
	case errors.Is(err, ErrNotFound):
		id = ID{}
	case errors.Is(err, ErrBroken):
		broken = err
	case err == nil && next != "":
		err = fmt.Errorf("ref %s is symbolic", name)
		lock.release()
		return nil, err
	case err != nil:
		lock.release()
		return nil, err
	}
	return &Held{db: db, name: name, lock: lock, current: id, broken: broken}, nil
}

// LockAny is Lock for a ref that may be broken: Current then has nothing, and
// Broken says so.
func (db *DB) LockAny(ctx context.Context, name string) (*Held, error) { return db.hold(ctx, name) }

// Broken is what is wrong with the ref's file, nil when nothing is.
func (h *Held) Broken() error { return h.broken }

// Current is what the ref names; false when there is none.
func (h *Held) Current() (ID, bool) { return h.current, h.current != ID{} }

// Release lets the ref go unchanged. It does nothing after Commit.
func (h *Held) Release() { h.lock.release() }

// Commit makes the ref name id, durably, and lets it go. The null id deletes it.
func (h *Held) Commit(id ID, reason string) error {
	return h.CommitAfter(id, reason, func() error { return nil })
}

// CommitAfter is Commit that calls last when all but the ref's change itself is
// done, and changes nothing when that fails.
func (h *Held) CommitAfter(id ID, reason string, last func() error) (err error) {
	if h.lock.f == nil {
		return fmt.Errorf("ref %s is not held any more", h.name)
	}
	defer h.lock.release()
	if id == (ID{}) {
		return h.remove()
	}
	if err := h.db.conflicts(h.name); err != nil {
		return err
	}
	if err := h.lock.write(fmt.Appendf(nil, "%x\n", id)); err != nil {
		return err
	}
	// As git does: log first, so that no value is without its entry.
	h.announceLog()
	unlog, err := h.db.log(h.name, h.current, id, reason)
	defer func() {
		if err == nil {
			return
		}
		// Once the ref has its value, the log is to tell.
		if now, readErr := h.db.Read(h.name); readErr != nil || now != id {
			unlog()
		}
	}()
	if err != nil {
		return err
	}
	final := h.db.path(h.name)
	if err := removeEmptyDirs(final); err != nil {
		return err
	}
	if err := last(); err != nil {
		return err
	}
	return h.lock.publish(final)
}

// remove deletes the ref: its log first, since a log without a ref tells of a ref that
// was lost, then packed, lest an old value come to light. Packed-refs
// stays locked until the loose file is gone: whoever packs refs meanwhile would bring
// the ref back.
func (h *Held) remove() error {
	db, path := h.db, h.db.path(h.name)
	if err := os.Remove(db.logPath(h.name)); err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return err
	}
	lock, err := db.lock(context.Background(), db.packedPath())
	if err != nil {
		return err
	}
	defer lock.release()
	packed, err := db.readPacked()
	if err != nil {
		return err
	}
	if i, ok := packed.find(h.name); ok {
		packed.refs = slices.Delete(packed.refs, i, i+1)
		if err := db.replacePacked(packed.encode()); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// conflicts finds a ref whose name is a directory of this one's, or the other
// way round.
func (db *DB) conflicts(name string) error {
	if with := db.loosePrefix(name); with != "" {
		return &ConflictError{Name: name, With: with}
	}
	if db.looseBelow(name) {
		below, err := db.List(name + "/")
		if len(below) > 0 {
			return &ConflictError{Name: name, With: below[0].Name}
		}
		if err != nil {
			return err
		}
	}
	r, found, err := db.packedFrom(name + "/")
	if err != nil {
		return err
	}
	if found && strings.HasPrefix(r.Name, name+"/") {
		return &ConflictError{Name: name, With: r.Name}
	}
	for at := strings.LastIndexByte(name, '/'); at > 0; at = strings.LastIndexByte(name[:at], '/') {
		r, found, err := db.packedFrom(name[:at])
		if err != nil {
			return err
		}
		if found && r.Name == name[:at] {
			return &ConflictError{Name: name, With: r.Name}
		}
	}
	return nil
}

// loosePrefix returns a loose ref that stands where a directory of name must.
func (db *DB) loosePrefix(name string) string {
	for at := strings.LastIndexByte(name, '/'); at > 0; at = strings.LastIndexByte(name[:at], '/') {
		if fi, err := os.Lstat(db.path(name[:at])); err == nil && fi.Mode().IsRegular() {
			return name[:at]
		}
	}
	return ""
}

// removeEmptyDirs clears empty directories, such as deleted refs leave, out of
// the way of a ref.
func removeEmptyDirs(path string) error {
	fi, err := os.Lstat(path)
	if err != nil || !fi.IsDir() {
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeEmptyDirs(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(path)
}

// log appends to the ref's reflog. What it returns takes that back, also a part of it
// after an error: a log that tells of more than there ever was is taken for that of a
// ref that was lost.
func (db *DB) log(name string, from, to ID, reason string) (undo func(), err error) {
	undo = func() {}
	if db.opts.Ident == nil {
		return undo, nil
	}
	who, email, when := db.opts.Ident()
	reason = strings.Join(strings.Fields(reason), " ")
	line := fmt.Sprintf("%x %x %s <%s> %d +0000\t%s\n", from, to, who, email, when.Unix(), reason)
	path := db.logPath(name)
	if err := removeEmptyDirs(path); err != nil {
		return undo, err
	}
	if err := makeParents(filepath.Dir(path)); err != nil {
		return undo, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return undo, err
	}
	before, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return undo, errors.Join(err, f.Close())
	}
	undo = func() {
		if before == 0 {
			os.Remove(path)
		} else {
			os.Truncate(path, before)
		}
	}
	_, err = f.WriteString(line)
	if err == nil {
		err = f.Sync()
	}
	return undo, errors.Join(err, f.Close())
}

func isNotDir(err error) bool { return errors.Is(err, unix.ENOTDIR) }
