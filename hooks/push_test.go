package hooks

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// The story of the README: a push with a failing test is stopped, the last good
// version lies in the target, and what is mended goes through.
func TestPushIsStoppedAndRolledBack(t *testing.T) {
	w := newWorld(t, "pre-push")
	w.git("config", "evoseal.testCommand", "sh test.sh")
	w.commit("base", "app", "works", "test.sh", "grep -q works app\n", ".gitignore", "cache\n")
	server := w.bare()
	w.git("remote", "add", "origin", server.dir)
	good := w.commit("good", "more", "x")
	w.git("push", "-q", "origin", "main")
	if st := w.recorded(good).Standing; st.State != verdict.Good {
		t.Errorf("standing %+v", st)
	}
	bad := w.commit("breaks it", "app", "broken", "cache", "ignored")
	out, err := w.try("push", "origin", "main")
	if err == nil {
		t.Fatalf("the push went through:\n%s", out)
	}
	contains(t, out, "evoseal: fail:", "the push is stopped", "rolled back to "+w.recorded(good).Version)
	if at := server.git("rev-parse", "main"); at == bad {
		t.Error("the server has the bad commit")
	}
	if st := w.recorded(bad).Standing; st.State != verdict.Bad {
		t.Errorf("standing %+v", st)
	}
	if got := w.read(".evoseal/rollback_target/app"); got != "works" {
		t.Errorf("the target has %q", got)
	}
	if w.read("app") != "broken" || w.git("status", "--porcelain") != "" || w.git("rev-parse", "HEAD") != bad {
		t.Error("the work tree was touched")
	}
	records, err := w.manager().History(context.Background(), manager.HistoryFilter{Action: manager.ActionRollback})
	must(t, err)
	if len(records) != 1 || records[0].Verdict == "" || !strings.Contains(records[0].Reason, "pre-push") {
		t.Errorf("%+v", records)
	}
	mended := w.commit("mends it", "app", "works again")
	w.git("push", "-q", "origin", "main")
	if st := w.recorded(mended).Standing; st.State != verdict.Good {
		t.Errorf("standing %+v", st)
	}
	// What was verified good once isn't tried again.
	contains(t, w.git("push", "origin", "main:refs/heads/other"), "verified good already")
}

// What is tried is what is pushed.
func TestPushTriesThePushedCommit(t *testing.T) {
	w := newWorld(t, "pre-push")
	w.git("config", "evoseal.testCommand", "test -e forgotten && pwd > \"$SEEN\"")
	seen := filepath.Join(t.TempDir(), "seen")
	t.Setenv("SEEN", seen)
	w.commit("base", "a", "1", ".gitignore", "node_modules\n")
	server := w.bare()
	w.git("remote", "add", "origin", server.dir)
	w.commit("needs a file", "a", "2")
	must(t, os.WriteFile(filepath.Join(w.dir, "forgotten"), nil, 0o644))
	out, err := w.try("push", "origin", "main")
	if err == nil {
		t.Error("a file that isn't pushed made it pass")
	}
	contains(t, out, "evoseal.testShare", "evoseal.testIn=worktree")
	w.git("config", "evoseal.testIn", "worktree")
	contains(t, w.git("push", "origin", "main"), "the work tree is not just what is pushed")
	if st := w.recorded(w.git("rev-parse", "main")); st.SourceDirty == "false" && st.Standing.State == verdict.Good {
		t.Error("the work tree's verdict went to the commit")
	}
	if got, err := os.ReadFile(seen); err != nil || strings.TrimSpace(string(got)) != w.dir {
		t.Errorf("tried in %q %v", got, err)
	}
	w.git("config", "evoseal.testIn", "checkout")
	w.commit("with it")
	w.git("push", "-q", "origin", "main")
	if got, err := os.ReadFile(seen); err != nil || strings.TrimSpace(string(got)) == w.dir || !strings.Contains(string(got), ".evoseal") {
		t.Errorf("tried in %q %v", got, err)
	}
	// The work tree serves where it is just what is pushed, with what git ignores.
	w.git("config", "evoseal.testIn", "auto")
	w.commit("clean")
	w.git("push", "-q", "origin", "main")
	if got, _ := os.ReadFile(seen); strings.TrimSpace(string(got)) != w.dir {
		t.Errorf("tried in %q", got)
	}
}

func TestPushOfManyRefs(t *testing.T) {
	w := newWorld(t, "pre-push")
	w.git("config", "evoseal.testCommand", "! grep -q bad a")
	w.commit("base", "a", "1")
	server := w.bare()
	w.git("remote", "add", "origin", server.dir)
	for _, branch := range []string{"one", "two", "three"} {
		w.git("switch", "-qc", branch, "main")
		w.commit(branch, "a", map[bool]string{true: "bad", false: branch}[branch == "two"])
	}
	w.git("tag", "-a", "-m", "annotated", "v1", "one")
	w.git("tag", "blob", "one:a")
	out, err := w.try("push", "origin", "one", "two", "three", "v1", "blob")
	if err == nil {
		t.Fatal("pushed")
	}
	contains(t, out, "one recorded", "two recorded", "three recorded")
	contains(t, w.git("push", "origin", "one", "v1", "blob", "one:refs/odd/one"), "verified good already", "names no commit", "refs/odd/one is not tried")
	w.git("config", "evoseal.testRefs", "refs/odd/*")
	contains(t, w.git("push", "origin", "one:refs/odd/two", "one:refs/heads/again"), "refs/odd/two is ", "refs/heads/again is not tried")
	w.git("config", "--unset", "evoseal.testRefs")
	// Deleting, forcing and pushing nothing new.
	w.git("push", "-q", "origin", "--delete", "one")
	w.git("switch", "-q", "three")
	w.git("commit", "-q", "--amend", "-m", "other words")
	w.git("push", "-q", "--force", "origin", "three")
	w.git("push", "-q", "origin", "three")
	// Another branch's failure is none of this one's ancestors.
	if w.recorded(w.git("rev-parse", "three")).Standing.State != verdict.Good {
		t.Error("three is not good")
	}
}

func TestPushWithoutACommandOnlyRecords(t *testing.T) {
	w := newWorld(t, "pre-push")
	w.commit("base", "a", "1")
	server := w.bare()
	commit := w.commit("more", "a", "2")
	out := w.git("push", server.dir, "main")
	contains(t, out, "recorded as "+w.recorded(commit).Version, "evoseal.testCommand isn't set")
}

func TestSkip(t *testing.T) {
	w := newWorld(t, "pre-push", "post-commit")
	w.git("config", "evoseal.testCommand", "false")
	w.commit("base", "a", "1")
	server := w.bare()
	w.commit("more", "a", "2")
	n := len(w.targets())
	t.Setenv(Skip, "1")
	w.commit("unrecorded", "a", "3")
	w.git("push", "-q", server.dir, "main")
	os.Unsetenv(Skip)
	if got := len(w.targets()); got != n {
		t.Errorf("%d versions, and were %d", got, n)
	}
	records, err := w.manager().History(context.Background(), manager.HistoryFilter{Action: manager.ActionSkip})
	must(t, err)
	if len(records) != 2 || !strings.Contains(records[0].Reason, "pre-push") || !strings.Contains(records[1].Reason, "post-commit") {
		t.Errorf("%+v", records)
	}
}

func TestBadSettingsStopAPush(t *testing.T) {
	for key, value := range map[string]string{
		"evoseal.testTimeout": "soon", "evoseal.testRetries": "-1", "evoseal.testIn": "moon", "evoseal.testRefs": "[", "evoseal.tokenFile": "/nowhere",
	} {
		w := newWorld(t, "pre-push", "post-commit")
		w.commit("base", "a", "1")
		server := w.bare()
		w.git("config", key, value)
		// What comes after the fact only tells.
		w.commit("more", "a", "2")
		out, err := w.try("push", server.dir, "main")
		if err == nil {
			t.Errorf("%s: the push went through", key)
		}
		contains(t, out, "error: ")
	}
}
