package installer

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// npm installs a package into the work tree, as its users do.
func (w *world) npm(pkg string) {
	w.Helper()
	if testing.Short() {
		w.Skip("short")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		w.Skip("there is no npm")
	}
	w.file(filepath.Join(w.dir, "package.json"), `{"name": "x", "version": "1.0.0", "private": true}`, 0o644)
	w.file(filepath.Join(w.dir, ".gitignore"), "node_modules\n", 0o644)
	cmd := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--save-dev", pkg)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "npm_config_fetch_retries=0", "npm_config_fetch_timeout=20000")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Skipf("%s can't be had: %v %s", pkg, err, out)
	}
}

func (w *world) npx(args ...string) {
	w.Helper()
	cmd := exec.Command(filepath.Join(w.dir, "node_modules", ".bin", args[0]), args[1:]...)
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("%v: %v %s", args, err, out)
	}
}

// takeAdvice adds the lines that the refusal names.
func (w *world) takeAdvice(manager Manager, hook string) {
	w.Helper()
	_, err := w.open().Install([]string{hook}, Options{})
	var managed *ManagedError
	if !errors.As(err, &managed) || managed.Manager != manager {
		w.Fatalf("%v", err)
	}
	add := managed.Adds[0]
	have, _ := os.ReadFile(add.File)
	w.file(add.File, string(have)+add.Lines, 0o755)
}

func TestHusky(t *testing.T) {
	w := newWorld(t)
	w.npm("husky")
	w.npx("husky")
	w.file(filepath.Join(w.dir, ".husky", "pre-push"), "echo theirs >> \"$LOG\"\n", 0o644)
	if got := w.states()["pre-push"]; got != Foreign {
		t.Errorf("%s", got)
	}
	w.takeAdvice(Husky, "pre-push")
	w.git("push", "-q", w.server, "main")
	if said := w.said(); !strings.Contains(said, "theirs") || !strings.Contains(said, "ours hooks run pre-push "+w.server) || !strings.Contains(said, "ours read refs/heads/main") {
		t.Errorf("%s", said)
	}
	if got := w.states()["pre-push"]; got != Calling {
		t.Errorf("%s", got)
	}
	w.program("exit 1")
	if out, err := w.try("push", w.server, "main:other"); err == nil {
		t.Errorf("pushed: %s", out)
	}
}

func TestLefthook(t *testing.T) {
	w := newWorld(t)
	w.npm("lefthook")
	w.file(filepath.Join(w.dir, "lefthook.yml"), "pre-commit:\n  commands:\n    theirs:\n      run: echo theirs >> \"$LOG\"\n", 0o644)
	w.npx("lefthook", "install")
	w.takeAdvice(Lefthook, "pre-push")
	w.npx("lefthook", "install")
	// Lefthook runs nothing for a push in which no file changes.
	w.git("add", "-A")
	w.git("commit", "-q", "-m", "files")
	w.git("push", "-q", w.server, "main")
	if said := w.said(); !strings.Contains(said, "ours hooks run pre-push "+w.server) || !strings.Contains(said, "ours read refs/heads/main") {
		t.Errorf("%s", said)
	}
	if got := w.states()["pre-push"]; got != Calling {
		t.Errorf("%s", got)
	}
	w.program("exit 1")
	if out, err := w.try("push", w.server, "main:other"); err == nil {
		t.Errorf("pushed: %s", out)
	}
}
