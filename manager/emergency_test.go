package manager

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

func (w *world) token(m *Manager, role auth.Role, admin auth.Secret) auth.Secret {
	w.Helper()
	secret, _, err := m.IssueToken(context.Background(), IssueTokenRequest{Role: role, Label: "test " + string(role), Token: admin})
	w.must(err)
	return secret
}

func TestEmergency(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3", "v4")
	w.mark(m, "v1", verdict.MarkGood)
	w.mark(m, "v2", verdict.MarkGood)
	w.mark(m, "v4", verdict.MarkBad)
	w.set(m, "rollback.maxAttempts", "1")
	operator, token := w.token(m, auth.Operator, auth.Secret{}), w.token(m, auth.Emergency, auth.Secret{})
	for _, wrong := range []auth.Secret{{}, operator} {
		if _, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "x", Token: wrong}); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("with %v: %v", wrong, err)
		}
	}
	if _, err := m.EmergencyRollback(ctx, EmergencyRequest{Token: token}); !errors.Is(err, ErrNeedsReason) {
		t.Errorf("without a reason: %v", err)
	}
	drill, err := m.EmergencyDrill(ctx, EmergencyRequest{Reason: "drill", Token: token})
	w.must(err)
	if _, err := os.Stat(filepath.Join(w.dir, ".evoseal/rollback_target")); err == nil || drill.Incident != "" || drill.Rollback.Record.Files == 0 {
		t.Errorf("drill: %+v", drill)
	}
	before := w.fingerprint()
	for range 2 {
		res, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "all down", Token: token})
		w.must(err)
		if w.target("a") != "content of v2" || res.Considered[0].Version != "v2" || !res.Considered[0].Chosen {
			t.Errorf("%+v", res)
		}
	}
	w.unchanged(before)
	if _, err := m.CloseIncident(ctx, "", "found", token); !errors.Is(err, ErrNoIncident) {
		t.Errorf("two are open: %v", err)
	}
	incidents, err := m.Incidents(ctx)
	w.must(err)
	if len(incidents) != 2 {
		t.Fatalf("incidents: %+v", incidents)
	}
	for _, i := range incidents {
		if _, err := m.CloseIncident(ctx, i.ID, "found", operator); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("closed by an operator: %v", err)
		}
		closed, err := m.CloseIncident(ctx, i.ID, "found it", token)
		if err != nil || closed.Version != "v2" || closed.Note != "found it" {
			t.Errorf("%+v %v", closed, err)
		}
	}
	if _, err := m.CloseIncident(ctx, incidents[0].ID, "again", token); !errors.Is(err, ErrNoIncident) {
		t.Errorf("closed twice: %v", err)
	}
}

func TestEmergencyPassesOverDamage(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3")
	token := w.token(m, auth.Emergency, auth.Secret{})
	w.mark(m, "v1", verdict.MarkGood)
	w.mark(m, "v2", verdict.MarkGood)
	w.corrupt(m, "v2")
	m = w.manager(Options{})
	res, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "x", Token: token})
	w.must(err)
	if w.target("a") != "content of v1" || len(res.Steps) != 2 || res.Considered[0].Chosen || !res.Considered[1].Chosen {
		t.Errorf("%+v", res)
	}
	if _, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "x", Token: token, Target: "/usr/x"}); !errors.Is(err, safety.ErrUnsafe) {
		t.Errorf("an emergency into /usr: %v", err)
	}
	named, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "x", Token: token, To: "v3"})
	if err != nil || named.Rollback.Record.Version != "v3" {
		t.Errorf("--to v3: %+v %v", named, err)
	}
}

// TestWrongTokensSlowDown counts the waiting, which a real clock would make
// slow.
func TestWrongTokensSlowDown(t *testing.T) {
	w := newWorld(t)
	var waited []time.Duration
	opts := Options{Sleep: func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil }}
	m := w.manager(opts)
	ctx := context.Background()
	w.line(m, "v1")
	good := w.token(m, auth.Operator, auth.Secret{})
	wrong, _, err := auth.Issue(auth.IssueRequest{Role: auth.Operator, Now: time.Now()})
	w.must(err)
	for range 7 {
		if _, err := m.Rollback(ctx, RollbackRequest{Version: "v1", Token: wrong}); !errors.Is(err, auth.ErrDenied) {
			t.Fatalf("a wrong token: %v", err)
		}
	}
	if len(waited) != 2 || waited[0] != time.Second || waited[1] != 2*time.Second {
		t.Errorf("waited %v", waited)
	}
	// A dry run is no way to try tokens out in silence.
	if _, err := m.Plan(ctx, RollbackRequest{Version: "v1", Token: wrong}); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("plan: %v", err)
	}
	records, err := m.History(ctx, HistoryFilter{Outcome: Denied})
	if err != nil || len(records) != 8 || records[0].Denial != "unknown" {
		t.Errorf("%d denials: %v", len(records), err)
	}
	res, err := m.Rollback(ctx, RollbackRequest{Version: "v1", Token: good})
	if err != nil || res.Record.AuthorizedBy != "test operator" || res.Record.Role != "operator" {
		t.Errorf("%+v %v", res, err)
	}
}

func TestAdminTokenClosesConfiguration(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{Sleep: func(context.Context, time.Duration) error { return nil }})
	ctx := context.Background()
	w.line(m, "v1")
	admin := w.token(m, auth.Admin, auth.Secret{})
	change := func(token auth.Secret) error {
		_, err := m.SetPolicy(ctx, SetPolicyRequest{Token: token, Edit: func(text []byte) ([]byte, error) { return append(text, '\n'), nil }})
		return err
	}
	operator := w.token(m, auth.Operator, admin)
	for _, token := range []auth.Secret{{}, operator} {
		if err := change(token); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("policy with %v: %v", token, err)
		}
		if _, _, err := m.IssueToken(ctx, IssueTokenRequest{Role: auth.Admin, Token: token}); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("issue with %v: %v", token, err)
		}
		if _, err := m.ArchiveHistory(ctx, "", token); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("archive with %v: %v", token, err)
		}
	}
	w.must(change(admin))
	tokens, err := m.Tokens(ctx)
	w.must(err)
	if _, err := m.RevokeToken(ctx, tokens[0].ID, "", admin); !errors.Is(err, auth.ErrLastAdmin) {
		t.Errorf("the last admin: %v", err)
	}
	if _, err := m.RevokeToken(ctx, tokens[1].ID[:4], "lost", admin); err != nil {
		t.Error(err)
	}
	if _, err := m.Rollback(ctx, RollbackRequest{Version: "v1", Token: operator}); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("a revoked token: %v", err)
	}
	records, err := m.History(ctx, HistoryFilter{Outcome: Denied})
	if err != nil || len(records) != 7 {
		t.Errorf("%d denials: %v", len(records), err)
	}
}

// TestBrokenHistoryStopsBeforeTheSwap stands for a power cut that left a ref
// empty. Nothing is done that can't be recorded, but for an emergency, which
// says so.
func TestBrokenHistoryStopsBeforeTheSwap(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2")
	token := w.token(m, auth.Emergency, auth.Secret{})
	_, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	w.must(os.WriteFile(filepath.Join(w.dir, ".evoseal/.git/refs/notes/evoseal/history"), nil, 0o644))
	if _, err := m.Rollback(ctx, RollbackRequest{Version: "v2"}); !errors.Is(err, gitstore.ErrCorrupt) || w.target("a") != "content of v1" {
		t.Errorf("rollback: %v, the target holds %q", err, w.target("a"))
	}
	if _, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "x", Token: token}); !errors.Is(err, ErrNotRecorded) || w.target("a") != "content of v2" {
		t.Errorf("emergency: %v, the target holds %q", err, w.target("a"))
	}
	d, err := m.Doctor(ctx)
	if err != nil || len(d.Findings) != 1 || d.Findings[0].Code != "broken-ref" || d.Findings[0].Repair != gitstore.Mendable {
		t.Errorf("doctor: %+v %v", d, err)
	}
	d, err = m.Repair(ctx, RepairRequest{})
	if err != nil || len(d.Findings) != 1 || d.Findings[0].Code != "broken-ref" || d.Findings[0].Repair != gitstore.Mended {
		t.Errorf("repair: %+v %v", d, err)
	}
	_, err = m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	if records, err := m.History(ctx, HistoryFilter{}); err != nil || len(records) != 3 || records[1].Action != ActionRepair {
		t.Errorf("%d records: %+v %v", len(records), records, err)
	}
}
