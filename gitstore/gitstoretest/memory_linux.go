package gitstoretest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	memoryDir = "/dev/shm"
	// memoryNeeded is more than all tests at once take there. Containers often have
	// no more than 64 MiB.
	memoryNeeded = 2 << 30
)

// UseMemory lets temporary directories lie in memory, where there is such a place
// with room, until the process ends. It is for a TestMain: most of what hundreds of processes do
// that record and roll back is to wait for the disk, and what they leave is the same
// everywhere. Where TMPDIR names a place, that one is used.
func UseMemory() error {
	var st unix.Statfs_t
	if os.Getenv("TMPDIR") != "" || unix.Statfs(memoryDir, &st) != nil {
		return nil
	}
	if st.Type != unix.TMPFS_MAGIC || st.Flags&(unix.ST_NOEXEC|unix.ST_RDONLY) != 0 || int64(st.Bavail)*st.Bsize < memoryNeeded {
		return nil
	}
	return os.Setenv("TMPDIR", memoryDir)
}

// UseDisk takes UseMemory back for one test.
func UseDisk(tb testing.TB) {
	tb.Helper()
	if os.Getenv("TMPDIR") == memoryDir {
		tb.Setenv("TMPDIR", "")
	}
}
