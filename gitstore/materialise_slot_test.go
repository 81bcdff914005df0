package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disturber changes a directory at random.
type disturber struct {
	*rand.Rand
	dir string
	// outside is where links lead that leave the directory.
	outside string
}

// path is one of few, so that changes meet one another.
func (d disturber) path() string {
	p := d.dir
	for range 1 + d.IntN(3) {
		p = filepath.Join(p, []string{"a", "a.b", "a-", "b", "c0"}[d.IntN(5)])
	}
	return p
}

// content is one of few, so that files move and come back.
func (d disturber) content() []byte {
	c := make([]byte, []int{0, 5, 700, 200_000}[d.IntN(4)])
	fill := byte('a' + d.IntN(3))
	for i := range c {
		c[i] = fill
	}
	return c
}

func (d disturber) disturb() error {
	path := d.path()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil // a file is in the way
	}
	fi, err := os.Lstat(path)
	switch kind := d.IntN(9); {
	case kind == 0:
		return os.RemoveAll(path)
	case kind == 1 && errors.Is(err, fs.ErrNotExist):
		return os.Mkdir(path, []os.FileMode{0o755, 0o700, 0o500}[d.IntN(3)])
	case kind == 2 && errors.Is(err, fs.ErrNotExist):
		return os.Symlink([]string{"a", "..", d.outside, "nowhere"}[d.IntN(4)], path)
	case kind == 3 && err == nil && fi.Mode()&os.ModeSymlink == 0:
		return os.Chmod(path, []os.FileMode{0o644, 0o755, 0o600, 0o700}[d.IntN(4)])
	case kind == 4 && err == nil && fi.Mode().IsRegular() && fi.Size() > 0:
		return unnoticeably(path, fi)
	case kind == 5 && err == nil:
		return os.Rename(path, fmt.Sprintf("%s~%d", path, d.IntN(1<<30)))
	case err == nil && !fi.Mode().IsRegular():
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return os.WriteFile(path, d.content(), 0o644)
}

// unnoticeably changes a file and leaves its size and time of change.
func unnoticeably(path string, was fs.FileInfo) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("!"), 0)
	return errors.Join(err, f.Close(), os.Chtimes(path, was.ModTime(), was.ModTime()))
}

// refill brings the directory, a slot, up to date with another checkpoint.
func (w *world) refill(s *Store, dir *os.File, path string, c Checkpoint) *Materialised {
	w.Helper()
	slot, err := s.SlotOf(dir)
	w.must(err)
	filled, err := s.ReadSlot(slot)
	w.must(err)
	w.must(s.DropSlot(slot))
	m, err := s.Materialise(context.Background(), MaterialiseRequest{Checkpoint: c, Sink: plainSink{dir}, Filled: filled})
	w.must(err)
	_, err = s.LinkSlot(dir, SlotRequest{Path: path, Checkpoint: c, Written: m, GitFile: true})
	w.must(err)
	return m
}

func (w *world) noDifference(differences []Difference, err error) {
	w.Helper()
	if err != nil || len(differences) > 0 {
		w.Errorf("differences %v %v", differences, err)
	}
}

// TestDifferenceIsAsGoodAsNew brings a directory up to date over and over, whatever
// is done to it meanwhile, and compares it with one that is written anew.
func TestDifferenceIsAsGoodAsNew(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t)
			rng := rand.New(rand.NewPCG(seed, 7))
			live := disturber{rng, w.dir, t.TempDir()}
			s := w.store()
			var versions []Checkpoint
			for range 4 {
				for range 25 {
					w.must(live.disturb())
				}
				versions = append(versions, w.record(s, RecordRequest{Version: fmt.Sprintf("v%d", len(versions))}).Checkpoint)
			}
			path := filepath.Join(w.dir, Dir, "rollback_target")
			dir := w.target(s, versions[0], path, true)
			for range 8 {
				// A handle reads a directory's names once.
				again, err := os.Open(path)
				w.must(err)
				dir.Close()
				dir = again
				for range rng.IntN(6) {
					w.must(disturber{rng, path, live.outside}.disturb())
				}
				c := versions[rng.IntN(len(versions))]
				m := w.refill(s, dir, path, c)
				if m.Files != c.Files || m.Bytes != c.Bytes || m.Copied+m.Inflated+m.Unchanged != m.Files {
					t.Errorf("%+v of %+v", m, c)
				}
				fresh, _, err := w.materialise(s, c, nil)
				w.must(err)
				w.sameTrees(fresh, path)
				if seed%2 == 1 {
					// What is known of a directory counts only when it is older than the work.
					time.Sleep(stampAge)
				}
				w.noDifference(s.CheckWritten(ctx, dir, m))
				slot, err := s.SlotOf(dir)
				w.must(err)
				w.noDifference(s.CheckSlot(ctx, dir, slot, true))
				if out := w.git("-C", path, "status", "--porcelain"); out != "" {
					t.Errorf("git status: %s", out)
				}
			}
			dir.Close()
		})
	}
}

func TestDifferenceWritesNothingElse(t *testing.T) {
	w := newWorld(t)
	w.write("same/one", "1", "same/two", "2", "changes/one", "1", "changes/stays", "s", "goes", "g")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	path := filepath.Join(w.dir, Dir, "rollback_target")
	dir := w.target(s, v1.Checkpoint, path, true)
	// Somebody keeps hard links to what the target holds, through which he may change it
	// later on.
	kept := w.TempDir()
	for _, name := range []string{"same/one", "changes/one", "goes"} {
		w.must(os.Link(filepath.Join(path, name), filepath.Join(kept, filepath.Base(name)+filepath.Dir(name))))
	}
	w.write("changes/one", "other")
	w.must(os.Remove(filepath.Join(w.dir, "goes")))
	v2 := w.record(s, RecordRequest{Version: "v2"})
	before := inodes(t, path)
	m := w.refill(s, dir, path, v2.Checkpoint)
	if m.Unchanged != 2 || m.Copied+m.Inflated != 2 {
		t.Errorf("%+v", m)
	}
	for name, ino := range inodes(t, path) {
		if same := before[name] == ino; same == (name == "changes/one" || name == "same/one") && name != ".git" {
			t.Errorf("%s: the same file %v", name, same)
		}
	}
	for name, want := range map[string]string{"onesame": "1", "onechanges": "1", "goes.": "g"} {
		if got, err := os.ReadFile(filepath.Join(kept, name)); string(got) != want {
			t.Errorf("the link %s holds %q %v", name, got, err)
		}
	}
}

func inodes(t *testing.T, top string) map[string]uint64 {
	t.Helper()
	out := make(map[string]uint64)
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil && !e.IsDir() {
			err = unix.Lstat(path, &st)
			rel, _ := filepath.Rel(top, path)
			out[rel] = st.Ino
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPartOfACheckpointIsNotBroughtUpToDate(t *testing.T) {
	w := newWorld(t)
	w.write("a", "1", "b", "2")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	path := filepath.Join(w.dir, Dir, "rollback_target")
	w.must(os.MkdirAll(path, 0o755))
	dir, err := os.Open(path)
	w.must(err)
	defer dir.Close()
	m, err := s.Materialise(context.Background(), MaterialiseRequest{Checkpoint: v1.Checkpoint, Sink: plainSink{dir}, Paths: []string{"a"}})
	w.must(err)
	slot, err := s.LinkSlot(dir, SlotRequest{Path: path, Checkpoint: v1.Checkpoint, Written: m, GitFile: true})
	w.must(err)
	if _, err := s.ReadSlot(slot); err == nil {
		t.Error("a part was taken for the whole")
	}
}
