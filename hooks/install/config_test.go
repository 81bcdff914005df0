package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newGit makes the world use a Git that runs hooks from the configuration: the one
// that INSTALL_TEST_GIT names, a built source tree's, or the one in PATH.
func (w *world) newGit(t *testing.T) {
	t.Helper()
	if built := os.Getenv("INSTALL_TEST_GIT"); built != "" {
		dir := filepath.Dir(built)
		w.git = built
		t.Setenv("GIT_EXEC_PATH", dir)
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		t.Setenv("GIT_TEMPLATE_DIR", filepath.Join(dir, "templates", "blt"))
	}
	if out, err := exec.Command(w.git, "hook", "list", "-h").CombinedOutput(); !strings.Contains(string(out), "git hook list") {
		t.Skipf("this git has no hooks in its configuration: %v", err)
	}
}

func TestConfigForReal(t *testing.T) {
	w := newWorldIn(t, filepath.Join(t.TempDir(), "it's a \"place\""))
	w.newGit(t)
	config := filepath.Join(w.work, ".git", "config")
	before := string(mustRead(t, config))
	write(t, w.hook("pre-push"), foreignText, 0o755)
	w.run(w.work, "config", "core.hooksPath", ".githooks")
	write(t, filepath.Join(w.work, ".githooks", "pre-push"), foreignText, 0o755)
	withPath := string(mustRead(t, config))

	r := w.open(w.work)
	res, err := r.Install(t.Context(), InstallRequest{Program: w.program, Config: true})
	must(t, err)
	if got := actions(res); got != "pre-push installed, post-commit installed, post-merge installed, post-rewrite installed" {
		t.Error(got)
	}
	w.wantState("pre-push", Configured)
	w.wantOnce("m", true)
	w.run(w.work, "commit", "-q", "--allow-empty", "-m", "x")
	w.wantLog("ours hooks run post-commit")

	linked := filepath.Join(w.dir, "linked")
	w.run(w.work, "worktree", "add", "-q", linked)
	w.run(linked, "commit", "-q", "--allow-empty", "-m", "y")
	w.wantLog("ours hooks run post-commit")
	must(t, os.MkdirAll(filepath.Join(w.work, "sub"), 0o755))
	w.run(filepath.Join(w.work, "sub"), "commit", "-q", "--allow-empty", "-m", "z")
	w.wantLog("ours hooks run post-commit")

	if res, err = r.Install(t.Context(), InstallRequest{Program: w.program, Config: true}); err != nil || strings.Count(actions(res), "unchanged") != 4 {
		t.Error(actions(res), err)
	}
	// Installed in the other way as well it would run twice.
	if got := actions(w.install()); strings.Count(got, "unchanged") != 4 {
		t.Error(got)
	}
	if got := actions(w.uninstall()); strings.Count(got, "removed") != 4 {
		t.Error(got)
	}
	if got := string(mustRead(t, config)); got != withPath {
		t.Errorf("%q, want %q", got, withPath)
	}
	if exists(filepath.Join(w.work, ".git", scriptDir)) {
		t.Error("scripts are left")
	}
	w.run(w.work, "config", "--unset", "core.hooksPath")
	if got := string(mustRead(t, config)); got != before {
		t.Errorf("%q, want %q", got, before)
	}
}

func TestConfigOnAServer(t *testing.T) {
	w := newWorld(t)
	w.newGit(t)
	_, err := w.open(w.remote).Install(t.Context(), InstallRequest{Program: w.program, Config: true})
	must(t, err)
	if _, out, err := w.push("m"); err != nil {
		t.Fatal(err, out)
	}
	line := strings.Repeat("0", 40) + " " + w.logHead() + " refs/heads/m"
	w.wantLog("ours hooks run pre-receive", "ours< "+line, "ours hooks run post-receive", "ours< "+line)
	w.env = []string{"OURS_CODE=1"}
	if _, _, err := w.push("no"); err == nil || w.hasBranch("no") {
		t.Error("ours refused, and the push went through")
	}
}

// TestConfigIsLocked needs no new Git: nothing runs.
func TestConfigIsLocked(t *testing.T) {
	w := newWorld(t)
	config := filepath.Join(w.work, ".git", "config")
	before := string(mustRead(t, config))
	write(t, config+".lock", "", 0o644)
	r := w.open(w.work)
	if _, err := r.Install(t.Context(), InstallRequest{Program: w.program, Config: true}); err == nil {
		t.Error("installed past the lock")
	}
	if got := string(mustRead(t, config)); got != before {
		t.Error(got)
	}
	must(t, os.Remove(config+".lock"))
	reached := true
	for number := 1; reached; number++ {
		reached = false
		r.disk.fault = faults(number, false, &reached)
		_, err := r.Install(t.Context(), InstallRequest{Program: w.program, Config: true})
		got := string(mustRead(t, config))
		if got != before && !strings.Contains(got, "evoseal-post-rewrite") {
			t.Errorf("operation %d: %v: %s", number, err, got)
		}
		r.disk.fault = nil
		w.uninstall()
		if got := string(mustRead(t, config)); got != before {
			t.Errorf("operation %d: %s", number, got)
		}
		if w.run(w.work, "config", "core.bare") != "false" {
			t.Error("git can't read it")
		}
	}
}
