package gitstore

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// unseenGC is how long git believes in a gc of another machine, and how long one is
// believed in that can't be seen from here.
const unseenGC = 12 * time.Hour

// collecting says whether a gc is at work in the store: it leaves its process number
// and its host in gc.pid, and the file behind when it is killed.
func (s *Store) collecting() bool { return announcedByLiving(filepath.Join(s.dir, "gc.pid")) }

// announcedByLiving says whether whoever made a gc.pid, or its lock, may still be at
// work. Ours hold a lock on the file; of git's there is only the number, which means
// nothing in another container or on another host, and which another process may
// have by now: so no number is believed for longer than git does, and that a number
// is nobody's is believed only where everybody can be seen.
func announcedByLiving(path string) bool {
	// Short of descriptors, this still tells that there is no file.
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return false
	}
	f, err := durable.Open(path)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return true
	}
	data := make([]byte, 1<<10)
	n, _ := f.ReadAt(data, 0)
	content, own := strings.CutSuffix(string(data[:n]), ownGC)
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return true
	case own && err == nil:
		return false
	}
	var pid int
	var host string
	if n, _ := fmt.Sscanf(content, "%d %s", &pid, &host); n == 2 && pid > 0 {
		if here, err := os.Hostname(); err == nil && here == host && gone(pid) {
			return false
		}
	}
	return time.Since(fi.ModTime()) < unseenGC
}

// maxPID is more than any system's numbers reach.
const maxPID = 1 << 22

// gone says that there surely is no process of that number, in this or any inner
// container.
func gone(pid int) bool {
	return pid > maxPID || errors.Is(unix.Kill(pid, 0), unix.ESRCH) && seesAll() && !innerProcess(pid)
}

// firstPIDs is the inode number of the namespace of process numbers that all others
// are in: PROC_PID_INIT_INO of the kernel.
const firstPIDs = 0xEFFFFFFC

// seesAll says that this process sees all processes of the machine, through a /proc
// that is its own. Elsewhere than on Linux there are no containers.
func seesAll() bool {
	var ns unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &ns); err != nil {
		_, err := os.Stat("/proc/self")
		return errors.Is(err, os.ErrNotExist) && runtime.GOOS != "linux"
	}
	return ns.Ino == firstPIDs
}

// innerProcess says that a process has that number in a container, which has another
// here.
func innerProcess(pid int) bool {
	own := strconv.Itoa(pid)
	all, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range all {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			numbers, ok := strings.CutPrefix(lines.Text(), "NSpid:")
			if !ok {
				continue
			}
			for i, n := range strings.Fields(numbers) {
				if i > 0 && n == own {
					return true
				}
			}
		}
	}
	return false
}
