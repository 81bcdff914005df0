package gitstore

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const chainLock = "chain.lock"

// LockChain keeps other processes from beginning, or going on with, a row of
// rollbacks. Like [Store.LockTarget] it dies with its holder, so that whoever
// holds it knows that an unfinished row is a dead process's.
func (s *Store) LockChain(ctx context.Context, what string) (unlock func(), err error) {
	return s.lock(ctx, chainLock, unix.LOCK_EX, what)
}

// TryLockChain is LockChain for readers, who don't keep each other out. It
// doesn't wait. Where there is no lock yet and none can be made, as on a full or
// read-only disk, nobody else holds it either.
func (s *Store) TryLockChain(ctx context.Context) (unlock func(), err error) {
	unlock, err = s.lockWithin(ctx, 0, chainLock, unix.LOCK_SH, "")
	for _, powerless := range []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, fs.ErrPermission} {
		if errors.Is(err, powerless) && !s.hasLock(chainLock) {
			return func() {}, nil
		}
	}
	return unlock, err
}

func (s *Store) hasLock(name string) bool {
	_, err := os.Lstat(s.cachePath(name))
	return !isNotExist(err)
}
