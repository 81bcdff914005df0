package safety

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// world is a project with its store and a home beside it, on the real file system.
type world struct {
	t                           *testing.T
	top, project, home, outside string
	guard                       *Guard
}

func newWorld(t *testing.T) *world {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, top: top,
		project: filepath.Join(top, "work", "project"),
		home:    filepath.Join(top, "homes", "me"),
		outside: filepath.Join(top, "outside"),
	}
	for _, dir := range []string{w.project + "/src/deep", w.project + "/.evoseal/.git/refs", w.home, w.outside, top + "/free"} {
		w.mkdir(dir)
	}
	w.write(w.outside+"/precious", "precious")
	t.Setenv("HOME", w.home)
	t.Cleanup(w.unlock)
	w.guard = w.newGuard(Options{})
	return w
}

// newGuard fills in what opts leave out.
func (w *world) newGuard(opts Options) *Guard {
	w.t.Helper()
	if opts.Project == "" {
		opts.Project = w.project
	}
	if opts.Store == "" {
		opts.Store = filepath.Join(w.project, ".evoseal", ".git")
	}
	if opts.Cwd == "" {
		opts.Cwd = w.project
	}
	if opts.Owned == nil {
		opts.Owned = func(dir *os.File) bool { return exists(dir, ".ours") }
	}
	guard, err := NewGuard(opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return guard
}

// unlock lets the test's directory be removed, read-only trees in it included.
func (w *world) unlock() {
	_ = filepath.WalkDir(w.top, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o755)
		}
		return nil
	})
}

func (w *world) mkdir(path string) {
	w.t.Helper()
	w.must(os.MkdirAll(path, 0o755))
}

func (w *world) write(path, content string) {
	w.t.Helper()
	w.must(os.WriteFile(path, []byte(content), 0o644))
}

func (w *world) link(to, path string) {
	w.t.Helper()
	w.must(os.Symlink(to, path))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) choose(req Request) *Target {
	w.t.Helper()
	d, err := w.guard.Choose(req)
	w.must(err)
	w.t.Cleanup(func() { d.Target.Close() })
	return d.Target
}

// stage makes a pending tree that tells its generation.
func (w *world) stage(target *Target, generation string) *Pending {
	w.t.Helper()
	p, err := target.Pending()
	w.must(err)
	root, err := p.Root()
	w.must(err)
	defer root.Close()
	w.must(root.WriteFile(".ours", nil, 0o644))
	w.must(root.WriteFile("generation", []byte(generation), 0o644))
	w.must(root.Mkdir("locked", 0o755))
	w.must(root.WriteFile("locked/file", []byte("x"), 0o444))
	w.must(root.Chmod("locked", 0o555))
	return p
}

func (w *world) commit(target *Target, generation string) {
	w.t.Helper()
	p := w.stage(target, generation)
	w.must(p.Commit(CommitOptions{KeepPrevious: true}))
	w.must(p.Cleanup())
}

// generation reads which tree is at path; "" means that none is.
func (w *world) generation(path string) string {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(path, "generation"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	return string(content)
}

func (w *world) expect(path, want string) {
	w.t.Helper()
	if got := w.generation(path); got != want {
		w.t.Errorf("%s holds generation %q, want %q", path, got, want)
	}
}

// untouched makes sure that nothing was written or removed outside.
func (w *world) untouched() {
	w.t.Helper()
	entries, err := os.ReadDir(w.outside)
	w.must(err)
	content, err := os.ReadFile(w.outside + "/precious")
	if len(entries) != 1 || err != nil || string(content) != "precious" {
		w.t.Fatalf("%s was touched: %v, %q, %v", w.outside, entries, content, err)
	}
}

// noLeftovers makes sure that only wanted names lie beside the target.
func (w *world) noLeftovers(dir string) {
	w.t.Helper()
	entries, err := os.ReadDir(dir)
	w.must(err)
	for _, e := range entries {
		if keptName().MatchString(e.Name()) {
			w.t.Errorf("left over in %s: %s", dir, e.Name())
		}
	}
}

func refusedBy(err error) Rule {
	var unsafe *UnsafeError
	if !errors.As(err, &unsafe) || !errors.Is(err, ErrUnsafe) || strings.Contains(err.Error(), "\n") {
		return ""
	}
	return unsafe.Rule
}
