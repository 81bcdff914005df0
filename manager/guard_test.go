package manager

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/job"
	"github.com/evoseal/git-evoseal-rollback/manager/report"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

func sh(script string) Trial {
	return Trial{Command: job.Command{Args: []string{"sh", "-c", script}, Grace: 200 * time.Millisecond}}
}

func (w *world) guard(m *Manager, req GuardRequest) *GuardResult {
	w.Helper()
	res, err := m.Guard(context.Background(), req)
	w.must(err)
	return res
}

func TestGuardPassesAndMarks(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	_, err := m.Init(context.Background())
	w.must(err)
	before := w.fingerprint()
	res := w.guard(m, GuardRequest{Trial: sh("exit 0")})
	if res.Auto.Verdict.Outcome != verdict.Pass || res.After != nil || res.Run.Code != 0 || !res.Auto.FirstGood {
		t.Errorf("%+v %+v", res, res.Auto)
	}
	w.unchanged(before)
	again := w.guard(m, GuardRequest{Trial: sh("exit 0")})
	if !again.Before.Known || again.Before.Version != res.Before.Version {
		t.Errorf("an unchanged project was recorded again: %+v", again.Before)
	}
	st, err := m.Standing(context.Background(), res.Before.Version)
	w.must(err)
	if st.State != verdict.Good {
		t.Errorf("standing %s", st.State)
	}
}

// A command that only tests says something of the checkpoint.
func TestGuardOfTestsGoesToTheLastGood(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	good := w.guard(m, GuardRequest{Trial: sh("exit 0"), Version: "good"})
	w.write("a", "broken")
	res := w.guard(m, GuardRequest{Trial: sh("echo oops; exit 3"), Version: "bad"})
	if res.Run.Code != 3 || res.Auto.Verdict.Outcome != verdict.Fail || res.Auto.RolledBack != "good" || res.After != nil {
		t.Errorf("%+v %+v", res, res.Auto)
	}
	if data, err := os.ReadFile(filepath.Join(res.Auto.Rollback.Record.Target, "a")); err != nil || string(data) != "one" {
		t.Errorf("%q %v", data, err)
	}
	if data, _ := os.ReadFile(filepath.Join(w.dir, "a")); string(data) != "broken" {
		t.Errorf("the live project was touched: %q", data)
	}
	if got := good.Auto.Checkpoint.Version; got != "good" {
		t.Error(got)
	}
}

// A command that changes things is judged by what it left, and the way back is the
// state that it began with.
func TestGuardOfChangesGoesBackToBefore(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.guard(m, GuardRequest{Trial: sh("exit 0"), Version: "good"})
	w.write("a", "work of today")
	res := w.guard(m, GuardRequest{Trial: sh("echo broken > a; echo x > new; rm d/b; exit 1"), Version: "today"})
	if res.Auto.RolledBack != "today" || res.After == nil || res.After.Parent != res.Before.Commit {
		t.Fatalf("%+v %+v", res, res.Auto)
	}
	target := res.Auto.Rollback.Record.Target
	for name, want := range map[string]string{"a": "work of today", "d/b": "two"} {
		if data, err := os.ReadFile(filepath.Join(target, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q %v", name, data, err)
		}
	}
	for version, want := range map[string]verdict.State{"today": verdict.Unknown, res.After.Version: verdict.Bad} {
		if st, err := m.Standing(ctx, version); err != nil || st.State != want {
			t.Errorf("%s: %s %v, want %s", version, st.State, err, want)
		}
	}
	// What it left is the checkpoint's when it passes.
	res = w.guard(m, GuardRequest{Trial: sh("echo better > a")})
	if res.Auto.Verdict.Outcome != verdict.Pass || res.Auto.Checkpoint.Commit != res.After.Commit {
		t.Errorf("%+v", res.Auto)
	}
	// Tests leave things behind.
	res = w.guard(m, GuardRequest{Trial: sh("echo x > coverage.out; exit 1"), OnlyTests: true, Version: "tested"})
	if res.After != nil || res.Auto.Checkpoint.Version != "tested" {
		t.Errorf("%+v", res.Auto)
	}
}

// A version that is known to be bad is no way back, also when it was the last one.
func TestGuardPassesOverABadStart(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.guard(m, GuardRequest{Trial: sh("exit 0"), Version: "good"})
	w.write("a", "bad")
	w.guard(m, GuardRequest{Trial: sh("exit 1"), Version: "bad"})
	res := w.guard(m, GuardRequest{Trial: sh("echo worse > a; exit 1")})
	if res.Before.Version != "bad" || res.Auto.RolledBack != "good" {
		t.Errorf("from %s to %s", res.Before.Version, res.Auto.RolledBack)
	}
}

func TestGuardBringsBackWhatACommandDestroys(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.write("untracked", "precious", "mode", "x")
	w.must(os.Chmod(filepath.Join(w.dir, "mode"), 0o600))
	w.must(os.Symlink("a", filepath.Join(w.dir, "link")))
	w.must(os.Mkdir(filepath.Join(w.dir, "empty"), 0o700))
	was := filepath.Join(resolvedTemp(t), "was")
	w.must(os.CopyFS(was, os.DirFS(w.dir)))
	w.must(os.RemoveAll(filepath.Join(was, ".git")))
	w.must(os.Remove(filepath.Join(was, "ignored")))
	w.must(os.Chmod(filepath.Join(was, "mode"), 0o600))
	res := w.guard(m, GuardRequest{Trial: sh(`echo '*' > .gitignore; rm -rf d; git clean -fdxq; git reset -q --hard; git gc -q --prune=now; chmod 777 a; ln -s / root; exit 1`)})
	if res.Auto.RolledBack != res.Before.Version {
		t.Fatalf("%+v", res.Auto)
	}
	target := res.Auto.Rollback.Record.Target
	if out, err := exec.Command("diff", "-r", "--no-dereference", "--exclude=.git", was, target).CombinedOutput(); err != nil {
		t.Errorf("%s %v", out, err)
	}
	if fi, err := os.Stat(filepath.Join(target, "mode")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi, err)
	}
}

func TestGuardReadsReports(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	junit := func(failures string) string {
		return "printf '%s' '<testsuite name=\"s\" tests=\"2\"><testcase name=\"ok\"/><testcase name=\"t\">" + failures + "</testcase></testsuite>' > r.xml; "
	}
	sources := []report.Source{{Format: "junit", Path: "r.xml"}}
	for name, c := range map[string]struct {
		script string
		want   verdict.Outcome
		reason string
	}{
		"all pass":                {junit("") + "exit 0", verdict.Pass, "2 triggers with data"},
		"one fails":               {junit("<failure/>") + "exit 1", verdict.Fail, `1 of 2 tests failed: "s/t"`},
		"fails, but says nothing": {junit("") + "exit 1", verdict.Fail, "although no test of its report failed"},
		"fails, and code 0":       {junit("<failure/>") + "exit 0", verdict.Fail, "1 of 2 tests failed"},
		"truncated":               {"printf '<testsuite name=\"s\"><testcase name=\"ok\"/>' > r.xml", verdict.Error, "r.xml"},
		"none":                    {"rm -f r.xml", verdict.Error, "r.xml"},
	} {
		trial := sh(c.script)
		trial.Tests = sources
		res := w.guard(m, GuardRequest{Trial: trial, OnlyTests: true})
		if v := res.Auto.Verdict; v.Outcome != c.want || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %s, %q", name, v.Outcome, v.Reason)
		}
	}
	// One that lies there since before says nothing of this run.
	w.write("r.xml", `<testsuite name="s"><testcase name="ok"/></testsuite>`)
	past := time.Now().Add(-time.Hour)
	w.must(os.Chtimes(filepath.Join(w.dir, "r.xml"), past, past))
	trial := sh("exit 0")
	trial.Tests = sources
	if res := w.guard(m, GuardRequest{Trial: trial}); res.Auto.Verdict.Outcome != verdict.Error {
		t.Errorf("stale: %+v", res.Auto.Verdict)
	}
}

// A policy that lets single tests fail knows better than the exit code.
func TestGuardToleratesWhatThePolicyDoes(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.policy(m, "[trigger \"tests\"]\n\tminFailures = 2\n")
	trial := sh(`echo '[{"name":"a","status":"failed"},{"name":"b","status":"passed"}]' > r.json; exit 1`)
	trial.Tests = []report.Source{{Format: "tests", Path: "r.json"}}
	if res := w.guard(m, GuardRequest{Trial: trial, OnlyTests: true}); res.Auto.Verdict.Outcome != verdict.Pass {
		t.Errorf("%+v", res.Auto.Verdict)
	}
	if res := w.guard(m, GuardRequest{Trial: sh("exit 1"), OnlyTests: true}); res.Auto.Verdict.Outcome != verdict.Fail {
		t.Errorf("without a report: %+v", res.Auto.Verdict)
	}
}

func TestGuardRetries(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	count := filepath.Join(t.TempDir(), "count")
	trial := sh("echo x >> " + count + "; [ $(wc -l < " + count + ") -ge 3 ]")
	trial.Retries = 2
	res := w.guard(m, GuardRequest{Trial: trial})
	if res.Run.Runs != 3 || res.Auto.Verdict.Outcome != verdict.Pass {
		t.Errorf("%+v %+v", res.Run, res.Auto.Verdict)
	}
	w.must(os.Remove(count))
	trial.Retries = 1
	if res := w.guard(m, GuardRequest{Trial: trial}); res.Run.Runs != 2 || res.Auto.Verdict.Outcome != verdict.Fail {
		t.Errorf("%+v %+v", res.Run, res.Auto.Verdict)
	}
}

func TestGuardWithoutVerdict(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	res, err := m.Guard(ctx, GuardRequest{Trial: Trial{Command: job.Command{Args: []string{"there-is-no-such-program"}}}})
	if err != nil || res.Run.Code != 127 || res.Auto.Verdict.Outcome != verdict.Error || res.Auto.Rollback != nil {
		t.Errorf("%v %+v", err, res)
	}
	trial := sh("kill -TERM $PPID; sleep 1000")
	res, err = m.Guard(ctx, GuardRequest{Trial: trial})
	var interrupted *InterruptedError
	if !errors.As(err, &interrupted) || res.Run.Interrupted != syscall.SIGTERM || res.Run.Code != 143 || res.Auto != nil {
		t.Errorf("%v %+v", err, res)
	}
	slow := sh("sleep 1000")
	slow.Command.Timeout = 20 * time.Millisecond
	res = w.guard(m, GuardRequest{Trial: slow})
	if v := res.Auto.Verdict; v.Outcome != verdict.Fail || !strings.Contains(v.Reason, "longer") {
		t.Errorf("%+v", v)
	}
	_, token, err := m.IssueToken(ctx, IssueTokenRequest{Role: auth.Operator})
	w.must(err)
	_ = token
	w.set(m, "rollback.requireAuth", "true")
	ran := filepath.Join(t.TempDir(), "ran")
	if _, err := m.Guard(ctx, GuardRequest{Trial: sh("touch " + ran)}); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command ran before anybody asked by what right")
	}
}

// The command gets what it needs to know, and nothing that leads it astray.
func TestTrialEnvironment(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	t.Setenv("EVOSEAL_TOKEN", "evr_operator_secret")
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_INDEX_FILE", "/nowhere/index")
	t.Setenv("GIT_AUTHOR_NAME", "kept")
	var out bytes.Buffer
	trial := sh("env; git rev-parse --show-toplevel 2>&1")
	trial.Command.Stdout = &out
	w.line(m, "v1")
	for dir, inRepository := range map[string]bool{"": false, w.dir: true} {
		out.Reset()
		_, err := m.Try(context.Background(), TryRequest{Trial: trial, Version: "v1", Dir: dir})
		w.must(err)
		for text, want := range map[string]bool{
			"secret": false, "GIT_DIR=": false, "GIT_INDEX_FILE": false, "GIT_AUTHOR_NAME=kept": true, "EVOSEAL_VERSION=v1": true,
			"\n" + w.dir + "\n": inRepository,
		} {
			if strings.Contains(out.String(), text) != want {
				t.Errorf("in %q: %q: %v", dir, text, !want)
			}
		}
	}
}

func TestTry(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.line(m, "v1", "v2")
	w.mark(m, "v1", verdict.MarkGood)
	w.write("ignored", "shared")
	before := w.fingerprint()
	res, err := m.Try(ctx, TryRequest{Trial: sh("grep -q 'of v2' a && [ ! -e ignored ] && echo mess > a"), Version: "v2"})
	w.must(err)
	if res.Auto.Verdict.Outcome != verdict.Pass {
		t.Errorf("%+v", res.Auto.Verdict)
	}
	res, err = m.Try(ctx, TryRequest{Trial: sh("grep -q shared ignored"), Version: "v2", Share: []string{"ignored", "none", "a"}})
	w.must(err)
	if res.Auto.Verdict.Outcome != verdict.Pass {
		t.Errorf("shared: %+v", res.Auto.Verdict)
	}
	res, err = m.Try(ctx, TryRequest{Trial: sh("exit 1"), Version: "v2", JudgeOnly: true})
	w.must(err)
	if res.Auto.Verdict.Outcome != verdict.Fail || res.Auto.Rollback != nil {
		t.Errorf("%+v", res.Auto)
	}
	res, err = m.Try(ctx, TryRequest{Trial: sh("exit 1"), Version: "v2"})
	w.must(err)
	if res.Auto.RolledBack != "v1" {
		t.Errorf("%+v", res.Auto)
	}
	w.unchanged(before)
	left, err := filepath.Glob(filepath.Join(w.dir, ".evoseal", ".*"))
	w.must(err)
	for _, path := range left {
		if filepath.Base(path) != ".git" {
			t.Errorf("%s is left", path)
		}
	}
}
