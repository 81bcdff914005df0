package install

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// snapshot is everything about the files of a directory that an uninstallation has
// to bring back, the inodes included.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	must(t, err)
	var b strings.Builder
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		fi, err := os.Lstat(path)
		must(t, err)
		fmt.Fprintf(&b, "%s %v %v %d", e.Name(), fi.Mode(), fi.ModTime().UnixNano(), fi.Sys().(*syscall.Stat_t).Ino)
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			must(t, err)
			fmt.Fprintf(&b, " -> %s", target)
		case fi.Mode().IsRegular():
			data, err := os.ReadFile(path)
			must(t, err)
			fmt.Fprintf(&b, " %x", sha256.Sum256(data))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestUninstallPutsBack(t *testing.T) {
	w := newWorld(t)
	hooks := w.hooks()
	old := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	write(t, w.hook("pre-push"), foreignText, 0o750)
	must(t, os.Chtimes(w.hook("pre-push"), old, old))
	write(t, filepath.Join(w.work, "tools", "hook.sh"), foreignText, 0o755)
	must(t, os.Symlink("../../tools/hook.sh", w.hook("post-commit")))
	must(t, os.Symlink("nowhere", w.hook("post-merge")))
	write(t, w.hook("pre-commit"), "not run", 0o640)
	before := snapshot(t, hooks)

	all := []string{"pre-push", "post-commit", "post-merge", "post-rewrite", "pre-commit"}
	want := "pre-push chained, post-commit chained, post-merge chained, post-rewrite installed, pre-commit chained"
	if res, err := w.open(w.work).Install(t.Context(), InstallRequest{Hooks: all, Program: w.program, DryRun: true}); err != nil || actions(res) != want {
		t.Fatalf("dry run: %s, %v", actions(res), err)
	}
	if snapshot(t, hooks) != before {
		t.Fatal("a dry run wrote")
	}
	if got := actions(w.install(all...)); got != want {
		t.Fatal(got)
	}
	for _, h := range all {
		w.wantState(h, map[bool]State{true: Ours, false: OursChained}[h == "post-rewrite"])
	}
	installed := snapshot(t, hooks)
	if got := actions(w.install(all...)); strings.Count(got, "unchanged") != len(all) {
		t.Error(got)
	}
	if snapshot(t, hooks) != installed {
		t.Error("installing twice changed something")
	}
	if _, err := w.open(w.work).Uninstall(t.Context(), UninstallRequest{DryRun: true}); err != nil || snapshot(t, hooks) != installed {
		t.Errorf("dry run: %v", err)
	}
	want = "pre-push restored, post-commit restored, post-merge restored, post-rewrite removed, pre-commit restored"
	if got := actions(w.uninstall()); got != want {
		t.Error(got)
	}
	if after := snapshot(t, hooks); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if got := actions(w.uninstall()); got != "" {
		t.Error(got)
	}
}

func TestUpdate(t *testing.T) {
	w := newWorld(t)
	write(t, w.hook("pre-push"), foreignText, 0o755)
	w.install("pre-push")
	w.program = filepath.Join(w.dir, "elsewhere", "evoseal")
	write(t, w.program, stubText, 0o755)
	if got := actions(w.install("pre-push")); got != "pre-push updated" {
		t.Error(got)
	}
	must(t, os.Remove(filepath.Join(w.dir, "bin", "evoseal")))
	if _, out, err := w.push("m"); err != nil || len(w.logged()) != 4 {
		t.Error(err, out)
	}
	must(t, os.Chmod(w.hook("pre-push"), 0o644))
	if got := actions(w.install("pre-push")); got != "pre-push updated" {
		t.Error(got)
	}
	if fi, err := os.Stat(w.hook("pre-push")); err != nil || fi.Mode().Perm() != 0o755 {
		t.Error(fi.Mode(), err)
	}
}

func TestAlteredIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	write(t, w.hook("pre-push"), foreignText, 0o755)
	w.install()
	script, err := os.ReadFile(w.hook("pre-push"))
	must(t, err)
	edited := string(script) + "echo more\n"
	write(t, w.hook("pre-push"), edited, 0o755)
	w.wantState("pre-push", Altered)
	if _, err := w.tryInstall(); !errors.Is(err, ErrAltered) {
		t.Error(err)
	}
	res, err := w.open(w.work).Uninstall(t.Context(), UninstallRequest{})
	if !errors.Is(err, ErrAltered) || actions(res) != "pre-push left, post-commit removed, post-merge removed, post-rewrite removed" {
		t.Error(err, actions(res))
	}
	if now, err := os.ReadFile(w.hook("pre-push")); err != nil || string(now) != edited {
		t.Error("the edited hook was touched", err)
	}
	if kept, err := os.ReadFile(w.hook("pre-push") + KeptSuffix); err != nil || string(kept) != foreignText {
		t.Error("the foreign hook was touched", err)
	}
}

func TestReplacedByAnother(t *testing.T) {
	w := newWorld(t)
	write(t, w.hook("pre-push"), foreignText, 0o755)
	w.install("pre-push")
	must(t, os.Remove(w.hook("pre-push")))
	w.wantState("pre-push", Orphaned)
	if got := actions(w.install("pre-push")); got != "pre-push chained" {
		t.Error(got)
	}
	w.wantState("pre-push", OursChained)

	write(t, w.hook("pre-push"), "#!/bin/sh\n# another\n", 0o755)
	w.wantState("pre-push", Conflict)
	if _, err := w.tryInstall("pre-push"); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	before := snapshot(t, w.hooks())
	if _, err := w.open(w.work).Uninstall(t.Context(), UninstallRequest{}); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	if snapshot(t, w.hooks()) != before {
		t.Error("one of the two was touched")
	}
	must(t, os.Remove(w.hook("pre-push")))
	if got := actions(w.uninstall()); got != "pre-push restored" {
		t.Error(got)
	}
}

func TestWorkTreesAndSubmodules(t *testing.T) {
	w := newWorld(t)
	linked := filepath.Join(w.dir, "linked")
	w.run(w.work, "worktree", "add", "-q", linked)
	// What Git sets for hooks must not lead elsewhere.
	t.Setenv("GIT_DIR", w.remote)
	t.Setenv("GIT_COMMON_DIR", w.remote)
	r := w.open(linked)
	os.Unsetenv("GIT_DIR")
	os.Unsetenv("GIT_COMMON_DIR")
	_, err := r.Install(t.Context(), InstallRequest{Program: w.program})
	must(t, err)
	w.wantState("pre-push", Ours)
	write(t, filepath.Join(linked, "x"), "x", 0o644)
	w.run(linked, "add", ".")
	w.run(linked, "commit", "-q", "-m", "x")
	w.wantLog("ours hooks run post-commit")

	w.run(w.work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "file://"+w.seed(), "sub")
	sub := filepath.Join(w.work, "sub")
	_, err = w.open(sub).Install(t.Context(), InstallRequest{Program: w.program})
	must(t, err)
	if !exists(filepath.Join(w.work, ".git", "modules", "sub", "hooks", "pre-push")) {
		t.Error("not in the submodule's own directory")
	}
	w.run(sub, "commit", "-q", "--allow-empty", "-m", "x")
	w.wantLog("ours hooks run post-commit")
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoRepository) {
		t.Error(err)
	}
}

// seed is a repository with a commit.
func (w *world) seed() string {
	w.t.Helper()
	if _, out, err := w.push("main"); err != nil {
		w.t.Fatal(err, out)
	}
	w.logged()
	w.run(w.remote, "symbolic-ref", "HEAD", "refs/heads/main")
	return w.remote
}

func TestWhatIsInTheWay(t *testing.T) {
	w := newWorld(t)
	must(t, os.Mkdir(w.hook("post-merge"), 0o755))
	before := snapshot(t, w.hooks())
	if _, err := w.tryInstall(); !errors.Is(err, ErrNotAFile) || !strings.Contains(err.Error(), "post-merge") {
		t.Error(err)
	}
	if snapshot(t, w.hooks()) != before {
		t.Error("something was installed all the same")
	}
	must(t, os.Remove(w.hook("post-merge")))
	write(t, w.hook("pre-push"), foreignText, 0o755)
	must(t, os.Mkdir(w.hook("pre-push")+KeptSuffix, 0o755))
	if _, err := w.tryInstall(); err == nil {
		t.Error("a directory has the name for what is kept")
	}
	must(t, os.RemoveAll(w.hooks()))
	w.install()
	w.wantState("pre-push", Ours)
	w.uninstall()
	w.wantState("pre-push", None)
	must(t, os.RemoveAll(w.hooks()))
	w.uninstall()

	write(t, w.hook("pre-push"), "#!/bin/sh\nexec \"$(dirname \"$0\")/all\" \"$(basename \"$0\")\"\n", 0o755)
	_, err := w.tryInstall("pre-push")
	var he *HookError
	if !errors.Is(err, ErrReadsName) || !errors.As(err, &he) || len(he.Lines) != 1 {
		t.Error(err)
	}
}

// TestReadOnly runs itself as nobody when it is root, to whom nothing is read-only.
func TestReadOnly(t *testing.T) {
	if dir := os.Getenv("INSTALL_TEST_READONLY"); dir != "" {
		r, err := Open(dir)
		must(t, err)
		if _, err = r.Install(t.Context(), InstallRequest{Program: "/bin/true"}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("install: %v", err)
		}
		return
	}
	// Nobody must be able to come here.
	base, err := os.MkdirTemp("", "readonly")
	must(t, err)
	t.Cleanup(func() {
		os.Chmod(filepath.Join(base, "work", ".git", "hooks"), 0o755)
		os.RemoveAll(base)
	})
	must(t, os.Chmod(base, 0o755))
	w := newWorldIn(t, base)
	write(t, w.hook("pre-push"), foreignText, 0o755)
	hooks := w.hooks()
	must(t, os.Chmod(hooks, 0o555))
	before := snapshot(t, hooks)
	self := filepath.Join(base, "self")
	data, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(self, data, 0o755))
	cmd := exec.Command(self, "-test.run=^TestReadOnly$")
	cmd.Dir = base
	cmd.Env = append(os.Environ(), "INSTALL_TEST_READONLY="+w.work)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if snapshot(t, hooks) != before {
		t.Error("something is half done")
	}
}

func TestAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	write(t, w.hook("pre-push"), foreignText, 0o755)
	before := snapshot(t, w.hooks())
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			r, err := Open(w.work)
			if err != nil {
				t.Error(err)
				return
			}
			for range 10 {
				if i%2 == 0 {
					_, err = r.Install(t.Context(), InstallRequest{Program: w.program})
				} else {
					_, err = r.Uninstall(t.Context(), UninstallRequest{})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	w.install("pre-push")
	w.wantState("pre-push", OursChained)
	w.uninstall()
	if after := snapshot(t, w.hooks()); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestNoLoop has a tool that nobody knows: it moves aside what it finds, and calls
// it. Ours has chained the tool's hook by then.
func TestNoLoop(t *testing.T) {
	w := newWorld(t)
	tool := "#!/bin/sh\n[ ! -x \"${0%/*}/pre-push.orig\" ] || \"${0%/*}/pre-push.orig\" \"$@\" || exit\necho tool >>\"$LOG\"\n"
	write(t, w.hook("pre-push"), tool, 0o755)
	before := w.contents()
	w.install("pre-push")
	count := func(branch string, want int) {
		t.Helper()
		if _, out, err := w.push(branch); err != nil {
			t.Fatal(err, out)
		}
		log := strings.Join(w.logged(), "\n") + "\n"
		if strings.Count(log, "ours hooks") != 1 || strings.Count(log, "tool\n") != want {
			t.Error(log)
		}
	}
	count("a", 1)
	info, err := os.Stat(w.hook("pre-push") + KeptSuffix)
	must(t, err)
	must(t, os.Rename(w.hook("pre-push"), w.hook("pre-push.orig")))
	write(t, w.hook("pre-push"), tool, 0o755)
	must(t, os.Chtimes(w.hook("pre-push"), info.ModTime(), info.ModTime()))
	count("b", 2)
	w.install("pre-push")
	count("c", 1)
	w.uninstall()
	if after := w.contents(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
