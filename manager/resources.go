package manager

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// resources are the processor time that the process has used so far, and the
// most memory that it ever had, in bytes; zero where the system doesn't tell.
func resources() (cpu time.Duration, peak int64) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0, 0
	}
	peak = u.Maxrss
	if runtime.GOOS != "darwin" {
		peak *= 1024
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), peak
}
