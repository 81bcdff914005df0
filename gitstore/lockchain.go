package gitstore

import (
	"context"

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
// doesn't wait.
func (s *Store) TryLockChain(ctx context.Context) (unlock func(), err error) {
	return s.lockWithin(ctx, 0, chainLock, unix.LOCK_SH, "")
}
