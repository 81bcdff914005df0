package gitstore

import (
	"context"
	"errors"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"golang.org/x/sys/unix"
)

// packsLock is held by whoever removes packs or loose objects, whether what they
// hold is elsewhere by then or not. Who only reads or adds doesn't take it.
const packsLock = "packs.lock"

// What a checkpoint consolidates in passing. Each look-up asks every pack, so
// there should be few; each merge costs what it copies, so it should be rare. With
// 32 packs a look-up takes no longer than with one that shows, and each checkpoint
// pays for a thirty-second of a merge. What is larger than 32 MiB together is left
// to [Store.GC].
var cheap = odb.Consolidation{MinPacks: 32, MinLoose: 2048, MaxBytes: 32 << 20}

// consolidateIfCheap merges small packs, and packs loose objects, when there are
// many and they are small together. It is for the end of a checkpoint, which it
// never fails nor holds up: it doesn't wait for anybody, and what goes wrong is
// logged.
//
// Objects move and none goes, so it keeps out only others that remove packs, and
// not those that record at the same time: what they found stored still is. The
// result says whether packs went, so that a list of them is of no use any more.
func (s *Store) consolidateIfCheap(ctx context.Context) (changed bool) {
	if s.collecting() {
		return false
	}
	unlock, err := s.lockWithin(ctx, 0, packsLock, unix.LOCK_EX, "consolidation")
	if err != nil {
		if !errors.Is(err, ErrBusy) {
			s.log.Warn("packs can't be locked to be consolidated", "error", err)
		}
		return false
	}
	defer unlock()
	start := time.Now()
	done, err := s.db.Consolidate(ctx, cheap)
	for _, damage := range done.Damaged {
		s.log.Warn("left out of the consolidation", "error", damage)
	}
	if err != nil {
		s.log.Warn("packs can't be consolidated", "error", err)
	} else if done.Packs+done.Loose > 0 {
		s.log.Debug("consolidated", "packs", done.Packs, "loose", done.Loose, "bytes", done.Bytes, "took", time.Since(start))
	}
	return done.Packs > 0
}
