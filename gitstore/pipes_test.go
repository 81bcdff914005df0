package gitstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pipe in the place of a cache is no cache: nobody waits for what comes out of it.
func TestPipesInsteadOfCaches(t *testing.T) {
	w, s := packedWorld(t, 5, time.Second)
	for _, name := range []string{checkpointIndexFile, statCacheFile, string(Verdicts) + ".lines", string(History) + ".lines", verifiedFile} {
		os.Remove(s.cachePath(name))
		if err := unix.Mkfifo(s.cachePath(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.inTime(func() {
		if list, err := s.Checkpoints(t.Context()); err != nil || len(list) != 5 {
			t.Error(len(list), err)
		}
		if _, err := s.NoteLines(t.Context(), Verdicts); err != nil {
			t.Error(err)
		}
		w.write("f", "after")
		if _, err := s.Record(t.Context(), RecordRequest{Version: "after"}); err != nil {
			t.Error(err)
		}
	})
}

// Whoever may write the project's repository can put a pipe, or something without an
// end, in the place of what Git reads. Nobody waits for these either.
func TestPipesInTheProject(t *testing.T) {
	for name, refused := range map[string]bool{
		".git/config": false, ".git/HEAD": false, ".git/commondir": false, ".gitignore": false, "sub/.gitignore": false,
		".git/info/exclude": true, ".git/index": true, ".evoseal/.git/config": false,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.git("init", "-q")
			w.write("f", "1", "sub/x.o", "1", ".gitignore", "*.o\n")
			s := w.store()
			w.record(s, RecordRequest{Version: "v1"})
			path := filepath.Join(w.dir, name)
			os.Remove(path)
			if err := unix.Mkfifo(path, 0o644); err != nil {
				t.Fatal(err)
			}
			w.inTime(func() {
				if entries, err := ReadConfigFile(filepath.Join(w.dir, ".git", "config")); (err != nil) != (name == ".git/config") {
					t.Errorf("%d entries, %v", len(entries), err)
				}
				p, err := FindProject(w.dir)
				if err != nil {
					t.Error(err)
					return
				}
				again, err := Open(t.Context(), p, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				defer again.Close()
				if _, err := again.Record(t.Context(), RecordRequest{Version: "v2"}); (err != nil) != refused {
					t.Errorf("recorded: %v", err)
				}
				if _, err := again.GC(t.Context(), GCRequest{}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestConfigWithoutEnd(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	w.write("f", "1")
	large := filepath.Join(w.dir, ".git", "large")
	if err := os.WriteFile(large, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil {
		t.Skip(err)
	}
	w.write(".git/config", "[include]\n\tpath = /dev/zero\n\tpath = large\n[core]\n\texcludesFile = /dev/null\n")
	w.inTime(func() {
		if c := w.record(w.store(), RecordRequest{Version: "v1"}); c.Files != 1 {
			t.Errorf("%d files", c.Files)
		}
	})
}

// inTime fails the test when what it does hangs.
func (w *world) inTime(do func()) {
	w.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		w.Fatal("it hangs")
	}
}
