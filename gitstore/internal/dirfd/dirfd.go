// Package dirfd works on files by the handle of the directory that holds them,
// never through a symbolic link, so that no path is resolved twice.
package dirfd

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Handle is an open directory that several tasks share. It is closed when the
// last of them releases it.
type Handle struct {
	FD   int
	refs atomic.Int32
}

// New takes over an open descriptor, held once.
func New(fd int) *Handle {
	h := &Handle{FD: fd}
	h.refs.Store(1)
	return h
}

// Dup returns a handle of its own on an open directory.
func Dup(dir *os.File) (*Handle, error) {
	fd, err := unix.FcntlInt(dir.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "dup", Path: dir.Name(), Err: err}
	}
	return New(fd), nil
}

// Hold adds a holder and returns the handle.
func (h *Handle) Hold() *Handle {
	h.refs.Add(1)
	return h
}

// Release takes a holder off. A nil handle has none.
func (h *Handle) Release() {
	if h != nil && h.refs.Add(-1) == 0 {
		unix.Close(h.FD)
	}
}

// Open opens the sub-directory of that name.
func (h *Handle) Open(name string) (*Handle, error) {
	fd, err := OpenDir(h.FD, name)
	if err != nil {
		return nil, err
	}
	return New(fd), nil
}

// Retry repeats a system call that a signal interrupted.
func Retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// OpenDir opens a sub-directory.
func OpenDir(dir int, name string) (fd int, err error) {
	err = Retry(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// OpenInside opens the sub-directory of that name, unless something is mounted there:
// what is mounted in a directory is not part of it.
func (h *Handle) OpenInside(name string) (*Handle, error) {
	fd, err := openInside(h.FD, name)
	if err != nil {
		return nil, err
	}
	return New(fd), nil
}

// openSameDevice is as near to that as a system without a call for it gets.
func openSameDevice(dir int, name string) (int, error) {
	fd, err := OpenDir(dir, name)
	if err != nil {
		return -1, err
	}
	above, err := Fstat(dir)
	below, err2 := Fstat(fd)
	if err == nil && err2 == nil && above.Dev == below.Dev {
		return fd, nil
	}
	unix.Close(fd)
	return -1, cmp.Or(err, err2, error(unix.EXDEV))
}

// OpenFile opens a file for reading. It doesn't wait for a writer should the
// name have become a pipe, and leaves the access time alone where we may.
func OpenFile(dir int, name string) (fd int, err error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	err = Retry(func() (err error) {
		fd, err = unix.Openat(dir, name, flags|noAccessTime, 0)
		return err
	})
	if err == unix.EPERM && noAccessTime != 0 {
		err = Retry(func() (err error) {
			fd, err = unix.Openat(dir, name, flags, 0)
			return err
		})
	}
	return fd, err
}

// OpenFileInside is OpenFile for a path with slashes that leads from directory to
// directory, over no link and into nothing that is mounted.
func OpenFileInside(dir int, path string) (fd int, err error) { return openFileInside(dir, path) }

// openStepByStep is as near to that as a system without a call for it gets.
func openStepByStep(dir int, path string) (int, error) {
	at := dir
	for {
		name, rest, below := strings.Cut(path, "/")
		if !below {
			fd, err := OpenFile(at, name)
			if at != dir {
				unix.Close(at)
			}
			return fd, err
		}
		next, err := openSameDevice(at, name)
		if at != dir {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at, path = next, rest
	}
}

// Create makes a file that must not be there yet.
func Create(dir int, name string, perm uint32) (fd int, err error) {
	err = Retry(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, perm)
		return err
	})
	return fd, err
}

// Lstat is what the file system says of a name, without following it.
func Lstat(dir int, name string) (Stat, error) {
	var st unix.Stat_t
	err := Retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return fromSystem(&st), err
}

// Fstat is what the file system says of an open file.
func Fstat(fd int) (Stat, error) {
	var st unix.Stat_t
	err := Retry(func() error { return unix.Fstat(fd, &st) })
	return fromSystem(&st), err
}

// Stat is the part of stat data that matters here. Times are nanoseconds since
// the Unix epoch.
type Stat struct {
	Mode         uint32
	UID, GID     uint32
	Nlink        uint64
	Dev, Ino     uint64
	Size         int64
	Mtime, Ctime int64
}

// Perm are the permission bits, 07777.
func (s Stat) Perm() uint32 { return s.Mode & 0o7777 }

// Kind is the type of file, one of the unix.S_IF constants.
func (s Stat) Kind() uint32 { return s.Mode & unix.S_IFMT }

// Reader reads a descriptor without the bookkeeping of [os.File], which a
// hundred thousand small files would feel. Err is the error of the file, as
// opposed to that of whatever its bytes were given to.
type Reader struct {
	FD  int
	Err error
}

func (r *Reader) Read(b []byte) (n int, err error) {
	err = Retry(func() (err error) {
		n, err = unix.Read(r.FD, b)
		return err
	})
	if err != nil {
		r.Err = err
		return 0, err
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// ReadFull fills buf as far as the file goes.
func ReadFull(fd int, buf []byte) (n int, err error) {
	r := Reader{FD: fd}
	n, err = io.ReadFull(&r, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}

// Writer writes to a descriptor.
type Writer struct{ FD int }

func (w Writer) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		var n int
		err := Retry(func() (err error) {
			n, err = unix.Write(w.FD, b[done:])
			return err
		})
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Names reads all names of a directory, but for "." and "..". It moves the
// descriptor's position, and so reads them once.
func Names(fd int) ([]string, error) {
	var names []string
	err := EachName(fd, func(name []byte) { names = append(names, string(name)) })
	return names, err
}

// EachName is Names for a caller that keeps none: a name is good until f returns.
func EachName(fd int, f func(name []byte)) error {
	buf := direntBuffers.Get().(*[]byte)
	defer direntBuffers.Put(buf)
	for {
		var n int
		err := Retry(func() (err error) {
			n, err = unix.ReadDirent(fd, *buf)
			return err
		})
		if err != nil {
			return err
		}
		if n <= 0 {
			return nil
		}
		if err := eachName((*buf)[:n], f); err != nil {
			return err
		}
	}
}

// eachName goes through records of struct dirent, whose fields both systems have
// in places of their own.
func eachName(records []byte, f func(name []byte)) error {
	const (
		length = unsafe.Offsetof(unix.Dirent{}.Reclen)
		name   = unsafe.Offsetof(unix.Dirent{}.Name)
	)
	for len(records) > 0 {
		if len(records) < int(name) {
			return unix.EIO
		}
		size := int(binary.NativeEndian.Uint16(records[length:]))
		if size <= int(name) || size > len(records) {
			return unix.EIO
		}
		inode, text := binary.NativeEndian.Uint64(records), records[name:size]
		records = records[size:]
		if end := bytes.IndexByte(text, 0); end >= 0 {
			text = text[:end]
		}
		// An inode of zero stands for an entry that was removed.
		if inode != 0 && string(text) != "." && string(text) != ".." {
			f(text)
		}
	}
	return nil
}

var direntBuffers = sync.Pool{New: func() any {
	buf := make([]byte, 32<<10)
	return &buf
}}
