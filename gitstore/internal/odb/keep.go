package odb

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

// keepPack marks the pack that is about to get that name. A mark that is there
// already is somebody else's to remove.
func (db *DB) keepPack(name string) (*keep, error) {
	path := filepath.Join(db.dir, "pack", name+".keep")
	if _, err := os.Lstat(path); err == nil {
		return nil, nil
	}
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
func sweepKeeps(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".keep") && e.Type().IsRegular() {
			sweepKeep(filepath.Join(dir, e.Name()))
		}
	}
	return err
}

func sweepKeep(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	mark, err := io.ReadAll(io.LimitReader(f, int64(len(keepMark))+1))
	if err != nil || !bytes.Equal(mark, []byte(keepMark)) {
		return
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		os.Remove(path)
	}
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
