package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore/gitstoretest"
)

func TestMain(m *testing.M) {
	err := gitstoretest.UseMemory()
	if err == nil {
		npmCache, err = os.MkdirTemp("", "evoseal-npm-")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(npmCache)
	os.Exit(code)
}

// npmCache is where npm keeps what it downloads: each test has a home of its own.
var npmCache string

// world is a repository, a remote, and a program that stands for ours: it logs its
// arguments and its input.
type world struct {
	t *testing.T
	// dir has everything, work is the work tree, remote the bare repository.
	dir, work, remote, program, log string
	// git is the Git to use, env what it is run with besides.
	git string
	env []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldIn(t, t.TempDir())
}

func newWorldIn(t *testing.T, dir string) *world {
	t.Helper()
	w := &world{t: t, dir: dir, work: filepath.Join(dir, "work"), remote: filepath.Join(dir, "remote.git"),
		program: filepath.Join(dir, "bin", "evoseal"), log: filepath.Join(dir, "log"), git: "git"}
	home := filepath.Join(dir, "home")
	must(t, os.MkdirAll(home, 0o755))
	for _, name := range []string{"GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "XDG_CONFIG_HOME", "GIT_CONFIG_SYSTEM"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, ".gitconfig"))
	t.Setenv("LOG", w.log)
	write(t, filepath.Join(home, ".gitconfig"), "[user]\n\tname = A\n\temail = a@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tignoredHook = false\n", 0o644)
	write(t, w.program, stubText, 0o755)
	w.run(dir, "init", "-q", w.work)
	w.run(dir, "init", "-q", "--bare", w.remote)
	w.run(w.work, "remote", "add", "origin", "file://"+w.remote)
	w.commit("one")
	return w
}

// stubText logs what "hooks run <hook>" is given. The input is read only for hooks
// that Git feeds; a terminal would wait for ever.
const stubText = `#!/bin/sh
echo "ours $*" >>"$LOG"
case $3 in pre-push|post-rewrite|pre-receive|post-receive) sed 's/^/ours< /' >>"$LOG" ;; esac
exit "${OURS_CODE:-0}"
`

// foreignText does the same for a hook that was there before.
const foreignText = `#!/bin/sh
echo "foreign $*" >>"$LOG"
case $0 in *post-commit*|*post-merge*|*pre-commit*) ;; *) sed 's/^/foreign< /' >>"$LOG" ;; esac
exit "${FOREIGN_CODE:-0}"
`

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string, perm os.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), perm))
	must(t, os.Chmod(path, perm))
}

func (w *world) command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(w.git, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), w.env...)
	return cmd
}

// try runs git and returns what it printed.
func (w *world) try(dir string, args ...string) (string, error) {
	out, err := w.command(dir, args...).CombinedOutput()
	return string(out), err
}

func (w *world) run(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.try(dir, args...)
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(out)
}

func (w *world) commit(name string) string {
	w.t.Helper()
	write(w.t, filepath.Join(w.work, name), name, 0o644)
	w.run(w.work, "add", ".")
	w.run(w.work, "commit", "-q", "-m", name)
	return w.run(w.work, "rev-parse", "HEAD")
}

// push pushes HEAD to a new branch, and returns the line that pre-push gets.
func (w *world) push(branch string) (line, out string, err error) {
	head := w.run(w.work, "rev-parse", "HEAD")
	out, err = w.try(w.work, "push", "-q", "origin", "HEAD:refs/heads/"+branch)
	return fmt.Sprintf("HEAD %s refs/heads/%s %s", head, branch, strings.Repeat("0", 40)), out, err
}

func (w *world) hasBranch(branch string) bool {
	_, err := w.try(w.remote, "rev-parse", "-q", "--verify", "refs/heads/"+branch)
	return err == nil
}

// logged returns the log's lines and empties it.
func (w *world) logged() []string {
	w.t.Helper()
	data, err := os.ReadFile(w.log)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(w.t, err)
	must(w.t, os.Remove(w.log))
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}

func (w *world) wantLog(want ...string) {
	w.t.Helper()
	if got := w.logged(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("log:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (w *world) hook(name string) string { return filepath.Join(w.work, ".git", "hooks", name) }

func (w *world) open(dir string) *Repository {
	w.t.Helper()
	r, err := Open(dir)
	must(w.t, err)
	return r
}

func (w *world) install(hooks ...string) Result {
	w.t.Helper()
	res, err := w.tryInstall(hooks...)
	must(w.t, err)
	return res
}

func (w *world) tryInstall(hooks ...string) (Result, error) {
	return w.open(w.work).Install(context.Background(), InstallRequest{Hooks: hooks, Program: w.program})
}

func (w *world) uninstall(hooks ...string) Result {
	w.t.Helper()
	res, err := w.open(w.work).Uninstall(context.Background(), UninstallRequest{Hooks: hooks})
	must(w.t, err)
	return res
}

func (w *world) status(hook string) HookStatus {
	w.t.Helper()
	all, err := w.open(w.work).Status(context.Background())
	must(w.t, err)
	for _, s := range all {
		if s.Hook.Name == hook {
			return s
		}
	}
	w.t.Fatalf("no status of %s", hook)
	return HookStatus{}
}

func (w *world) wantState(hook string, want State) {
	w.t.Helper()
	if s := w.status(hook); s.State != want {
		w.t.Errorf("%s: state %q, want %q (%+v)", hook, s.State, want, s)
	}
}

func actions(res Result) string {
	var all []string
	for _, c := range res.Changes {
		all = append(all, c.Hook+" "+string(c.Action))
	}
	return strings.Join(all, ", ")
}

func (w *world) hooks() string { return filepath.Join(w.work, ".git", "hooks") }
