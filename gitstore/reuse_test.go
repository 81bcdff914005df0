package gitstore

import (
	"context"
	"os"
	"path/filepath"
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
