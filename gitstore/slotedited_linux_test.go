package gitstore

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
)

// TestGitInTheTargetHidesNothing: what a target is compared with is the checkpoint, also
// where git has written down something else.
func TestGitInTheTargetHidesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		edit []string
		git  [][]string
		want []Difference
	}{
		"add": {
			[]string{"f", "new"}, [][]string{{"add", "-A"}},
			[]Difference{{"f", Edited}, {"new", Foreign}},
		},
		"commit": {
			[]string{"f"}, [][]string{{"add", "-A"}, {"-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "x"}},
			[]Difference{{"f", Edited}},
		},
		"rm":            {nil, [][]string{{"rm", "-q", "d/g"}}, []Difference{{"d/g", Missing}}},
		"skip-worktree": {nil, [][]string{{"update-index", "--skip-worktree", "d/g"}}, nil},
		"nothing":       {nil, [][]string{{"status"}, {"update-index", "--index-version=4"}, {"add", "-A"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write("f", "a", "d/g", "b")
			s := w.store()
			v1 := w.record(s, RecordRequest{Version: "v1"})
			path := filepath.Join(w.dir, Dir, "rollback_target")
			dir := w.target(s, v1.Checkpoint, path, true)
			slot, err := s.SlotOf(dir)
			w.must(err)
			for _, name := range c.edit {
				w.must(os.WriteFile(filepath.Join(path, name), []byte("WRONG"), 0o644))
			}
			for _, args := range c.git {
				w.git(append([]string{"-C", path}, args...)...)
			}
			for _, full := range []bool{false, true} {
				if got, err := s.CheckSlot(context.Background(), dir, slot, full); err != nil || !slices.Equal(got, c.want) {
					t.Errorf("full %v: %v %v", full, got, err)
				}
			}
			if name == "skip-worktree" {
				w.must(os.Remove(filepath.Join(path, "d/g")))
				if got, err := s.CheckSlot(context.Background(), dir, slot, false); err != nil || !slices.Equal(got, []Difference{{"d/g", Missing}}) {
					t.Errorf("removed: %v %v", got, err)
				}
			}
		})
	}
}

// TestBitsAndEmptyDirectoriesDiffer: they belong to a checkpoint as its bytes do.
func TestBitsAndEmptyDirectoriesDiffer(t *testing.T) {
	w := newWorld(t)
	w.write("f", "a", "d/g", "b")
	w.must(os.MkdirAll(filepath.Join(w.dir, "empty/below"), 0o755))
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	path := filepath.Join(w.dir, Dir, "rollback_target")
	dir := w.target(s, v1.Checkpoint, path, true)
	slot, err := s.SlotOf(dir)
	w.must(err)
	if got, err := s.CheckSlot(context.Background(), dir, slot, false); err != nil || len(got) > 0 {
		t.Errorf("untouched: %v %v", got, err)
	}
	at := func(name string) string { return filepath.Join(path, name) }
	w.must(errors.Join(os.Chmod(at("f"), 0o600), os.Chmod(at("d"), 0o777), os.Remove(at("empty/below")), os.Mkdir(at("d/new"), 0o755)))
	want := []Difference{{"d", Edited}, {"d/new", Foreign}, {"empty/below", Missing}, {"f", Edited}}
	if got, err := s.CheckSlot(context.Background(), dir, slot, false); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
}

// TestSharedFilesAreLetGo: a file of the slot that is one of the project's, too, is
// replaced, and so the project's isn't touched.
func TestSharedFilesAreLetGo(t *testing.T) {
	w := newWorld(t)
	w.write("key", "k")
	live := filepath.Join(w.dir, "key")
	s := w.store()
	w.must(os.Chmod(live, 0o644))
	v1 := w.record(s, RecordRequest{Version: "v1"})
	w.must(os.Chmod(live, 0o600))
	v2 := w.record(s, RecordRequest{Version: "v2"})
	path := filepath.Join(w.dir, Dir, "rollback_target")
	for i, c := range []Checkpoint{v1.Checkpoint, v2.Checkpoint} {
		w.must(os.RemoveAll(path))
		w.target(s, v2.Checkpoint, path, true).Close()
		w.must(os.Remove(filepath.Join(path, "key")))
		w.must(os.Link(live, filepath.Join(path, "key")))
		w.bringUpToDate(s, path, c)
		fi, err := os.Stat(live)
		w.must(err)
		brought, err := os.Stat(filepath.Join(path, "key"))
		w.must(err)
		if fi.Mode() != 0o600 || os.SameFile(fi, brought) || brought.Mode() != []os.FileMode{0o644, 0o600}[i] {
			t.Errorf("the project's is %v, the target's %v", fi.Mode(), brought.Mode())
		}
	}
}

// TestForgedIndexBringsNoNames: an index that names what no checkpoint may hold is not
// believed for having a tree's hash.
func TestForgedIndexBringsNoNames(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	blob := w.hashObject("blob", []byte("[core]\n"))
	evil := w.forge(s, "evil", w.rawTree("40000 d", w.rawTree("40000 .git", w.rawTree("100644 config", blob))), "")
	path := filepath.Join(w.dir, Dir, "rollback_target")
	w.target(s, v1.Checkpoint, path, true).Close()
	index, err := filepath.Glob(filepath.Join(s.dir, "worktrees", "*", "index"))
	if err != nil || len(index) != 1 {
		t.Fatal(index, err)
	}
	f, err := os.Create(index[0])
	w.must(err)
	w.must(gitindex.Encode(f, []*gitindex.Entry{{Name: "d/.git/config", Mode: 0o100644, ID: blob}}))
	w.must(f.Close())
	w.must(os.MkdirAll(filepath.Join(path, "d/.git"), 0o755))
	dir, err := os.Open(path)
	w.must(err)
	defer dir.Close()
	_, err = s.Materialise(context.Background(), MaterialiseRequest{Checkpoint: evil, Sink: plainSink{dir}, Filled: w.filled(s, path)})
	var form *FormError
	if !errors.As(err, &form) {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(filepath.Join(path, "d/.git/config")); err == nil {
		t.Error("it was written")
	}
}

// TestCoarseTimes: where a file system tells whole seconds, and the store's tells more,
// what is changed within a second is found all the same.
func TestCoarseTimes(t *testing.T) {
	w := newWorld(t)
	target := coarseDisk(t)
	w.write("d/g", "1\n", "f", "f")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	w.write("z", "z")
	w.must(os.MkdirAll(filepath.Join(w.dir, "d/empty"), 0o755))
	v2 := w.record(s, RecordRequest{Version: "v2"})
	path := filepath.Join(target, "t")
	nextSecond()
	w.target(s, v1.Checkpoint, path, false).Close()
	// All in the second in which it was written.
	w.must(errors.Join(os.WriteFile(filepath.Join(path, "d/g"), []byte("X\n"), 0o644), os.WriteFile(filepath.Join(path, "d/foreign"), nil, 0o644)))
	dir, err := os.Open(path)
	w.must(err)
	slot, err := s.SlotOf(dir)
	w.must(err)
	if got, err := s.CheckSlot(context.Background(), dir, slot, false); err != nil || !slices.Equal(got, []Difference{{"d/foreign", Foreign}, {"d/g", Edited}}) {
		t.Errorf("%v %v", got, err)
	}
	dir.Close()
	for _, c := range []Checkpoint{v2.Checkpoint, v1.Checkpoint, v2.Checkpoint, v1.Checkpoint} {
		w.bringUpToDate(s, path, c)
		fresh, _, err := w.materialise(s, c, nil)
		w.must(err)
		w.sameTrees(fresh, path)
		nextSecond()
		w.must(os.WriteFile(filepath.Join(path, "d/g"), []byte("1\n"), 0o644))
	}
}

func nextSecond() { time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) }

// coarseDisk is an ext4 that tells whole seconds, since its inodes have no room for more.
func coarseDisk(t *testing.T) string {
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 16<<20)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-F", "-I", "128", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no file system with coarse times: %s: %v %s", args[0], err, out)
		}
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_FORCE) })
	return dir
}
