package manager

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestNextRollbackWritesTheDifference(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	w.write("a", "changed", "new", "n")
	w.checkpoint(m, "v2")
	before := w.fingerprint()
	for i, version := range []string{"v1", "v2", "v1", "v2", "v1"} {
		if i == 3 {
			// What somebody did to the tree that is about to be used again.
			previous := filepath.Join(w.dir, ".evoseal/rollback_target.previous")
			w.must(os.WriteFile(filepath.Join(previous, "foreign"), []byte("f"), 0o644))
			w.must(os.WriteFile(filepath.Join(previous, "a"), []byte("edited"), 0o644))
		}
		r, err := m.Rollback(ctx, RollbackRequest{Version: version})
		w.must(err)
		if !r.Record.Verified || r.Copied+r.Inflated+r.Unchanged != r.Record.Files || i < 2 != (r.Unchanged == 0) {
			t.Errorf("rollback %d: %d copied, %d inflated, %d unchanged of %d", i, r.Copied, r.Inflated, r.Unchanged, r.Record.Files)
		}
		if got, want := w.target("a"), map[string]string{"v1": "one", "v2": "changed"}[version]; got != want {
			t.Errorf("rollback %d: a is %q, want %q", i, got, want)
		}
		for _, args := range [][]string{
			{"-C", ".evoseal/rollback_target", "status", "--porcelain", "--ignored"}, {"--git-dir=.evoseal/.git", "fsck", "--strict", "--no-dangling"},
		} {
			if out := w.git(args...); out != "" {
				t.Errorf("rollback %d: git %v: %s", i, args, out)
			}
		}
	}
	w.unchanged(before)
}

// TestUndoOfALostTree takes the tree away that undo would exchange.
func TestUndoOfALostTree(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	w.write("a", "changed")
	w.checkpoint(m, "v2")
	for _, version := range []string{"v1", "v2"} {
		_, err := m.Rollback(ctx, RollbackRequest{Version: version})
		w.must(err)
	}
	for _, want := range []string{"v1", "v2"} {
		w.must(os.RemoveAll(filepath.Join(w.dir, ".evoseal/rollback_target.previous")))
		u, err := m.Undo(ctx, UndoRequest{})
		w.must(err)
		if u.Version != want || !u.HasPrevious || !u.Record.Verified {
			t.Errorf("undo: %+v", u)
		}
		if got := w.target("a"); got != map[string]string{"v1": "one", "v2": "changed"}[want] {
			t.Errorf("a is %q", got)
		}
	}
}

// TestTreeThatCanNotBeBroughtUpToDate has something in it that no rollback may
// touch.
func TestTreeThatCanNotBeBroughtUpToDate(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.write("dir/file", "1")
	w.checkpoint(m, "v1")
	w.write("dir/file", "2")
	w.checkpoint(m, "v2")
	for _, version := range []string{"v1", "v2"} {
		_, err := m.Rollback(ctx, RollbackRequest{Version: version})
		w.must(err)
	}
	outside := t.TempDir()
	w.must(os.WriteFile(filepath.Join(outside, "precious"), []byte("p"), 0o644))
	dir := filepath.Join(w.dir, ".evoseal/rollback_target.previous/dir")
	w.must(os.RemoveAll(dir))
	w.must(os.Symlink(outside, dir))
	r, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	if got := w.target("dir/file"); got != "1" || !r.Record.Verified {
		t.Errorf("dir/file is %q: %+v", got, r.Record)
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) != 1 {
		t.Errorf("outside: %v %v", names, err)
	}
}
