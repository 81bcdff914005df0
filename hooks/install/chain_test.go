package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// foreignBinary builds a hook that is a program.
func foreignBinary(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), `package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func main() {
	log, err := os.OpenFile(os.Getenv("LOG"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(log, "foreign "+strings.Join(os.Args[1:], " "))
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Fprintln(log, "foreign< "+in.Text())
	}
	code, _ := strconv.Atoi(os.Getenv("FOREIGN_CODE"))
	os.Exit(code)
}
`, 0o644)
	out := filepath.Join(dir, "hook")
	cmd := exec.Command("go", "build", "-o", out, "main.go")
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	data, err := os.ReadFile(out)
	must(t, err)
	return data
}

const foreignPython = `#!/usr/bin/env python3
import os, sys
with open(os.environ["LOG"], "a") as log:
    print("foreign " + " ".join(sys.argv[1:]), file=log)
    for line in sys.stdin:
        print("foreign< " + line, end="", file=log)
sys.exit(int(os.environ.get("FOREIGN_CODE", "0")))
`

func TestPushWithForeignHook(t *testing.T) {
	for name, hook := range map[string]string{
		"shell": foreignText, "python": foreignPython, "binary": string(foreignBinary(t)),
		"no interpreter line": strings.TrimPrefix(foreignText, "#!/bin/sh\n"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			write(t, w.hook("pre-push"), hook, 0o755)
			w.install("pre-push")
			url := "origin file://" + w.remote

			line, out, err := w.push("passes")
			if err != nil || !w.hasBranch("passes") {
				t.Fatalf("push: %v\n%s", err, out)
			}
			w.wantLog("foreign "+url, "foreign< "+line, "ours hooks run pre-push "+url, "ours< "+line)

			w.env = []string{"FOREIGN_CODE=3"}
			if line, _, err = w.push("foreign-fails"); err == nil || w.hasBranch("foreign-fails") {
				t.Error("the foreign hook failed, and the push went through")
			}
			w.wantLog("foreign "+url, "foreign< "+line)

			w.env = []string{"OURS_CODE=1"}
			if line, _, err = w.push("ours-fails"); err == nil || w.hasBranch("ours-fails") {
				t.Error("ours failed, and the push went through")
			}
			w.wantLog("foreign "+url, "foreign< "+line, "ours hooks run pre-push "+url, "ours< "+line)
		})
	}
}

func TestPushOfManyRefs(t *testing.T) {
	w := newWorld(t)
	write(t, w.hook("pre-push"), foreignText, 0o755)
	w.install()
	head := w.logHead()
	var refs, want []string
	for _, b := range []string{"a", "b", "c"} {
		refs = append(refs, "HEAD:refs/heads/"+b)
		want = append(want, "HEAD "+head+" refs/heads/"+b+" "+strings.Repeat("0", 40))
	}
	w.run(w.work, append([]string{"push", "-q", "origin"}, refs...)...)
	var got []string
	for _, l := range w.logged() {
		if rest, is := strings.CutPrefix(l, "ours< "); is {
			got = append(got, rest)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("ours got %q, want %q", got, want)
	}
}

func (w *world) logHead() string { return w.run(w.work, "rev-parse", "HEAD") }

func TestPostHooksRunBoth(t *testing.T) {
	w := newWorld(t)
	for _, h := range []string{"post-commit", "post-merge", "post-rewrite"} {
		write(t, w.hook(h), foreignText, 0o755)
	}
	w.install()
	w.env = []string{"FOREIGN_CODE=7"}
	w.commit("two")
	w.wantLog("foreign ", "ours hooks run post-commit")

	before := w.logHead()
	w.run(w.work, "commit", "-q", "--amend", "-m", "other")
	rewritten := before + " " + w.logHead()
	w.wantLog("foreign ", "ours hooks run post-commit",
		"foreign amend", "foreign< "+rewritten, "ours hooks run post-rewrite amend", "ours< "+rewritten)

	w.run(w.work, "branch", "side", "HEAD^")
	w.run(w.work, "switch", "-q", "side")
	w.run(w.work, "merge", "-q", "main")
	w.wantLog("foreign 0", "ours hooks run post-merge 0")
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		hook, foreign, ours string
		want                int
	}{
		{"post-commit", "7", "0", 7}, {"post-commit", "0", "4", 4}, {"post-commit", "7", "4", 7}, {"post-commit", "0", "0", 0},
		{"post-rewrite", "7", "4", 7}, {"post-rewrite", "0", "4", 4},
		{"pre-push", "7", "0", 7}, {"pre-push", "0", "4", 4}, {"pre-commit", "7", "0", 7}, {"pre-commit", "0", "4", 4},
	} {
		w := newWorld(t)
		write(t, w.hook(c.hook), foreignText, 0o755)
		w.install(c.hook)
		cmd := exec.Command(w.hook(c.hook))
		cmd.Env = append(os.Environ(), "FOREIGN_CODE="+c.foreign, "OURS_CODE="+c.ours)
		cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != c.want {
			t.Errorf("%+v: exit code %d", c, got)
		}
	}
}

func TestReceive(t *testing.T) {
	w := newWorld(t)
	for _, h := range []string{"pre-receive", "post-receive"} {
		write(t, filepath.Join(w.remote, "hooks", h), foreignText, 0o755)
	}
	r := w.open(w.remote)
	res, err := r.Install(t.Context(), InstallRequest{Program: w.program})
	must(t, err)
	if got := actions(res); got != "pre-receive chained, post-receive chained" {
		t.Fatal(got)
	}
	line := func(branch string) string {
		return strings.Repeat("0", 40) + " " + w.logHead() + " refs/heads/" + branch
	}
	if _, out, err := w.push("m"); err != nil {
		t.Fatal(err, out)
	}
	w.wantLog("foreign ", "foreign< "+line("m"), "ours hooks run pre-receive", "ours< "+line("m"),
		"foreign ", "foreign< "+line("m"), "ours hooks run post-receive", "ours< "+line("m"))

	w.env = []string{"FOREIGN_CODE=1"}
	if _, _, err := w.push("no"); err == nil || w.hasBranch("no") {
		t.Error("the foreign hook refused, and the push went through")
	}
	w.wantLog("foreign ", "foreign< "+line("no"))
	if _, err := r.Install(t.Context(), InstallRequest{Hooks: []string{"pre-push"}, Program: w.program}); err == nil {
		t.Error("pre-push in a bare repository")
	}
	_, err = r.Uninstall(t.Context(), UninstallRequest{})
	must(t, err)
	data, err := os.ReadFile(filepath.Join(w.remote, "hooks", "pre-receive"))
	must(t, err)
	if string(data) != foreignText {
		t.Error("not put back")
	}
}

// TestInput runs hooks by every shell that is here, with more input than a pipe
// holds, line ends at its end, and a foreign hook that reads none of it.
func TestInput(t *testing.T) {
	w := newWorld(t)
	write(t, w.program, "#!/bin/sh\ncat >\"$LOG\"\n", 0o755)
	write(t, w.hook("pre-push"), "#!/bin/sh\n", 0o755)
	w.install("pre-push")
	ran := 0
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}, {"bash"}, {"busybox", "sh"}, {"ksh"}, {"zsh", "--emulate", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			continue
		}
		ran++
		for _, input := range []string{"", "a b c\n", "no end", "a\n\n\n", strings.Repeat("0 1 refs/heads/ä\\n\n", 20_000)} {
			for _, reads := range []bool{false, true} {
				foreign := "exit 0"
				if reads {
					foreign = "cat >\"$LOG.foreign\""
				}
				write(t, w.hook("pre-push")+KeptSuffix, "#!/bin/sh\n"+foreign+"\n", 0o755)
				cmd := exec.Command(shell[0], append(shell[1:], w.hook("pre-push"), "origin", "url")...)
				cmd.Stdin = strings.NewReader(input)
				if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
					t.Errorf("%v: %v\n%s", shell, err, out)
				}
				if got := mustRead(t, w.log); string(got) != input {
					t.Errorf("%v: ours got %d bytes, want %d", shell, len(got), len(input))
				}
				if reads && string(mustRead(t, w.log+".foreign")) != input {
					t.Errorf("%v: the foreign hook didn't get %d bytes", shell, len(input))
				}
			}
		}
	}
	if ran == 0 {
		t.Fatal("no shell")
	}
}

func TestNotExecutableIsNotRun(t *testing.T) {
	w := newWorld(t)
	write(t, w.hook("pre-push"), foreignText, 0o644)
	write(t, w.hook("post-commit"), foreignText, 0o755)
	must(t, os.Remove(w.hook("post-commit")))
	must(t, os.Symlink("nowhere", w.hook("post-commit")))
	if s := w.status("pre-push"); s.State != Foreign || !s.Ignored {
		t.Errorf("%+v", s)
	}
	w.install()
	if s := w.status("pre-push"); s.State != OursChained || !s.Ignored {
		t.Errorf("%+v", s)
	}
	line, out, err := w.push("m")
	if err != nil {
		t.Fatal(err, out)
	}
	url := "origin file://" + w.remote
	w.wantLog("ours hooks run pre-push "+url, "ours< "+line)
	w.commit("two")
	w.wantLog("ours hooks run post-commit")
}

func TestEnvironmentAndDirectoryAreKept(t *testing.T) {
	w := newWorld(t)
	text := "#!/bin/sh\nenv | grep -v -e ^_= -e ^EVOSEAL_CHAINING= -e ^SHLVL= -e ^PWD= -e ^OLDPWD= | sort >\"$LOG.env\"\npwd >>\"$LOG.env\"\n"
	read := func() string {
		w.run(w.work, "commit", "-q", "--allow-empty", "-m", "x")
		data, err := os.ReadFile(w.log + ".env")
		must(t, err)
		return string(data)
	}
	write(t, w.hook("pre-commit"), text, 0o755)
	for _, name := range []string{"input", "code", "dir", "kept", "program", "ours", "PATH_", "hook"} {
		w.env = append(w.env, name+"=theirs")
	}
	before := read()
	w.install("pre-commit")
	if after := read(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestPushInsideAHook is a foreign hook that pushes to a mirror: that is a push of
// its own, which ours has to see.
func TestPushInsideAHook(t *testing.T) {
	w := newWorld(t)
	mirror := filepath.Join(w.dir, "mirror.git")
	w.run(w.dir, "init", "-q", "--bare", mirror)
	write(t, w.hook("pre-push"), "#!/bin/sh\n[ \"$1\" != origin ] || git push -q '"+mirror+"' HEAD:refs/heads/m\n", 0o755)
	w.install("pre-push")
	if _, out, err := w.push("m"); err != nil {
		t.Fatal(err, out)
	}
	log := strings.Join(w.logged(), "\n")
	for _, want := range []string{"ours hooks run pre-push " + mirror + " " + mirror, "ours hooks run pre-push origin "} {
		if strings.Count(log, want) != 1 {
			t.Errorf("no %q in:\n%s", want, log)
		}
	}
}
