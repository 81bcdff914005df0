package dirfd

import "golang.org/x/sys/unix"

const noAccessTime = unix.O_NOATIME

func fromSystem(st *unix.Stat_t) Stat {
	return Stat{
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Nlink: uint64(st.Nlink), Dev: uint64(st.Dev), Ino: st.Ino,
		Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}

// Now is what time it is for the file system of an open directory, in nanoseconds since
// the Unix epoch: no clock but its own, nor one of other ticks, tells whether what was
// changed before it could be changed again with the same time. The directory's own times
// are set to it.
func Now(dir int) (int64, error) {
	now := unix.Timespec{Nsec: unix.UTIME_NOW}
	if err := unix.UtimesNanoAt(dir, ".", []unix.Timespec{now, now}, 0); err != nil {
		return 0, err
	}
	st, err := Fstat(dir)
	return min(st.Mtime, st.Ctime), err
}

func openInside(dir int, name string) (fd int, err error) {
	fd, err = openBeneath(dir, name, unix.O_DIRECTORY)
	if err == unix.ENOSYS || err == unix.EPERM { // old kernels and sandboxes
		return openSameDevice(dir, name)
	}
	return fd, err
}

func openFileInside(dir int, path string) (fd int, err error) {
	fd, err = openBeneath(dir, path, unix.O_NONBLOCK|noAccessTime)
	if err == unix.ENOSYS || err == unix.EPERM {
		return openStepByStep(dir, path)
	}
	return fd, err
}

// openBeneath opens for reading what lies below a directory, on its file system and
// behind no link.
func openBeneath(dir int, path string, flags uint64) (fd int, err error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | flags,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	}
	err = Retry(func() (err error) {
		fd, err = unix.Openat2(dir, path, &how)
		return err
	})
	return fd, err
}
