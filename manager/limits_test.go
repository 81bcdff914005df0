package manager

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

func TestUndoOfANamedTarget(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.line(m, "v1", "v2")
	elsewhere := filepath.Join(resolvedTemp(t), "out")
	for _, v := range []string{"v1", "v2"} {
		_, err := m.Rollback(ctx, RollbackRequest{Version: v, Target: elsewhere})
		w.must(err)
	}
	res, err := m.Undo(ctx, UndoRequest{Target: elsewhere})
	w.must(err)
	if res.Version != "v1" || res.Record.Target != elsewhere || res.Record.FromVersion != "v2" {
		t.Errorf("%+v", res)
	}
	if data, err := os.ReadFile(filepath.Join(elsewhere, "a")); err != nil || string(data) != "content of v1" {
		t.Errorf("%q %v", data, err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, ".evoseal", "rollback_target")); !os.IsNotExist(err) {
		t.Errorf("the default target was touched: %v", err)
	}
}

func resolvedTemp(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// What changes nothing uses up no attempt of a person.
func TestInPlaceIsNoAttempt(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.line(m, "v1", "v2")
	w.set(m, "rollback.maxAttempts", "2")
	for i := range 4 {
		res, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
		w.must(err)
		if res.Record.InPlace != (i > 0) {
			t.Errorf("%d: in place %v", i, res.Record.InPlace)
		}
	}
	_, err := m.Rollback(ctx, RollbackRequest{Version: "v2"})
	w.must(err)
	if _, err := m.Rollback(ctx, RollbackRequest{Version: "v1"}); !errors.Is(err, ErrBlocked) {
		t.Errorf("the third attempt: %v", err)
	}
}

func TestForcedAutoOverridesTheLimit(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.line(m, "v1", "v2", "v3")
	w.mark(m, "v1", verdict.MarkGood)
	w.set(m, "rollback.maxAttempts", "1")
	failed := verdict.Report{Tests: []verdict.Test{{Name: "t", Status: verdict.Failed}}}
	_, err := m.AutoRollback(ctx, AutoRequest{Version: "v2", Report: failed})
	w.must(err)
	_, err = m.Rollback(ctx, RollbackRequest{Version: "v3", Force: true})
	w.must(err)
	if _, err := m.AutoRollback(ctx, AutoRequest{Version: "v3", Report: failed}); !errors.Is(err, ErrBlocked) {
		t.Errorf("beyond the limit: %v", err)
	}
	operator, _, err := m.IssueToken(ctx, IssueTokenRequest{Role: auth.Operator, Label: "op"})
	w.must(err)
	w.set(m, "rollback.requireAuth", "true")
	if _, err := m.AutoRollback(ctx, AutoRequest{Version: "v3", Report: failed, Force: true, Token: operator}); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("force without the right to: %v", err)
	}
	w.set(m, "rollback.forceRole", "operator")
	res, err := m.AutoRollback(ctx, AutoRequest{Version: "v3", Report: failed, Force: true, Token: operator})
	w.must(err)
	if res.RolledBack != "v1" {
		t.Errorf("%+v", res)
	}
}

func TestHistoryIsNotArchivedWhileSomethingIsOpen(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.line(m, "v1")
	w.mark(m, "v1", verdict.MarkGood)
	token, _, err := m.IssueToken(ctx, IssueTokenRequest{Role: auth.Emergency, Label: "on call"})
	w.must(err)
	res, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "fire", Token: token})
	w.must(err)
	if _, err := m.ArchiveHistory(ctx, "tidy", auth.Secret{}); !errors.Is(err, ErrOpen) || !strings.Contains(err.Error(), res.Incident) {
		t.Errorf("with an incident open: %v", err)
	}
	_, err = m.CloseIncident(ctx, res.Incident, "found", token)
	w.must(err)
	_, err = m.ArchiveHistory(ctx, "tidy", auth.Secret{})
	w.must(err)
}

func TestPlanOfAPartCountsThePart(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	nested := filepath.Join("vendor", "lib")
	w.write("part/x", "12345", "part/y", "678", "party", "beside", nested+"/f", "z")
	w.git("init", "-q", nested)
	m := w.manager(Options{})
	w.checkpoint(m, "v1")
	p, err := m.Plan(ctx, RollbackRequest{Version: "v1", Paths: []string{"part"}})
	w.must(err)
	if p.Files != 2 || p.NeedBytes != 8 || len(p.Findings) != 0 {
		t.Errorf("%d files, %d bytes, %+v", p.Files, p.NeedBytes, p.Findings)
	}
	for _, path := range []string{".", "vendor", nested + "/f"} {
		p, err := m.Plan(ctx, RollbackRequest{Version: "v1", Paths: []string{path}})
		w.must(err)
		if len(p.Findings) != 1 || p.Findings[0].Code != "nested" {
			t.Errorf("%s: %+v", path, p.Findings)
		}
	}
}
