package manager

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/job"
	"github.com/evoseal/git-evoseal-rollback/manager/retention"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// pruneAllBut keeps the newest so many, and what nothing can remove.
func pruneAllBut(n int, grace time.Duration) PruneRequest {
	return PruneRequest{Adjust: func(r *retention.Rules) { r.Last = n }, Grace: &grace, Reason: "test"}
}

const fortnight = 14 * 24 * time.Hour

func (w *world) prune(m *Manager, req PruneRequest) *PruneResult {
	w.Helper()
	res, err := m.Prune(context.Background(), req)
	w.must(err)
	return res
}

func (w *world) left(m *Manager) string {
	w.Helper()
	all, err := m.Targets(context.Background())
	w.must(err)
	var names []string
	for _, t := range all {
		names = append(names, t.Version)
	}
	return strings.Join(names, " ")
}

func (w *world) waiting(m *Manager) string {
	w.Helper()
	all, err := m.Waiting(context.Background())
	w.must(err)
	var names []string
	for _, p := range all {
		names = append(names, p.Version)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// sound checks the store with git and with our own reading.
func (w *world) sound(m *Manager) {
	w.Helper()
	ctx := context.Background()
	s, err := m.Store(ctx)
	w.must(err)
	all, err := s.Checkpoints(ctx)
	w.must(err)
	report, err := s.VerifyStore(ctx, gitstore.VerifyRequest{Checkpoints: all, Refs: true})
	w.must(err)
	for _, d := range report.Damage {
		w.Errorf("damage: %+v", d)
	}
	if out := w.git("--git-dir=.evoseal/.git", "fsck", "--strict", "--no-dangling"); out != "" {
		w.Errorf("git fsck: %s", out)
	}
}

func TestNothingGoesWithoutRules(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.line(m, "v1", "v2", "v3")
	res := w.prune(m, PruneRequest{})
	if !res.Plan.Rules.None() || len(res.Pruned) != 0 || res.Record != nil || w.left(m) != "v3 v2 v1" {
		t.Errorf("%+v; left: %s", res, w.left(m))
	}
	w.set(m, "retention.keepLast", "2")
	plan, err := m.PlanPrune(context.Background(), PruneRequest{})
	w.must(err)
	if len(plan.Going()) != 1 || plan.Content == nil || *plan.Content == 0 || w.left(m) != "v3 v2 v1" {
		t.Errorf("%+v", plan)
	}
	if res := w.prune(m, PruneRequest{}); len(res.Pruned) != 1 || !res.Until.Equal(res.Pruned[0].At.Add(fortnight)) || w.left(m) != "v3 v2" {
		t.Errorf("%+v; left: %s", res, w.left(m))
	}
	if res := w.prune(m, PruneRequest{}); res.Record != nil {
		t.Error("a prune by which nothing goes is recorded")
	}
}

// reasons are what a plan has to say of each version that stays.
func (w *world) reasons(m *Manager) map[string]string {
	w.Helper()
	plan, err := m.PlanPrune(context.Background(), pruneAllBut(1, fortnight))
	w.must(err)
	all := make(map[string]string)
	for _, d := range plan.Decisions {
		if d.Keep {
			all[d.Version] = strings.Join(d.Reasons, ", ")
		}
	}
	return all
}

func TestWhatStaysWhateverTheRulesSay(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9")
	w.mark(m, "v2", verdict.MarkGood)
	w.mark(m, "v3", verdict.MarkGood)
	token := w.token(m, auth.Emergency, auth.Secret{})
	for _, v := range []string{"v4", "v6", "v7"} {
		_, err := m.Rollback(ctx, RollbackRequest{Version: v})
		w.must(err)
	}
	_, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "x", Token: token, To: "v5"})
	w.must(err)
	got := w.reasons(m)
	for version, want := range map[string]string{
		"v9": "the newest", "v3": "the last one verified good", "v5": ".evoseal/rollback_target holds it", "v7": ".evoseal/rollback_target.previous holds it",
	} {
		if !strings.Contains(got[version], want) {
			t.Errorf("%s: %q, want %q", version, got[version], want)
		}
	}
	for _, version := range []string{"v5", "v7"} {
		if !strings.Contains(got[version], "incident") {
			t.Errorf("%s: %q, and the incident is open", version, got[version])
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
	_, err = m.CloseIncident(ctx, "", "found", token)
	w.must(err)
	if got := w.reasons(m); strings.Contains(got["v5"]+got["v7"], "incident") {
		t.Errorf("%v", got)
	}
	before := w.fingerprint()
	w.prune(m, pruneAllBut(1, 0))
	w.unchanged(before)
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	m = w.manager(Options{})
	w.sound(m)
	if w.left(m) != "v9 v7 v5 v3" {
		t.Errorf("left: %s", w.left(m))
	}
	for v := range strings.FieldsSeq(w.left(m)) {
		_, err := m.Rollback(ctx, RollbackRequest{Version: v})
		w.must(err)
		if w.target("a") != "content of "+v {
			t.Errorf("%s brought back %q", v, w.target("a"))
		}
	}
}

func TestEmergencyAndBrokenOffCascadeKeepTheirVersions(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3", "v4", "v5", "v6")
	w.mark(m, "v6", verdict.MarkBad)
	s, err := m.Store(ctx)
	w.must(err)
	l, err := m.lineage(ctx, s)
	w.must(err)
	failed, err := s.Resolve(ctx, "v4")
	w.must(err)
	open := m.newRecord(ActionCascade, "", "died")
	c := &chain{m: m, s: s, open: open, action: ActionCascade, tried: map[string]bool{}, out: &ChainResult{Chain: newID(m.now())}}
	w.must(c.begin(ctx, failed, []candidate{describe(l, l.ancestors(failed)[1], "x")}))
	got := w.reasons(m)
	for version, want := range map[string]string{"v5": "an emergency", "v4": "the cascade from v4", "v2": "the cascade from v4"} {
		if !strings.Contains(got[version], want) {
			t.Errorf("%s: %q, want %q", version, got[version], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
}

func TestGuardKeepsWhatItBeganWith(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.line(m, "v1", "v2", "v3")
	held := make(chan string, 1)
	res, err := m.Guard(context.Background(), GuardRequest{
		Trial: Trial{Command: job.Command{Args: []string{"true"}}}, Version: "before", Started: nil,
		Ended: func(TrialRun) {
			other := w.manager(Options{})
			w.write("a", "content of later")
			w.checkpoint(other, "later")
			plan, err := other.PlanPrune(context.Background(), pruneAllBut(1, 0))
			if err != nil {
				held <- err.Error()
				return
			}
			for _, d := range plan.Decisions {
				if d.Version == "before" {
					held <- strings.Join(d.Reasons, ", ")
				}
			}
		},
	})
	w.must(err)
	if got := <-held; !strings.Contains(got, "a running process works with it") {
		t.Errorf("%s: %q", res.Before.Version, got)
	}
	w.checkpoint(m, "last")
	if got := w.reasons(m)["before"]; strings.Contains(got, "running") {
		t.Errorf("afterwards: %q", got)
	}
}

func TestPruneIsRecordedAndTold(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{Actor: "me"})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3", "v4")
	events := make(chan event.Event, 10)
	defer m.Subscribe(func(e event.Event) { events <- e })()
	w.prune(m, pruneAllBut(3, fortnight))
	told := <-events
	data, err := told.Payload()
	w.must(err)
	if p, ok := data.(*event.PruneData); !ok || told.Type != event.CheckpointsPruned || !slices.Equal(p.Pruned, []string{"v1"}) || p.Actor != "me" {
		t.Errorf("%s: %+v", told.Type, data)
	}
	_, err = m.RestorePruned(ctx, RestorePrunedRequest{Versions: []string{"v1"}, Reason: "a slip"})
	w.must(err)
	if w.left(m) != "v4 v3 v2 v1" {
		t.Errorf("left: %s", w.left(m))
	}
	if _, err := m.RestorePruned(ctx, RestorePrunedRequest{Versions: []string{"v1"}}); !errors.Is(err, gitstore.ErrNotFound) {
		t.Error(err)
	}
	w.prune(m, pruneAllBut(2, 0))
	records, err := m.History(ctx, HistoryFilter{})
	w.must(err)
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%s %s %s %s pruned=%v until=%v expired=%v", r.Action, r.Version, r.Outcome, r.Reason, r.Pruned, r.Until != nil, r.Expired))
	}
	want := []string{
		"prune  completed test pruned=[v2 v1] until=false expired=[v1 v2]",
		"prune-restore v1 refused  pruned=[] until=false expired=[]",
		"prune-restore v1 completed a slip pruned=[] until=false expired=[]",
		"prune  completed test pruned=[v1] until=true expired=[]",
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] && strings.ReplaceAll(got[i], "[v1 v2] until", "[v2 v1] until") != want[i] {
			t.Errorf("got  %q\nwant %q", got, want)
			break
		}
	}
}

func TestPruneTakesATokenWhereThereAreSome(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3")
	admin := w.token(m, auth.Admin, auth.Secret{})
	operator, emergency := w.token(m, auth.Operator, admin), w.token(m, auth.Emergency, admin)
	req := pruneAllBut(2, fortnight)
	for _, token := range []auth.Secret{{}, emergency} {
		req.Token = token
		if _, err := m.Prune(ctx, req); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("pruned: %v", err)
		}
		if _, err := m.RestorePruned(ctx, RestorePrunedRequest{Versions: []string{"v1"}, Token: token}); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("restored: %v", err)
		}
	}
	if _, err := m.PlanPrune(ctx, pruneAllBut(1, 0)); err != nil {
		t.Errorf("looking takes none: %v", err)
	}
	req.Token = operator
	w.prune(m, req)
	records, err := m.History(ctx, HistoryFilter{Outcome: Denied})
	if err != nil || len(records) != 4 {
		t.Errorf("%d denials are recorded, %v", len(records), err)
	}
}

// TestCascadeLeadsPastPrunedVersions: lineage is told across what is gone for good.
func TestCascadeLeadsPastPrunedVersions(t *testing.T) {
	for _, grace := range []time.Duration{fortnight, 0} {
		w := newWorld(t)
		m := w.manager(Options{})
		ctx := context.Background()
		w.line(m, "v1", "v2", "v3", "v4", "v5")
		w.mark(m, "v2", verdict.MarkGood)
		w.prune(m, pruneAllBut(1, grace))
		if w.left(m) != "v5 v2" {
			t.Errorf("left: %s", w.left(m))
		}
		w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
		m = w.manager(Options{})
		res, err := m.CascadingRollback(ctx, CascadeRequest{Failed: "v5"})
		w.must(err)
		if res.Rollback.Checkpoint.Version != "v2" || w.target("a") != "content of v2" {
			t.Errorf("%+v", res)
		}
		plan, err := m.Validate(ctx, RollbackRequest{Version: "v5"})
		w.must(err)
		for _, f := range plan.Findings {
			if f.Code == "parent" {
				t.Errorf("%s: %s", f.Code, f.Message)
			}
		}
	}
}

// TestRollbackToWhatIsBeingPruned: whichever comes first, the target holds what was
// asked for, or what it held; and what it holds stays.
func TestRollbackToWhatIsBeingPruned(t *testing.T) {
	w := newWorld(t)
	opts := Options{LockTimeout: time.Minute}
	m := w.manager(opts)
	w.line(m, "v1", "v2", "v3", "v4")
	ctx := context.Background()
	for range 15 {
		var wg sync.WaitGroup
		var rolled error
		wg.Go(func() { _, rolled = w.manager(opts).Rollback(ctx, RollbackRequest{Version: "v2"}) })
		wg.Go(func() {
			if _, err := w.manager(opts).Prune(ctx, pruneAllBut(2, fortnight)); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if rolled != nil && !errors.Is(rolled, gitstore.ErrNotFound) {
			t.Error(rolled)
		}
		if rolled == nil && w.target("a") != "content of v2" {
			t.Errorf("the target holds %q", w.target("a"))
		}
		// What the target holds doesn't expire, pruned or not.
		w.prune(m, pruneAllBut(9, 0))
		w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
		m = w.manager(opts)
		w.sound(m)
		if rolled == nil && !strings.Contains(w.left(m)+" "+w.waiting(m), "v2") {
			t.Errorf("v2 is gone, and the target holds it; left: %s, waiting: %s", w.left(m), w.waiting(m))
		}
		if rolled != nil {
			return
		}
		if strings.Contains(w.waiting(m), "v2") {
			_, err := m.RestorePruned(ctx, RestorePrunedRequest{Versions: []string{"v2"}})
			w.must(err)
		}
		_, err := m.Rollback(ctx, RollbackRequest{Version: "v4"})
		w.must(err)
		_, err = m.Rollback(ctx, RollbackRequest{Version: "v3"})
		w.must(err)
	}
}

func TestPruneWaitsForCascades(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{LockTimeout: time.Millisecond})
	w.line(m, "v1", "v2", "v3")
	s, err := w.manager(Options{}).Store(context.Background())
	w.must(err)
	for _, lock := range []func(context.Context, string) (func(), error){s.LockChain, s.LockTarget} {
		unlock, err := lock(context.Background(), "test")
		w.must(err)
		if _, err := m.Prune(context.Background(), pruneAllBut(1, 0)); !errors.Is(err, gitstore.ErrBusy) {
			t.Errorf("beside another's lock: %v", err)
		}
		unlock()
	}
	if w.left(m) != "v3 v2 v1" {
		t.Errorf("left: %s", w.left(m))
	}
	if entries, _ := filepath.Glob(filepath.Join(w.dir, ".evoseal/.git/evoseal/inuse_*")); len(entries) != 0 {
		t.Error(entries)
	}
}
