package odb

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// Usage is how many packs and loose objects there are in this directory, and how
// many bytes they take, with the indexes of the packs.
func (db *DB) Usage() (packs, loose int, size int64, err error) {
	err = filepath.WalkDir(db.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if !e.Type().IsRegular() {
			return nil
		}
		dir := filepath.Base(filepath.Dir(path))
		_, notLoose := ParseID(dir + e.Name())
		switch {
		case notLoose == nil:
			loose++
		case dir == "pack" && strings.HasPrefix(e.Name(), "pack-"):
			if strings.HasSuffix(e.Name(), ".idx") {
				packs++
			}
		default:
			return nil
		}
		if fi, err := e.Info(); err == nil {
			size += fi.Size()
		}
		return nil
	})
	return packs, loose, size, err
}
