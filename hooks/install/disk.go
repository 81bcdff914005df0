package install

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tempPrefix begins the names of files in the making, which no hook has.
const tempPrefix = ".evoseal-tmp-"

// disk changes files so that a crash leaves whole ones. Every change goes through
// step, where a test can make it fail, or have everything after it fail as well.
type disk struct {
	fault func(op, path string) error
	// noLinks makes it a file system without hard links.
	noLinks bool
}

func (d disk) step(op, path string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(op, path)
}

// write makes a synced file beside path and returns its name.
func (d disk) write(path string, perm fs.FileMode, content io.Reader) (temp string, err error) {
	name := tempName(path)
	if err := d.step("create", name); err != nil {
		return "", err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			d.remove(name)
		}
	}()
	if err := d.step("write", name); err != nil {
		return "", err
	}
	if _, err := io.Copy(f, content); err != nil {
		return "", err
	}
	if err := f.Chmod(perm); err != nil {
		return "", err
	}
	return name, f.Sync()
}

// tempName is a name beside path for a file in the making.
func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()))
}

// addName gives what is at path a second name, which must be free.
func (d disk) addName(path, second string) error {
	if err := d.step("link", second); err != nil {
		return err
	}
	err := d.link(path, second)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.copyName(path, second)
}

func (d disk) link(path, second string) error {
	if d.noLinks {
		return wrap("link", second, unix.EPERM)
	}
	// Without flags a symbolic link is linked, not what it points to.
	return wrap("link", second, unix.Linkat(unix.AT_FDCWD, path, unix.AT_FDCWD, second, 0))
}

// copyName is addName for file systems without hard links, and for files that the
// system lets nobody but their owner link.
func (d disk) copyName(path, second string) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		return d.copySymlink(path, second, fi.ModTime())
	}
	from, err := open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	temp, err := d.write(second, fi.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky), from)
	if err != nil {
		return err
	}
	if err := os.Chtimes(temp, time.Time{}, fi.ModTime()); err != nil {
		d.remove(temp)
		return err
	}
	return d.renameNew(temp, second)
}

func (d disk) copySymlink(path, second string, mtime time.Time) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	temp := tempName(second)
	if err := os.Symlink(target, temp); err != nil {
		return err
	}
	at := unix.NsecToTimespec(mtime.UnixNano())
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, temp, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		d.remove(temp)
		return wrap("utimes", temp, err)
	}
	return d.renameNew(temp, second)
}

// renameNew is rename where nothing must be replaced. Our own processes are kept
// out by the lock; others in between Lstat and rename can't be helped here.
func (d disk) renameNew(from, to string) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		d.remove(from)
		return wrap("rename", to, fs.ErrExist)
	}
	return d.rename(from, to)
}

// publishNew gives the file in the making its name, which must be free.
func (d disk) publishNew(temp, path string) error {
	if err := d.step("publish", path); err != nil {
		d.remove(temp)
		return err
	}
	err := d.link(temp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return d.renameNew(temp, path)
	}
	d.remove(temp)
	return err
}

// rename moves from over to. A file in the making that can't be moved is removed.
func (d disk) rename(from, to string) error {
	err := d.step("rename", to)
	if err == nil {
		err = os.Rename(from, to)
	}
	if err != nil && strings.HasPrefix(filepath.Base(from), tempPrefix) {
		d.remove(from)
	}
	return err
}

func (d disk) remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}

// mkdir makes dir if it is missing; its parent must be there.
func (d disk) mkdir(dir string) error {
	if err := d.step("mkdir", dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.sync(filepath.Dir(dir))
}

// sync makes the names in a directory durable.
func (d disk) sync(dir string) error {
	if err := d.step("sync", dir); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// leftIn says whether there is anything in the making.
func leftIn(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), tempPrefix) })
}

// sweep removes what a crash left in the making. Only the holder of the
// directory's lock may call it.
func (d disk) sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		if err := d.remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// lock keeps other installers out of dir until unlock, and leaves nothing behind.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOLCK) {
		f.Close()
		return nil, wrap("lock", dir, err)
	}
	return func() { f.Close() }, nil
}

func wrap(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// open opens a file for reading. A pipe or a device in its place, which might keep a
// reader waiting for ever, is an error.
func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func readFile(path string) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
