package manager

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// line records versions v1 … vn, each with other content.
func (w *world) line(m *Manager, versions ...string) {
	w.Helper()
	for _, v := range versions {
		w.write("a", "content of "+v)
		w.checkpoint(m, v)
	}
}

func (w *world) set(m *Manager, key, value string) {
	w.Helper()
	_, err := m.SetPolicy(context.Background(), SetPolicyRequest{Edit: func(text []byte) ([]byte, error) { return policy.Set(text, key, value) }})
	w.must(err)
}

func (w *world) mark(m *Manager, version string, mark verdict.Mark) {
	w.Helper()
	_, err := m.Mark(context.Background(), MarkRequest{Version: version, Mark: mark, Reason: "test"})
	w.must(err)
}

// corrupt damages the content of file a in a version, which only its own blob
// holds, and keeps the live project from having it.
func (w *world) corrupt(m *Manager, version string) {
	w.Helper()
	id := w.git("--git-dir=.evoseal/.git", "rev-parse", version+":a")
	store := filepath.Join(w.dir, ".evoseal/.git")
	packs, err := filepath.Glob(filepath.Join(store, "objects/pack/*.pack"))
	w.must(err)
	damaged := false
	for _, pack := range packs {
		index, err := os.Open(strings.TrimSuffix(pack, ".pack") + ".idx")
		w.must(err)
		show := exec.Command("git", "show-index")
		show.Stdin = index
		out, err := show.Output()
		w.must(errors.Join(err, index.Close()))
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if f[1] != id {
				continue
			}
			at, err := strconv.ParseInt(f[0], 10, 64)
			w.must(err)
			w.must(os.Chmod(pack, 0o644))
			file, err := os.OpenFile(pack, os.O_RDWR, 0)
			w.must(err)
			_, err = file.WriteAt([]byte{0xff, 0xff, 0xff}, at+3)
			w.must(errors.Join(err, file.Close()))
			damaged = true
		}
	}
	if !damaged {
		w.Fatalf("%s is in no pack", id)
	}
	w.must(m.Close())
}

func failing() verdict.Report {
	return verdict.Report{Tests: []verdict.Test{{Name: "unit", Status: verdict.Passed}, {Name: "e2e", Status: verdict.Failed}}}
}

func passing() verdict.Report {
	return verdict.Report{Tests: []verdict.Test{{Name: "unit", Status: verdict.Passed}}}
}

func TestAutoGoesToTheLastGood(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3")
	first, err := m.AutoRollback(ctx, AutoRequest{Version: "v1", Report: passing()})
	w.must(err)
	if first.Verdict.Outcome != verdict.Pass || !first.FirstGood || first.Rollback != nil {
		t.Errorf("v1: %+v", first)
	}
	w.mark(m, "v2", verdict.MarkBad)
	before := w.fingerprint()
	res, err := m.AutoRollback(ctx, AutoRequest{Version: "v3", Report: failing()})
	w.must(err)
	if res.Verdict.Outcome != verdict.Fail || res.RolledBack != "v1" || res.Baseline != "v1" {
		t.Errorf("v3: %+v", res)
	}
	if got := w.target("a"); got != "content of v1" {
		t.Errorf("the target holds %q", got)
	}
	w.unchanged(before)
	rec := res.Rollback.Record
	if rec.Trigger != "tests" || rec.Verdict != res.ID || rec.Policy == "" || !strings.Contains(rec.Reason, "v3 failed") {
		t.Errorf("record: %+v", rec)
	}
	targets, err := m.Targets(ctx)
	w.must(err)
	for i, want := range []verdict.State{verdict.Bad, verdict.Bad, verdict.Good} {
		if targets[i].Standing.State != want {
			t.Errorf("%s is %s, want %s", targets[i].Version, targets[i].Standing.State, want)
		}
	}
}

func TestAutoWithoutDataIsInconclusive(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2")
	res, err := m.AutoRollback(ctx, AutoRequest{})
	if err != nil || res.Verdict.Outcome != verdict.Inconclusive || res.Rollback != nil || res.Checkpoint.Version != "v2" {
		t.Errorf("%+v %v", res, err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, ".evoseal/rollback_target")); err == nil {
		t.Error("something was rolled back")
	}
	w.set(m, "rollback.autoRollback", "false")
	res, err = m.AutoRollback(ctx, AutoRequest{Report: failing()})
	if err != nil || res.Verdict.Outcome != verdict.Fail || res.Rollback != nil || res.Why == "" {
		t.Errorf("with autoRollback off: %+v %v", res, err)
	}
}

func TestAutoComparesRecordedMetrics(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	for version, latency := range map[string]float64{"v1": 100} {
		_, err := m.Checkpoint(ctx, CheckpointRequest{Version: version, Metrics: map[string]verdict.Samples{"latency": {latency}}})
		w.must(err)
	}
	w.mark(m, "v1", verdict.MarkGood)
	w.write("a", "slower")
	_, err := m.Checkpoint(ctx, CheckpointRequest{Version: "v2", Metrics: map[string]verdict.Samples{"latency": {107}}})
	w.must(err)
	w.set(m, "threshold", "8%")
	res, err := m.AutoRollback(ctx, AutoRequest{})
	if err != nil || res.Verdict.Outcome != verdict.Pass {
		t.Errorf("7 %% of 8 %%: %+v %v", res, err)
	}
	// The baseline is v1: v2, good since just now, is not its own.
	w.set(m, "threshold", "5%")
	res, err = m.AutoRollback(ctx, AutoRequest{})
	if err != nil || res.Verdict.Outcome != verdict.Fail || res.RolledBack != "v1" {
		t.Errorf("7 %% of 5 %%: %+v %v", res, err)
	}
}

func TestRecoveryGoesOn(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3", "v4")
	w.mark(m, "v1", verdict.MarkGood)
	w.mark(m, "v3", verdict.MarkGood)
	w.mark(m, "v2", verdict.MarkBad)
	w.corrupt(m, "v3")
	m = w.manager(Options{})
	res, err := m.AutoRollback(ctx, AutoRequest{Report: failing()})
	w.must(err)
	if res.RolledBack != "v1" || res.Recovery == nil || w.target("a") != "content of v1" {
		t.Errorf("%+v", res)
	}
	records, err := m.History(ctx, HistoryFilter{Chain: res.Recovery.Chain})
	w.must(err)
	if len(records) != 3 || records[0].Outcome != Completed || records[2].Outcome != Started {
		t.Errorf("chain: %+v", records)
	}
	if open, err := m.UnfinishedChains(ctx); err != nil || len(open) != 0 {
		t.Errorf("unfinished: %v %v", open, err)
	}
}

func TestCascadeStopsAtTheFirstThatWorks(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3", "v4", "v5")
	w.mark(m, "v4", verdict.MarkBad)
	w.corrupt(m, "v3")
	m = w.manager(Options{})
	res, err := m.CascadingRollback(ctx, CascadeRequest{Failed: "v5", Reason: "test"})
	w.must(err)
	if res.Rollback.Record.Version != "v2" || len(res.Steps) != 2 || res.Steps[0].Version != "v3" || res.Steps[0].Outcome != Failed {
		t.Errorf("%+v", res)
	}
	for i, want := range []string{"v4", "v3", "v2", "v1"} {
		if c := res.Considered[i]; c.Version != want || c.Chosen == (want == "v4") {
			t.Errorf("considered %+v", c)
		}
	}
	res, err = m.CascadingRollback(ctx, CascadeRequest{Failed: "v5", MaxAttempts: 1})
	if !errors.Is(err, ErrExhausted) || len(res.Steps) != 1 || w.target("a") != "content of v2" {
		t.Errorf("one attempt: %+v %v", res, err)
	}
	w.set(m, "rollback.cascade", "no")
	if _, err := m.CascadingRollback(ctx, CascadeRequest{Failed: "v5"}); !errors.Is(err, ErrDisabled) {
		t.Errorf("turned off: %v", err)
	}
	if _, err := m.CascadingRollback(ctx, CascadeRequest{Failed: "v1"}); err == nil {
		t.Error("a version without ancestors was cascaded")
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	m := w.manager(Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	ctx := context.Background()
	w.line(m, "v1", "v2")
	people := func() error { _, err := m.Rollback(ctx, RollbackRequest{Version: "v1"}); return err }
	for range 3 {
		_, err := m.Rollback(ctx, RollbackRequest{Version: "v2"})
		w.must(err)
		w.must(people())
	}
	w.mark(m, "v1", verdict.MarkGood)
	for range 3 {
		if res, err := m.AutoRollback(ctx, AutoRequest{Report: failing()}); err != nil || res.Rollback == nil {
			t.Fatalf("%+v %v", res, err)
		}
	}
	res, err := m.AutoRollback(ctx, AutoRequest{Report: failing()})
	if !errors.Is(err, ErrBlocked) || res == nil || res.Verdict.Outcome != verdict.Fail {
		t.Errorf("the fourth automatic rollback: %+v %v", res, err)
	}
	w.must(people())
	w.set(m, "rollback.maxAttempts", "4")
	if err := people(); !errors.Is(err, ErrBlocked) {
		t.Errorf("a limit that is set holds for people: %v", err)
	}
	plan, err := m.Plan(ctx, RollbackRequest{Version: "v1"})
	if err != nil || !errors.Is(plan.Err(false), ErrBlocked) || plan.Err(true) != nil {
		t.Errorf("plan: %v %v", plan.Findings, err)
	}
	if _, err := m.Rollback(ctx, RollbackRequest{Version: "v1", Force: true}); err != nil {
		t.Errorf("forced: %v", err)
	}
	now = now.Add(25 * time.Hour)
	w.must(people())
}

func TestPlanWarns(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	m := w.manager(Options{Now: func() time.Time { return now }})
	ctx := context.Background()
	w.line(m, "v1", "v2")
	w.mark(m, "v2", verdict.MarkBad)
	w.git("--git-dir=.evoseal/.git", "tag", "-d", "v1")
	now = now.Add(31 * 24 * time.Hour)
	plan, err := m.Plan(ctx, RollbackRequest{Version: "v2"})
	w.must(err)
	codes := make(map[string]bool)
	for _, f := range plan.Findings {
		codes[f.Code] = f.Severity == Warning
	}
	for _, code := range []string{"old", "bad", "parent"} {
		if !codes[code] {
			t.Errorf("no warning %q among %v", code, plan.Findings)
		}
	}
	if records, err := m.History(ctx, HistoryFilter{}); err != nil || len(records) != 0 {
		t.Errorf("a plan left records: %v %v", records, err)
	}
}

func TestPolicyTakesEffectInRunningProcesses(t *testing.T) {
	w := newWorld(t)
	one, other := w.manager(Options{}), w.manager(Options{})
	ctx := context.Background()
	w.line(one, "v1")
	state, err := other.Policy(ctx)
	w.must(err)
	if state.Policy.Threshold != 0.05 {
		t.Errorf("threshold %v", state.Policy.Threshold)
	}
	w.set(one, "rollback.requireAuth", "true")
	if _, err := other.Rollback(ctx, RollbackRequest{Version: "v1"}); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("the other process: %v", err)
	}
	log, err := other.PolicyLog(ctx)
	if err != nil || log[0].Summary != "policy: rollback.requireAuth: false (default) → true" {
		t.Errorf("log: %+v %v", log, err)
	}
	_, err = one.SetPolicy(ctx, SetPolicyRequest{Edit: func([]byte) ([]byte, error) { return []byte("[rollback]\n\tthreshold = 2\n"), nil }})
	var parse *policy.ParseError
	if !errors.As(err, &parse) || parse.Line != 2 {
		t.Errorf("an invalid text: %v", err)
	}
}

// TestBrokenPolicyStopsDecisionsNotMending lets somebody write nonsense with plain
// git.
// TestSinksThatAreNamedNoMoreEnd: what they hold open goes with them.
func TestSinksThatAreNamedNoMoreEnd(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2")
	sink := "[sink \"log\"]\n\ttype = file\n\tpath = \"" + filepath.Join(w.dir, "..", "events.jsonl") + "\"\n"
	for _, text := range []string{sink, ""} {
		_, err := m.SetPolicy(ctx, SetPolicyRequest{Edit: func([]byte) ([]byte, error) { return []byte(text), nil }})
		w.must(err)
		_, err = m.Rollback(ctx, RollbackRequest{Version: "v1"})
		w.must(err)
		if open := m.events.bus != nil; open != (text != "") {
			t.Errorf("with the policy %q events have a way to go: %v", text, open)
		}
	}
}

func TestBrokenPolicyStopsDecisionsNotMending(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1")
	token, _, err := m.IssueToken(ctx, IssueTokenRequest{Role: auth.Emergency})
	w.must(err)
	s, err := m.Store(ctx)
	w.must(err)
	_, err = s.ChangePolicy(ctx, gitstore.PolicyChange{Summary: "by hand", Change: func(*gitstore.Policy) (map[string][]byte, error) {
		return map[string][]byte{gitstore.PolicyFile: []byte("[rollback]\n\tnonsense = 1\n")}, nil
	}})
	w.must(err)
	if _, err := m.Rollback(ctx, RollbackRequest{Version: "v1"}); !errors.Is(err, ErrPolicy) {
		t.Errorf("rollback: %v", err)
	}
	if _, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "test", Token: token}); err != nil {
		t.Errorf("emergency: %v", err)
	}
	_, err = m.SetPolicy(ctx, SetPolicyRequest{Edit: func([]byte) ([]byte, error) { return nil, nil }})
	w.must(err)
	_, err = m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
}

func TestEventsAreTold(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	got := make(chan event.Event, 64)
	m.Subscribe(func(e event.Event) { got <- e })
	sink := filepath.Join(w.dir, "..", "events.jsonl")
	w.line(m, "v1", "v2")
	_, err := m.SetPolicy(ctx, SetPolicyRequest{Edit: func(text []byte) ([]byte, error) {
		return append(text, "[sink \"log\"]\n\ttype = file\n\tpath = \""+sink+"\"\n\tevents = rollback.*\n"...), nil
	}})
	w.must(err)
	w.mark(m, "v1", verdict.MarkGood)
	_, err = m.AutoRollback(ctx, AutoRequest{Report: failing()})
	w.must(err)
	w.must(m.Close())
	close(got)
	var types []string
	for e := range got {
		types = append(types, strings.TrimSuffix(strings.TrimPrefix(string(e.Type), "dev.evoseal."), ".v1"))
	}
	want := "checkpoint.created checkpoint.created policy.changed baseline.established rollback.initiated verification.passed rollback.completed"
	if s := strings.Join(types, " "); s != want {
		t.Errorf("events: %s", s)
	}
	data, err := os.ReadFile(sink)
	if err != nil || strings.Count(string(data), "\n") != 2 {
		t.Errorf("sink: %s %v", data, err)
	}
	points, err := w.manager(Options{}).IntegrationPoints(ctx)
	w.must(err)
	for _, p := range points {
		if p.Name == "sink log" && p.State != PointOK {
			t.Errorf("sink: %+v", p)
		}
	}
}
