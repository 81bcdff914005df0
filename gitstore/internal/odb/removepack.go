package odb

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// removePacks removes packs. The indexes go first: an index without a pack would
// promise objects that aren't there, a pack without an index is only bytes. Which
// packs they are is written down before, so that what a remover leaves that dies
// between the two is known for what it is, and swept.
//
// Somebody may put a pack of the same name, and so of the same objects, in the place
// of one at this very moment, to rely on it. So the files are moved away, looked at,
// and put back when they aren't those that were copied.
func (db *DB) removePacks(packs []*source) error {
	if len(packs) == 0 {
		return nil
	}
	// On a full disk it can't be written down, and removing makes room.
	if list, err := db.announceRemoval(packs); err == nil {
		defer list.Discard()
	}
	var errs []error
	going := packs[:0:0]
	for _, s := range packs {
		gone, err := db.moveAway(s.path(".idx"), func(fi fs.FileInfo) bool { return identity(fi) == s.index })
		if errs = append(errs, err); gone {
			going = append(going, s)
		}
	}
	// A power cut must not bring an index back whose pack is gone.
	if err := durable.SyncDir(filepath.Join(db.dir, "pack")); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, s := range going {
		errs = append(errs, db.removeBody(s.path(""), s.data))
	}
	return errors.Join(errs...)
}

// removeBody removes what belongs to a pack without index, the pack last; and leaves
// a pack that got an index meanwhile.
func (db *DB) removeBody(base string, pack fileID) error {
	for _, ext := range []string{".rev", ".bitmap", ".mtimes"} {
		if err := os.Remove(base + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_, err := db.moveAway(base+".pack", func(fi fs.FileInfo) bool { return identity(fi) == pack && isHalf(base) })
	return err
}

// announceRemoval writes down which packs are about to go, durably. The file is
// locked while its maker lives.
func (db *DB) announceRemoval(packs []*source) (*durable.File, error) {
	list, err := db.create(tempRemoval)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, s := range packs {
		fmt.Fprintf(&b, "%s %d %d\n", s.name, s.data.dev, s.data.ino)
	}
	_, err = list.WriteString(b.String())
	if err = errors.Join(err, list.Sync()); err == nil {
		err = durable.SyncDir(filepath.Dir(list.Name()))
	}
	if err != nil {
		list.Discard()
		return nil, err
	}
	return list, nil
}

// sweepRemovals finishes what dead removers began.
func (db *DB) sweepRemovals() error {
	var errs []error
	for _, dir := range []string{db.staging, db.dir} {
		found, _ := filepath.Glob(filepath.Join(dir, tempRemoval+"*"))
		for _, path := range found {
			errs = append(errs, db.sweepRemoval(path))
		}
	}
	return errors.Join(errs...)
}

func (db *DB) sweepRemoval(path string) error {
	f, err := durable.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var name string
		var was fileID
		if n, _ := fmt.Sscanf(lines.Text(), "%s %d %d", &name, &was.dev, &was.ino); n != 3 || name != filepath.Base(name) {
			continue
		}
		base := filepath.Join(db.dir, "pack", name)
		if fi, err := os.Lstat(base + ".pack"); err == nil && identity(fi) == was && isHalf(base) && !marked(base) {
			if err := db.removeBody(base, was); err != nil {
				return err
			}
		}
	}
	return os.Remove(path)
}

// isHalf says that a pack has no index, so that to all readers it isn't there.
func isHalf(base string) bool {
	_, err := os.Lstat(base + ".idx")
	return errors.Is(err, fs.ErrNotExist)
}

// marked says that somebody wants the pack kept, or is about to publish it.
func marked(base string) bool {
	_, err := os.Lstat(base + ".keep")
	return !errors.Is(err, fs.ErrNotExist)
}

// moveAway removes a file if it is the right one, which is asked once nobody else can
// get at it any more, and says whether it did.
func (db *DB) moveAway(path string, right func(fs.FileInfo) bool) (bool, error) {
	away := filepath.Join(db.staging, fmt.Sprintf("%s%016x", tempGone, rand.Uint64()))
	err := os.Rename(path, away)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			// The staging directory is a cache, which may be deleted at any time.
			return true, os.Remove(path)
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	fi, err := os.Lstat(away)
	if err != nil {
		return false, err
	}
	if !right(fi) {
		return false, os.Rename(away, path)
	}
	return true, os.Remove(away)
}

// sweepGone removes what a dead process had moved away. Only who holds the lock
// against others that remove packs may call it.
func (db *DB) sweepGone() {
	for _, dir := range []string{db.staging, db.dir} {
		found, _ := filepath.Glob(filepath.Join(dir, tempGone+"*"))
		for _, path := range found {
			os.Remove(path)
		}
	}
	db.sweepHalves(time.Now().Add(-halfAge))
}

// halfAge is how long a pack without an index may be one that somebody is about to
// publish, even if they were stopped meanwhile.
const halfAge = 24 * time.Hour

// sweepHalves removes packs without an index of which nobody has written down whose
// they are.
func (db *DB) sweepHalves(before time.Time) {
	found, _ := filepath.Glob(filepath.Join(db.dir, "pack", "pack-*.pack"))
	for _, path := range found {
		base := strings.TrimSuffix(path, ".pack")
		fi, err := os.Lstat(path)
		if err == nil && changed(fi).Before(before) && isHalf(base) && !marked(base) {
			os.Remove(path)
		}
	}
}
