package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore/gitstoretest"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if err := gitstoretest.UseMemory(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// world is a project in a directory of its own, with a git that knows nothing
// of the machine's configuration.
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
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, dir}
}

func (w *world) git(args ...string) string {
	w.Helper()
	out, err := w.tryGit(args...)
	if err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (w *world) tryGit(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// write makes files from pairs of name and content.
func (w *world) write(pairs ...string) {
	w.Helper()
	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(w.dir, pairs[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			w.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(pairs[i+1]), 0o644); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) store() *Store { return w.storeWith(Options{}) }

func (w *world) storeWith(opts Options) *Store {
	w.Helper()
	p, err := FindProject(w.dir)
	w.must(err)
	s, err := Init(context.Background(), p, opts)
	w.must(err)
	w.Cleanup(func() { s.Close() })
	return s
}

func (w *world) record(s *Store, req RecordRequest) Recorded {
	w.Helper()
	r, err := s.Record(context.Background(), req)
	w.must(err)
	return r
}

// files lists what plain git finds in a checkpoint.
func (w *world) files(version string) []string {
	w.Helper()
	out := w.git("--git-dir=.evoseal/.git", "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", version)
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

// fsck fails the test at anything that git's checker says of the store.
func (w *world) fsck() {
	w.Helper()
	if out := w.git("--git-dir=.evoseal/.git", "fsck", "--strict", "--no-dangling"); out != "" {
		w.Errorf("git fsck: %s", out)
	}
}

// plainSink is a directory without any of safety's care.
type plainSink struct{ f *os.File }

func (p plainSink) Dir() *os.File { return p.f }

func (p plainSink) CheckName(name string) error {
	if name == ".git" || name == ".." || strings.Contains(name, "/") {
		return errors.New("bad name")
	}
	return nil
}

func (p plainSink) Remove(dir *os.File, name string) error {
	return os.RemoveAll(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name))
}

// materialise writes a checkpoint into a new directory.
func (w *world) materialise(s *Store, c Checkpoint, change func(*MaterialiseRequest)) (string, *Materialised, error) {
	w.Helper()
	dir := w.TempDir()
	f, err := os.Open(dir)
	w.must(err)
	defer f.Close()
	req := MaterialiseRequest{Checkpoint: c, Sink: plainSink{f}}
	if change != nil {
		change(&req)
	}
	m, err := s.Materialise(context.Background(), req)
	return dir, m, err
}

// sameTrees fails the test where two directories differ in names, bytes, kinds
// or permission bits.
func (w *world) sameTrees(want, got string) {
	w.Helper()
	a, b := w.picture(want), w.picture(got)
	for path, x := range a {
		if y, ok := b[path]; !ok || x != y {
			w.Errorf("%q is %q, want %q", path, y, x)
		}
	}
	for path := range b {
		if _, ok := a[path]; !ok {
			w.Errorf("%q is there and should not be", path)
		}
	}
	if len(a) == 0 {
		w.Error("nothing to compare")
	}
}

func (w *world) picture(dir string) map[string]string {
	w.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if e.Name() == ".git" || e.Name() == Dir {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		content := ""
		switch {
		case e.Type()&os.ModeSymlink != 0:
			content, err = os.Readlink(path)
			st.Mode = 0
		case e.Type().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			content = string(data)
		}
		if rel != "." {
			out[rel] = e.Type().String() + " " + Perm(uint32(st.Mode)&0o7777).string() + " " + content
		}
		return err
	})
	w.must(err)
	return out
}

func (p Perm) string() string {
	text, _ := p.MarshalText()
	return string(bytes.TrimSpace(text))
}
