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
	"github.com/evoseal/git-evoseal-rollback/manager/report"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// A policy that lets tests fail says nothing of crashes and of the clock.
func TestGuardToleratesNoCrash(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.policy(m, "[trigger \"tests\"]\n\tminFailures = 2\n")
	const write = `echo '[{"name":"a","status":"failed"}]' > r.json; `
	for name, script := range map[string]string{"crash": "kill -SEGV $$", "clock": "exec sleep 1000"} {
		trial := sh(write + script)
		trial.Tests = []report.Source{{Format: "tests", Path: "r.json"}}
		if name == "clock" {
			trial.Command.Timeout = 100 * time.Millisecond
		}
		if res := w.guard(m, GuardRequest{Trial: trial, OnlyTests: true, Force: true}); res.Auto.Verdict.Outcome != verdict.Fail {
			t.Errorf("%s: %+v", name, res.Auto.Verdict)
		}
	}
}

func TestGuardRunsWhereItIsTold(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	trial := sh("test -e b && echo '[{\"name\":\"a\",\"status\":\"passed\"}]' > r.json")
	trial.Command.Dir = filepath.Join(w.dir, "d")
	trial.Tests = []report.Source{{Path: "r.json"}}
	if res := w.guard(m, GuardRequest{Trial: trial}); res.Auto.Verdict.Outcome != verdict.Pass {
		t.Errorf("%+v", res.Auto.Verdict)
	}
}

// What can't be done afterwards is refused before anything runs.
func TestGuardRefusesBefore(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.line(m, "v1")
	ran := filepath.Join(t.TempDir(), "ran")
	trial := sh("touch " + ran)
	pattern := trial
	pattern.Tests = []report.Source{{Path: "["}}
	baseline := trial
	baseline.Baseline = "nosuch"
	for name, c := range map[string]struct {
		req  GuardRequest
		want error
	}{
		"target":   {GuardRequest{Trial: trial, Target: "/"}, safety.ErrUnsafe},
		"pattern":  {GuardRequest{Trial: pattern}, report.ErrSource},
		"baseline": {GuardRequest{Trial: baseline}, gitstore.ErrNotFound},
	} {
		if _, err := m.Guard(context.Background(), c.req); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command ran")
	}
}

func TestGuardOfAStoreThatIsDeleted(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	_, err := m.Guard(context.Background(), GuardRequest{Trial: sh("rm -rf .evoseal; exit 3")})
	if !errors.Is(err, gitstore.ErrStoreGone) {
		t.Errorf("%v", err)
	}
}

// Only the run that counts is reported on, and a report that is named says
// something.
func TestGuardTakesNoOldOrEmptyReports(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	once := filepath.Join(t.TempDir(), "once")
	trial := sh(`if [ -e ` + once + ` ]; then sleep 0.1; exit 0; fi; touch ` + once + `; echo '[{"name":"a","status":"passed"}]' > r.json; sleep 0.1; exit 1`)
	trial.Tests = []report.Source{{Path: "r.json"}}
	trial.Retries = 1
	if res := w.guard(m, GuardRequest{Trial: trial}); res.Auto.Verdict.Outcome != verdict.Error {
		t.Errorf("of an earlier run: %+v", res.Auto.Verdict)
	}
	trial = sh(`echo '[{"name":"a","status":"skipped"}]' > r.json`)
	trial.Tests = []report.Source{{Path: "r.json"}}
	if res := w.guard(m, GuardRequest{Trial: trial}); res.Auto.Verdict.Outcome != verdict.Inconclusive {
		t.Errorf("nothing but skipped tests: %+v", res.Auto.Verdict)
	}
}

// Metrics of one run are not those of the next.
func TestGuardJudgesItsOwnMetrics(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.guard(m, GuardRequest{Trial: sh("exit 0")})
	trial := sh(`echo '{"zorch": 1}' > ` + filepath.Join(w.dir, "ignored"))
	trial.Metrics = []report.Source{{Path: "ignored"}}
	if v := w.guard(m, GuardRequest{Trial: trial}).Auto.Verdict; v.Outcome != verdict.Error || !strings.Contains(v.Reason, "zorch") {
		t.Errorf("%+v", v)
	}
	if v := w.guard(m, GuardRequest{Trial: sh("exit 0")}).Auto.Verdict; v.Outcome != verdict.Pass {
		t.Errorf("%+v", v)
	}
}
