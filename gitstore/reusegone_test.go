package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// garbageWorld is a project whose files are stored as nothing but garbage: they are
// those of a checkpoint that is gone, and a later one holds others.
func garbageWorld(t *testing.T, opts Options) (*world, *Store) {
	t.Helper()
	w := newWorld(t)
	w.git("init", "-q", ".")
	s := w.storeWith(opts)
	w.fill("A")
	first := w.record(s, RecordRequest{Version: "v0"})
	w.fill("B")
	w.record(s, RecordRequest{Version: "v1"})
	w.forget(s, first.Checkpoint)
	w.record(s, RecordRequest{Version: "v2"})
	w.fill("A")
	return w, s
}

func (w *world) fill(with string) {
	w.Helper()
	for i := range 50 {
		w.write(fmt.Sprint("d/", i), fmt.Sprint(with, i))
	}
}

// forget prunes checkpoints for good, and drops what reflogs know of them.
func (w *world) forget(s *Store, list ...Checkpoint) {
	w.Helper()
	ctx := context.Background()
	_, err := s.Prune(ctx, list)
	w.must(err)
	_, err = s.ExpirePruned(ctx, time.Now().Add(time.Hour))
	w.must(err)
	w.git("--git-dir=.evoseal/.git", "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
}

// collects are the ways in which plain git removes what no ref leads to.
var collects = map[string][]string{
	"repack": {"repack", "-a", "-d", "-q"},
	"gc": {
		"-c", "gc.packRefs=false", "-c", "gc.reflogExpire=never", "-c", "gc.reflogExpireUnreachable=never",
		"gc", "-q", "--prune=now",
	},
}

// kept fails the test where a checkpoint isn't whole.
func (w *world) kept(version string) {
	w.Helper()
	w.fsck()
	if got := w.git("--git-dir=.evoseal/.git", "archive", "--format=tar", "-o", os.DevNull, version); got != "" {
		w.Error(got)
	}
	if n := len(w.files(version)); n < 50 {
		w.Errorf("%s holds %d files", version, n)
	}
}

// TestReusedGarbageIsRemovedBeforeTheTag has git remove what the checkpoint found
// stored, when all files are read and nothing is published.
func TestReusedGarbageIsRemovedBeforeTheTag(t *testing.T) {
	for name, collect := range collects {
		t.Run(name, func(t *testing.T) {
			w, s := garbageWorld(t, Options{})
			r := w.record(s, RecordRequest{Version: "v3", Progress: func(Progress) {
				if _, err := w.tryGit(append([]string{"--git-dir=.evoseal/.git"}, collect...)...); err != nil {
					t.Error(err)
				}
			}})
			if r.NewObjects < 50 {
				t.Errorf("wrote %d objects: the test proves nothing", r.NewObjects)
			}
			w.kept("v3")
		})
	}
}

// TestReusedGarbageIsRemovedWithTheTag has git remove it when the last look before the
// tag is over.
func TestReusedGarbageIsRemovedWithTheTag(t *testing.T) {
	for name, collect := range collects {
		t.Run(name, func(t *testing.T) {
			var w *world
			var once sync.Once
			ready := false
			now := func() time.Time {
				if ready && published(w) {
					once.Do(func() { w.git(append([]string{"--git-dir=.evoseal/.git"}, collect...)...) })
				}
				return time.Now()
			}
			w, s := garbageWorldAt(t, &w, now)
			ready = true
			w.record(s, RecordRequest{Version: "v3"})
			once.Do(func() { t.Error("git did not run: the test proves nothing") })
			w.kept("v3")
		})
	}
}

func garbageWorldAt(t *testing.T, at **world, now func() time.Time) (*world, *Store) {
	w, s := garbageWorld(t, Options{Now: now})
	*at = w
	return w, s
}

// published says that a pack is there that no ref names yet.
func published(w *world) bool {
	marks, _ := filepath.Glob(filepath.Join(w.dir, ".evoseal/.git/objects/pack/*.keep"))
	return len(marks) > 0
}

// TestReusedGarbageOfTheStatCache has the last checkpoint itself be garbage, which the
// stat cache vouches for.
func TestReusedGarbageOfTheStatCache(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	s := w.store()
	w.fill("B")
	w.record(s, RecordRequest{Version: "v1"})
	w.fill("A")
	w.record(s, RecordRequest{Version: "v2"})
	for _, ref := range []string{"refs/tags/v2", latestRef} {
		w.git("--git-dir=.evoseal/.git", "update-ref", "-d", ref)
	}
	w.git("--git-dir=.evoseal/.git", "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
	w.record(s, RecordRequest{Version: "v3", Progress: func(Progress) {
		w.tryGit("--git-dir=.evoseal/.git", "repack", "-a", "-d", "-q")
	}})
	w.kept("v3")
}

// TestReusedGarbageIsYoung: git's own grace holds for what a checkpoint counts on,
// packed or loose.
func TestReusedGarbageIsYoung(t *testing.T) {
	for _, loose := range []bool{false, true} {
		t.Run(fmt.Sprint("loose=", loose), func(t *testing.T) {
			w, s := garbageWorld(t, Options{})
			if loose {
				w.git("--git-dir=.evoseal/.git", "repack", "-A", "-d", "-q")
			}
			old := time.Now().Add(-20 * 24 * time.Hour)
			w.must(filepath.WalkDir(filepath.Join(s.Dir(), "objects"), func(path string, e os.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				return os.Chtimes(path, old, old)
			}))
			w.record(s, RecordRequest{Version: "v3", Progress: func(Progress) {
				w.tryGit("--git-dir=.evoseal/.git", "gc", "-q")
			}})
			w.kept("v3")
		})
	}
}

// TestReusedGarbageOfCommits is about commits of the project's repository.
func TestReusedGarbageOfCommits(t *testing.T) {
	w, s := garbageWorld(t, Options{})
	commit := w.commitAll("as it was")
	_, err := s.RecordCommit(context.Background(), RecordCommitRequest{Commit: commit, Version: "v3", Progress: func(Progress) {
		w.tryGit("--git-dir=.evoseal/.git", "repack", "-a", "-d", "-q")
	}})
	w.must(err)
	w.kept("v3")
}

// TestReusedThatKeepsVanishing has somebody take the marks from packs as well, each
// time the tag is about to be set. The checkpoint fails, and leaves no tag.
func TestReusedThatKeepsVanishing(t *testing.T) {
	var w *world
	times := 0
	w, s := garbageWorldAt(t, &w, func() time.Time {
		if w == nil {
			return time.Now()
		}
		if _, err := os.Lstat(filepath.Join(w.dir, ".evoseal/.git/refs/tags/v3.lock")); err == nil {
			times++
			marks, _ := filepath.Glob(filepath.Join(w.dir, ".evoseal/.git/objects/pack/*.keep"))
			for _, mark := range marks {
				w.must(os.Remove(mark))
			}
			w.git("--git-dir=.evoseal/.git", "repack", "-a", "-d", "-q")
		}
		return time.Now()
	})
	_, err := s.Record(context.Background(), RecordRequest{Version: "v3"})
	if !errors.Is(err, ErrRemoved) || times != recordTries {
		t.Errorf("after %d times: %v", times, err)
	}
	if tags := w.git("--git-dir=.evoseal/.git", "tag", "-l"); tags != "v1\nv2" {
		t.Errorf("tags: %q", tags)
	}
	w.record(w.store(), RecordRequest{Version: "v4"})
	w.kept("v4")
}

// TestReusedGarbageIsRemovedUnderForce gives the name back to whom it was taken from,
// and takes it again.
func TestReusedGarbageIsRemovedUnderForce(t *testing.T) {
	var w *world
	var once sync.Once
	ready := false
	w, s := garbageWorldAt(t, &w, func() time.Time {
		if ready && published(w) {
			once.Do(func() { w.git("--git-dir=.evoseal/.git", "repack", "-a", "-d", "-q") })
		}
		return time.Now()
	})
	was := w.git("--git-dir=.evoseal/.git", "rev-parse", "v2^{}")
	ready = true
	w.record(s, RecordRequest{Version: "v2", Force: true})
	once.Do(func() { t.Error("git did not run: the test proves nothing") })
	w.kept("v2")
	if _, err := s.Resolve(context.Background(), was); err != nil {
		t.Error(err)
	}
}

// TestWhatTheParentHoldsStaysOld: else the garbage beside it would never be old enough
// to go.
func TestWhatTheParentHoldsStaysOld(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	s := w.store()
	w.fill("A")
	w.record(s, RecordRequest{Version: "v1"})
	// What was written while it was recorded is read once more.
	time.Sleep(50 * time.Millisecond)
	w.record(s, RecordRequest{Version: "v1b"})
	packs, _ := filepath.Glob(filepath.Join(s.Dir(), "objects/pack/*.pack"))
	old := time.Now().Add(-20 * 24 * time.Hour)
	for _, path := range packs {
		w.must(os.Chtimes(path, old, old))
	}
	w.record(s, RecordRequest{Version: "v2"})
	w.write("d/1", "changed")
	w.record(s, RecordRequest{Version: "v3"})
	for _, path := range packs {
		fi, err := os.Stat(path)
		w.must(err)
		if time.Since(fi.ModTime()) < time.Hour {
			t.Errorf("%s is young", path)
		}
	}
	if len(packs) == 0 {
		t.Error("no packs: the test proves nothing")
	}
}

// TestReusedGarbageOfABranch is about the project's own repository.
func TestReusedGarbageOfABranch(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write(".gitignore", "d/\n")
	w.commitAll("first")
	w.fill("A")
	s := w.store()
	c := w.record(s, RecordRequest{Version: "v1", IncludeIgnored: true})
	_, err := s.WriteBranch(context.Background(), "gone", c.Checkpoint)
	w.must(err)
	w.git("branch", "-D", "gone")
	var once sync.Once
	s = w.storeWith(Options{Now: func() time.Time {
		once.Do(func() { w.git("repack", "-a", "-d", "-q") })
		return time.Now()
	}})
	_, err = s.WriteBranch(context.Background(), "back", c.Checkpoint)
	w.must(err)
	once.Do(func() { t.Error("git did not run: the test proves nothing") })
	w.git("archive", "--format=tar", "-o", os.DevNull, "back")
}
