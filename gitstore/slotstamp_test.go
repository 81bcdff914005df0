package gitstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// stampAge is longer than any clock of a file system takes to go on.
const stampAge = 20 * time.Millisecond

// stamped is a slot at path that holds the second of two checkpoints, with what is known
// of its directories.
func (w *world) stamped() (s *Store, path string, versions []Checkpoint) {
	w.Helper()
	for _, name := range []string{"a/x", "a/y", "a/sub/z", "b/changing", "c/d/e"} {
		w.write(name, "text of "+name)
	}
	s = w.store()
	for i := range 2 {
		w.write("b/changing", fmt.Sprint(i))
		versions = append(versions, w.record(s, RecordRequest{Version: fmt.Sprintf("v%d", i)}).Checkpoint)
	}
	path = filepath.Join(w.dir, Dir, "rollback_target")
	w.target(s, versions[0], path, true).Close()
	time.Sleep(stampAge)
	w.bringUpToDate(s, path, versions[1])
	return s, path, versions
}

// bringUpToDate is refill as a rollback does it, with the check after it.
func (w *world) bringUpToDate(s *Store, path string, c Checkpoint) {
	w.Helper()
	dir, err := os.Open(path)
	w.must(err)
	defer dir.Close()
	m := w.refill(s, dir, path, c)
	w.noDifference(s.CheckWritten(context.Background(), dir, m))
}

func (w *world) filled(s *Store, path string) *Filled {
	w.Helper()
	dir, err := os.Open(path)
	w.must(err)
	defer dir.Close()
	slot, err := s.SlotOf(dir)
	w.must(err)
	filled, err := s.ReadSlot(slot)
	w.must(err)
	return filled
}

func TestDirectoriesAreKnown(t *testing.T) {
	w := newWorld(t)
	s, path, _ := w.stamped()
	for name, known := range map[string]bool{"a": true, "b": false, "c": true} {
		fi, err := os.Stat(filepath.Join(path, name))
		w.must(err)
		sub := w.filled(s, path).tree.top.find(name, true).sub
		if got := sub.stamp.mtime == fi.ModTime().UnixNano(); got != known {
			t.Errorf("%s is known as %+v, and is of %v", name, sub.stamp, fi.ModTime())
		}
	}
}

// TestKnownDirectoriesThatChanged: what somebody does to a directory that is known is
// noticed, also when he sets its time back.
func TestKnownDirectoriesThatChanged(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"nothing":         func(string) error { return nil },
		"file":            func(dir string) error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o644) },
		"directory":       func(dir string) error { return os.Mkdir(filepath.Join(dir, "new"), 0o755) },
		"link":            func(dir string) error { return os.Symlink("x", filepath.Join(dir, "new")) },
		"removed":         func(dir string) error { return os.Remove(filepath.Join(dir, "x")) },
		"renamed":         func(dir string) error { return os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, "new")) },
		"exchanged files": func(dir string) error { return exchange(filepath.Join(dir, "x"), filepath.Join(dir, "y")) },
		"file for a directory": func(dir string) error {
			if err := os.RemoveAll(filepath.Join(dir, "sub")); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "sub"), nil, 0o644)
		},
		"another directory": func(dir string) error {
			if err := os.Rename(dir, dir+".aside"); err != nil {
				return err
			}
			if err := os.CopyFS(dir, os.DirFS(dir+".aside")); err != nil {
				return err
			}
			return os.Rename(dir+".aside", filepath.Join(dir, "aside"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s, path, versions := w.stamped()
			dir := filepath.Join(path, "a")
			fi, err := os.Stat(dir)
			w.must(err)
			w.must(change(dir))
			w.must(os.Chtimes(dir, fi.ModTime(), fi.ModTime()))
			w.bringUpToDate(s, path, versions[0])
			fresh, _, err := w.materialise(s, versions[0], nil)
			w.must(err)
			w.sameTrees(fresh, path)
		})
	}
}

func exchange(a, b string) error {
	for _, names := range [][2]string{{a, a + ".aside"}, {b, a}, {a + ".aside", b}} {
		if err := os.Rename(names[0], names[1]); err != nil {
			return err
		}
	}
	return nil
}

// TestDamagedStamps: damage makes a directory one that isn't known, and nothing else.
func TestDamagedStamps(t *testing.T) {
	w := newWorld(t)
	s, path, versions := w.stamped()
	file := func() string {
		found, err := filepath.Glob(filepath.Join(s.dir, "worktrees", "*", stampFile))
		if err != nil || len(found) != 1 {
			t.Fatalf("%v %v", found, err)
		}
		return found[0]
	}
	whole, err := os.ReadFile(file())
	w.must(err)
	swapped := append([]byte(nil), whole...)
	copy(swapped[len(stampMagic):], whole[len(stampMagic)+stampSize:])
	for i, data := range [][]byte{nil, []byte("EVSD"), whole[:len(whole)-1], whole[:len(stampMagic)+stampSize+5], swapped, append(swapped, whole...)} {
		w.must(os.WriteFile(file(), data, 0o644))
		w.must(os.WriteFile(filepath.Join(path, "a", "new"), nil, 0o644))
		c := versions[i%2]
		w.bringUpToDate(s, path, c)
		fresh, _, err := w.materialise(s, c, nil)
		w.must(err)
		w.sameTrees(fresh, path)
	}
}
