package dirfd

import "golang.org/x/sys/unix"

const noAccessTime = unix.O_NOATIME

func fromSystem(st *unix.Stat_t) Stat {
	return Stat{
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Dev: uint64(st.Dev), Ino: st.Ino,
		Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}

func openInside(dir int, name string) (fd int, err error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	}
	err = Retry(func() (err error) {
		fd, err = unix.Openat2(dir, name, &how)
		return err
	})
	if err == unix.ENOSYS || err == unix.EPERM { // old kernels and sandboxes
		return openSameDevice(dir, name)
	}
	return fd, err
}
