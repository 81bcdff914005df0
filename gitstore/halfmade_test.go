package gitstore

import (
	"context"
	"os"
	"path/filepath"
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
