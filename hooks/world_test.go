package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore/gitstoretest"
	"github.com/evoseal/git-evoseal-rollback/manager"
)

// childVariable makes the test binary be a hook.
const childVariable = "EVOSEAL_TEST_HOOK"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		if err := gitstoretest.UseMemory(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	os.Unsetenv(childVariable)
	switch err := beHook(); {
	case errors.Is(err, ErrStopped):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func beHook() error {
	ctx := context.Background()
	m, err := manager.New(ctx, ".", manager.Options{Actor: "hook"})
	if err != nil {
		return err
	}
	defer m.Close()
	return Run(ctx, Call{
		Hook: os.Args[1], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Manager: m,
	})
}

// world is a repository whose hooks are the test binary.
type world struct {
	*testing.T
	dir string
}

func newWorld(t *testing.T, hooks ...string) *world {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GIT_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	// The race detector's runtime sleeps for a second at the end of each hook.
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	config := "[user]\n\tname = t\n\temail = t@example.invalid\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n[protocol \"file\"]\n\tallow = always\n"
	must(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o644))
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	w := &world{t, filepath.Join(dir, "work")}
	must(t, os.Mkdir(w.dir, 0o755))
	w.git("init", "-q", ".")
	w.install(hooks...)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// install puts the test binary into the place of hooks.
func (w *world) install(hooks ...string) {
	w.Helper()
	self, err := os.Executable()
	must(w.T, err)
	dir := w.git("rev-parse", "--git-path", "hooks")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(w.dir, dir)
	}
	must(w.T, os.MkdirAll(dir, 0o755))
	for _, hook := range hooks {
		script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' %s \"$@\"\n", childVariable, self, hook)
		must(w.T, os.WriteFile(filepath.Join(dir, hook), []byte(script), 0o755))
	}
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

// commit writes files, given as pairs of name and content, and commits them.
func (w *world) commit(message string, pairs ...string) string {
	w.Helper()
	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(w.dir, pairs[i])
		must(w.T, os.MkdirAll(filepath.Dir(path), 0o755))
		must(w.T, os.WriteFile(path, []byte(pairs[i+1]), 0o644))
	}
	w.git("add", "-A")
	w.git("commit", "-q", "--allow-empty", "-m", message)
	return w.git("rev-parse", "HEAD")
}

// bare clones the repository for others to push to.
func (w *world) bare(hooks ...string) *world {
	w.Helper()
	dir, err := filepath.EvalSymlinks(w.TempDir())
	must(w.T, err)
	b := &world{w.T, filepath.Join(dir, "server.git")}
	w.git("clone", "-q", "--bare", w.dir, b.dir)
	b.install(hooks...)
	return b
}

func (w *world) manager() *manager.Manager {
	w.Helper()
	m, err := manager.New(context.Background(), w.dir, manager.Options{})
	must(w.T, err)
	w.Cleanup(func() { m.Close() })
	return m
}

// targets are the recorded versions, newest first.
func (w *world) targets() []manager.RollbackTarget {
	w.Helper()
	all, err := w.manager().Targets(context.Background())
	must(w.T, err)
	return all
}

// recorded is what is held of a commit.
func (w *world) recorded(commit string) *manager.RollbackTarget {
	w.Helper()
	all := w.targets()
	if i := slices.IndexFunc(all, func(t manager.RollbackTarget) bool { return t.SourceCommit == commit }); i >= 0 {
		return &all[i]
	}
	w.Fatalf("commit %s was not recorded", commit)
	return nil
}

func (w *world) read(name string) string {
	w.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	must(w.T, err)
	return string(data)
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
}
