package gitstore

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func (w *world) packs() int {
	w.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, ".evoseal/.git/objects/pack/*.idx"))
	w.must(err)
	return len(found)
}

// TestCheckpointsConsolidateInPassing has several processes' worth of stores record
// at the same time, each of which consolidates when it is done.
func TestCheckpointsConsolidateInPassing(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	w.record(w.store(), RecordRequest{Version: "first"})
	const writers, each = 3, 50
	ctx := context.Background()
	var wg sync.WaitGroup
	for i := range writers {
		s := w.storeWith(Options{LockTimeout: time.Minute})
		wg.Go(func() {
			for j := range each {
				if _, err := s.Record(ctx, RecordRequest{Version: fmt.Sprintf("v%d-%d", i, j)}); err != nil {
					t.Error(err)
					return
				}
				s.consolidateIfCheap(ctx)
			}
		})
	}
	wg.Wait()
	if n := w.packs(); n >= 2*cheap.MinPacks {
		t.Errorf("%d packs after %d checkpoints", n, writers*each)
	}
	s := w.store()
	all, err := s.Checkpoints(ctx)
	w.must(err)
	report, err := s.VerifyStore(ctx, VerifyRequest{Checkpoints: all, Refs: true})
	if err != nil || len(report.Damage) != 0 || len(report.Intact) != writers*each+1 {
		t.Errorf("%d intact, damage %v: %v", len(report.Intact), report.Damage, err)
	}
	w.fsck()
}

func TestConsolidationWaitsForNobody(t *testing.T) {
	w := newWorld(t)
	s := w.storeWith(Options{LockTimeout: time.Hour})
	ctx := context.Background()
	for i := range cheap.MinPacks {
		w.write("f", fmt.Sprint(i))
		w.record(s, RecordRequest{})
	}
	before := w.packs()
	unlock, err := s.lock(ctx, packsLock, unix.LOCK_EX, "test")
	w.must(err)
	s.consolidateIfCheap(ctx)
	if n := w.packs(); n != before {
		t.Errorf("%d packs became %d beside somebody who removes packs", before, n)
	}
	unlock()
	s.consolidateIfCheap(ctx)
	if n := w.packs(); n != 1 {
		t.Errorf("%d packs became %d", before, n)
	}
}
