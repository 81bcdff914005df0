package odb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGitLeavesFilesInTheMakingAlone lets git sweep in the middle of a pack: it
// removes what is named tmp_* in its own directories.
func TestGitLeavesFilesInTheMakingAlone(t *testing.T) {
	for _, staged := range []bool{false, true} {
		dir, db := newRepository(t)
		if staged {
			staging := filepath.Join(dir, "staging")
			if err := os.Mkdir(staging, 0o755); err != nil {
				t.Fatal(err)
			}
			var err error
			if db, err = OpenStaged(db.Dir(), staging); err != nil {
				t.Fatal(err)
			}
			defer db.Close()
		}
		w, err := db.NewPack()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		lane := w.NewLane()
		sweeping := func() {
			t.Helper()
			git(t, dir, nil, "prune", "--expire=now")
			git(t, dir, nil, "gc", "-q", "--prune=now")
			if out := git(t, dir, nil, "count-objects", "-v"); !strings.Contains(out, "garbage: 0") || strings.Contains(out, "warning") {
				t.Errorf("count-objects: %s", out)
			}
			fsck(t, dir)
		}
		id, _, err := lane.Add(Blob, []byte("kept"))
		if err != nil {
			t.Fatal(err)
		}
		big := bytes.Repeat([]byte("streamed"), BigObject/8)
		bigID, _, err := lane.AddStream(Blob, int64(len(big)), readerAfter(sweeping, big))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		// Published, and named by nothing yet.
		sweeping()
		if _, err := db.SweepPacks(); err != nil {
			t.Fatal(err)
		}
		sweeping()
		for _, id := range []ID{id, bigID} {
			if got := git(t, dir, nil, "cat-file", "-t", id.String()); got != "blob" {
				t.Errorf("%s is a %s", id, got)
			}
		}
		w.Release()
		sweeping()
		if db.Stored(id) {
			t.Error("git did not collect a pack that nothing keeps: the test proves nothing")
		}
		if again, err := db.WriteLoose(Blob, []byte("kept")); err != nil || again != id || !db.Stored(id) {
			t.Errorf("what git collected is not written again: %v", err)
		}
	}
}

// readerAfter calls f before it gives the data.
func readerAfter(f func(), data []byte) readerFunc {
	r := bytes.NewReader(data)
	called := false
	return func(b []byte) (int, error) {
		if !called {
			called = true
			f()
		}
		return r.Read(b)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestSweepRemovesTheMarksOfTheDeadOnly(t *testing.T) {
	_, db := newRepository(t)
	w, err := db.NewPack()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.NewLane().Add(Blob, []byte("x")); err != nil {
		t.Fatal(err)
	}
	p, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(db.Dir(), "pack")
	mine := filepath.Join(dir, p.Name+".keep")
	files := map[string]string{"pack-dead.keep": keepMark, "pack-foreign.keep": "by hand\n", "pack-empty.keep": ""}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{tempPack + "dead", tempKeep + "dead", "pack/" + oldTempIndex + "dead"} {
		if err := os.WriteFile(filepath.Join(db.Dir(), name), make([]byte, 10), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if freed, err := db.SweepPacks(); freed != 30 || err != nil {
		t.Errorf("freed %d: %v", freed, err)
	}
	for name, want := range map[string]bool{"pack-dead.keep": false, "pack-foreign.keep": true, "pack-empty.keep": true, p.Name + ".keep": true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v", name, err == nil)
		}
	}
	w.Release()
	w.Release()
	if _, err := os.Lstat(mine); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("released, and the mark is still there: %v", err)
	}
}

// TestReaderFollowsWhatGitRepacks reads while git moves the objects from pack to
// pack.
func TestReaderFollowsWhatGitRepacks(t *testing.T) {
	dir, db := newRepository(t)
	var tree []byte
	var ids []ID
	for i := range 20 {
		id, err := db.WriteLoose(Blob, fmt.Append(nil, "blob ", i))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		tree = AppendTreeEntry(tree, TreeEntry{Mode: 0o100644, Name: fmt.Sprintf("f%02d", i), ID: id})
	}
	root, err := db.WriteLoose(Tree, tree)
	if err != nil {
		t.Fatal(err)
	}
	commit := git(t, dir, nil, "commit-tree", "-m", "x", root.String())
	git(t, dir, nil, "update-ref", "refs/heads/x", commit)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				// Another window makes another pack each time.
				git(t, dir, nil, "repack", "-adfq", fmt.Sprintf("--depth=%d", i%3), "--window=5")
			}
		}
	}()
	for range 400 {
		for _, id := range ids {
			if _, _, err := db.Read(id); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	<-done
}

func TestFileSystemOfItsOwnIsNoStagingDirectory(t *testing.T) {
	_, db := newRepository(t)
	var a, b unix.Stat_t
	if unix.Stat("/dev/shm", &a) != nil || unix.Stat(db.Dir(), &b) != nil || a.Dev == b.Dev {
		t.Skip("no second file system")
	}
	other, err := OpenStaged(db.Dir(), "/dev/shm")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if id, err := other.WriteLoose(Blob, []byte("x")); err != nil || !db.Has(id) {
		t.Error(err)
	}
}
