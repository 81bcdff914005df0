package hooks

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

func TestCommitsAreRecorded(t *testing.T) {
	w := newWorld(t, "post-commit", "post-merge", "post-rewrite")
	first := w.commit("first", "a", "1")
	must(t, os.WriteFile(filepath.Join(w.dir, "untracked"), []byte("precious"), 0o644))
	w.git("commit", "-q", "--allow-empty", "-m", "second")
	all := w.targets()
	if len(all) != 2 || all[1].SourceCommit != first || all[0].Files != 2 || all[0].SourceDirty != "true" {
		t.Fatalf("%+v", all)
	}
	w.git("commit", "-q", "--amend", "--allow-empty", "-m", "reworded")
	if again := w.targets(); len(again) != 2 {
		t.Errorf("no file changed, and there are %d versions", len(again))
	}
	w.git("switch", "-qc", "side", first)
	w.commit("side", "b", "1")
	w.git("switch", "-q", "main")
	w.commit("main goes on", "c", "1")
	n := len(w.targets())
	w.git("merge", "-q", "--no-edit", "side")
	if got := len(w.targets()); got != n+1 {
		t.Errorf("after a merge there are %d versions, and were %d", got, n)
	}
}

// The commits of a rebase come one after the other; what counts is its end.
func TestRebaseIsRecordedOnce(t *testing.T) {
	w := newWorld(t, "post-commit", "post-rewrite")
	w.commit("base", "a", "1")
	w.git("switch", "-qc", "topic")
	for _, name := range []string{"x", "y", "z"} {
		w.commit(name, name, name)
	}
	w.git("switch", "-q", "main")
	w.commit("upstream", "a", "2")
	w.git("switch", "-q", "topic")
	n := len(w.targets())
	w.git("rebase", "-q", "main")
	all := w.targets()
	if len(all) != n+1 || all[0].SourceCommit != w.git("rev-parse", "topic") {
		t.Errorf("%d versions, and were %d", len(all), n)
	}
}

func TestPreCommitTriesTheWorkTree(t *testing.T) {
	w := newWorld(t)
	w.commit("base", "a", "works")
	w.install("pre-commit")
	w.git("config", "evoseal.testCommand", "grep -q works a")
	w.commit("good", "a", "works well")
	good := w.targets()[0]
	if good.Standing.State != verdict.Good {
		t.Errorf("%+v", good.Standing)
	}
	must(t, os.WriteFile(filepath.Join(w.dir, "a"), []byte("broken"), 0o644))
	out, err := w.try("commit", "-am", "bad")
	if err == nil {
		t.Error("committed")
	}
	contains(t, out, "evoseal: fail:", "the commit is stopped", "rolled back to "+good.Version)
	if got := w.read(".evoseal/rollback_target/a"); got != "works well" {
		t.Errorf("the target has %q", got)
	}
	w.git("commit", "-qam", "bad", "--no-verify")
}

// Hooks work where git runs them: in linked work trees and in submodules.
func TestLinkedWorkTreesAndSubmodules(t *testing.T) {
	w := newWorld(t, "post-commit")
	w.commit("base", "a", "1")
	linked := &world{t, filepath.Join(filepath.Dir(w.dir), "linked")}
	w.git("worktree", "add", "-q", linked.dir, "-b", "side")
	commit := linked.commit("in a linked work tree", "a", "2")
	if got := linked.recorded(commit); got.SourceBranch != "side" {
		t.Errorf("%+v", got)
	}
	inner := newWorld(t)
	inner.commit("inner", "f", "1")
	w.git("submodule", "--quiet", "add", inner.dir, "sub")
	sub := &world{t, filepath.Join(w.dir, "sub")}
	sub.install("post-commit")
	commit = sub.commit("in a submodule", "f", "2")
	if got := sub.recorded(commit); got.Files != 1 {
		t.Errorf("%+v", got)
	}
}
