package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// clockOf is a clock that a test sets.
func clockOf(now *time.Time) Options { return Options{Now: func() time.Time { return *now }} }

// row records v1 to v<n>, a minute apart, each with a file of its own.
func (w *world) row(s *Store, now *time.Time, n int) []Recorded {
	w.Helper()
	var all []Recorded
	for i := range n {
		*now = now.Add(time.Minute)
		w.write("f", fmt.Sprintf("content of v%d\n", i+1))
		all = append(all, w.record(s, RecordRequest{Version: fmt.Sprintf("v%d", i+1)}))
	}
	return all
}

func (w *world) prune(s *Store, versions ...string) []Pruned {
	w.Helper()
	var list []Checkpoint
	for _, v := range versions {
		c, err := s.Resolve(context.Background(), v)
		w.must(err)
		list = append(list, c)
	}
	done, err := s.Prune(context.Background(), list)
	w.must(err)
	if len(done) != len(versions) {
		w.Fatalf("pruned %d of %v", len(done), versions)
	}
	return done
}

func (w *world) expire(s *Store, before time.Time) *Expiry {
	w.Helper()
	e, err := s.ExpirePruned(context.Background(), before)
	w.must(err)
	return e
}

func (w *world) versions(s *Store) string {
	w.Helper()
	all, err := s.Checkpoints(context.Background())
	w.must(err)
	var names []string
	for _, c := range all {
		names = append(names, c.Version)
	}
	return strings.Join(names, " ")
}

func (w *world) waiting(s *Store) string {
	w.Helper()
	all, err := s.Pruned(context.Background())
	w.must(err)
	var names []string
	for _, p := range all {
		names = append(names, p.Version)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// intact verifies all that is stored and brings back every checkpoint.
func (w *world) intact(s *Store) {
	w.Helper()
	all, err := s.Checkpoints(context.Background())
	w.must(err)
	r, err := s.VerifyStore(context.Background(), VerifyRequest{Checkpoints: all, Refs: true})
	w.must(err)
	for _, d := range r.Damage {
		w.Errorf("damage: %+v", d)
	}
	for _, c := range all {
		dir, _, err := w.materialise(s, c, nil)
		w.must(err)
		data, err := os.ReadFile(filepath.Join(dir, "f"))
		if err != nil || string(data) != "content of "+c.Version+"\n" {
			w.Errorf("%s holds %q, %v", c.Version, data, err)
		}
	}
	w.fsck()
}

func TestPruneAndRestore(t *testing.T) {
	for _, packed := range []bool{false, true} {
		w := newWorld(t)
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		s := w.storeWith(clockOf(&now))
		row := w.row(s, &now, 6)
		if packed {
			w.git("--git-dir=.evoseal/.git", "pack-refs", "--all")
		}
		now = now.Add(time.Hour)
		done := w.prune(s, "v2", "v3", "v5")
		if got := w.versions(s); got != "v6 v4 v1" {
			t.Errorf("left: %s", got)
		}
		if got := w.waiting(s); got != "v2 v3 v5" {
			t.Errorf("waiting: %s", got)
		}
		if !done[0].At.Equal(now) {
			t.Errorf("pruned at %v, not %v", done[0].At, now)
		}
		if got := w.git("--git-dir=.evoseal/.git", "tag", "-l"); got != "v1\nv4\nv6" {
			t.Errorf("git sees %s", got)
		}
		w.intact(s)
		// A name that is given away meanwhile isn't taken back.
		w.write("f", "content of v5\n")
		w.record(s, RecordRequest{Version: "v5"})
		ctx := context.Background()
		if _, err := s.RestorePruned(ctx, "v3", "v5"); !errors.Is(err, ErrExists) {
			t.Errorf("restored over another: %v", err)
		}
		if got := w.waiting(s); got != "v2 v3 v5" {
			t.Errorf("some were restored nevertheless: %s wait", got)
		}
		if _, err := s.RestorePruned(ctx, "v9"); !errors.Is(err, ErrNotFound) {
			t.Errorf("restored what isn't there: %v", err)
		}
		back, err := s.RestorePruned(ctx, "v3", row[1].Commit.String(), "v3")
		w.must(err)
		if len(back) != 2 || back[0].Tag != row[2].Tag || back[1].Version != "v2" {
			t.Errorf("restored %v", back)
		}
		if c, err := s.Resolve(ctx, "v3"); err != nil || c.Commit != row[2].Commit || c.Tag != row[2].Tag {
			t.Errorf("v3 is %v, %v", c.Commit, err)
		}
		w.intact(s)
	}
}

func TestPruneTwiceUnderOneName(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	first := w.row(s, &now, 2)[0]
	w.prune(s, "v1")
	w.write("f", "content of v1\n", "g", "second")
	second := w.record(s, RecordRequest{Version: "v1"})
	w.record(s, RecordRequest{Version: "v3"})
	// At the very same moment, and under a name that can't be beside the other.
	w.prune(s, "v1")
	w.record(s, RecordRequest{Version: "v1/x"})
	w.record(s, RecordRequest{Version: "v4"})
	w.prune(s, "v1/x")
	if got := w.waiting(s); got != "v1 v1 v1/x" {
		t.Fatalf("waiting: %s", got)
	}
	back, err := s.RestorePruned(context.Background(), "v1")
	w.must(err)
	if back[0].Commit != second.Commit {
		t.Error("not the last pruned came back")
	}
	if _, err := s.RestorePruned(context.Background(), "v1/x"); !errors.Is(err, ErrBadName) {
		t.Errorf("v1/x beside v1: %v", err)
	}
	if _, err := s.RestorePruned(context.Background(), first.Commit.String()); !errors.Is(err, ErrExists) {
		t.Errorf("the first v1 beside the second: %v", err)
	}
}

// TestExpiredObjectsGo is what it is all for: a pruned checkpoint's objects go,
// although those that stay descend from it, and git finds nothing amiss.
func TestExpiredObjectsGo(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	row := w.row(s, &now, 8)
	blobs := make([]string, len(row))
	for i := range row {
		blobs[i] = w.git("--git-dir=.evoseal/.git", "rev-parse", fmt.Sprintf("v%d:f", i+1))
	}
	ctx := context.Background()
	w.must(s.AppendNote(ctx, Verdicts, row[2].Commit, []byte("a verdict on v3"), "test"))
	now = now.Add(time.Hour)
	w.prune(s, "v1", "v3", "v4", "v6")
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	for i, id := range blobs {
		if _, err := w.tryGit("--git-dir=.evoseal/.git", "cat-file", "-e", id); err != nil {
			t.Errorf("a gc in the time of grace took what v%d holds", i+1)
		}
	}
	if e := w.expire(s, now.Add(-time.Millisecond)); len(e.Gone) != 0 {
		t.Errorf("too early: %v", e.Gone)
	}
	if e := w.expire(s, now); len(e.Gone) != 4 || len(e.Needed) != 0 {
		t.Errorf("%+v", e)
	}
	w.intact(s)
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	s = w.storeWith(clockOf(&now))
	w.intact(s)
	for i, id := range blobs {
		_, err := w.tryGit("--git-dir=.evoseal/.git", "cat-file", "-e", id)
		if gone := slices.Contains([]int{0, 2, 3, 5}, i); gone != (err != nil) {
			t.Errorf("v%d: gone should be %v: %v", i+1, gone, err)
		}
	}
	if _, err := s.RestorePruned(ctx, "v3"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "grace is over") {
		t.Errorf("restored for good: %v", err)
	}
	if note, err := s.ReadNote(Verdicts, row[2].Commit); err != nil || string(note) != "a verdict on v3\n" {
		t.Errorf("the verdict is %q, %v", note, err)
	}
	if out := w.git("--git-dir=.evoseal/.git", "log", "--format=%s", "v8"); out != "checkpoint v8\ncheckpoint v7" {
		t.Errorf("git's log is %q", out)
	}
	for rev, want := range map[string]string{"v8~": "v7", "v7~": "v5", "latest~2": "v5", "v5~": "v2", "v8^^^": "v2"} {
		if c, err := s.Resolve(ctx, rev); err != nil || c.Version != want {
			t.Errorf("%s is %q, %v", rev, c.Version, err)
		}
	}
	if _, err := s.Resolve(ctx, "v2~"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "were pruned") {
		t.Errorf("before the first: %v", err)
	}
	clone := filepath.Join(w.TempDir(), "clone")
	w.git("clone", "-q", "--mirror", "file://"+filepath.Join(w.dir, ".evoseal/.git"), clone)
	w.git("--git-dir="+clone, "fsck", "--strict")
	if got := w.git("--git-dir="+clone, "tag", "-l"); got != "v2\nv5\nv7\nv8" {
		t.Errorf("a clone has %s", got)
	}
}

// TestPruneAgainAndAgain cuts what was cut before.
func TestPruneAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	w.row(s, &now, 9)
	for _, versions := range [][]string{{"v4"}, {"v5", "v2"}, {"v1", "v3"}, {"v6", "v8"}} {
		now = now.Add(time.Hour)
		w.prune(s, versions...)
		w.expire(s, now)
		w.intact(s)
		w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
		s = w.storeWith(clockOf(&now))
		w.intact(s)
	}
	if c, err := s.Resolve(context.Background(), "v9~"); err != nil || c.Version != "v7" {
		t.Errorf("%v, %v", c.Version, err)
	}
	shallow, err := s.shallow()
	w.must(err)
	if len(shallow) != 2 {
		t.Errorf("%d commits are cut off, and v7 and v9 are left", len(shallow))
	}
	// What comes after follows as ever.
	w.write("f", "content of v10\n")
	w.record(s, RecordRequest{Version: "v10"})
	if out := w.git("--git-dir=.evoseal/.git", "log", "--format=%s", "v10"); out != "checkpoint v10\ncheckpoint v9" {
		t.Errorf("git's log is %q", out)
	}
	w.intact(s)
}

func TestNeededStays(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	row := w.row(s, &now, 4)
	ctx := context.Background()
	if _, err := s.Prune(ctx, []Checkpoint{row[3].Checkpoint}); !errors.Is(err, ErrNeeded) {
		t.Errorf("the last recorded: %v", err)
	}
	release, err := s.Hold(row[0].Commit)
	w.must(err)
	other := w.storeWith(clockOf(&now))
	if _, err := other.Prune(ctx, []Checkpoint{row[1].Checkpoint, row[0].Checkpoint}); !errors.Is(err, ErrNeeded) {
		t.Errorf("held by another: %v", err)
	}
	if got := w.versions(s); got != "v4 v3 v2 v1" {
		t.Errorf("left: %s", got)
	}
	release()
	w.prune(other, "v1", "v2")
	// What is taken up again in the time of grace doesn't expire.
	release, err = s.Hold(row[1].Commit)
	w.must(err)
	w.git("--git-dir=.evoseal/.git", "worktree", "add", "-q", "--detach", filepath.Join(w.TempDir(), "tree"), row[0].Commit.String())
	if e := w.expire(other, now); len(e.Gone) != 0 || len(e.Needed) != 2 {
		t.Errorf("%+v", e)
	}
	release()
	if e := w.expire(other, now); len(e.Gone) != 1 || e.Gone[0].Version != "v2" {
		t.Errorf("%+v", e)
	}
	w.intact(s)
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	w.intact(w.store())
	if entries, _ := filepath.Glob(filepath.Join(s.Dir(), cacheDir, holdPrefix+"*")); len(entries) != 0 {
		t.Errorf("holds are left: %v", entries)
	}
}

// Whoever only sweeps, as doctor does, clears up after dead holders as well, and leaves
// what living ones hold.
func TestSweepTakesTheHoldsOfTheDead(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	c := w.record(s, RecordRequest{Version: "v1"})
	release, err := s.Hold(c.Commit)
	w.must(err)
	defer release()
	dead := filepath.Join(s.dir, cacheDir, holdPrefix+"0123456789abcdef")
	w.must(os.WriteFile(dead, []byte(c.Commit.String()+"\n"), 0o644))
	if _, err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, cacheDir, holdPrefix+"*"))
	if err != nil || len(left) != 1 || left[0] == dead {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestPrunedIsFoundByItsCommit(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	row := w.row(s, &now, 3)
	w.prune(s, "v2")
	ctx := context.Background()
	c, err := s.Resolve(ctx, row[1].Commit.String())
	if err != nil || c.Commit != row[1].Commit {
		t.Errorf("%v, %v", c, err)
	}
	var missing *NotFoundError
	if _, err := s.Resolve(ctx, "v2"); !errors.As(err, &missing) || !strings.Contains(missing.Detail, "prune restore v2") || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("by its name: %v", err)
	}
	if _, err := s.Resolve(ctx, row[1].Commit.String()[:12]); !errors.Is(err, ErrNotFound) {
		t.Errorf("by the beginning of its commit: %v", err)
	}
}

func TestIsGenerated(t *testing.T) {
	for name, want := range map[string]bool{
		"20260301T120000Z": true, "20260301T120000Z.2": true, "20260301T120000Z.10": true, "20260301T120000Z.1": false, "20260301T120000Z.02": false,
		"20260301T120000Z.": false, "20261301T120000Z": false, "v1": false, "": false, "20260301T120000Zx": false, "20260301T120000Z.x": false,
	} {
		if got := IsGenerated(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	made := generateVersion(time.Now(), 1)
	if !IsGenerated(made) {
		t.Errorf("%s is one that is made", made)
	}
}

// TestOrderWithinASecond: a child is newer than what it follows, also across those
// that are gone.
func TestOrderWithinASecond(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	var middle []string
	for _, v := range []string{"z", "m1", "m2", "y", "m3", "a"} {
		w.write("f", "content of "+v+"\n")
		w.record(s, RecordRequest{Version: v})
		if v[0] == 'm' {
			middle = append(middle, v)
		}
	}
	w.prune(s, middle...)
	for range 2 {
		if got := w.versions(s); got != "a y z" {
			t.Errorf("the order is %s", got)
		}
		if c, err := s.Resolve(context.Background(), Latest); err != nil || c.Version != "a" {
			t.Errorf("the newest is %s, %v", c.Version, err)
		}
		w.expire(s, now.Add(time.Second))
		w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
		s = w.storeWith(clockOf(&now))
	}
}
