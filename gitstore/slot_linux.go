package gitstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// dirIdentity tells a directory from any other, also from one that later gets
// the same inode.
func dirIdentity(dir *os.File) (dev, ino uint64, born int64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return 0, 0, 0, err
	}
	var x unix.Statx_t
	if unix.Statx(int(dir.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &x) == nil && x.Mask&unix.STATX_BTIME != 0 {
		born = x.Btime.Sec*1_000_000_000 + int64(x.Btime.Nsec)
	}
	return uint64(st.Dev), st.Ino, born, nil
}
