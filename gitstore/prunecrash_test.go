package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"golang.org/x/sys/unix"
)

// TestHalfPruned is a crash between the two names: it isn't pruned, and the next
// prune says so for good.
func TestHalfPruned(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	row := w.row(s, &now, 3)
	half := prunedPrefix + now.Format(prunedTime) + "/v2"
	w.git("--git-dir=.evoseal/.git", "update-ref", half, row[1].Tag.String())
	if got := w.waiting(s); got != "" {
		t.Errorf("waiting: %s", got)
	}
	if e := w.expire(s, now.Add(time.Hour)); len(e.Gone) != 0 {
		t.Errorf("expired: %v", e.Gone)
	}
	if c, err := s.Resolve(context.Background(), "v3~"); err != nil || c.Version != "v2" {
		t.Errorf("%v, %v", c.Version, err)
	}
	w.prune(s, "v1")
	if _, err := w.tryGit("--git-dir=.evoseal/.git", "rev-parse", "--verify", half); err == nil {
		t.Error("the half is left")
	}
	if got := w.versions(s); got != "v3 v2" {
		t.Errorf("left: %s", got)
	}
	w.intact(s)
}

// TestHalfExpired is a crash after each of the steps that come before the refs go.
func TestHalfExpired(t *testing.T) {
	for steps := range 4 {
		for _, restore := range []bool{false, true} {
			w := newWorld(t)
			now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			s := w.storeWith(clockOf(&now))
			row := w.row(s, &now, 4)
			ctx := context.Background()
			done := w.prune(s, "v2", "v3")
			gone := map[ID]bool{row[1].Commit: true, row[2].Commit: true}
			leaving := map[string]bool{done[0].ref: true, done[1].ref: true}
			for i, step := range []func() error{
				func() error { return s.rememberGone(ctx, done) },
				func() error { return s.setShallow(ctx, leaving, gone) },
				func() error { return s.forgetLogged(ctx, gone) },
			} {
				if i < steps {
					w.must(step())
				}
			}
			w.intact(s)
			w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
			s = w.storeWith(clockOf(&now))
			w.intact(s)
			if restore {
				_, err := s.RestorePruned(ctx, "v2", "v3")
				w.must(err)
				if out := w.git("--git-dir=.evoseal/.git", "rev-list", "--count", "v4"); out != "4" {
					t.Errorf("after %d steps git counts %s commits from v4", steps, out)
				}
			} else if e := w.expire(s, now); len(e.Gone) != 2 {
				t.Errorf("after %d steps %v went", steps, e.Gone)
			}
			lines, err := s.NoteLines(ctx, lineageBook)
			w.must(err)
			if !restore && len(lines) != 2 {
				t.Errorf("after %d steps %d lines are kept", steps, len(lines))
			}
			w.intact(s)
		}
	}
}

func TestExpiryWaitsForRecordings(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(Options{Now: func() time.Time { return now }, LockTimeout: time.Millisecond})
	w.row(s, &now, 2)
	w.prune(s, "v1")
	ctx := context.Background()
	unlock, err := s.lockObjects(ctx, unix.LOCK_SH, "checkpoint")
	w.must(err)
	if _, err := s.ExpirePruned(ctx, now); !errors.Is(err, ErrBusy) {
		t.Errorf("beside a recording: %v", err)
	}
	unlock()
	if e := w.expire(s, now); len(e.Gone) != 1 {
		t.Errorf("%+v", e)
	}
}

// TestRepairLeavesPrunedOnes: what reflogs still name doesn't come back.
func TestRepairLeavesPrunedOnes(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	w.row(s, &now, 4)
	w.prune(s, "v1", "v2")
	w.prune(s, "v3")
	now = now.Add(time.Hour)
	w.expire(s, now)
	w.must(os.WriteFile(filepath.Join(s.Dir(), "refs/notes/evoseal/lineage"), []byte("broken\n"), 0o644))
	if _, err := s.Resolve(context.Background(), "v4~"); err == nil {
		t.Error("a lineage that can't be read was")
	}
	done, err := s.RepairRefs(context.Background())
	w.must(err)
	if len(done) != 1 || done[0].Name != "refs/notes/evoseal/lineage" || done[0].Lost {
		t.Errorf("%+v", done)
	}
	if got := w.versions(s) + w.waiting(s); got != "v4" {
		t.Errorf("left: %s", got)
	}
	if _, err := s.Resolve(context.Background(), "v4~"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "3 more were pruned") {
		t.Error(err)
	}
	w.intact(s)
}

func TestTwoPrunesAtOnce(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	row := w.row(s, &now, 40)
	var list []Checkpoint
	for _, r := range row[:30] {
		list = append(list, r.Checkpoint)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	times := make(map[string]int)
	for range 4 {
		other := w.storeWith(Options{Now: func() time.Time { return now }, LockTimeout: time.Minute})
		wg.Go(func() {
			done, err := other.Prune(context.Background(), list)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, p := range done {
				times[p.Version]++
			}
		})
	}
	wg.Wait()
	for i := range 30 {
		if v := fmt.Sprintf("v%d", i+1); times[v] != 1 {
			t.Errorf("%s was pruned %d times", v, times[v])
		}
	}
	w.intact(s)
}

// TestPruneBesideGC moves tags to and fro while git collects garbage: an object that
// was without a ref for a moment would be gone.
func TestPruneBesideGC(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs git gc again and again")
	}
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	opts := clockOf(&now)
	opts.LockTimeout = time.Minute
	s := w.storeWith(opts)
	// Without a descendant that holds on to it.
	w.row(s, &now, 1)
	w.write("f", "content of loose\n")
	lonely := w.record(s, RecordRequest{Version: "loose", Parent: "v1"})
	w.write("f", "content of v2\n")
	w.record(s, RecordRequest{Version: "v2", Parent: "v1"})
	w.must(os.Remove(filepath.Join(s.Dir(), "logs/refs/heads/latest")))
	ctx := context.Background()
	collected := 0
	for range 12 {
		ended := make(chan error)
		go func() {
			// With the expiry of reflogs, which locks every ref, hardly any gets to its
			// pruning.
			_, err := w.tryGit("--git-dir=.evoseal/.git", "-c", "gc.reflogExpire=never", "-c", "gc.reflogExpireUnreachable=never", "gc", "-q", "--prune=now")
			ended <- err
		}()
		for over := false; !over; {
			done, err := s.Prune(ctx, []Checkpoint{lonely.Checkpoint})
			if err != nil || len(done) != 1 {
				t.Fatalf("pruned %v: %v", done, err)
			}
			if _, err := s.RestorePruned(ctx, "loose"); err != nil {
				t.Fatal(err)
			}
			// Loose once more, for git to pack at the wrong moment.
			w.must(s.refs.Update(ctx, refs.Update{Name: tagPrefix + "loose", New: lonely.Tag}))
			select {
			case err := <-ended:
				over = true
				if err == nil {
					collected++
				}
			default:
			}
		}
	}
	if collected == 0 {
		t.Error("git collected nothing: the test proves nothing")
	}
	t.Logf("git collected %d times of 12", collected)
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	w.intact(w.store())
}
