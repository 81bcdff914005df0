package safety

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// The functions here act on one entry of an open directory. Their names are
// single components, never paths, and none of them follows a symbolic link.

const dirFlags = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// fileID tells files apart, however they are spelled or mounted.
type fileID struct{ dev, ino uint64 }

// entry is what a directory says of one of its names.
type entry struct {
	id   fileID
	mode uint32
	uid  uint32
}

func (e entry) isDir() bool  { return e.mode&unix.S_IFMT == unix.S_IFDIR }
func (e entry) isLink() bool { return e.mode&unix.S_IFMT == unix.S_IFLNK }

func entryOf(st *unix.Stat_t) entry {
	return entry{
		id:   fileID{dev: uint64(st.Dev), ino: st.Ino},
		mode: uint32(st.Mode),
		uid:  st.Uid,
	}
}

// withFD keeps f open while call runs, and runs it again when a signal broke it off.
func withFD(f *os.File, call func(fd int) error) error {
	for {
		err := call(int(f.Fd()))
		runtime.KeepAlive(f)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func pathError(op string, dir *os.File, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: filepath.Join(dir.Name(), name), Err: err}
}

func lookAt(dir *os.File, name string) (entry, error) {
	var st unix.Stat_t
	err := withFD(dir, func(fd int) error {
		return unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	return entryOf(&st), pathError("lstat", dir, name, err)
}

func lookAtHandle(f *os.File) (entry, error) {
	var st unix.Stat_t
	err := withFD(f, func(fd int) error { return unix.Fstat(fd, &st) })
	return entryOf(&st), pathError("fstat", f, "", err)
}

func exists(dir *os.File, name string) bool {
	_, err := lookAt(dir, name)
	return err == nil
}

func openAt(dir *os.File, name string, flags int, mode uint32) (*os.File, error) {
	opened := -1
	err := withFD(dir, func(fd int) (err error) {
		opened, err = unix.Openat(fd, name, flags, mode)
		return err
	})
	if err != nil {
		return nil, pathError("open", dir, name, err)
	}
	return os.NewFile(uintptr(opened), filepath.Join(dir.Name(), name)), nil
}

// openDirAt opens a directory so that it can be listed and synced.
func openDirAt(dir *os.File, name string) (*os.File, error) {
	return openAt(dir, name, unix.O_RDONLY|dirFlags, 0)
}

func makeDirAt(dir *os.File, name string, mode uint32) error {
	err := withFD(dir, func(fd int) error { return unix.Mkdirat(fd, name, mode) })
	return pathError("mkdir", dir, name, err)
}

func renameAt(dir *os.File, from, to string) error {
	err := withFD(dir, func(fd int) error { return unix.Renameat(fd, from, fd, to) })
	return pathError("rename", dir, from, err)
}

func unlinkAt(dir *os.File, name string, flags int) error {
	err := withFD(dir, func(fd int) error { return unix.Unlinkat(fd, name, flags) })
	return pathError("remove", dir, name, err)
}

func readLinkAt(dir *os.File, name string) (string, error) {
	buf := make([]byte, unix.PathMax+1)
	var n int
	err := withFD(dir, func(fd int) (err error) {
		n, err = unix.Readlinkat(fd, name, buf)
		return err
	})
	if err == nil && n == len(buf) {
		err = unix.ENAMETOOLONG
	}
	if err != nil {
		return "", pathError("readlink", dir, name, err)
	}
	return string(buf[:n]), nil
}

// isEmpty reports whether an open directory has no entry. It leaves the
// handle at its start, for the next reader.
func isEmpty(dir *os.File) (bool, error) {
	_, err := dir.Readdirnames(1)
	if _, serr := dir.Seek(0, io.SeekStart); serr != nil {
		return false, serr
	}
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// syncDir makes the names in an open directory durable. File systems that
// can't sync a directory say EINVAL; there is nothing more to be had there.
func syncDir(dir *os.File) error {
	if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}
