package gitstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReuse(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("a", "one")
	s := w.store()
	first := w.record(s, RecordRequest{Version: "v1"})
	again := w.record(s, RecordRequest{Reuse: true})
	if !again.Known || again.Checkpoint != first.Checkpoint {
		t.Errorf("an unchanged project: %+v", again)
	}
	if named := w.record(s, RecordRequest{Reuse: true, Version: "v2"}); named.Known || !named.Unchanged || named.Version != "v2" {
		t.Errorf("a version that is asked for: %+v", named)
	}
	w.must(os.Chmod(filepath.Join(w.dir, "a"), 0o600))
	if r := w.record(s, RecordRequest{Reuse: true}); r.Known || r.Tree != first.Tree {
		t.Errorf("a changed mode: %+v", r)
	}
}

// Names that are made up never get in each other's way.
func TestMadeUpNamesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("a", "one")
	commit := w.commitAll("first")
	w.store()
	p, err := FindProject(w.dir)
	w.must(err)
	now := time.Now()
	var wg sync.WaitGroup
	names := make(chan string, 16)
	for i := range cap(names) {
		wg.Go(func() {
			s, err := Open(context.Background(), p, Options{LockTimeout: time.Minute, Now: func() time.Time { return now }})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			var r Recorded
			if i%2 == 0 {
				r, err = s.Record(context.Background(), RecordRequest{})
			} else {
				r, err = s.RecordCommit(context.Background(), RecordCommitRequest{Commit: commit})
			}
			if err != nil {
				t.Error(err)
			}
			if !r.Known {
				names <- r.Version
			}
		})
	}
	wg.Wait()
	close(names)
	seen := make(map[string]bool)
	for name := range names {
		if seen[name] {
			t.Errorf("%s was given twice", name)
		}
		seen[name] = true
		if got := w.files(name); len(got) != 1 {
			t.Errorf("%s holds %v", name, got)
		}
	}
	w.fsck()
}

// TestIndexesWithoutPacks: what only an index knows of is not stored, and is recorded
// again.
func TestIndexesWithoutPacks(t *testing.T) {
	w := newWorld(t)
	w.write("a", strings.Repeat("text\n", 1000), "d/b", "more", "d/c", "still more", "d/d", "and more")
	w.record(w.store(), RecordRequest{Version: "v1"})
	w.write("c", "new")
	w.record(w.store(), RecordRequest{Version: "v2"})
	packs, err := filepath.Glob(filepath.Join(w.store().dir, "objects/pack/*.pack"))
	if err != nil || len(packs) < 2 {
		t.Fatal(packs, err)
	}
	// That of the first checkpoint is the largest.
	slices.SortFunc(packs, func(a, b string) int { return int(size(w, b) - size(w, a)) })
	w.must(os.Remove(packs[0]))
	r, err := w.store().Record(t.Context(), RecordRequest{Version: "v3"})
	w.must(err)
	// What the project still has would be copied from there.
	w.must(errors.Join(os.Remove(filepath.Join(w.dir, "a")), os.RemoveAll(filepath.Join(w.dir, "d"))))
	if _, _, err := w.materialise(w.store(), r.Checkpoint, nil); err != nil {
		t.Errorf("recorded, and can't be brought back: %v", err)
	}
}

func size(w *world, path string) int64 {
	fi, err := os.Stat(path)
	w.must(err)
	return fi.Size()
}
