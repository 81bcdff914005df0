package installer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
