package gitstore

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
)

// tamperedWorld is a target that somebody is about to do something to.
func tamperedWorld(t *testing.T) (w *world, s *Store, dir *os.File, path string, v2 Checkpoint) {
	t.Helper()
	w = newWorld(t)
	w.git("init", "-q")
	w.write("a", "one", "d/b", strings.Repeat("two", 100))
	s = w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	w.write("a", "three")
	v2 = w.record(s, RecordRequest{Version: "v2"}).Checkpoint
	path = filepath.Join(w.dir, Dir, "rollback_target")
	return w, s, w.target(s, v1.Checkpoint, path, true), path, v2
}

func (w *world) different(s *Store, dir *os.File) []Difference {
	w.Helper()
	slot, err := s.SlotOf(dir)
	w.must(err)
	if slot == nil {
		w.Fatal("the target is nobody's")
	}
	found, err := s.CheckSlot(w.Context(), dir, slot, false)
	w.must(err)
	return found
}

// A .git that isn't the target's own is told of, and the next rollback puts its own in
// its place: what is committed there would go into another repository.
func TestForeignGitInTheTarget(t *testing.T) {
	for name, put := range map[string]func(w *world, path string) error{
		"link": func(w *world, path string) error { return os.Symlink(filepath.Join(w.dir, ".git"), path) },
		"file": func(w *world, path string) error {
			return os.WriteFile(path, []byte("gitdir: "+filepath.Join(w.dir, ".git")+"\n"), 0o644)
		},
		"same name": func(w *world, path string) error {
			slots, err := os.ReadDir(filepath.Join(w.dir, Dir, ".git", "worktrees"))
			if err != nil {
				return err
			}
			other := filepath.Join(w.dir, ".git", "worktrees", slots[0].Name())
			if err := os.MkdirAll(other, 0o755); err != nil {
				return err
			}
			return os.WriteFile(path, []byte("gitdir: "+other+"\n"), 0o644)
		},
		"directory": func(_ *world, path string) error { return os.Mkdir(path, 0o755) },
		"nonsense":  func(_ *world, path string) error { return os.WriteFile(path, []byte("x"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			w, s, dir, path, v2 := tamperedWorld(t)
			if found := w.different(s, dir); len(found) > 0 {
				t.Fatalf("differences before: %v", found)
			}
			w.must(os.Remove(filepath.Join(path, ".git")))
			if found := w.different(s, dir); len(found) > 0 {
				t.Errorf("differences without it: %v", found)
			}
			w.must(put(w, filepath.Join(path, ".git")))
			if found := w.different(s, dir); !slices.Equal(found, []Difference{{".git", Edited}}) {
				t.Errorf("differences: %v", found)
			}
			w.refill(s, dir, path, v2)
			if found := w.different(s, dir); len(found) > 0 {
				t.Errorf("differences after: %v", found)
			}
			if top := w.git("-C", path, "rev-parse", "--git-common-dir"); top != s.Dir() {
				t.Errorf("git takes the target for a part of %s", top)
			}
		})
	}
}

// What can't be as it was written by its size alone isn't read.
func TestSparseFileInTheTarget(t *testing.T) {
	w, s, dir, path, v2 := tamperedWorld(t)
	if err := os.Truncate(filepath.Join(path, "d", "b"), 1<<42); err != nil {
		t.Skip(err)
	}
	w.inTime(func() {
		if found := w.different(s, dir); !slices.Equal(found, []Difference{{"d/b", Edited}}) {
			t.Errorf("differences: %v", found)
		}
		w.refill(s, dir, path, v2)
		if found := w.different(s, dir); len(found) > 0 {
			t.Errorf("differences after: %v", found)
		}
	})
}

// An index that was made longer by far is damage, and not read into memory.
func TestSparseIndexOfATarget(t *testing.T) {
	w, s, dir, _, _ := tamperedWorld(t)
	slot, err := s.SlotOf(dir)
	w.must(err)
	index := filepath.Join(s.slotDir(slot.id), "index")
	if err := os.Truncate(index, 1<<42); err != nil {
		t.Skip(err)
	}
	w.inTime(func() {
		if found := w.different(s, dir); !slices.Equal(found, []Difference{{".", Unknown}}) {
			t.Errorf("differences: %v", found)
		}
		if _, err := s.ReadSlot(slot); err == nil {
			t.Error("it was read")
		}
		tracked := filepath.Join(w.dir, ".git", "index")
		w.git("add", "a")
		w.must(os.Truncate(tracked, 1<<42))
		if _, err := gitindex.ReadTracked(filepath.Join(w.dir, ".git"), "", 20); err == nil {
			t.Error("the project's was read")
		}
	})
}
