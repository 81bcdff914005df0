package gitstore

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestHalfMadeStoresAreSwept: processes that died while they made a store, or
// excluded it from the project's repository, leave nothing for good.
func TestHalfMadeStoresAreSwept(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	dead := filepath.Join(w.dir, Dir, halfMadePrefix+"123", "objects")
	w.must(os.MkdirAll(dead, 0o700))
	exclude := filepath.Join(w.dir, ".git/info/tmp_exclude_0123")
	w.must(os.WriteFile(exclude, []byte("half"), 0o644))
	living, done, err := halfMade(filepath.Join(w.dir, Dir))
	w.must(err)
	s := w.store()
	for _, path := range []string{filepath.Dir(dead), exclude} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	if _, err := os.Lstat(living); err != nil {
		t.Error("what a living process makes was swept")
	}
	done()
	// Where another process was first, nobody makes a store any more.
	w.must(os.MkdirAll(dead, 0o700))
	_, err = s.Sweep()
	w.must(err)
	if left, _ := filepath.Glob(filepath.Join(w.dir, Dir, halfMadePrefix+"*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestManyMakeOneStore: sweeping takes nothing from those who make it at once.
func TestManyMakeOneStore(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			p, err := FindProject(w.dir)
			if err != nil {
				t.Error(err)
				return
			}
			s, err := Init(context.Background(), p, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(w.dir, Dir, halfMadePrefix+"*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestDeadBranchLock: a process that died while it made a branch in the project's
// repository doesn't keep the next one from making it.
func TestDeadBranchLock(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	w.write("a", "a")
	s := w.store()
	c := w.record(s, RecordRequest{Version: "v1"})
	held, err := s.projectRefs().Lock(context.Background(), "refs/heads/back")
	w.must(err)
	lock := filepath.Join(w.dir, ".git/refs/heads/back.lock")
	if _, err := w.storeWith(Options{LockTimeout: 1}).WriteBranch(context.Background(), "back", c.Checkpoint); err == nil {
		t.Error("a living process's lock was taken")
	}
	// The kernel lets the journals of the dead go.
	journals, err := filepath.Glob(filepath.Join(s.cachePath(branchJournals), "*"))
	w.must(err)
	if len(journals) != 2 {
		t.Fatalf("journals: %v", journals)
	}
	for _, path := range journals {
		if strings.HasSuffix(path, ".new") {
			continue
		}
		copied := path + "0"
		data, err := os.ReadFile(path)
		w.must(err)
		w.must(os.WriteFile(copied, data, 0o644))
		w.must(os.Link(path+".new", copied+".new"))
	}
	if _, err := s.WriteBranch(context.Background(), "back", c.Checkpoint); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(lock); err == nil {
		t.Error("the lock is left")
	}
	held.Release()
}

// TestDoctorSweepsAll: files in the making of dead processes, wherever they are.
func TestDoctorSweepsAll(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	w.write("a", "a")
	s := w.store()
	c := w.record(s, RecordRequest{Version: "v1"})
	_, err := s.WriteBranch(context.Background(), "back", c.Checkpoint)
	w.must(err)
	keep := filepath.Join(w.dir, ".git/objects/pack/pack-0123.keep")
	dead := map[string]string{
		s.cachePath("tmp_history.lines_01"): "", s.cachePath(tempPid + "01"): "", s.cachePath(tempLog + "01"): "",
		s.cachePath("tmp_statcache_01"): "", keep: "evoseal: being published\n",
	}
	for path, content := range dead {
		w.must(os.WriteFile(path, []byte(content), 0o644))
	}
	_, err = s.Sweep()
	w.must(err)
	for path := range dead {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
}
