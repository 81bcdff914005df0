package dirfd

import "golang.org/x/sys/unix"

const noAccessTime = unix.O_NOATIME

func fromSystem(st *unix.Stat_t) Stat {
	return Stat{
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Dev: uint64(st.Dev), Ino: st.Ino,
		Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}
