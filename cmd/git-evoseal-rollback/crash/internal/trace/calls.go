//go:build linux && (amd64 || arm64)

package trace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Call is one system call that changes files, or makes changes durable.
type Call struct {
	// Name is the call's name in section 2 of the manual.
	Name string
	// Path is the absolute path of what it changes or syncs, with the name that it
	// has before the call. A file without a name ends in " (deleted)".
	Path string
	// To is the second path of a rename or link, and what a symlink holds.
	To string
	// Flags are those of open, renameat2 or unlinkat; Mode those of open, mkdir and chmod.
	Flags, Mode uint64
	// Result is what the call returned, and below zero an error number. It is there
	// only after the call.
	Result int64

	thread int
	fd     int
}

func (c *Call) String() string {
	s := c.Name + " " + c.Path
	if c.To != "" {
		s += " -> " + c.To
	}
	return s
}

// Content reads the file that the call was about, through the descriptor of the
// process, so that it is the right one whatever its name is by now. Only calls that
// have a descriptor have content, and only as long as the process stands still.
func (c *Call) Content() ([]byte, error) {
	return os.ReadFile(c.opened())
}

func (c *Call) opened() string {
	fd := c.fd
	if c.Name == "openat" {
		fd = int(c.Result)
	}
	return fmt.Sprintf("/proc/%d/fd/%d", c.thread, fd)
}

// form says where a call keeps its arguments; -1 is nowhere.
type form struct {
	name        string
	fd          int
	dir, path   int
	dir2, path2 int
	text        int // a path that is content
	flags, mode int
}

// forms are the calls that are looked at, by number.
func forms() map[uint64]form {
	fd := func(name string) form {
		return form{name: name, dir: -1, path: -1, dir2: -1, path2: -1, text: -1, flags: -1, mode: -1}
	}
	at := func(name string, flags, mode int) form {
		return form{name: name, fd: -1, dir: 0, path: 1, dir2: -1, path2: -1, text: -1, flags: flags, mode: mode}
	}
	two := func(name string, flags int) form {
		return form{name: name, fd: -1, dir: 0, path: 1, dir2: 2, path2: 3, text: -1, flags: flags, mode: -1}
	}
	chmod := fd("fchmod")
	chmod.mode = 1
	copied := fd("copy_file_range")
	copied.fd = 2
	ioctl := fd("ioctl")
	ioctl.flags = 1
	return map[uint64]form{
		unix.SYS_OPENAT:    at("openat", 2, 3),
		unix.SYS_WRITE:     fd("write"),
		unix.SYS_PWRITE64:  fd("pwrite64"),
		unix.SYS_WRITEV:    fd("writev"),
		unix.SYS_PWRITEV:   fd("pwritev"),
		unix.SYS_SENDFILE:  fd("sendfile"),
		unix.SYS_FTRUNCATE: fd("ftruncate"),
		unix.SYS_FALLOCATE: fd("fallocate"),
		unix.SYS_IOCTL:     ioctl,
		unix.SYS_FSYNC:     fd("fsync"),
		unix.SYS_FDATASYNC: fd("fdatasync"),
		unix.SYS_SYNCFS:    fd("syncfs"),
		unix.SYS_FCHMOD:    chmod,
		unix.SYS_FCHOWN:    fd("fchown"),
		unix.SYS_FSETXATTR: fd("fsetxattr"),

		unix.SYS_COPY_FILE_RANGE: copied,

		unix.SYS_MKDIRAT:   at("mkdirat", -1, 2),
		unix.SYS_UNLINKAT:  at("unlinkat", 2, -1),
		unix.SYS_FCHMODAT:  at("fchmodat", -1, 2),
		unix.SYS_FCHOWNAT:  at("fchownat", 4, -1),
		unix.SYS_UTIMENSAT: at("utimensat", 3, -1),
		unix.SYS_RENAMEAT2: two("renameat2", 4),
		unix.SYS_LINKAT:    two("linkat", 4),
		unix.SYS_SYMLINKAT: {name: "symlinkat", fd: -1, dir: 1, path: 2, dir2: -1, path2: -1, text: 0, flags: -1, mode: -1},
		sysRenameat:        two("renameat", -1),
	}
}

// decode makes a call of a number and its arguments, nil for one that changes no file.
func decode(table map[uint64]form, thread int, nr uint64, args [6]uint64) *Call {
	f, ok := table[nr]
	if !ok {
		return nil
	}
	c := &Call{Name: f.name, thread: thread, fd: -1}
	if f.flags >= 0 {
		c.Flags = args[f.flags]
	}
	if f.mode >= 0 {
		c.Mode = args[f.mode]
	}
	switch {
	case f.name == "openat" && c.Flags&(unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_RDWR) == 0:
		return nil
	case f.name == "ioctl" && c.Flags != unix.FICLONE && c.Flags != unix.FICLONERANGE:
		return nil
	case f.name == "sendfile":
		f.fd = 0
	}
	if f.path < 0 {
		c.fd = int(int32(args[f.fd]))
		c.Path = linkOf(thread, c.fd)
		return c
	}
	c.Path = pathOf(thread, args[f.dir], args[f.path])
	if f.path2 >= 0 {
		c.To = pathOf(thread, args[f.dir2], args[f.path2])
	}
	if f.text >= 0 {
		c.To = textAt(thread, args[f.text])
	}
	return c
}

func linkOf(thread, fd int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", thread, fd))
	if err != nil {
		return ""
	}
	return path
}

// pathOf is the absolute form of a path argument. A null pointer, as utimensat
// allows, is the descriptor itself.
func pathOf(thread int, dir, at uint64) string {
	path := ""
	if at != 0 {
		path = textAt(thread, at)
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	base := ""
	if int32(dir) == unix.AT_FDCWD {
		base, _ = os.Readlink(fmt.Sprintf("/proc/%d/cwd", thread))
	} else {
		base = linkOf(thread, int(int32(dir)))
	}
	return filepath.Join(base, path)
}

// textAt reads a C string from the process, page by page: what follows the page on
// which it ends may not be there.
func textAt(thread int, at uint64) string {
	var text []byte
	page := uint64(os.Getpagesize())
	for len(text) < unix.PathMax {
		buf := make([]byte, page-at%page)
		local := []unix.Iovec{{Base: &buf[0]}}
		local[0].SetLen(len(buf))
		n, err := unix.ProcessVMReadv(thread, local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(buf)}}, 0)
		if err != nil || n == 0 {
			break
		}
		part, _, ended := strings.Cut(string(buf[:n]), "\x00")
		text = append(text, part...)
		if ended {
			break
		}
		at += uint64(n)
	}
	return string(text)
}
