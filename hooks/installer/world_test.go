package installer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// world is a repository with a server to push to, and a program that writes down
// how it was called.
type world struct {
	*testing.T
	dir, server, bin, log string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "EVOSEAL_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	base, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	w := &world{t, filepath.Join(base, "it's a work tree"), filepath.Join(base, "server.git"), filepath.Join(base, "bin"), filepath.Join(base, "log")}
	home := filepath.Join(base, "home")
	for _, dir := range []string{w.dir, w.bin, home} {
		must(t, os.Mkdir(dir, 0o755))
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("LOG", w.log)
	t.Setenv("PATH", w.bin+":"+os.Getenv("PATH"))
	w.file(filepath.Join(home, ".gitconfig"), "[user]\n\tname = t\n\temail = t@example.invalid\n[init]\n\tdefaultBranch = main\n[protocol \"file\"]\n\tallow = always\n", 0o644)
	w.program("exit 0")
	w.git("init", "-q", ".")
	w.git("init", "-q", "--bare", w.server)
	w.git("commit", "-q", "--allow-empty", "-m", "base")
	return w
}

// program says what the engine does when a hook calls it.
func (w *world) program(then string) {
	w.file(filepath.Join(w.bin, "git-evoseal-rollback"), "#!/bin/sh\necho \"ours $*\" >> \"$LOG\"; [ -t 0 ] || sed 's/^/ours read /' >> \"$LOG\"\n"+then+"\n", 0o755)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) file(path, content string, perm os.FileMode) {
	w.Helper()
	must(w.T, os.MkdirAll(filepath.Dir(path), 0o755))
	must(w.T, os.WriteFile(path, []byte(content), perm))
	must(w.T, os.Chmod(path, perm))
}

func (w *world) git(args ...string) string {
	w.Helper()
	out, err := w.try(args...)
	if err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (w *world) try(args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (w *world) open() *Repository {
	w.Helper()
	r, err := Open(w.dir)
	must(w.T, err)
	return r
}

func (w *world) hook(name string) string { return filepath.Join(w.dir, ".git", "hooks", name) }

// said is what the hooks wrote down since it was asked last.
func (w *world) said() string {
	w.Helper()
	data, err := os.ReadFile(w.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.Fatal(err)
	}
	os.Remove(w.log)
	return string(data)
}

func (w *world) install(names ...string) []Change {
	w.Helper()
	changes, err := w.open().Install(names, Options{})
	must(w.T, err)
	return changes
}

func (w *world) uninstall(names ...string) []Change {
	w.Helper()
	changes, err := w.open().Uninstall(names, Options{})
	must(w.T, err)
	return changes
}

func (w *world) states() map[string]State {
	w.Helper()
	all, err := w.open().Status()
	must(w.T, err)
	states := make(map[string]State)
	for _, st := range all {
		states[st.Hook] = st.State
	}
	return states
}

// fingerprint is every file of the hooks directory with bytes, mode and time.
func (w *world) fingerprint() string {
	w.Helper()
	var all []string
	entries, err := os.ReadDir(filepath.Join(w.dir, ".git", "hooks"))
	must(w.T, err)
	for _, e := range entries {
		fi, err := e.Info()
		must(w.T, err)
		data, err := os.ReadFile(w.hook(e.Name()))
		must(w.T, err)
		link, _ := os.Readlink(w.hook(e.Name()))
		all = append(all, fmt.Sprintf("%s %s %s %x %s", e.Name(), fi.Mode(), fi.ModTime().Format(time.RFC3339Nano), sha256.Sum256(data), link))
	}
	return strings.Join(all, "\n")
}
