package safety

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// searchFlags open a directory to walk through it.
const searchFlags = unix.O_RDONLY | dirFlags

// systemDirs lists the directories that belong to the operating system, with
// everything below them. /etc leads to /private/etc, so both stand here.
func systemDirs() []string {
	return []string{
		"/System", "/Library", "/Applications", "/usr", "/etc", "/private/etc", "/bin", "/sbin",
		"/dev", "/cores", "/Network", "/proc", "/sys", "/run", "/boot", "/lib",
		"/private/var/db", "/private/var/root", "/private/var/run",
	}
}

// crowdedDirs lists the directories whose direct children are each somebody's
// whole world: a home, a disk, a service's data, an installed product.
func crowdedDirs() []string {
	return []string{"/Users", "/Volumes", "/home", "/var", "/private", "/private/var", "/opt"}
}

func sharedMemory() (fileID, bool) { return fileID{}, false }

// openInside opens a directory entry for removal, and refuses links and mounts.
func openInside(dir *os.File, name string) (*os.File, error) {
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
	return pathError("chmod", dir, name, err)
}

// syncTree makes everything below dir durable. There is no syncfs here, so
// each file is synced, and F_FULLFSYNC at the end empties the disk's cache.
func syncTree(dir *os.File) error {
	root, err := os.OpenRoot(dir.Name())
	if err != nil {
		return err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !(d.IsDir() || d.Type().IsRegular()) {
			return err
		}
		f, err := root.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrPermission) {
			return nil // write-only files are left to F_FULLFSYNC
		}
		if err != nil {
			return err
		}
		return errors.Join(withFD(f, unix.Fsync), f.Close())
	})
	if err != nil {
		return err
	}
	return withFD(dir, func(fd int) error {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0); err != nil {
			return unix.Fsync(fd)
		}
		return nil
	})
}

// FreeSpace returns how many bytes an unprivileged user may still write to
// the file system of the open directory.
func FreeSpace(dir *os.File) (uint64, error) {
	var st unix.Statfs_t
	if err := withFD(dir, func(fd int) error { return unix.Fstatfs(fd, &st) }); err != nil {
		return 0, pathError("statfs", dir, "", err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}
