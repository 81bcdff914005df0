package installer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
