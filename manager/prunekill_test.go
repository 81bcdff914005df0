package manager

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pruneToAndFro prunes and restores until the process is killed.
func pruneToAndFro(ctx context.Context, m *Manager) error {
	for {
		if _, err := m.Prune(ctx, pruneAllBut(1, fortnight)); err != nil {
			return err
		}
		waiting, err := m.Waiting(ctx)
		if err != nil {
			return err
		}
		var versions []string
		for _, p := range waiting {
			versions = append(versions, p.Version)
		}
		if _, err := m.RestorePruned(ctx, RestorePrunedRequest{Versions: versions}); err != nil {
			return err
		}
	}
}

// manyVersions are more than refs are renamed at once.
func (w *world) manyVersions(m *Manager, n int) {
	w.Helper()
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("v%d", i+1))
	}
	w.line(m, names...)
}

// TestKilledPrunes kills real processes that prune and restore: each version is in
// the list or waits, and none in both.
func TestKilledPrunes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	w := newWorld(t)
	m := w.manager(Options{})
	const n = 70
	w.manyVersions(m, n)
	halfway := 0
	// Now and then none of twenty gets far enough.
	for i := 0; i < 20 || halfway == 0 && i < 200; i++ {
		cmd := w.child("prune-to-and-fro")
		cmd.Stderr = nil
		w.must(cmd.Start())
		time.Sleep(rand.N(300 * time.Millisecond))
		cmd.Process.Kill()
		cmd.Wait()
		left, waiting := strings.Fields(w.left(m)), strings.Fields(w.waiting(m))
		seen := make(map[string]int)
		for _, v := range append(left, waiting...) {
			seen[v]++
		}
		for i := range n {
			if v := fmt.Sprintf("v%d", i+1); seen[v] != 1 {
				t.Errorf("%s is there %d times", v, seen[v])
			}
		}
		if len(waiting) > 0 {
			halfway++
		}
		if len(waiting) > 0 {
			_, err := m.RestorePruned(context.Background(), RestorePrunedRequest{Versions: waiting})
			w.must(err)
		}
		if len(strings.Fields(w.left(m))) != n {
			t.Errorf("left: %s", w.left(m))
		}
	}
	t.Logf("%d were killed with something pruned", halfway)
	if halfway == 0 {
		t.Error("no process got so far as to prune: the test proves nothing")
	}
	w.prune(m, pruneAllBut(n, fortnight))
	w.sound(m)
	if locks, _ := filepath.Glob(filepath.Join(w.dir, ".evoseal/.git/refs/tags/*.lock")); len(locks) > 0 {
		t.Errorf("locks are left: %v", locks)
	}
}

// TestKilledExpiries kills real processes that prune for good. The next one ends
// what they began, and what was to stay is whole.
func TestKilledExpiries(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	early, late := 0, 0
	for i := range 12 {
		w := newWorld(t)
		m := w.manager(Options{})
		w.manyVersions(m, 12)
		_, err := m.Rollback(context.Background(), RollbackRequest{Version: "v5"})
		w.must(err)
		cmd := w.child("prune-for-good")
		cmd.Stderr = nil
		w.must(cmd.Start())
		time.Sleep(time.Duration(i) * 5 * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		switch left := len(strings.Fields(w.left(m))); {
		case left == 12:
			early++
		case left == 2 && w.waiting(m) == "":
			late++
		}
		w.sound(m)
		w.prune(m, pruneAllBut(1, 0))
		w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
		m = w.manager(Options{})
		w.sound(m)
		if w.left(m) != "v12 v5" || w.waiting(m) != "" {
			t.Errorf("left: %s, waiting: %s", w.left(m), w.waiting(m))
		}
		res, err := m.CascadingRollback(context.Background(), CascadeRequest{Failed: "v12"})
		w.must(err)
		if res.Rollback.Record.Version == "" || w.target("a") != "content of v5" {
			t.Errorf("%+v", res.Rollback)
		}
		if _, err := os.Stat(filepath.Join(w.dir, ".evoseal/.git/shallow.lock")); err == nil {
			t.Error("a lock is left")
		}
	}
	t.Logf("of 12, %d were killed before they did anything, %d after all was done", early, late)
}
