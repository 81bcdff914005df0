package gitstore

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is when the machine was started, less what clocks may be apart.
func bootTime() (time.Time, bool) {
	tv, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(tv.Unix()).Add(-clockSlack), true
}

// localFileSystems are none, since the numbers differ from system to system: no lock
// is taken for a dead process's.
func localFileSystems() []int64 { return nil }
