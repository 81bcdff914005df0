package safety

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// searchFlags open a directory to walk through it: O_PATH needs no right to list it.
const searchFlags = unix.O_PATH | dirFlags

// systemDirs lists the directories that belong to the operating system, with
// everything below them. /lib* stands for /lib, /lib64 and their kind.
func systemDirs() []string {
	return []string{
		"/usr", "/etc", "/boot", "/bin", "/sbin", "/dev", "/proc", "/sys", "/run",
		"/lib", "/lib32", "/lib64", "/libx32", "/libexec",
	}
}

// crowdedDirs lists the directories whose direct children are each somebody's
// whole world: a home, a service's data, an installed product.
func crowdedDirs() []string { return []string{"/home", "/var", "/opt"} }

// sharedMemory returns the identity of /dev/shm if it is a tmpfs mount of its own.
func sharedMemory() (fileID, bool) {
	var fsys unix.Statfs_t
	var st, dev unix.Stat_t
	if unix.Lstat(sharedMemoryDir, &st) != nil || unix.Lstat("/dev", &dev) != nil || st.Dev == dev.Dev {
		return fileID{}, false
	}
	if unix.Statfs(sharedMemoryDir, &fsys) != nil || int64(fsys.Type) != unix.TMPFS_MAGIC {
		return fileID{}, false
	}
	return entryOf(&st).id, entryOf(&st).isDir()
}

// openInside opens a directory entry for removal. It refuses links and, which
// no plain openat does, bind mounts: what is mounted in a tree is not part of it.
func openInside(dir *os.File, name string) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   uint64(unix.O_RDONLY | dirFlags),
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	}
	opened := -1
	err := withFD(dir, func(fd int) (err error) {
		opened, err = unix.Openat2(fd, name, &how)
		return err
	})
	switch {
	case err == nil:
		return os.NewFile(uintptr(opened), dir.Name()+"/"+name), nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // old kernels and sandboxes
		return openSameMount(dir, name)
	}
	return nil, pathError("open", dir, name, err)
}

func openSameMount(dir *os.File, name string) (*os.File, error) {
	f, err := openDirAt(dir, name)
	if err != nil {
		return nil, err
	}
	mounted, err := isMountPoint(dir, f)
	if err == nil && mounted {
		err = pathError("open", dir, name, unix.EXDEV)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// makeRemovable gives the owner every right on a directory that can't be opened.
func makeRemovable(dir *os.File, name string) error {
	err := withFD(dir, func(fd int) error {
		return unix.Fchmodat(fd, name, 0o700, unix.AT_SYMLINK_NOFOLLOW)
	})
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return pathError("chmod", dir, name, err)
	}
	// Before Linux 6.6 only /proc leads from a handle without rights to its mode.
	f, err := openAt(dir, name, searchFlags, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.Chmod(procPath(f), 0o700)
}

// syncTree makes everything below dir durable. One syncfs is far quicker than
// an fsync for each of many thousand files.
func syncTree(dir *os.File) error {
	err := withFD(dir, unix.Syncfs)
	if errors.Is(err, unix.ENOSYS) {
		unix.Sync()
		return nil
	}
	return pathError("syncfs", dir, "", err)
}

// FreeSpace returns how many bytes an unprivileged user may still write to
// the file system of the open directory.
func FreeSpace(dir *os.File) (uint64, error) {
	var st unix.Statfs_t
	if err := withFD(dir, func(fd int) error { return unix.Fstatfs(fd, &st) }); err != nil {
		return 0, pathError("statfs", dir, "", err)
	}
	size := st.Frsize
	if size <= 0 {
		size = st.Bsize
	}
	return st.Bavail * uint64(size), nil
}
