package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestProgramIsGone(t *testing.T) {
	w := newWorld(t)
	for _, h := range []string{"pre-push", "post-commit"} {
		write(t, w.hook(h), foreignText, 0o755)
	}
	w.install()
	must(t, os.Remove(w.program))
	line, out, err := w.push("m")
	if err == nil || w.hasBranch("m") || strings.Count(out, "\n") < 2 || !strings.Contains(out, "EVOSEAL_SKIP=1") || !strings.Contains(out, "refused") {
		t.Errorf("%v\n%s", err, out)
	}
	w.wantLog("foreign origin file://"+w.remote, "foreign< "+line)

	w.env = []string{"EVOSEAL_SKIP=1"}
	if _, out, err := w.push("m"); err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
	w.logged()
	w.env = nil
	if out := w.run(w.work, "commit", "--allow-empty", "-q", "-m", "x"); !strings.HasPrefix(out, "warning: post-commit: ") {
		t.Error(out)
	}
	w.wantLog("foreign ")

	// One that is in PATH is as good.
	write(t, filepath.Join(w.dir, "path", "git-evoseal-rollback"), stubText, 0o755)
	w.env = []string{"PATH=" + filepath.Join(w.dir, "path") + ":" + os.Getenv("PATH")}
	if _, out, err := w.push("n"); err != nil || len(w.logged()) != 4 {
		t.Error(err, out)
	}
	r := w.open(w.remote)
	_, err = r.Install(t.Context(), InstallRequest{Program: w.program})
	must(t, err)
	w.env = nil
	if _, out, err := w.push("o"); err == nil || !strings.Contains(out, "on the server") && !strings.Contains(out, "neither in PATH") {
		t.Error(err, out)
	}
}

func TestMinimalEnvironment(t *testing.T) {
	w := newWorld(t)
	write(t, w.program, "#!/bin/sh\necho \"ours $*\"\n", 0o755)
	write(t, w.hook("pre-push"), "#!/bin/sh\necho foreign\n", 0o755)
	w.install("pre-push")
	for _, env := range [][]string{{}, {"PATH="}, {"PATH=/nonexistent"}} {
		cmd := exec.Command("/bin/sh", "-u", w.hook("pre-push"), "a b", "c")
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != "foreign\nours hooks run pre-push a b c\n" {
			t.Errorf("%v: %v\n%s", env, err, out)
		}
	}
}

func TestStrangePaths(t *testing.T) {
	w := newWorldIn(t, filepath.Join(t.TempDir(), "it's \"a\" $(false) `false` \\n\nline"))
	write(t, w.hook("pre-push"), foreignText, 0o755)
	w.install("pre-push")
	if _, out, err := w.push("m"); err != nil {
		t.Fatal(err, out)
	}
	if n := len(w.logged()); n < 4 {
		t.Errorf("%d lines", n)
	}
	w.uninstall()
	w.wantState("pre-push", Foreign)
}

func TestShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("no shellcheck")
	}
	for _, h := range append(Hooks(false), Hooks(true)...) {
		script := render(h, "/it's/here")
		cmd := exec.Command("shellcheck", "-s", "sh", "-o", "all", "-e", "SC2250,SC2312", "-")
		cmd.Stdin = strings.NewReader(string(script))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", h.Name, err, out)
		}
	}
}
