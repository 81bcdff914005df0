package manager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

type world struct {
	*testing.T
	dir string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GIT_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t, filepath.Join(dir, "project")}
	w.write("a", "one", "d/b", "two", ".gitignore", "ignored\n", "ignored", "precious")
	w.git("init", "-q", ".")
	w.git("add", "a")
	w.git("commit", "-qm", "base")
	return w
}

func (w *world) git(args ...string) string {
	w.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.invalid"}, args...)...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) write(pairs ...string) {
	w.Helper()
	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(w.dir, pairs[i])
		w.must(os.MkdirAll(filepath.Dir(path), 0o755))
		w.must(os.WriteFile(path, []byte(pairs[i+1]), 0o644))
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) manager(opts Options) *Manager {
	w.Helper()
	m, err := New(context.Background(), w.dir, opts)
	w.must(err)
	w.Cleanup(func() { m.Close() })
	return m
}

func (w *world) checkpoint(m *Manager, version string) *CheckpointResult {
	w.Helper()
	r, err := m.Checkpoint(context.Background(), CheckpointRequest{Version: version})
	w.must(err)
	return r
}

// fingerprint is everything of the live project: bytes, kinds, modes and times
// of all files, its Git directory with them.
func (w *world) fingerprint() map[string]string {
	w.Helper()
	out := make(map[string]string)
	w.must(filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(w.dir, path)
		if e.Name() == gitstore.Dir {
			return filepath.SkipDir
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		sum := ""
		if fi.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			digest := sha256.Sum256(data)
			sum = hex.EncodeToString(digest[:])
		}
		// The top's own time changes when .evoseal appears in it.
		when := fi.ModTime().String()
		if rel == "." {
			when = ""
		}
		out[rel] = fmt.Sprint(fi.Mode(), fi.Size(), when, sum)
		return nil
	}))
	return out
}

func (w *world) unchanged(before map[string]string) {
	w.Helper()
	after := w.fingerprint()
	for path, x := range before {
		if after[path] != x {
			w.Errorf("the live project changed at %s: %q, was %q", path, after[path], x)
		}
	}
	for path := range after {
		if before[path] == "" {
			w.Errorf("the live project gained %s", path)
		}
	}
}

func (w *world) target(name string) string {
	w.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, ".evoseal/rollback_target", name))
	w.must(err)
	return string(data)
}
