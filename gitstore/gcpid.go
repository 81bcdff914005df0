package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// Names of files in the making.
const (
	tempPid = "gc_pid_"
	tempLog = "reflog_"
)

// announceGC writes gc.pid as git gc does, which keeps git's own gc away, and which
// whoever writes small objects looks for: see [writing]. The caller holds the
// packs' lock.
func (s *Store) announceGC() (done func(), err error) {
	pid := filepath.Join(s.dir, "gc.pid")
	lock := pid + ".lock"
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	tmp, err := durable.Create(filepath.Join(s.dir, cacheDir), tempPid, 0o644)
	if err != nil {
		return nil, err
	}
	defer tmp.Discard()
	if _, err := fmt.Fprintf(tmp, "%d %s", os.Getpid(), host); err != nil {
		return nil, err
	}
	// One that a power cut left empty might be anybody's, for half a day.
	if err := tmp.Sync(); err != nil {
		return nil, err
	}
	// The lock is made with its content, so that one that a dead process left can be
	// told from one that git holds.
	err = os.Link(tmp.Name(), lock)
	if errors.Is(err, fs.ErrExist) && s.leftByDeadGC(lock, host) {
		os.Remove(lock)
		err = os.Link(tmp.Name(), lock)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil, &BusyError{Path: lock, Holder: "git gc"}
	}
	if err != nil {
		return nil, err
	}
	if s.collecting() {
		os.Remove(lock)
		return nil, &BusyError{Path: pid, Holder: "git gc"}
	}
	if err := os.Rename(lock, pid); err != nil {
		os.Remove(lock)
		return nil, err
	}
	return func() { os.Remove(pid) }, nil
}

// leftByDeadGC says whether the lock holds the number of a process of this machine
// that is gone.
func (s *Store) leftByDeadGC(lock, here string) bool {
	data, err := os.ReadFile(lock)
	if err != nil {
		return false
	}
	var pid int
	var host string
	n, _ := fmt.Sscanf(string(data), "%d %s", &pid, &host)
	return n == 2 && pid > 0 && host == here && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
