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
	return uint64(st.Dev), st.Ino, st.Btim.Nano(), nil
}
