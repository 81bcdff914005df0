package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestEverythingAtOnce has checkpoints, notes, our gc of both kinds and git's own at
// the same time.
func TestEverythingAtOnce(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("f", "x")
	first := w.record(w.store(), RecordRequest{Version: "first"})
	ctx := context.Background()
	quit := make(chan struct{})
	var gcs sync.WaitGroup
	var whole atomic.Int64
	collector := func(name string, collect func() error) {
		gcs.Go(func() {
			times := 0
			for {
				if err := collect(); err == nil {
					times++
					whole.Add(1)
				} else if !errors.Is(err, ErrBusy) {
					t.Error(err)
				}
				select {
				case <-quit:
					t.Logf("%s collected %d times", name, times)
					return
				default:
				}
			}
		})
	}
	for name, aggressive := range map[string]bool{"gc": false, "gc --aggressive": true} {
		s := w.storeWith(Options{LockTimeout: 20 * time.Millisecond})
		collector(name, func() error {
			_, err := s.GC(ctx, GCRequest{Grace: grace(0), Aggressive: aggressive})
			return err
		})
	}
	collector("git gc", func() error {
		// It gives up when another is at it, and when refs change under its hands.
		if _, err := w.tryGit("--git-dir=.evoseal/.git", "-c", "gc.reflogExpire=never", "-c", "gc.reflogExpireUnreachable=never", "gc", "-q", "--prune=now"); err != nil {
			return ErrBusy
		}
		return nil
	})
	const writers, least, most, enough = 2, 20, 500, 5
	var written atomic.Int64
	var wg sync.WaitGroup
	for i := range writers {
		s := w.storeWith(Options{LockTimeout: time.Minute})
		wg.Go(func() {
			for j := 0; j < least || j < most && whole.Load() < enough; j++ {
				written.Add(1)
				path := filepath.Join(w.dir, fmt.Sprint("d", i), fmt.Sprint(j))
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, fmt.Append(nil, i, j), 0o644)); err != nil {
					t.Error(err)
				}
				if _, err := s.Record(ctx, RecordRequest{Version: fmt.Sprintf("v%d-%d", i, j)}); err != nil {
					t.Error(err)
				}
				if err := s.AppendNote(ctx, History, first.Commit, fmt.Append(nil, i, "-", j), "test"); err != nil {
					t.Error(err)
				}
				s.consolidateIfCheap(ctx)
			}
		})
	}
	wg.Wait()
	close(quit)
	gcs.Wait()
	if whole.Load() < enough {
		t.Error("hardly anything was collected: the test proves nothing")
	}
	if lines, err := w.store().NoteLines(ctx, History); err != nil || len(lines) != int(written.Load()) {
		t.Errorf("%d lines of %d: %v", len(lines), written.Load(), err)
	}
	w.verified(int(written.Load()) + 1)
}
