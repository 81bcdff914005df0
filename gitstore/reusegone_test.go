package gitstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
