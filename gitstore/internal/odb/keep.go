package odb

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// keepMark is what our .keep files hold. git-repack(1) leaves a pack alone that
// has a file of that name beside it, whatever is in it.
const keepMark = "evoseal: being published\n"

// keep is a mark on a pack, held: the file is locked with flock(2) as long as its
// maker lives, so that one that a dead process left can be told. A nil keep marks
// nothing.
type keep struct {
	f    *os.File
	path string
}

// keepPack marks the pack that is about to get that name. A dead process's mark is
// taken over; one that the living hold, or that isn't ours, is theirs to remove.
func (db *DB) keepPack(name string) (*keep, error) {
	path := filepath.Join(db.dir, "pack", name+".keep")
	// Who sweeps holds a mark for a moment.
	for range 100 {
		k, there := takeKeep(path)
		if k != nil {
			return k, nil
		}
		if !there {
			return db.newKeep(path)
		}
		if !ownKeep(path) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil, nil
}

// takeKeep holds a mark that nobody holds, and says whether there is any.
func takeKeep(path string) (k *keep, there bool) {
	f, err := durable.Open(path)
	if err != nil {
		return nil, !errors.Is(err, fs.ErrNotExist)
	}
	if ownKeep(path) && unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		var held, named unix.Stat_t
		if unix.Fstat(int(f.Fd()), &held) == nil && unix.Lstat(path, &named) == nil && held.Ino == named.Ino && held.Dev == named.Dev {
			return &keep{f: f, path: path}, true
		}
	}
	f.Close()
	_, err = os.Lstat(path)
	return nil, err == nil
}

func (db *DB) newKeep(path string) (*keep, error) {
	f, err := db.create(tempKeep)
	if err != nil {
		return nil, err
	}
	// Synced, lest a power cut leave an empty one, which might be anybody's.
	_, err = f.WriteString(keepMark)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Discard()
		return nil, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		f.Discard()
		return nil, err
	}
	return &keep{f: f.File, path: path}, nil
}

// release lets git collect the pack.
func (k *keep) release() {
	if k != nil && k.f != nil {
		os.Remove(k.path)
		k.f.Close()
		k.f = nil
	}
}

// sweepKeeps removes the marks of dead processes.
func (db *DB) sweepKeeps() error {
	dir := filepath.Join(db.dir, "pack")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".keep") && e.Type().IsRegular() {
			db.sweepKeep(filepath.Join(dir, e.Name()))
		}
	}
	return err
}

// sweepKeep ends a dead process's mark. Of a pack whose maker died before its index
// was there, the mark says whose it was: the pack goes with it.
func (db *DB) sweepKeep(path string) {
	k, _ := takeKeep(path)
	if k == nil {
		return
	}
	base := strings.TrimSuffix(path, ".keep")
	if isHalf(base) {
		db.moveAway(base+".pack", func(fs.FileInfo) bool { return isHalf(base) })
	}
	k.release()
}

// ownKeep says whether a mark is one of ours.
func ownKeep(path string) bool {
	f, err := durable.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	mark, err := io.ReadAll(io.LimitReader(f, int64(len(keepMark))+1))
	return err == nil && bytes.Equal(mark, []byte(keepMark))
}

// Object is an object with its bytes.
type Object struct {
	ID   ID
	Type Type
	Data []byte
}

// Stored says whether an object is in this directory at this moment: unlike Has
// it isn't content with an index whose pack is gone.
func (db *DB) Stored(id ID) bool {
	if _, err := os.Lstat(db.loosePath(id)); err == nil {
		return true
	}
	for _, p := range db.snapshot() {
		if _, ok := p.find(id); ok && !p.gone.Load() {
			if _, err := os.Lstat(p.path(".pack")); err == nil {
				return true
			}
		}
	}
	return false
}

// WritePack writes the objects as one pack, also those that are stored already.
// git's prune never removes what is packed, and its repack leaves packs alone
// that weren't there when it began, and this one until release is called.
func (db *DB) WritePack(objects []Object) (release func(), err error) {
	w, err := db.NewPack()
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	w.again = true
	lane := w.NewLane()
	for _, o := range objects {
		if _, _, err := lane.Add(o.Type, o.Data); err != nil {
			return nil, err
		}
	}
	if _, err := w.Finish(); err != nil {
		return nil, err
	}
	return w.Release, nil
}
