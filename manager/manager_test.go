package manager

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

func TestRollbackAndUndo(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{Actor: "tester"})
	w.checkpoint(m, "v1")
	w.write("a", "changed", "new", "n")
	w.checkpoint(m, "v2")
	before := w.fingerprint()
	r, err := m.Rollback(ctx, RollbackRequest{Version: "v1", Reason: "because"})
	w.must(err)
	if got := w.target("a"); got != "one" {
		t.Errorf("a is %q", got)
	}
	if _, err := os.Stat(filepath.Join(w.dir, ".evoseal/rollback_target/ignored")); err == nil {
		t.Error("an ignored file came back")
	}
	if out := w.git("-C", ".evoseal/rollback_target", "status", "--porcelain", "--ignored"); out != "" {
		t.Errorf("git status in the target: %s", out)
	}
	rec := r.Record
	if !rec.Verified || !rec.SafetyValidated || rec.Safety != "safety validated" || rec.Outcome != Completed || rec.Actor != "tester" || rec.Reason != "because" || rec.Files != 3 {
		t.Errorf("record: %+v", rec)
	}
	_, err = m.Rollback(ctx, RollbackRequest{Version: "latest"})
	w.must(err)
	if got := w.target("a"); got != "changed" {
		t.Errorf("a is %q", got)
	}
	for _, want := range []string{"v1", "v2", "v1"} {
		u, err := m.Undo(ctx, UndoRequest{})
		w.must(err)
		if u.Version != want || len(u.Edited) != 0 {
			t.Errorf("undo gives %s (%v), want %s", u.Version, u.Edited, want)
		}
		if out := w.git("-C", ".evoseal/rollback_target", "status", "--porcelain"); out != "" {
			t.Errorf("git status after undo: %s", out)
		}
	}
	w.unchanged(before)
	if out := w.git("--git-dir=.evoseal/.git", "worktree", "list", "--porcelain"); strings.Count(out, "worktree ") != 3 || strings.Contains(out, "prunable") {
		t.Errorf("worktrees: %s", out)
	}
	w.git("--git-dir=.evoseal/.git", "worktree", "prune")
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	if out := w.git("-C", ".evoseal/rollback_target", "status", "--porcelain"); out != "" {
		t.Errorf("git status after gc: %s", out)
	}
	if out := w.git("--git-dir=.evoseal/.git", "fsck", "--strict", "--no-dangling"); out != "" {
		t.Errorf("fsck: %s", out)
	}
	history, err := m.History(ctx, HistoryFilter{})
	if err != nil || len(history) != 5 || history[0].Action != ActionUndo || history[4].Version != "v1" || history[3].FromVersion != "v1" {
		t.Errorf("history: %+v %v", history, err)
	}
}

func TestEverythingRefusedIsRecorded(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	before := w.fingerprint()
	for _, c := range []struct {
		req  RollbackRequest
		want error
	}{
		{RollbackRequest{Version: "nope"}, gitstore.ErrNotFound},
		{RollbackRequest{Version: "v1", Target: w.dir}, safety.ErrUnsafe},
		{RollbackRequest{Version: "v1", Target: "/usr/local/x"}, safety.ErrUnsafe},
		{RollbackRequest{Version: "v1", Target: filepath.Join(w.dir, "d")}, safety.ErrUnsafe},
		{RollbackRequest{Version: "v1", Paths: []string{"nope"}}, gitstore.ErrNoPath},
		{RollbackRequest{Version: "v1", Branch: "a..b"}, gitstore.ErrBadName},
	} {
		if plan, err := m.Plan(ctx, c.req); c.req.Branch == "" && !errors.Is(err, c.want) {
			t.Errorf("plan %+v: %+v %v", c.req, plan, err)
		}
		if _, err := m.Rollback(ctx, c.req); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.req, err)
		}
		history, err := m.History(ctx, HistoryFilter{Limit: 1})
		w.must(err)
		if len(history) != 1 || history[0].Outcome != Refused || history[0].Error == "" {
			t.Errorf("%+v is recorded as %+v", c.req, history)
		}
	}
	w.unchanged(before)
	if entries, _ := os.ReadDir(filepath.Join(w.dir, ".evoseal")); len(entries) != 1 {
		t.Errorf("beside the store: %v", entries)
	}
}

func TestConfiguredTargetFallsBack(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	for _, dir := range []string{"/", "/etc", "/usr/share", w.dir, filepath.Dir(w.dir), "d", ".", "..", "/home", os.Getenv("HOME")} {
		m := w.manager(Options{Target: dir})
		if _, err := m.Store(ctx); err != nil {
			w.checkpoint(m, "v1")
		}
		r, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
		w.must(err)
		if !r.Record.Fallback || r.Record.Target != filepath.Join(w.dir, ".evoseal/rollback_target") || r.Record.TargetRequested == "" || len(r.Findings) == 0 {
			t.Errorf("%s: %+v", dir, r.Record)
		}
	}
	safe := filepath.Join(t.TempDir(), "safe", "place")
	w.git("config", "evoseal.target", safe)
	r, err := w.manager(Options{}).Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	if r.Record.Fallback {
		t.Errorf("a safe configured target: %+v", r.Record)
	}
	if data, err := os.ReadFile(filepath.Join(safe, "a")); err != nil || string(data) != "one" {
		t.Errorf("%q %v", data, err)
	}
	if out := w.git("-C", safe, "status", "--porcelain"); out != "" {
		t.Errorf("git status there: %s", out)
	}
}

func TestTargetThatWasEditedIsReplacedAndKept(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	_, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	target := filepath.Join(w.dir, ".evoseal/rollback_target")
	w.must(os.WriteFile(filepath.Join(target, "a"), []byte("edited"), 0o644))
	w.must(os.WriteFile(filepath.Join(target, "mine"), []byte("mine"), 0o644))
	st, err := m.Status(ctx)
	w.must(err)
	if len(st.Target.Differences) != 2 || st.Target.Version != "v1" {
		t.Errorf("status: %+v", st.Target)
	}
	_, err = m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	if got := w.target("a"); got != "one" {
		t.Errorf("a is %q", got)
	}
	u, err := m.Undo(ctx, UndoRequest{})
	w.must(err)
	if got := w.target("mine"); got != "mine" || len(u.Edited) != 2 {
		t.Errorf("undo gives %q, %v", got, u.Edited)
	}
}

func TestDirectoryThatIsNotOurs(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	dir := filepath.Join(t.TempDir(), "theirs")
	w.must(os.Mkdir(dir, 0o755))
	w.must(os.WriteFile(filepath.Join(dir, "precious"), []byte("p"), 0o644))
	_, err := m.Rollback(ctx, RollbackRequest{Version: "v1", Target: dir})
	var unsafe *safety.UnsafeError
	if !errors.As(err, &unsafe) || unsafe.Rule != safety.RuleNotOurs {
		t.Fatalf("%v", err)
	}
	_, err = m.Rollback(ctx, RollbackRequest{Version: "v1", Target: dir, Adopt: true})
	w.must(err)
	if data, err := os.ReadFile(filepath.Join(dir+".previous", "precious")); err != nil || string(data) != "p" {
		t.Errorf("what was adopted: %q %v", data, err)
	}
}

// A copy of a target that somebody made is theirs, although it has our .git file;
// a project that was copied as a whole keeps its own.
func TestCopies(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	_, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	theirs := filepath.Join(t.TempDir(), "theirs")
	w.must(os.CopyFS(theirs, os.DirFS(filepath.Join(w.dir, ".evoseal/rollback_target"))))
	var unsafe *safety.UnsafeError
	if _, err := m.Rollback(ctx, RollbackRequest{Version: "v1", Target: theirs}); !errors.As(err, &unsafe) {
		t.Errorf("a copy of a target is taken for ours: %v", err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	w.must(os.CopyFS(moved, os.DirFS(w.dir)))
	w.must(os.RemoveAll(w.dir))
	w.dir = moved
	m = w.manager(Options{})
	w.checkpoint(m, "v2")
	for _, version := range []string{"v2", "v1"} {
		r, err := m.Rollback(ctx, RollbackRequest{Version: version})
		w.must(err)
		if _, err := os.Stat(filepath.Join(moved, ".evoseal/rollback_target.previous")); err != nil || !r.Record.Verified {
			t.Errorf("%+v %v", r.Record, err)
		}
		if out := w.git("-C", ".evoseal/rollback_target", "status", "--porcelain"); out != "" {
			t.Errorf("git status: %s", out)
		}
	}
	_, err = m.Undo(ctx, UndoRequest{})
	w.must(err)
}

func TestPathsAndBranch(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	w.write("a", "damaged")
	status := w.git("status", "--porcelain")
	r, err := m.Rollback(ctx, RollbackRequest{Version: "v1", Paths: []string{"d"}, Branch: "rescue"})
	w.must(err)
	if got := w.target("d/b"); got != "two" || r.Record.Files != 1 || r.Branch == nil {
		t.Errorf("%q, %+v", got, r.Record)
	}
	if out := w.git("-C", ".evoseal/rollback_target", "status", "--porcelain"); out != "" {
		t.Errorf("git status in the target: %s", out)
	}
	if got := w.git("show", "rescue:a"); got != "one" {
		t.Errorf("branch holds %q", got)
	}
	if now := w.git("status", "--porcelain"); now != status {
		t.Errorf("the project changed: %s", now)
	}
}

// Rolling back to what the target holds already changes nothing there, and so
// leaves undo what it had; an edited target is written anew.
func TestRollbackToTheSameKeepsUndo(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	w.write("a", "changed")
	w.checkpoint(m, "v2")
	for _, v := range []string{"v1", "v2", "v2"} {
		r, err := m.Rollback(ctx, RollbackRequest{Version: v})
		w.must(err)
		if r.Record.Outcome != Completed || !r.Record.Verified || r.Record.Files == 0 {
			t.Errorf("%s: %+v", v, r.Record)
		}
	}
	u, err := m.Undo(ctx, UndoRequest{})
	w.must(err)
	if u.Version != "v1" || !u.HasPrevious {
		t.Errorf("undo after a repeated rollback: %+v", u)
	}
}

func TestUndoWithoutPrevious(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	if _, err := m.Undo(context.Background(), UndoRequest{}); !errors.Is(err, safety.ErrNoPrevious) {
		t.Errorf("%v", err)
	}
}

func TestFindsTheProjectFromAnywhere(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	_, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	for _, dir := range []string{"d", ".evoseal", ".evoseal/.git", ".evoseal/.git/objects", ".evoseal/rollback_target", ".evoseal/rollback_target/d", ".git", ".git/refs"} {
		m, err := New(ctx, filepath.Join(w.dir, dir), Options{})
		w.must(err)
		if m.Project().Root != w.dir {
			t.Errorf("from %s the project is %s", dir, m.Project().Root)
		}
	}
	elsewhere := filepath.Join(t.TempDir(), "target")
	_, err = m.Rollback(ctx, RollbackRequest{Version: "v1", Target: elsewhere})
	w.must(err)
	if m, err := New(ctx, filepath.Join(elsewhere, "d"), Options{}); err != nil || m.Project().Root != w.dir {
		t.Errorf("from a target elsewhere: %v", err)
	}
	bare := t.TempDir()
	w.git("init", "-q", "--bare", bare)
	inBare, err := New(ctx, bare, Options{})
	w.must(err)
	defer inBare.Close()
	if _, err := inBare.Checkpoint(ctx, CheckpointRequest{}); !errors.Is(err, gitstore.ErrBareRepository) {
		t.Errorf("bare: %v", err)
	}
}

func TestHomeIsNoProject(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	ctx := context.Background()
	m, err := New(ctx, home, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Checkpoint(ctx, CheckpointRequest{}); !errors.Is(err, safety.ErrUnsafe) {
		t.Errorf("home is recorded: %v", err)
	}
	m, err = New(ctx, home, Options{AllowProjects: []string{home}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Checkpoint(ctx, CheckpointRequest{}); err != nil {
		t.Errorf("home by name: %v", err)
	}
}

func TestDoctor(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	_, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	d, err := m.Doctor(ctx)
	if err != nil || len(d.Findings) != 0 {
		t.Fatalf("all is well, and doctor finds %+v %v", d, err)
	}
	store := filepath.Join(w.dir, ".evoseal/.git")
	w.must(os.WriteFile(filepath.Join(w.dir, ".git/info/exclude"), nil, 0o644))
	w.must(os.WriteFile(filepath.Join(store, "refs/tags/x.lock"), nil, 0o644))
	w.must(os.WriteFile(filepath.Join(store, "refs/tags/broken"), nil, 0o644))
	w.must(os.WriteFile(filepath.Join(store, "objects/pack/tmp_pack_evoseal_dead"), make([]byte, 1000), 0o644))
	w.must(os.WriteFile(filepath.Join(w.dir, ".evoseal/rollback_target/a"), []byte("edited"), 0o644))
	d, err = m.Doctor(ctx)
	w.must(err)
	codes := make(map[string]Severity)
	for _, f := range d.Findings {
		codes[f.Code] = f.Severity
	}
	for code, severity := range map[string]Severity{"exclude": Warning, "lock": Warning, "broken-ref": Fatal, "edited": Warning} {
		if codes[code] != severity {
			t.Errorf("%s is not found: %+v", code, d.Findings)
		}
	}
	if d.SweptBytes != 1000 {
		t.Errorf("swept %d bytes", d.SweptBytes)
	}
	if data, _ := os.ReadFile(filepath.Join(w.dir, ".git/info/exclude")); !strings.Contains(string(data), "/.evoseal/") {
		t.Error("the exclusion was not mended")
	}
}

func TestGitCleanAndAddLeaveTheStoreAlone(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	_, err := m.Rollback(context.Background(), RollbackRequest{Version: "v1"})
	w.must(err)
	w.git("add", "-A")
	if out := w.git("diff", "--cached", "--name-only"); strings.Contains(out, ".evoseal") {
		t.Errorf("git add took %s", out)
	}
	w.git("clean", "-fdx")
	if _, err := os.Stat(filepath.Join(w.dir, "ignored")); err == nil {
		t.Fatal("git clean cleaned nothing")
	}
	if got := w.target("a"); got != "one" {
		t.Errorf("after git clean: %q", got)
	}
	w.git("--git-dir=.evoseal/.git", "fsck", "--strict", "--no-dangling")
}

// The lock of a git that died holds up what writes, and doctor says how to go on.
func TestDoctorTellsOfALockThatIsLeft(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{LockTimeout: 10 * time.Millisecond})
	w.checkpoint(m, "v1")
	_, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	lock := filepath.Join(w.dir, ".evoseal/.git/refs/notes/evoseal/history.lock")
	w.must(os.WriteFile(lock, nil, 0o644))
	d, err := m.Doctor(ctx)
	w.must(err)
	if len(d.Findings) != 1 || d.Findings[0].Code != "lock" || !strings.Contains(d.Findings[0].Hint, "rm '"+lock+"'") {
		t.Errorf("%+v", d.Findings)
	}
}
