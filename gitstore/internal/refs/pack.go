package refs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// CountLoose counts the loose refs below a directory of refs such as "refs/tags/", up
// to a limit.
func (db *DB) CountLoose(dir string, limit int) (n int) {
	filepath.WalkDir(db.path(dir), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		if n >= limit {
			return filepath.SkipAll
		}
		return nil
	})
	return n
}

// Pack moves the loose refs that begin with prefix into packed-refs, as
// git-pack-refs(1) does, and returns how many. Peel tells what an annotated tag leads
// to, and the null id for anything else.
//
// The refs keep their logs. A ref that changes meanwhile stays loose, with its new
// value; a symbolic or broken one stays as it is. Errors match [ErrLocked].
func (db *DB) Pack(ctx context.Context, prefix string, peel func(ID) (ID, error)) (int, error) {
	lock, err := db.lock(ctx, db.packedPath())
	if err != nil {
		return 0, err
	}
	defer lock.release()
	loose, err := db.ListLoose(prefix)
	loose = slices.DeleteFunc(loose, func(r Ref) bool {
		_, next, err := db.readLoose(r.Name)
		return err != nil || next != ""
	})
	if len(loose) == 0 {
		return 0, err
	}
	packed, err := db.readPacked()
	if err != nil {
		return 0, err
	}
	for i := range loose {
		if loose[i].Peeled, err = peel(loose[i].ID); err != nil {
			return 0, err
		}
		if at, found := packed.find(loose[i].Name); found {
			packed.refs[at] = loose[i]
		} else {
			packed.refs = slices.Insert(packed.refs, at, loose[i])
		}
	}
	if err := db.replacePacked(packed.encode()); err != nil {
		return 0, err
	}
	// Until the loose ones are gone, nobody may delete a ref from packed-refs: the loose
	// file would bring it back.
	return db.dropPacked(loose)
}

// dropPacked removes loose refs that packed-refs has, each under its own lock and
// only when it is still the same. One that is locked is somebody's to change, and
// stays.
func (db *DB) dropPacked(list []Ref) (n int, err error) {
	dirs := make(map[string]bool)
	for _, r := range list {
		path := db.path(r.Name)
		lock, err := db.tryLock(path)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return n, err
		}
		if id, next, err := db.readLoose(r.Name); err == nil && next == "" && id == r.ID {
			if err := os.Remove(path); err != nil {
				lock.release()
				return n, err
			}
			dirs[filepath.Dir(path)] = true
			n++
		}
		lock.release()
	}
	var errs []error
	for dir := range dirs {
		// Lest a crash bring back a loose ref that is deleted by then.
		errs = append(errs, durable.SyncDir(dir))
	}
	for _, r := range list {
		removeEmptyParents(db.path(r.Name), r.Name)
	}
	return n, errors.Join(errs...)
}
