package install

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// managed installs, which must be refused, and returns what it says to add.
func (w *world) managed(manager Manager, hook string) []Lines {
	w.t.Helper()
	before := snapshot(w.t, w.hooks())
	_, err := w.tryInstall(hook)
	var m *ManagedError
	if !errors.As(err, &m) || !errors.Is(err, ErrManaged) || m.Manager != manager || m.Hook != hook {
		w.t.Fatalf("install: %v (%+v)", err, m)
	}
	if len(Required(err)) != len(m.Lines) {
		w.t.Errorf("%+v", Required(err))
	}
	if snapshot(w.t, w.hooks()) != before {
		w.t.Error("something was written")
	}
	if s := w.status(hook); s.State != Managed || len(s.Lines) != len(m.Lines) {
		w.t.Errorf("%+v", s)
	}
	return m.Lines
}

// add does by Where what a person would.
func (w *world) add(lines []Lines) {
	w.t.Helper()
	for _, l := range lines {
		data, err := os.ReadFile(l.File)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Fatal(err)
		}
		text := string(data)
		switch {
		case strings.HasPrefix(l.Where, "as the whole of a new"):
			text = l.Text
		case l.Where == "at the end":
			text += l.Text
		case l.Where == "after the first line":
			first, rest, _ := strings.Cut(text, "\n")
			text = first + "\n" + l.Text + rest
		case l.Where == "before the first line":
			text = l.Text + text
		case l.Where == "after the line that reads husky.sh":
			before, after, _ := strings.Cut(text, "husky.sh\"\n")
			text = before + "husky.sh\"\n" + l.Text + after
		case strings.HasPrefix(l.Where, `in its part "pre-push", without the first line`):
			_, inner, _ := strings.Cut(l.Text, "\n")
			text = strings.Replace(text, "pre-push:\n", "pre-push:\n"+inner, 1)
		case strings.HasPrefix(l.Where, `in "simple-git-hooks"`):
			text = strings.Replace(text, `"simple-git-hooks": {`, `"simple-git-hooks": {`+strings.TrimSpace(l.Text)+",", 1)
		default:
			w.t.Fatalf("where is %q?", l.Where)
		}
		perm := os.FileMode(0o644)
		if fi, err := os.Stat(l.File); err == nil {
			perm = fi.Mode().Perm()
		}
		if l.Executable {
			perm |= 0o111
		}
		write(w.t, l.File, text, perm)
	}
}

// inPath has hooks find our program as "git evoseal-rollback".
func (w *world) inPath() {
	dir := filepath.Join(w.dir, "path")
	write(w.t, filepath.Join(dir, "git-evoseal-rollback"), stubText, 0o755)
	w.t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// wantOnce pushes, and wants ours to have run once with all of its input, and so
// the foreign hook if there is one.
func (w *world) wantOnce(branch string, foreign bool) {
	w.t.Helper()
	line, out, err := w.push(branch)
	if err != nil || !w.hasBranch(branch) {
		w.t.Fatalf("push: %v\n%s", err, out)
	}
	log := strings.Join(w.logged(), "\n") + "\n"
	if strings.Count(log, "ours hooks run pre-push origin file://") != 1 || strings.Count(log, "ours< "+line+"\n") != 1 {
		w.t.Errorf("ours didn't run once with its input:\n%s%s", log, out)
	}
	if n := strings.Count(log, "foreign< "+line+"\n"); foreign && n != 1 || !foreign && n != 0 {
		w.t.Errorf("the foreign hook ran %d times:\n%s%s", n, log, out)
	}
	w.env = append(w.env, "OURS_CODE=1")
	if _, out, err := w.push(branch + "-no"); err == nil || w.hasBranch(branch+"-no") {
		w.t.Errorf("ours failed, and the push went through\n%s", out)
	}
	w.env = w.env[:len(w.env)-1]
	w.logged()
}

func TestHooksPathOutside(t *testing.T) {
	for name, c := range map[string]struct{ path, existing string }{
		"none":       {".githooks", ""},
		"shell":      {".githooks", foreignText},
		"bash":       {"~/hooks", strings.Replace(foreignText, "/bin/sh", "/usr/bin/env bash", 1)},
		"no shebang": {"hooks dir", strings.TrimPrefix(foreignText, "#!/bin/sh\n")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.inPath()
			dir := filepath.Join(w.work, c.path)
			if rest, is := strings.CutPrefix(c.path, "~"); is {
				dir = filepath.Join(w.dir, "home", rest)
			}
			must(t, os.MkdirAll(dir, 0o755))
			if c.existing != "" {
				write(t, filepath.Join(dir, "pre-push"), c.existing, 0o755)
			}
			w.install()
			scope := "--local"
			if c.path[0] == '~' {
				scope = "--global"
			}
			w.run(w.work, "config", scope, "core.hooksPath", c.path)
			r := w.open(w.work)
			if want := map[string]string{"--local": "repository", "--global": "user or system"}[scope]; r.HooksPath != c.path || r.Origin != want {
				t.Errorf("%q from %q", r.HooksPath, r.Origin)
			}
			lines := w.managed(HooksPath, "pre-push")
			if len(lines) != 1 || lines[0].File != filepath.Join(dir, "pre-push") {
				t.Fatalf("%+v", lines)
			}
			w.add(lines)
			w.wantState("pre-push", Through)
			if got := actions(w.install("pre-push")); got != "pre-push unchanged" {
				t.Error(got)
			}
			w.wantOnce("m", c.existing != "")
			// Ours of before lies where Git doesn't look any more.
			if got := actions(w.uninstall()); strings.Count(got, "removed") != 4 {
				t.Error(got)
			}
		})
	}
}

func TestHooksPathOfOtherKinds(t *testing.T) {
	w := newWorld(t)
	w.run(w.work, "config", "core.hooksPath", filepath.Join(w.work, ".git", "own"))
	write(t, filepath.Join(w.work, ".git", "own", "pre-push"), foreignText, 0o755)
	w.install("pre-push")
	if _, out, err := w.push("m"); err != nil || len(w.logged()) != 4 {
		t.Error(err, out)
	}
	w.uninstall()
	if data, err := os.ReadFile(filepath.Join(w.work, ".git", "own", "pre-push")); err != nil || string(data) != foreignText {
		t.Error("not put back")
	}
	for _, path := range []string{"/dev/null", ""} {
		w.run(w.work, "config", "core.hooksPath", path)
		if _, err := w.tryInstall("pre-push"); err == nil {
			t.Errorf("core.hooksPath %q", path)
		}
	}
	w.run(w.work, "config", "--unset", "core.hooksPath")
	must(t, os.RemoveAll(w.hooks()))
	outside := filepath.Join(w.dir, "shared")
	must(t, os.Mkdir(outside, 0o755))
	must(t, os.Symlink(outside, w.hooks()))
	w.managed(HooksPath, "pre-push")
	must(t, os.Remove(outside))
	if _, err := Open(w.work); err == nil {
		t.Error("hooks is a link to nothing")
	}
}

func TestScriptOfAnotherLanguage(t *testing.T) {
	w := newWorld(t)
	w.run(w.work, "config", "core.hooksPath", ".githooks")
	write(t, filepath.Join(w.work, ".githooks", "pre-push"), foreignPython, 0o755)
	lines := w.managed(HooksPath, "pre-push")
	if !strings.HasPrefix(lines[0].Where, "as a command that this script runs") {
		t.Errorf("%+v", lines)
	}
}

// TestFreshClone has a manager's files and not yet its hooks: what the files say
// doesn't run.
func TestFreshClone(t *testing.T) {
	w := newWorld(t)
	write(t, filepath.Join(w.work, ".husky", "pre-push"), "", 0o755)
	w.wantState("pre-push", None)
	write(t, filepath.Join(w.work, "package.json"), `{"devDependencies": {"husky": "^9"}}`, 0o644)
	w.add(w.managed(Husky, "pre-push"))
	_, err := w.tryInstall("pre-push")
	var m *ManagedError
	if !errors.As(err, &m) || len(m.Lines) != 0 || m.Hint == "" {
		t.Errorf("%v: %+v", err, m)
	}
	w.wantState("pre-push", Managed)
	must(t, os.RemoveAll(filepath.Join(w.work, ".husky")))
	write(t, filepath.Join(w.work, "lefthook.yml"), "pre-push:\n  jobs:\n    - run: true\n", 0o644)
	w.add(w.managed(Lefthook, "pre-push"))
	w.wantState("pre-push", Managed)
}

// npm installs packages of the npm registry for the test, or skips it.
func npm(t *testing.T, dir string, packages ...string) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm")
	}
	if testing.Short() {
		t.Skip("asks a registry")
	}
	cmd := exec.Command("npm", append([]string{"install", "--no-audit", "--no-fund", "--prefer-offline", "--cache", npmCache, "--fetch-timeout=20000", "--fetch-retries=1"}, packages...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("npm install %v: %v\n%s", packages, err, out)
	}
}

func (w *world) tool(name string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = w.work
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestHuskyForReal(t *testing.T) {
	for _, version := range []string{"9", "8"} {
		for _, existing := range []bool{false, true} {
			t.Run(version, func(t *testing.T) {
				w := newWorld(t)
				w.inPath()
				write(t, filepath.Join(w.work, "package.json"), `{"name": "x", "private": true}`, 0o644)
				npm(t, w.work, "husky@"+version)
				bin := filepath.Join(w.work, "node_modules", ".bin", "husky")
				if version == "9" {
					w.tool(bin)
				} else {
					w.tool(bin, "install")
				}
				if existing {
					text := strings.Replace(foreignText, "case $0 in", "case pre-push in", 1)
					if version == "8" {
						text = strings.Replace(text, "\n", "\n. \"$(dirname -- \"$0\")/_/husky.sh\"\n", 1)
					}
					write(t, filepath.Join(w.work, ".husky", "pre-push"), text, 0o755)
				}
				lines := w.managed(Husky, "pre-push")
				if lines[0].File != filepath.Join(w.work, ".husky", "pre-push") {
					t.Errorf("%+v", lines)
				}
				w.add(lines)
				w.add(w.managed(Husky, "post-commit"))
				w.wantState("pre-push", Through)
				w.wantOnce("m", existing)
				w.run(w.work, "commit", "-q", "--allow-empty", "-m", "x")
				w.wantLog("ours hooks run post-commit")
			})
		}
	}
}

func TestLefthookForReal(t *testing.T) {
	for _, config := range []string{"", "pre-push:\n  commands:\n    theirs:\n      run: echo theirs\n", "pre-commit:\n  commands:\n    theirs:\n      run: echo theirs\n"} {
		w := newWorld(t)
		w.inPath()
		write(t, filepath.Join(w.work, "package.json"), `{"name": "x", "private": true}`, 0o644)
		npm(t, w.work, "lefthook")
		bin := filepath.Join(w.work, "node_modules", ".bin", "lefthook")
		if strings.HasPrefix(config, "pre-commit") {
			// Lefthook leaves what it doesn't know alone, so ours is installed as ever,
			// and moved aside, with what it chained, once lefthook has the hook too.
			write(t, w.hook("pre-push"), foreignText, 0o755)
			write(t, filepath.Join(w.work, "lefthook.yml"), config, 0o644)
			w.tool(bin, "install")
			w.install("pre-push")
			w.tool(bin, "install")
			w.wantOnce("m", true)
			config += "pre-push:\n  commands:\n    theirs:\n      run: echo theirs\n"
		}
		write(t, filepath.Join(w.work, "lefthook.yml"), config, 0o644)
		w.tool(bin, "install")
		if config == "" {
			// No hook of lefthook's is there, and none is asked for.
			w.install("pre-push")
			w.wantState("pre-push", Ours)
			continue
		}
		w.add(w.managed(Lefthook, "pre-push"))
		w.wantState("pre-push", Through)
		w.wantOnce("n", false)
		w.uninstall()
		if data, err := os.ReadFile(w.hook("pre-push") + ".old"); err == nil && string(data) != foreignText {
			t.Errorf("lefthook keeps ours:\n%s", data)
		}
	}
}

func TestSimpleGitHooksForReal(t *testing.T) {
	w := newWorld(t)
	w.inPath()
	write(t, filepath.Join(w.work, "package.json"), "{\n  \"private\": true,\n  \"simple-git-hooks\": {\n    \"post-merge\": \"true\"\n  }\n}\n", 0o644)
	npm(t, w.work, "simple-git-hooks")
	bin := filepath.Join(w.work, "node_modules", ".bin", "simple-git-hooks")
	w.tool(bin)
	lines := w.managed(SimpleGitHooks, "pre-push")
	w.add(lines)
	w.tool(bin)
	w.wantState("pre-push", Through)
	w.wantOnce("m", false)
}

func TestPreCommitForReal(t *testing.T) {
	if _, err := exec.LookPath("pre-commit"); err != nil {
		t.Skip("no pre-commit")
	}
	for _, order := range []string{"theirs, ours, theirs", "ours, theirs, ours", "ours, theirs, theirs gone"} {
		for _, foreign := range []bool{false, true} {
			t.Run(order, func(t *testing.T) { preCommitOrder(t, order, foreign) })
		}
	}
}

func preCommitOrder(t *testing.T, order string, foreign bool) {
	w := newWorld(t)
	w.inPath()
	write(t, filepath.Join(w.work, ".pre-commit-config.yaml"), "repos:\n- repo: local\n  hooks:\n  - id: x\n    name: x\n"+
		"    entry: sh -c 'echo theirs >>\"$LOG\"'\n    language: system\n    stages: [push]\n    always_run: true\n    pass_filenames: false\n", 0o644)
	w.commit("config")
	if foreign {
		write(t, w.hook("pre-push"), strings.Replace(foreignText, "case $0 in", "case pre-push in", 1), 0o755)
	}
	before := snapshot(t, w.hooks())
	theirs := func() { w.tool("pre-commit", "install", "-t", "pre-push") }
	branches := 0
	want := func(checks int) {
		t.Helper()
		branches++
		line, out, err := w.push("b" + string(rune('0'+branches)))
		log := strings.Join(w.logged(), "\n")
		if err != nil || strings.Count(log, "ours< "+line) != 1 || strings.Count(log+"\n", "\ntheirs\n") != checks ||
			(strings.Count(log, "foreign< "+line) == 1) != foreign {
			t.Errorf("%v\n%s\n%s", err, log, out)
		}
		w.wantState("pre-push", map[bool]State{true: OursChained, false: Ours}[foreign])
	}
	for step := range strings.SplitSeq(order, ", ") {
		// pre-commit does nothing for a push that brings no commit.
		w.run(w.work, "commit", "-q", "--allow-empty", "-m", step)
		w.logged()
		switch step {
		case "theirs":
			theirs()
		case "ours":
			w.install("pre-push")
			want(boolInt(generated(mustRead(t, w.hook("pre-push"))) == PreCommit))
		case "theirs gone":
			w.tool("pre-commit", "uninstall", "-t", "pre-push")
			want(0)
		}
		if strings.HasPrefix(order, "ours") && step == "theirs" {
			want(1)
		}
	}
	if got := actions(w.install("pre-push")); got != "pre-push unchanged" {
		t.Error(got)
	}
	w.uninstall()
	if exists(w.hook("pre-push")) && generated(mustRead(t, w.hook("pre-push"))) == PreCommit {
		w.tool("pre-commit", "uninstall", "-t", "pre-push")
	}
	if after := snapshot(t, w.hooks()); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// TestPipesDontWait puts pipes where the files of other tools are looked for.
func TestPipesDontWait(t *testing.T) {
	w := newWorld(t)
	w.run(w.work, "config", "core.hooksPath", ".githooks")
	must(t, os.Mkdir(filepath.Join(w.work, ".githooks"), 0o755))
	for _, name := range []string{"package.json", "lefthook.yml", ".githooks/pre-push", ".githooks/pre-push.legacy"} {
		must(t, unix.Mkfifo(filepath.Join(w.work, name), 0o755))
	}
	done := make(chan error)
	go func() {
		r, err := Open(w.work)
		if err == nil {
			_, err = r.Status(t.Context())
		}
		if err == nil {
			_, err = r.Install(t.Context(), InstallRequest{Program: w.program})
		}
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, ErrManaged) {
			t.Errorf("beside pipes: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for a pipe")
	}
}
