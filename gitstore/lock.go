package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrBusy says that another process holds a lock that is needed. See [BusyError].
var ErrBusy = errors.New("another process is at work")

// BusyError says who holds a lock.
type BusyError struct {
	// Path is the lock's file.
	Path string
	// Holder describes the process, as far as it left word.
	Holder string
}

func (e *BusyError) Error() string {
	if e.Holder == "" {
		return "another process is at work"
	}
	return "another process is at work: " + e.Holder
}

// Is matches [ErrBusy].
func (e *BusyError) Is(target error) bool { return target == ErrBusy }

// LockTarget keeps other processes from changing the rollback target until
// unlock is called. It waits up to the store's LockTimeout, then fails with a
// [BusyError]. The kernel drops the lock when its holder dies, so no lock is
// ever stale and none is ever stolen.
func (s *Store) LockTarget(ctx context.Context, what string) (unlock func(), err error) {
	return s.lock(ctx, "target.lock", unix.LOCK_EX, what)
}

// lockObjects keeps objects from being removed while they are relied on:
// whoever records takes it shared, whoever prunes takes it alone.
func (s *Store) lockObjects(ctx context.Context, how int, what string) (unlock func(), err error) {
	return s.lock(ctx, objectsLock, how, what)
}

const objectsLock = "objects.lock"

const defaultLockTimeout = 5 * time.Second

// silentWait is how long a user doesn't wonder what takes so long.
const silentWait = time.Second

func (s *Store) lock(ctx context.Context, name string, how int, what string) (unlock func(), err error) {
	timeout := s.opts.LockTimeout
	if timeout == 0 {
		timeout = defaultLockTimeout
	}
	return s.lockWithin(ctx, timeout, name, how, what)
}

// holderOf is what the holder of a lock has left word of.
func holderOf(f *os.File) string {
	holder, _ := io.ReadAll(io.NewSectionReader(f, 0, 1024))
	return strings.TrimSpace(string(holder))
}

func (s *Store) lockWithin(ctx context.Context, timeout time.Duration, name string, how int, what string) (unlock func(), err error) {
	path := s.cachePath(name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	begin, told := time.Now(), false
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		}
		waited := time.Since(begin)
		if waited > timeout {
			busy := &BusyError{Path: path, Holder: holderOf(f)}
			f.Close()
			return nil, busy
		}
		if waited > silentWait && !told {
			told = true
			s.log.Warn("waiting", "because", (&BusyError{Path: path, Holder: holderOf(f)}).Error())
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
	if how == unix.LOCK_EX {
		// Word for people only; nothing is decided by it.
		f.Truncate(0)
		fmt.Fprintf(f, "%s, process %d, since %s\n", what, os.Getpid(), s.now().Format(time.RFC3339))
	}
	return func() {
		if how == unix.LOCK_EX {
			f.Truncate(0)
		}
		f.Close()
	}, nil
}
