package gitstore

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is when the machine was started, less what clocks may be apart.
func bootTime() (time.Time, bool) {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return time.Time{}, false
	}
	return time.Now().Add(-time.Duration(up.Nano()) - clockSlack), true
}

// localFileSystems are those of a disk, or of memory, of this machine's own.
func localFileSystems() []int64 {
	return []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC}
}
