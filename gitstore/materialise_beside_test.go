package gitstore

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// besideWorld is a project that was recorded twice, with the first version in a
// target, and is gone.
func besideWorld(t *testing.T) (w *world, s *Store, v2 Checkpoint, target string) {
	t.Helper()
	w = newWorld(t)
	for i := range 200 {
		w.write(fmt.Sprintf("d%d/sub/f%03d", i%4, i), strings.Repeat(fmt.Sprintf("line %d\n", i), 1+i%40))
	}
	w.write("d0/large", strings.Repeat("large ", 100_000), "d0/run", "#!/bin/sh\n")
	w.must(os.Chmod(filepath.Join(w.dir, "d0", "run"), 0o755))
	s = w.storeWith(Options{Workers: 1})
	v1 := w.record(s, RecordRequest{Version: "v1"})
	w.write("d1/sub/f001", "another", "new", "file")
	v2 = w.record(s, RecordRequest{Version: "v2"}).Checkpoint
	target = filepath.Join(w.dir, Dir, "rollback_target")
	w.target(s, v1.Checkpoint, target, true)
	for _, name := range []string{"d0", "d1", "d2", "d3", "new"} {
		w.must(os.RemoveAll(filepath.Join(w.dir, name)))
	}
	return w, s, v2, target
}

// bringBeside writes a checkpoint into a new directory, and says whether all is as it is
// in the store.
func (w *world) bringBeside(s *Store, c Checkpoint, target string) *Materialised {
	w.Helper()
	path := w.TempDir()
	dir, err := os.Open(path)
	w.must(err)
	defer dir.Close()
	m, err := s.Materialise(w.Context(), MaterialiseRequest{Checkpoint: c, Sink: plainSink{dir}, Beside: func() (*os.File, *Filled, error) {
		beside, err := os.Open(target)
		if err != nil {
			return nil, nil, err
		}
		slot, err := s.SlotOf(beside)
		if err != nil || slot == nil {
			return beside, nil, err
		}
		filled, err := s.ReadSlot(slot)
		return beside, filled, err
	}})
	w.must(err)
	if m.Files != c.Files || m.Bytes != c.Bytes {
		w.Errorf("%d files with %d bytes are there, not %d with %d", m.Files, m.Bytes, c.Files, c.Bytes)
	}
	for _, name := range w.files(c.Version) {
		got, err := os.ReadFile(filepath.Join(path, name))
		w.must(err)
		if id := w.hashObject("blob", got); w.git("--git-dir=.evoseal/.git", "rev-parse", c.Version+":"+name) != id.String() {
			w.Errorf("%s is another file", name)
		}
	}
	return m
}

// What the project has lost is copied from the target, once it is more than a little.
func TestCopiedFromBeside(t *testing.T) {
	w, s, v2, target := besideWorld(t)
	m := w.bringBeside(s, v2, target)
	if first := int64(64+v2.Files/besideShare) - 1; m.Inflated < first || m.Inflated > first+2 || m.Copied != v2.Files-m.Inflated {
		t.Errorf("of %d files %d were copied and %d inflated", v2.Files, m.Copied, m.Inflated)
	}
	if fi, err := os.Stat(target); err != nil || !fi.IsDir() {
		t.Error(err)
	}
}

// Whatever became of the target's files, what is written is what was recorded.
func TestCopiedFromADisturbedOne(t *testing.T) {
	w, s, v2, target := besideWorld(t)
	elsewhere := w.TempDir()
	w.must(os.CopyFS(elsewhere, os.DirFS(filepath.Join(target, "d3"))))
	w.must(os.RemoveAll(filepath.Join(target, "d3")))
	w.must(os.Symlink(elsewhere, filepath.Join(target, "d3")))
	for i := range 200 {
		path := filepath.Join(target, fmt.Sprintf("d%d/sub/f%03d", i%4, i))
		switch {
		case i%4 == 3:
		case i%5 == 1:
			data, err := os.ReadFile(path)
			w.must(err)
			w.must(os.WriteFile(path, bytes.ToUpper(data), 0o644))
		case i%5 == 2:
			w.must(os.Remove(path))
			w.must(unix.Mkfifo(path, 0o644))
		case i%5 == 3:
			w.must(os.Truncate(path, 3))
		}
	}
	w.inTime(func() {
		if m := w.bringBeside(s, v2, target); m.Copied == 0 || m.Inflated < 100 {
			t.Errorf("%d were copied and %d inflated", m.Copied, m.Inflated)
		}
	})
	w.must(os.RemoveAll(target))
	if m := w.bringBeside(s, v2, target); m.Copied != 0 {
		t.Errorf("%d were copied from nothing", m.Copied)
	}
}
