package installer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

func TestInstallAndUninstall(t *testing.T) {
	w := newWorld(t)
	before := w.fingerprint()
	changes := w.install()
	if len(changes) != 4 || changes[0].Action != Installed {
		t.Errorf("%+v", changes)
	}
	for hook, want := range map[string]State{"pre-push": Ours, "post-commit": Ours, "post-merge": Ours, "post-rewrite": Ours, "pre-commit": None} {
		if got := w.states()[hook]; got != want {
			t.Errorf("%s is %q", hook, got)
		}
	}
	for _, c := range w.install() {
		if c.Action != Unchanged {
			t.Errorf("again: %+v", c)
		}
	}
	w.git("commit", "-q", "--allow-empty", "-m", "more")
	if got := w.said(); !strings.HasPrefix(got, "ours hooks run post-commit \n") && !strings.HasPrefix(got, "ours hooks run post-commit\n") {
		t.Errorf("post-commit: %q", got)
	}
	head := w.git("rev-parse", "HEAD")
	w.git("push", "-q", w.server, "main")
	want := fmt.Sprintf("ours hooks run pre-push %s %s\nours read refs/heads/main %s refs/heads/main %s\n", w.server, w.server, head, strings.Repeat("0", 40))
	if got := w.said(); got != want {
		t.Errorf("pre-push: %q, want %q", got, want)
	}
	w.git("commit", "-q", "--amend", "--allow-empty", "-m", "reworded")
	if got := w.said(); !strings.Contains(got, "ours hooks run post-rewrite amend\nours read "+head) {
		t.Errorf("post-rewrite: %q", got)
	}
	w.program("exit 3")
	if out, err := w.try("push", "-f", w.server, "main"); err == nil {
		t.Errorf("the push went through: %s", out)
	}
	if changes := w.uninstall(); len(changes) != 5 {
		t.Errorf("%+v", changes)
	}
	if after := w.fingerprint(); after != before {
		t.Errorf("left behind:\n%s\nwas\n%s", after, before)
	}
	w.git("push", "-qf", w.server, "main")
}

// foreign makes a hook of somebody else's that says how it was called.
func (w *world) foreign(kind, hook string, code int) {
	w.Helper()
	path := w.hook(hook)
	switch kind {
	case "sh":
		w.file(path, fmt.Sprintf("#!/bin/sh\necho \"theirs $*\" >> \"$LOG\"; [ -t 0 ] || sed 's/^/theirs read /' >> \"$LOG\"; exit %d\n", code), 0o755)
	case "deaf":
		w.file(path, fmt.Sprintf("#!/bin/sh\necho \"theirs $*\" >> \"$LOG\"; exit %d\n", code), 0o750)
	case "python":
		if _, err := exec.LookPath("python3"); err != nil {
			w.Skip("there is no python3")
		}
		w.file(path, fmt.Sprintf("#!/usr/bin/env python3\nimport os, sys\nf = open(os.environ['LOG'], 'a')\nf.write('theirs ' + ' '.join(sys.argv[1:]) + '\\n')\nf.writelines('theirs read ' + l for l in sys.stdin)\nsys.exit(%d)\n", code), 0o755)
	case "binary":
		w.compile(path, code)
	case "link":
		w.foreign("sh", "elsewhere", code)
		must(w.T, os.Symlink("elsewhere", path))
	}
}

func (w *world) compile(path string, code int) {
	w.Helper()
	src := filepath.Join(w.TempDir(), "main.go")
	w.file(src, fmt.Sprintf(`package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func main() {
	f, _ := os.OpenFile(os.Getenv("LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	fmt.Fprintln(f, "theirs", strings.Join(os.Args[1:], " "))
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		fmt.Fprintln(f, "theirs read", s.Text())
	}
	os.Exit(%d)
}
`, code), 0o644)
	if out, err := exec.Command("go", "build", "-o", path, src).CombinedOutput(); err != nil {
		w.Fatalf("%v %s", err, out)
	}
}

func TestForeignHooksAreChained(t *testing.T) {
	for _, kind := range []string{"sh", "python", "binary", "deaf", "link"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			w.foreign(kind, "pre-push", 0)
			before := w.fingerprint()
			if c := w.install("pre-push"); c[0].Action != Chained || w.states()["pre-push"] != OursChained {
				t.Errorf("%+v %v", c, w.states())
			}
			w.git("push", "-q", w.server, "main")
			head := w.git("rev-parse", "HEAD")
			args := w.server + " " + w.server
			line := "read refs/heads/main " + head
			want := []string{"theirs " + args, "theirs " + line, "ours hooks run pre-push " + args, "ours " + line}
			if kind == "deaf" {
				want = slices.Delete(want, 1, 2)
			}
			said := w.said()
			at := 0
			for _, text := range want {
				next := strings.Index(said[at:], text)
				if next < 0 {
					t.Fatalf("%q is missing, or too early, in:\n%s", text, said)
				}
				at += next
			}
			if n := strings.Count(said, "hooks run"); n != 1 {
				t.Errorf("ours ran %d times", n)
			}
			w.uninstall()
			if after := w.fingerprint(); after != before {
				t.Errorf("not put back:\n%s\nwas\n%s", after, before)
			}
		})
	}
}

func TestExitCodesOfChainedHooks(t *testing.T) {
	w := newWorld(t)
	w.foreign("sh", "pre-push", 7)
	w.install("pre-push")
	if out, err := w.try("push", w.server, "main"); err == nil {
		t.Errorf("their failure was passed over: %s", out)
	}
	if said := w.said(); strings.Contains(said, "ours") {
		t.Errorf("ours ran although theirs had stopped the push: %s", said)
	}
	// After the fact both run, and theirs has the word.
	w.foreign("sh", "post-commit", 5)
	w.install("post-commit")
	w.git("commit", "-q", "--allow-empty", "-m", "x")
	if said := w.said(); !strings.Contains(said, "theirs") || !strings.Contains(said, "ours hooks run post-commit") {
		t.Errorf("post-commit: %s", said)
	}
	cmd := exec.Command(w.hook("post-commit"))
	cmd.Dir = w.dir
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("%v", err)
	}
	// What git doesn't run, we don't either.
	w.file(w.hook("post-merge"), "#!/bin/sh\necho theirs >> \"$LOG\"\n", 0o644)
	w.install("post-merge")
	w.said()
	cmd = exec.Command(w.hook("post-merge"), "0")
	cmd.Dir = w.dir
	must(t, cmd.Run())
	if said := w.said(); strings.Contains(said, "theirs") {
		t.Errorf("a hook that isn't executable ran: %s", said)
	}
}

func TestProgramIsGone(t *testing.T) {
	w := newWorld(t)
	w.foreign("sh", "post-commit", 0)
	_, err := w.open().Install(nil, Options{Program: filepath.Join(w.bin, "git-evoseal-rollback")})
	must(t, err)
	must(t, os.Remove(filepath.Join(w.bin, "git-evoseal-rollback")))
	out, err := w.try("push", w.server, "main")
	if err == nil || !strings.Contains(out, "not installed any more") || !strings.Contains(out, "EVOSEAL_SKIP=1") {
		t.Errorf("%v %s", err, out)
	}
	out = w.git("commit", "--allow-empty", "-m", "x")
	if !strings.Contains(out, "not installed any more") || !strings.Contains(w.said(), "theirs") {
		t.Errorf("%s", out)
	}
	t.Setenv("EVOSEAL_SKIP", "1")
	w.git("push", "-q", w.server, "main")
	os.Unsetenv("EVOSEAL_SKIP")
	// Where it was when the hook was installed it is found without PATH.
	w.program("exit 0")
	t.Setenv("PATH", strings.TrimPrefix(os.Getenv("PATH"), w.bin+":"))
	w.git("push", "-q", w.server, "main:other")
	if said := w.said(); !strings.Contains(said, "ours hooks run pre-push") {
		t.Errorf("%q", said)
	}
}

// A hook that calls ours, which calls it, ends all the same.
func TestNoLoops(t *testing.T) {
	w := newWorld(t)
	w.install("pre-push")
	// As tools do that keep the hook which they find: theirs calls it.
	must(t, os.Rename(w.hook("pre-push"), w.hook("pre-push.legacy")))
	w.file(w.hook("pre-push"), "#!/bin/sh\necho theirs >> \"$LOG\"\nexec \"$(dirname \"$0\")/pre-push.legacy\" \"$@\"\n", 0o755)
	w.git("push", "-q", w.server, "main")
	if said := w.said(); strings.Count(said, "theirs") != 1 || strings.Count(said, "ours hooks run pre-push") != 1 {
		t.Errorf("called by theirs: %s", said)
	}
	if got := w.states()["pre-push"]; got != Foreign {
		t.Errorf("%s", got)
	}
	w.install("pre-push")
	w.git("push", "-q", w.server, "main:again")
	if said := w.said(); strings.Count(said, "theirs") != 1 || strings.Count(said, "ours hooks run pre-push") != 1 {
		t.Errorf("around theirs, which calls ours: %s", said)
	}
}

func TestWhatOthersDidSince(t *testing.T) {
	w := newWorld(t)
	w.foreign("sh", "pre-push", 0)
	w.install("pre-push", "post-commit")
	text, err := os.ReadFile(w.hook("post-commit"))
	must(t, err)
	w.file(w.hook("post-commit"), string(text)+"# mine\n", 0o755)
	w.file(w.hook("pre-push"), "#!/bin/sh\n# newer\n", 0o755)
	if got := w.states(); got["post-commit"] != Altered || got["pre-push"] != Displaced {
		t.Errorf("%v", got)
	}
	for hook, want := range map[string]error{"post-commit": ErrAltered, "pre-push": ErrKept} {
		if _, err := w.open().Install([]string{hook}, Options{}); !errors.Is(err, want) {
			t.Errorf("install %s: %v", hook, err)
		}
	}
	before := w.fingerprint()
	if _, err := w.open().Uninstall(nil, Options{}); !errors.Is(err, ErrAltered) {
		t.Errorf("uninstall: %v", err)
	}
	if after := w.fingerprint(); after != before {
		t.Error("something of theirs was changed")
	}
	// A script of another version of ours is renewed.
	old := "hook=post-merge\n"
	w.file(w.hook("post-merge"), firstLines+sum(old)+"\n"+old, 0o755)
	if c := w.install("post-merge"); c[0].Action != Renewed {
		t.Errorf("%+v", c)
	}
	// Who deletes our hook by hand wants the other one back.
	w = newWorld(t)
	w.foreign("sh", "pre-push", 0)
	before = w.fingerprint()
	w.install("pre-push")
	must(t, os.Remove(w.hook("pre-push")))
	w.uninstall()
	if after := w.fingerprint(); after != before {
		t.Errorf("not put back:\n%s\nwas\n%s", after, before)
	}
}

// A process that dies between two steps has installed the hook or hasn't.
func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	w.foreign("sh", "pre-push", 0)
	before := w.fingerprint()
	must(t, keep(w.hook("pre-push"), w.hook("pre-push")+keptSuffix))
	w.file(w.hook("pre-push.evoseal-new"), "half of", 0o755)
	w.git("push", "-q", w.server, "main")
	if said := w.said(); strings.Count(said, "theirs "+w.server) != 1 || strings.Contains(said, "ours") {
		t.Errorf("%s", said)
	}
	if got := w.states()["pre-push"]; got != Foreign {
		t.Errorf("%s", got)
	}
	w.install("pre-push")
	w.git("push", "-q", w.server, "main:other")
	if said := w.said(); strings.Count(said, "theirs "+w.server) != 1 || strings.Count(said, "ours hooks") != 1 {
		t.Errorf("%s", said)
	}
	w.uninstall()
	if after := w.fingerprint(); after != before {
		t.Errorf("not put back:\n%s\nwas\n%s", after, before)
	}
	must(t, keep(w.hook("pre-push"), w.hook("pre-push")+keptSuffix))
	w.uninstall()
	if after := w.fingerprint(); after != before {
		t.Errorf("not put back:\n%s\nwas\n%s", after, before)
	}
}

func TestWhereItCant(t *testing.T) {
	w := newWorld(t)
	must(t, os.Mkdir(w.hook("pre-push"), 0o755))
	if _, err := w.open().Install([]string{"pre-push"}, Options{}); !errors.Is(err, ErrNotAFile) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := w.open().Install([]string{"pre-receive"}, Options{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("a server's hook: %v", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoRepository) {
		t.Errorf("no repository: %v", err)
	}
	must(t, os.RemoveAll(filepath.Join(w.dir, ".git", "hooks")))
	if c, err := w.open().Install(nil, Options{DryRun: true}); err != nil || len(c) != 4 {
		t.Errorf("%v %v", c, err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, ".git", "hooks")); err == nil {
		t.Error("a dry run made the directory")
	}
	w.install()
	w.git("push", "-q", w.server, "main")
	if !strings.Contains(w.said(), "ours hooks run pre-push") {
		t.Error("a repository without a hooks directory")
	}
}

func TestWorkTreesSubmodulesAndServers(t *testing.T) {
	w := newWorld(t)
	linked := filepath.Join(filepath.Dir(w.dir), "linked")
	w.git("worktree", "add", "-q", linked)
	r, err := Open(linked)
	must(t, err)
	if want := filepath.Join(w.dir, ".git", "hooks"); r.Dir != want {
		t.Errorf("a linked work tree: %s, want %s", r.Dir, want)
	}
	w.git("submodule", "--quiet", "add", w.dir, "sub")
	r, err = Open(filepath.Join(w.dir, "sub"))
	must(t, err)
	if want := filepath.Join(w.dir, ".git", "modules", "sub", "hooks"); r.Dir != want {
		t.Errorf("a submodule: %s, want %s", r.Dir, want)
	}
	r, err = Open(w.server)
	must(t, err)
	if got := r.Defaults(); !slices.Equal(got, []string{"pre-receive", "post-receive"}) {
		t.Errorf("a bare repository: %v", got)
	}
	_, err = r.Install(nil, Options{})
	must(t, err)
	w.git("push", "-q", w.server, "main")
	if said := w.said(); !strings.Contains(said, "ours hooks run pre-receive") || !strings.Contains(said, "ours hooks run post-receive") {
		t.Errorf("%s", said)
	}
}

func TestHooksPath(t *testing.T) {
	w := newWorld(t)
	w.git("config", "core.hooksPath", ".githooks")
	_, err := w.open().Install([]string{"pre-push"}, Options{})
	var managed *ManagedError
	if !errors.As(err, &managed) || !errors.Is(err, ErrManaged) || managed.Manager != HooksPath {
		t.Fatalf("%v", err)
	}
	add := managed.Adds[0]
	if add.File != filepath.Join(w.dir, ".githooks", "pre-push") {
		t.Errorf("%+v", add)
	}
	w.file(add.File, add.Lines, 0o755)
	w.git("push", "-q", w.server, "main")
	if said := w.said(); !strings.Contains(said, "ours hooks run pre-push "+w.server) || !strings.Contains(said, "ours read refs/heads/main") {
		t.Errorf("%s", said)
	}
	if got := w.states()["pre-push"]; got != Calling {
		t.Errorf("%s", got)
	}
	// Within the repository's own directory it is ours to write.
	w.git("config", "core.hooksPath", filepath.Join(w.dir, ".git", "other hooks"))
	w.install("pre-push")
	w.git("push", "-q", w.server, "main:other")
	if said := w.said(); !strings.Contains(said, "ours hooks run pre-push") {
		t.Errorf("%s", said)
	}
}
