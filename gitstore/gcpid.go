package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// Names of files in the making.
const (
	tempPid = "gc_pid_"
	tempLog = "reflog_"
)

// ownGC follows number and host in a gc.pid of ours, where git doesn't read on. Such
// a file is locked as long as its maker lives, on whatever host and in whatever
// container that is.
const ownGC = " evoseal"

// announceGC writes gc.pid as git gc does, which keeps git's own gc away, and which
// whoever writes small objects looks for: see [writing]. The caller holds the
// packs' lock.
func (s *Store) announceGC() (done func(), err error) {
	pid := filepath.Join(s.dir, "gc.pid")
	lock := pid + ".lock"
	host, err := os.Hostname()
	if err != nil || host == "" || strings.ContainsAny(host, " \n") {
		host = "unknown"
	}
	tmp, err := durable.Create(filepath.Join(s.dir, cacheDir), tempPid, 0o644)
	if err != nil {
		return nil, err
	}
	held := false
	defer func() {
		if !held {
			tmp.Discard()
		}
	}()
	if _, err := fmt.Fprintf(tmp, "%d %s%s", os.Getpid(), host, ownGC); err != nil {
		return nil, err
	}
	// One that a power cut left empty might be anybody's, for half a day.
	if err := tmp.Sync(); err != nil {
		return nil, err
	}
	// The lock is made with its content, so that one that a dead process left can be
	// told from one that git holds.
	err = os.Link(tmp.Name(), lock)
	if errors.Is(err, fs.ErrExist) && !announcedByLiving(lock) {
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
	// Its first name goes, and the file stays open, and so locked.
	os.Remove(tmp.Name())
	held = true
	return func() {
		os.Remove(pid)
		tmp.Discard()
	}, nil
}
