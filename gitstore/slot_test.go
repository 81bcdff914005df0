package gitstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// target rolls a checkpoint back as far as this package goes: a directory, filled
// and linked.
func (w *world) target(s *Store, c Checkpoint, path string, gitFile bool) *os.File {
	w.Helper()
	w.must(os.MkdirAll(path, 0o755))
	dir, err := os.Open(path)
	w.must(err)
	w.Cleanup(func() { dir.Close() })
	m, err := s.Materialise(context.Background(), MaterialiseRequest{Checkpoint: c, Sink: plainSink{dir}})
	w.must(err)
	_, err = s.LinkSlot(dir, SlotRequest{Path: path, Checkpoint: c, Written: m, GitFile: gitFile})
	w.must(err)
	return dir
}

func TestSlotThatTheStoreForgot(t *testing.T) {
	ctx := context.Background()
	for name, harm := range map[string]func(admin string) error{
		"empty":     func(a string) error { return os.Truncate(filepath.Join(a, slotFile), 0) },
		"torn":      func(a string) error { return os.WriteFile(filepath.Join(a, slotFile), []byte(`{"version":"v`), 0o644) },
		"null":      func(a string) error { return os.WriteFile(filepath.Join(a, slotFile), []byte("{}"), 0o644) },
		"gone":      func(a string) error { return os.Remove(filepath.Join(a, slotFile)) },
		"slot gone": os.RemoveAll,
		"all gone":  func(a string) error { return os.RemoveAll(filepath.Dir(a)) },
	} {
		w := newWorld(t)
		w.write("f", "x")
		s := w.store()
		v1 := w.record(s, RecordRequest{Version: "v1"})
		path := filepath.Join(w.dir, Dir, "rollback_target")
		dir := w.target(s, v1.Checkpoint, path, true)
		slot, err := s.SlotOf(dir)
		if err != nil || slot == nil || slot.Damaged || slot.Version != "v1" {
			t.Fatalf("%s: %+v %v", name, slot, err)
		}
		w.must(harm(s.slotDir(slot.id)))
		slot, err = s.SlotOf(dir)
		if err != nil || slot == nil || !slot.Damaged || slot.Version != "" || slot.Path != path {
			t.Fatalf("%s: %+v %v", name, slot, err)
		}
		differences, err := s.CheckSlot(ctx, dir, slot, false)
		if err != nil || len(differences) != 1 || differences[0] != (Difference{".", Unknown}) {
			t.Errorf("%s: differences %v %v", name, differences, err)
		}
		// Somebody's copy is theirs, and so is a directory of another store.
		other := filepath.Join(w.TempDir(), "copy")
		w.must(os.CopyFS(other, os.DirFS(path)))
		w.must(os.WriteFile(filepath.Join(other, ".git"), []byte("gitdir: "+s.slotDir(slot.id)+"\n"), 0o644))
		theirs, err := os.Open(other)
		w.must(err)
		if got, err := s.SlotOf(theirs); got != nil || err != nil {
			t.Errorf("%s: a copy is taken for ours: %+v %v", name, got, err)
		}
		theirs.Close()
		w.must(s.MendSlots(path))
		w.must(s.DropSlot(slot))
		if _, err := s.Resolve(ctx, "v1"); err != nil {
			t.Errorf("%s: after all %v", name, err)
		}
	}
}

func TestGitFilesThatNameNoSlot(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	elsewhere := w.TempDir()
	w.must(os.MkdirAll(filepath.Join(elsewhere, "worktrees"), 0o755))
	path := filepath.Join(w.dir, Dir, "rollback_target")
	w.must(os.MkdirAll(path, 0o755))
	dir, err := os.Open(path)
	w.must(err)
	defer dir.Close()
	for _, content := range []string{
		"", "gitdir: ", "gitdir: ../.git", "gitdir: ../.git/worktrees/..", "gitdir: ../.git/worktrees/mine", "gitdir: ../.git/worktrees/",
		"gitdir: " + elsewhere + "/worktrees/target-00000000", "gitdir: ../.git/modules/worktrees/target-00000000",
	} {
		w.must(os.WriteFile(filepath.Join(path, ".git"), []byte(content), 0o644))
		if got, err := s.SlotOf(dir); got != nil || err != nil {
			t.Errorf("%q: %+v %v", content, got, err)
		}
	}
}

func TestSlotWithoutItsIndex(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	dir := w.target(s, v1.Checkpoint, filepath.Join(w.dir, Dir, "rollback_target"), true)
	slot, err := s.SlotOf(dir)
	w.must(err)
	index := filepath.Join(s.slotDir(slot.id), "index")
	for _, harm := range []func() error{func() error { return os.Truncate(index, 10) }, func() error { return os.Remove(index) }} {
		w.must(harm())
		got, err := s.CheckSlot(context.Background(), dir, slot, false)
		if err != nil || len(got) != 1 || got[0].Kind != Unknown {
			t.Errorf("%v %v", got, err)
		}
	}
}

func TestCheckSlotFindsWhatDiffers(t *testing.T) {
	w := newWorld(t)
	w.write("a/b/c", "1", "a/b/d", "2", "a/e", "3", "gone/x", "4", "gone/sub/y", "5", "top", "6", "wasdir/z", "7")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	path := filepath.Join(w.dir, Dir, "rollback_target")
	dir := w.target(s, v1.Checkpoint, path, true)
	slot, err := s.SlotOf(dir)
	w.must(err)
	for _, full := range []bool{false, true} {
		if got, err := s.CheckSlot(context.Background(), dir, slot, full); err != nil || len(got) != 0 {
			t.Errorf("untouched: %v %v", got, err)
		}
	}
	at := func(name string) string { return filepath.Join(path, name) }
	w.must(errors.Join(os.WriteFile(at("a/b/c"), []byte("!"), 0o644), os.Remove(at("a/b/d")), os.WriteFile(at("a/b/new"), nil, 0o644),
		os.RemoveAll(at("gone")), os.RemoveAll(at("wasdir")), os.Symlink("a", at("wasdir")), os.MkdirAll(at("hollow/dirs"), 0o755), os.Mkdir(at("full"), 0o755),
		os.WriteFile(at("full/f"), nil, 0o644)))
	got, err := s.CheckSlot(context.Background(), dir, slot, false)
	want := []Difference{{"a/b/c", Edited}, {"a/b/d", Missing}, {"a/b/new", Foreign}, {"full", Foreign}, {"gone/sub/y", Missing}, {"gone/x", Missing}, {"hollow", Foreign}, {"wasdir/z", Missing}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
}

// TestDeepTree goes deeper than any one path that the system takes, with fewer
// handles than directories.
func TestDeepTree(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("the path of a test's directory is too long there")
	}
	const depth = 3000
	w := newWorld(t)
	s := w.store()
	blob := w.hashObject("blob", []byte("bottom"))
	pack, err := s.db.NewPack()
	w.must(err)
	lane := pack.NewLane()
	put := func(data []byte) ID {
		id, _, err := lane.Add(treeType, data)
		w.must(err)
		return id
	}
	tree := put(append([]byte("100644 f\x00"), blob[:]...))
	for range depth {
		tree = put(append([]byte("40000 d\x00"), tree[:]...))
	}
	_, err = pack.Finish()
	w.must(err)
	defer pack.Release()
	c := w.forge(s, "deep", tree, "")
	path := filepath.Join(w.dir, Dir, "rollback_target")
	dir := w.target(s, c, path, false)
	slot, err := s.SlotOf(dir)
	w.must(err)
	for _, full := range []bool{false, true} {
		if got, err := s.CheckSlot(context.Background(), dir, slot, full); err != nil || len(got) != 0 {
			t.Errorf("%d differences: %v", len(got), err)
		}
	}
	w.must(os.RemoveAll(filepath.Join(path, strings.Repeat("d/", 100))))
	if got, err := s.CheckSlot(context.Background(), dir, slot, false); err != nil || len(got) != 1 || got[0].Kind != Missing {
		t.Errorf("cut off: %d differences: %v", len(got), err)
	}
}
