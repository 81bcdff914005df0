package dirfd

import "golang.org/x/sys/unix"

const noAccessTime = 0

func fromSystem(st *unix.Stat_t) Stat {
	return Stat{
		Mode: uint32(st.Mode), UID: st.Uid, GID: st.Gid, Dev: uint64(st.Dev), Ino: st.Ino,
		Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}

func openInside(dir int, name string) (int, error) { return openSameDevice(dir, name) }
