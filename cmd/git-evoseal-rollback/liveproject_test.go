package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// liveProject is a random project, with a home and a directory beside it that
// its links lead to.
type liveProject struct {
	testing.TB
	*rand.Rand
	kind string
	// base holds all that is watched; elsewhere is for targets and reports.
	base, elsewhere string
	root            string
	// common is the Git directory that holds refs and info/exclude, empty without Git.
	common string
	bare   bool
	// dirs are directories to run commands in, files what the user edits.
	dirs, files []string
	made        int
}

// liveKinds are the shapes that a project can have.
func liveKinds() []string {
	return []string{"repository", "plain", "unborn", "detached", "sparse", "linked", "submodule", "superproject", "bare", "packed", "merging"}
}

func newLiveProject(tb testing.TB, r *rand.Rand) *liveProject {
	top, err := filepath.EvalSymlinks(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	p := &liveProject{TB: tb, Rand: r, base: filepath.Join(top, "watched"), elsewhere: filepath.Join(top, "elsewhere")}
	p.kind = p.pick(liveKinds())
	p.root = filepath.Join(p.base, "project")
	for _, dir := range []string{p.root, p.home(), p.elsewhere, filepath.Join(p.base, "outside")} {
		p.must(os.MkdirAll(dir, 0o755))
	}
	p.put(filepath.Join(p.home(), ".gitconfig"), "[user]\n\tname = T\n\temail = t@example.invalid\n[protocol \"file\"]\n\tallow = always\n[init]\n\tdefaultBranch = main\n", 0o644)
	p.put(filepath.Join(p.base, "outside", "secret"), "sentinel\n", 0o600)
	p.put(filepath.Join(p.elsewhere, "foreign", "file"), "somebody's\n", 0o644)
	p.build()
	return p
}

func (p *liveProject) home() string { return filepath.Join(p.base, "home") }

// build makes the project of its kind.
func (p *liveProject) build() {
	p.dirs = []string{p.root}
	p.fill(p.root)
	if p.kind == "plain" {
		return
	}
	p.git(p.root, "init", "-q", "--template=", ".")
	p.common = filepath.Join(p.root, ".git")
	p.nest()
	p.settings()
	if p.kind == "unborn" {
		p.git(p.root, "add", "-A")
		return
	}
	p.git(p.root, "add", "-A")
	p.git(p.root, "commit", "-qm", "base")
	p.put(filepath.Join(p.root, "later"), "later\n", 0o644)
	p.git(p.root, "add", "later")
	p.git(p.root, "commit", "-qm", "later")
	p.shape()
	p.untracked()
}

// shape turns a plain repository into what its kind asks for.
func (p *liveProject) shape() {
	switch p.kind {
	case "detached":
		p.git(p.root, "checkout", "-q", "--detach", "HEAD~1")
	case "sparse":
		p.git(p.root, "sparse-checkout", "set", "--no-cone", "/*", "!/later")
	case "packed":
		p.git(p.root, "tag", "light")
		p.git(p.root, "gc", "-q")
		p.git(p.root, "update-index", "--assume-unchanged", "later")
	case "merging":
		p.git(p.root, "checkout", "-qb", "side", "HEAD~1")
		p.put(filepath.Join(p.root, "later"), "another\n", 0o644)
		p.git(p.root, "add", "later")
		p.git(p.root, "commit", "-qm", "side")
		p.run(p.root, "git", "merge", "main")
	case "linked":
		p.root = filepath.Join(p.base, "linked")
		p.git(p.dirs[0], "worktree", "add", "-q", "-b", "work", p.root)
		p.dirs = []string{p.root}
	case "bare":
		bare := filepath.Join(p.base, "project.git")
		p.git(p.base, "clone", "-q", "--bare", "--template=", p.root, bare)
		p.root, p.common, p.bare, p.dirs, p.files = bare, bare, true, []string{bare}, nil
	case "submodule", "superproject":
		super := filepath.Join(p.base, "super")
		p.git(p.base, "init", "-q", "--template=", super)
		p.git(super, "submodule", "add", "-q", p.root, "sub")
		p.git(super, "commit", "-qm", "super")
		p.root, p.common, p.files = super, filepath.Join(super, ".git"), nil
		if p.kind == "submodule" {
			p.root, p.common = filepath.Join(super, "sub"), filepath.Join(super, ".git", "modules", "sub")
		}
		p.dirs = []string{p.root}
	}
}

// fill writes files of all kinds, modes and names.
func (p *liveProject) fill(dir string) {
	names := append([]string{"a", "b.txt", "run.sh", "später", ".env"}, oddNames()[:8]...)
	modes := []os.FileMode{0o644, 0o644, 0o600, 0o755, 0o444, 0o640, 0o400}
	at := dir
	for range 8 + p.IntN(24) {
		switch p.IntN(6) {
		case 0:
			at = filepath.Join(at, fmt.Sprintf("dir%d", p.IntN(4)))
			p.must(os.MkdirAll(at, 0o755))
			p.dirs = append(p.dirs, at)
		case 1:
			at = dir
		}
		path := filepath.Join(at, p.pick(names))
		if exists(path) {
			continue
		}
		p.put(path, strings.Repeat(fmt.Sprintf("%d %d\r\n", p.IntN(1000), p.IntN(1000)), p.IntN(60)), modes[p.IntN(len(modes))])
		p.files = append(p.files, path)
	}
	for name, to := range map[string]string{"dangling": "nowhere/at/all", "up": "..", "outside": filepath.Join(p.base, "outside"), "secret": "../outside/secret"} {
		if p.IntN(2) == 0 {
			p.must(os.Symlink(to, filepath.Join(dir, name)))
		}
	}
	for _, empty := range []string{"empty", "empty2/below"} {
		p.must(os.MkdirAll(filepath.Join(dir, empty), 0o700|os.FileMode(p.IntN(64))))
	}
	p.put(filepath.Join(dir, ".gitignore"), "ignored*\n*.o\n", 0o644)
	p.put(filepath.Join(dir, "ignored.log"), "precious\n", 0o600)
	p.put(filepath.Join(dir, "ignored-dir", "x.o"), "precious\n", 0o644)
	if len(p.files) > 0 {
		p.must(os.Link(p.files[0], filepath.Join(dir, "hardlink")))
	}
	if p.IntN(6) == 0 {
		p.must(unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	}
}

// nest puts a repository of its own into the project.
func (p *liveProject) nest() {
	if p.IntN(3) > 0 {
		return
	}
	inner := filepath.Join(p.root, "nested", "inner")
	p.put(filepath.Join(inner, "own"), "own\n", 0o644)
	p.git(inner, "init", "-q", "--template=", ".")
	p.git(inner, "add", "-A")
	p.git(inner, "commit", "-qm", "inner")
	p.put(filepath.Join(p.common, "info", "exclude"), "# mine\nnested/", 0o640)
}

// settings are what git would act upon, if git were asked.
func (p *liveProject) settings() {
	all := [][2]string{
		{"core.autocrlf", "true"}, {"core.fsmonitor", "touch fsmonitor-ran"}, {"core.untrackedCache", "true"}, {"feature.manyFiles", "true"},
		{"evoseal.testCommand", "test -f a"}, {"evoseal.testCommand", "true"}, {"evoseal.testCommand", "false"},
		{"evoseal.deployBranch", "main"}, {"evoseal.target", ".."}, {"core.logAllRefUpdates", "false"}, {"core.sharedRepository", "group"},
	}
	for _, s := range all {
		if p.IntN(4) == 0 {
			p.git(p.root, "config", s[0], s[1])
		}
	}
	if p.IntN(2) == 0 {
		p.put(filepath.Join(p.common, "hooks", "post-commit"), "#!/bin/sh\nexit 0\n", 0o755)
	}
}

func (p *liveProject) untracked() {
	if !p.bare && p.IntN(2) == 0 {
		p.put(filepath.Join(p.root, "untracked"), "not yet\n", 0o664)
	}
}

// userActs does something that a user does between two commands.
func (p *liveProject) userActs() {
	path := filepath.Join(p.root, fmt.Sprintf("user%d", p.IntN(4)))
	target := filepath.Join(p.root, ".evoseal", "rollback_target")
	switch act := p.IntN(12); {
	case p.bare:
	case act < 3:
		p.must(os.WriteFile(path, fmt.Appendf(nil, "edit %d\n", p.made), 0o644))
	case act == 3:
		p.must(os.RemoveAll(path))
	case act == 4 && len(p.files) > 0:
		p.must(os.RemoveAll(p.pick(p.files)))
	case act == 5 && exists(target):
		p.must(os.WriteFile(filepath.Join(target, "mine"), []byte("edited in the target\n"), 0o644))
	case act == 6 && p.IntN(4) == 0:
		p.must(os.RemoveAll(filepath.Join(p.root, ".evoseal")))
	case act == 7 && p.common != "" && p.kind != "merging":
		p.run(p.root, "git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "commit", "-qam", "work")
	case act == 8 && p.common != "":
		p.run(p.root, "git", "pack-refs", "--all")
	}
}

func (p *liveProject) pick(from []string) string { return from[p.IntN(len(from))] }

func (p *liveProject) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *liveProject) put(path, content string, mode os.FileMode) {
	p.Helper()
	p.must(os.MkdirAll(filepath.Dir(path), 0o755))
	p.must(os.WriteFile(path, []byte(content), mode))
	p.must(os.Chmod(path, mode))
}

// environment knows nothing of the machine's configuration, or of a hook that the
// tests run in.
func (p *liveProject) environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GIT_") || strings.HasPrefix(v, "EVOSEAL") || strings.HasPrefix(v, "XDG_")
	})
	env = append(env, "HOME="+p.home(), "GIT_CONFIG_NOSYSTEM=1", "TZ=UTC", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0", "GIT_EDITOR=true")
	return append(env, more...)
}

// run runs a program of the user's, which may fail.
func (p *liveProject) run(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, p.environment()
	return cmd.CombinedOutput()
}

func (p *liveProject) git(dir string, args ...string) {
	p.Helper()
	if out, err := p.run(dir, "git", append([]string{"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"}, args...)...); err != nil {
		p.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
