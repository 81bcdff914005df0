package gitstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LockFile is a lock in git's own protocol that somebody holds, or left.
type LockFile struct {
	Path  string
	Since time.Time
}

// Locks lists the lock files on the store's refs and settings.
func (s *Store) Locks() ([]LockFile, error) {
	var found []LockFile
	visit := func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".lock") {
			return nil
		}
		if fi, err := e.Info(); err == nil {
			found = append(found, LockFile{path, fi.ModTime()})
		}
		return nil
	}
	if err := filepath.WalkDir(filepath.Join(s.dir, "refs"), visit); err != nil {
		return nil, err
	}
	for _, name := range []string{"HEAD.lock", "config.lock", "packed-refs.lock", "gc.pid.lock", shallowFile + ".lock"} {
		if fi, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
			found = append(found, LockFile{filepath.Join(s.dir, name), fi.ModTime()})
		}
	}
	return found, nil
}
