package refs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// Rename gives a ref another name or, where To is empty, deletes it.
type Rename struct {
	From, To string
	// ID is what From must name. Peeled is the object behind it when it is an
	// annotated tag, else null.
	ID, Peeled ID
}

// renamedAtOnce bounds how many locks are held at a time: each takes two open
// files.
const renamedAtOnce = 64

// Rename renames refs, without their logs, and returns those that it did. A ref
// that isn't what its Rename says is left alone and not among them.
//
// The new names come to be in packed-refs, in one atomic change that also takes
// the old ones out of it; loose old ones go after that. Since every reader looks
// at loose refs before packed ones, each ref is to be seen under one of its names
// at least, at any moment and after any crash. Under both it is after a crash in
// between. What is done is durable when Rename returns.
//
// Errors match [ErrLocked], [ErrChanged] for a new name that is taken, and
// [ErrConflict]; refs may have been renamed all the same, a run of them at a time.
func (db *DB) Rename(ctx context.Context, list []Rename) (done []Rename, err error) {
	// Renaming takes so many locks that a dead process's are worth looking for, also
	// those that aren't in the way here: git waits for each.
	db.bury()
	list = slices.Clone(list)
	// One order for all, so that no two wait for each other.
	slices.SortFunc(list, func(a, b Rename) int { return cmp.Compare(a.From, b.From) })
	for some := range slices.Chunk(list, renamedAtOnce) {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		these, err := db.renameSome(ctx, some)
		done = append(done, these...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (db *DB) renameSome(ctx context.Context, list []Rename) (done []Rename, err error) {
	var locks []*lockFile
	defer func() {
		for _, l := range locks {
			l.release()
		}
		for _, r := range list {
			for _, name := range []string{r.From, r.To} {
				removeEmptyParents(db.path(name), name)
				removeEmptyParents(db.logPath(name), name)
			}
		}
	}()
	for _, r := range list {
		for _, name := range []string{r.From, r.To} {
			if name == "" {
				continue
			}
			lock, err := db.lockName(ctx, name)
			if err != nil {
				return nil, err
			}
			locks = append(locks, lock)
		}
	}
	// Once for all: what is locked doesn't change.
	packed, err := db.readPacked()
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		if have, err := db.valueOf(packed, r.From); err != nil || have != r.ID {
			continue
		}
		if r.To != "" {
			if have, err := db.valueOf(packed, r.To); err != nil || have != (ID{}) {
				return nil, &ChangedError{Name: r.To, Have: have}
			}
		}
		done = append(done, r)
	}
	lock, err := db.lock(ctx, db.packedPath())
	if err != nil {
		return nil, err
	}
	// Until the loose ones are gone: who packs refs meanwhile would find them, and
	// bring the old names back.
	defer lock.release()
	if err := db.renamePacked(done); err != nil {
		return nil, err
	}
	return done, db.dropLoose(done)
}

// lockName takes a ref's lock.
func (db *DB) lockName(ctx context.Context, name string) (*lockFile, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	lock, err := db.lock(ctx, db.path(name))
	if err != nil {
		if with := db.loosePrefix(name); with != "" && (isNotDir(err) || errors.Is(err, fs.ErrExist)) {
			return nil, &ConflictError{Name: name, With: with}
		}
	}
	return lock, err
}

// valueOf is what a locked ref names, the null id for nothing.
func (db *DB) valueOf(packed *packedRefs, name string) (ID, error) {
	id, next, err := db.readLoose(name)
	switch {
	case errors.Is(err, ErrNotFound):
		if i, ok := packed.find(name); ok {
			return packed.refs[i].ID, nil
		}
		return ID{}, nil
	case err == nil && next != "":
		return ID{}, fmt.Errorf("ref %s is symbolic", name)
	}
	return id, err
}

// renamePacked makes the change in packed-refs, whose lock is held.
func (db *DB) renamePacked(list []Rename) error {
	packed, err := db.readPacked()
	if err != nil {
		return err
	}
	drop := make(map[string]bool, len(list))
	var add []Ref
	for _, r := range list {
		drop[r.From] = true
		if r.To == "" {
			continue
		}
		if err := db.clash(packed, r.To); err != nil {
			return err
		}
		add = append(add, Ref{Name: r.To, ID: r.ID, Peeled: r.Peeled})
	}
	before := len(packed.refs)
	packed.refs = slices.DeleteFunc(packed.refs, func(r Ref) bool { return drop[r.Name] })
	if len(packed.refs) == before && len(add) == 0 {
		return nil
	}
	packed.refs = append(packed.refs, add...)
	slices.SortFunc(packed.refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return db.replacePacked(packed.encode())
}

// packedTemp begins the names of files that are to be packed-refs. Git has a name
// of its own for them, and gives up where a crash has left one.
const packedTemp = "packed-refs_"

// replacePacked publishes packed-refs and lets its lock be: the lock's own file can't
// become what it locks as long as it is to be held.
func (db *DB) replacePacked(content []byte) error {
	dir := db.opts.JournalDir
	if dir == "" {
		dir = db.dir
	}
	if _, err := durable.Sweep(dir, packedTemp); err != nil {
		db.opts.Log.Debug("what dead processes left can't be swept up", "error", err)
	}
	f, err := durable.Create(dir, packedTemp, 0o644)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Publish(db.packedPath())
}

// clash finds a ref that can't be beside a new one. Unlike conflicts it doesn't
// read packed-refs again for each.
func (db *DB) clash(packed *packedRefs, name string) error {
	if with := db.loosePrefix(name); with != "" {
		return &ConflictError{Name: name, With: with}
	}
	for at := strings.LastIndexByte(name, '/'); at > 0; at = strings.LastIndexByte(name[:at], '/') {
		if _, ok := packed.find(name[:at]); ok {
			return &ConflictError{Name: name, With: name[:at]}
		}
	}
	if i, _ := packed.find(name + "/"); i < len(packed.refs) && strings.HasPrefix(packed.refs[i].Name, name+"/") {
		return &ConflictError{Name: name, With: packed.refs[i].Name}
	}
	if fi, err := os.Lstat(db.path(name)); err != nil || !fi.IsDir() {
		return nil
	}
	below, err := db.List(name + "/")
	if len(below) > 0 {
		return &ConflictError{Name: name, With: below[0].Name}
	}
	return err
}

// dropLoose removes the loose files of the old names, logs first: a log without
// its ref is worse than a ref without its log.
func (db *DB) dropLoose(list []Rename) error {
	dirs := make(map[string]bool)
	var errs []error
	for _, r := range list {
		if err := os.Remove(db.logPath(r.From)); err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
			errs = append(errs, err)
		}
		switch err := os.Remove(db.path(r.From)); {
		case err == nil:
			dirs[filepath.Dir(db.path(r.From))] = true
		case !errors.Is(err, fs.ErrNotExist) && !isNotDir(err):
			errs = append(errs, err)
		}
	}
	for dir := range dirs {
		errs = append(errs, durable.SyncDir(dir))
	}
	return errors.Join(errs...)
}

// removeEmptyParents removes the directories of a ref's file, or its log, that hold
// nothing any more, but for refs/<kind>.
func removeEmptyParents(path, name string) {
	dir := filepath.Dir(path)
	for range max(0, strings.Count(name, "/")-2) {
		if os.Remove(dir) != nil {
			return
		}
		dir = filepath.Dir(dir)
	}
}

// Edit changes a file of the repository for which git uses the protocol of its
// refs' locks, such as shallow. Change gets what is there, nil for nothing, and
// returns what is to be there; nil removes the file. The change is atomic, and
// durable when Edit returns. Errors match [ErrLocked].
func (db *DB) Edit(ctx context.Context, name string, change func(old []byte) ([]byte, error)) error {
	path := db.path(name)
	lock, err := db.lock(ctx, path)
	if err != nil {
		return err
	}
	defer lock.release()
	old, err := durable.ReadFile(path)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content, err := change(old)
	switch {
	case err != nil || there && content != nil && bytes.Equal(old, content) || !there && content == nil:
		return err
	case content == nil:
		return errors.Join(os.Remove(path), durable.SyncDir(filepath.Dir(path)))
	}
	if err := lock.write(content); err != nil {
		return err
	}
	return lock.publish(path)
}
