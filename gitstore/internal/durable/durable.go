// Package durable writes files so that a reader, or the next start after a
// crash, finds the whole file or none; and opens them so that no reader hangs.
//
// [Create] opens a file in the making; [File.Publish] syncs it, gives it its
// name and syncs the directory. A file in the making is locked as long as its
// maker lives, so [Sweep] can tell leftovers of the dead from the work of the
// living without process numbers, which mean nothing across containers.
package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// File is a file in the making. It is for one goroutine, except that the
// embedded file may be written as [os.File] allows.
type File struct {
	*os.File
	done bool
}

// Create makes a new file with a random name that begins with prefix.
func Create(dir, prefix string, perm fs.FileMode) (*File, error) {
	for range 100 {
		path := filepath.Join(dir, fmt.Sprintf("%s%016x", prefix, rand.Uint64()))
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if locked(f) {
			return &File{File: f}, nil
		}
		// A sweep came between creating and locking: take another name.
		f.Close()
	}
	return nil, fmt.Errorf("no free temporary name in %s", dir)
}

// locked takes the lock that keeps Sweep away. A file system without locks is
// one where Sweep finds no lock to take either, and leaves everything alone.
func locked(f *os.File) bool {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return !errors.Is(err, unix.EWOULDBLOCK)
	}
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink > 0
}

// Publish makes the content durable, renames the file to final, and makes the
// name durable.
func (f *File) Publish(final string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Rename(final); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(final))
}

// Rename gives the file its name and closes it, without syncing anything.
func (f *File) Rename(final string) error {
	if err := os.Rename(f.Name(), final); err != nil {
		return err
	}
	f.done = true
	return f.Close()
}

// Discard removes the file. It does nothing after Publish or Rename.
func (f *File) Discard() {
	if f.done {
		return
	}
	f.done = true
	os.Remove(f.Name())
	f.Close()
}

// ErrNotRegular says that something else than a file bears a file's name.
var ErrNotRegular = errors.New("not a regular file")

// Open opens a file for reading. What might keep a reader waiting for ever, such as a
// pipe that somebody put in its place, is an error that matches [ErrNotRegular];
// [os.DevNull], which people put there on purpose, is an empty file.
func Open(path string) (*os.File, error) {
	return regular(os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0))
}

func regular(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() && !isNull(fi) {
		err = &fs.PathError{Op: "open", Path: f.Name(), Err: ErrNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func isNull(fi fs.FileInfo) bool {
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(fi, null)
}

// maxRead is more than any file has that is read in one piece: the index of ten million
// files. Somebody may have made one longer than there is memory.
const maxRead = 1 << 30

// ReadFile reads a file that Open opens. One of over a GiB is an error.
func ReadFile(path string) ([]byte, error) { return readAll(Open(path)) }

// ReadFileIn is ReadFile in an open directory.
func ReadFileIn(dir *os.Root, name string) ([]byte, error) {
	return readAll(regular(dir.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)))
}

func readAll(f *os.File, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() > maxRead {
		return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: unix.EFBIG}
	}
	// One byte more, so that the end is seen without another allocation.
	b := bytes.NewBuffer(make([]byte, 0, fi.Size()+bytes.MinRead))
	_, err = b.ReadFrom(f)
	return b.Bytes(), err
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Temp begins the name that path has while WriteFile makes it, for [Sweep].
func Temp(path string) string { return AnyTemp + filepath.Base(path) + "_" }

// AnyTemp begins what Temp returns, whatever the path.
const AnyTemp = "tmp_"

// WriteFile publishes data under path, replacing what was there.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	f, err := Create(filepath.Dir(path), Temp(path), perm)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Publish(path)
}

// Sweep removes the files in dir that begin with one of the prefixes and whose
// makers are dead, and returns how many bytes that freed.
func Sweep(dir string, prefixes ...string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var freed int64
	for _, e := range entries {
		for _, prefix := range prefixes {
			if strings.HasPrefix(e.Name(), prefix) && e.Type().IsRegular() {
				freed += sweepFile(filepath.Join(dir, e.Name()))
				break
			}
		}
	}
	return freed, nil
}

func sweepFile(path string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return 0
	}
	fi, err := f.Stat()
	if err != nil || os.Remove(path) != nil {
		return 0
	}
	return fi.Size()
}
