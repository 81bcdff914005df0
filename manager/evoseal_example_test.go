package manager_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// pipeline is a project with the versions v1.0 and v2.0, of which the first was
// verified good.
func pipeline() (m *manager.Manager, cleanup func()) {
	project, err := os.MkdirTemp("", "pipeline")
	if err != nil {
		log.Fatal(err)
	}
	if m, err = manager.New(context.Background(), project, manager.Options{Actor: "pipeline"}); err != nil {
		log.Fatal(err)
	}
	for _, version := range []string{"v1.0", "v2.0"} {
		os.WriteFile(filepath.Join(project, "model.py"), []byte("# "+version+"\n"), 0o644)
		metrics := map[string]verdict.Samples{"accuracy": {0.91}, "latency": {120}}
		if version == "v2.0" {
			metrics["latency"] = verdict.Samples{135}
		}
		if _, err := m.Checkpoint(context.Background(), manager.CheckpointRequest{Version: version, Metrics: metrics}); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := m.Mark(context.Background(), manager.MarkRequest{Version: "v1.0", Mark: verdict.MarkGood}); err != nil {
		log.Fatal(err)
	}
	return m, func() { m.Close(); os.RemoveAll(project) }
}

// set changes rules, given as pairs of key and value.
func set(m *manager.Manager, token auth.Secret, pairs ...string) {
	_, err := m.SetPolicy(context.Background(), manager.SetPolicyRequest{Token: token, Edit: func(text []byte) (out []byte, err error) {
		for i := 0; i < len(pairs) && err == nil; i += 2 {
			text, err = policy.Set(text, pairs[i], pairs[i+1])
		}
		return text, err
	}})
	if err != nil {
		log.Fatal(err)
	}
}

// The policy of EVOSEAL's page: a threshold of 5 % and three attempts.
func ExampleManager_SetPolicy() {
	m, cleanup := pipeline()
	defer cleanup()
	set(m, auth.Secret{}, "rollback.autoRollback", "true", "rollback.threshold", "0.05", "rollback.maxAttempts", "3")
	state, err := m.Policy(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(state.Policy.AutoRollback, state.Policy.Threshold, state.Policy.MaxAttempts)
	// Output: true 0.05 3
}

// Where the policy requires it, a rollback takes a token.
func ExampleManager_Rollback_authorized() {
	m, cleanup := pipeline()
	defer cleanup()
	ctx := context.Background()
	token, _, err := m.IssueToken(ctx, manager.IssueTokenRequest{Role: auth.Operator, Label: "release bot"})
	if err != nil {
		log.Fatal(err)
	}
	set(m, auth.Secret{}, "rollback.requireAuth", "true")
	_, err = m.Rollback(ctx, manager.RollbackRequest{Version: "v1.0", Reason: "regression"})
	fmt.Println("without a token:", errors.Is(err, auth.ErrDenied))
	r, err := m.Rollback(ctx, manager.RollbackRequest{Version: "v1.0", Reason: "regression", Token: token})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("with one:", r.Record.Version, r.Record.Outcome, "by", r.Record.AuthorizedBy)
	// Output:
	// without a token: true
	// with one: v1.0 completed by release bot
}

// Triggers say what fails a version: here, a metric that is worse by more than
// 8 %. Four attempts are allowed.
func ExampleManager_SetTriggers() {
	m, cleanup := pipeline()
	defer cleanup()
	ctx := context.Background()
	threshold := 0.08
	_, err := m.SetTriggers(ctx, []verdict.Trigger{{Name: "metrics", Kind: verdict.KindMetrics, Threshold: &threshold}}, "", auth.Secret{})
	if err != nil {
		log.Fatal(err)
	}
	set(m, auth.Secret{}, "rollback.maxAttempts", "4")
	triggers, err := m.Triggers(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range triggers {
		fmt.Print(t.Name, " ", t.Kind)
		if t.Threshold != nil {
			fmt.Print(" ", *t.Threshold)
		}
		fmt.Println()
	}
	// Output:
	// tests tests
	// metrics metrics 0.08
}

// One of two tests failed, so the last version that was verified good is
// brought back.
func ExampleManager_AutoRollback() {
	m, cleanup := pipeline()
	defer cleanup()
	res, err := m.AutoRollback(context.Background(), manager.AutoRequest{Version: "v2.0", Report: verdict.Report{
		Tests: []verdict.Test{{Name: "unit", Status: verdict.Passed}, {Name: "integration", Status: verdict.Failed}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Verdict.Outcome, "-", res.Verdict.Reason)
	fmt.Println("rolled back to", res.RolledBack)
	// Output:
	// fail - 1 of 2 tests failed: "integration"
	// rolled back to v1.0
}

// The metrics that were recorded with the checkpoints are compared when the report
// has none.
func ExampleManager_AutoRollback_metrics() {
	m, cleanup := pipeline()
	defer cleanup()
	res, err := m.AutoRollback(context.Background(), manager.AutoRequest{Version: "v2.0"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Verdict.Outcome, "by", res.Verdict.Trigger, "against", res.Baseline)
	fmt.Println("rolled back to", res.RolledBack)
	// Output:
	// fail by metrics against v1.0
	// rolled back to v1.0
}

// An emergency chooses the version itself, and stays open until it is closed.
func ExampleManager_EmergencyRollback() {
	m, cleanup := pipeline()
	defer cleanup()
	ctx := context.Background()
	token, _, err := m.IssueToken(ctx, manager.IssueTokenRequest{Role: auth.Emergency, Label: "on call"})
	if err != nil {
		log.Fatal(err)
	}
	res, err := m.EmergencyRollback(ctx, manager.EmergencyRequest{Reason: "orders vanish", Token: token})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range res.Considered {
		fmt.Println(c.Version, c.Chosen, "-", c.Why)
	}
	closed, err := m.CloseIncident(ctx, res.Incident, "an index was dropped", token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("closed:", closed.Note)
	// Output:
	// v1.0 true - the newest that was verified good
	// v2.0 false - never judged
	// closed: an index was dropped
}

// A cascade leaves a version for its nearest ancestor that can be brought back.
func ExampleManager_CascadingRollback() {
	m, cleanup := pipeline()
	defer cleanup()
	res, err := m.CascadingRollback(context.Background(), manager.CascadeRequest{Failed: "v2.0", MaxAttempts: 2})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Rollback.Record.Version, "in", len(res.Steps), "step")
	// Output: v1.0 in 1 step
}

// Every request leaves a record; the statistics are made from them.
func ExampleManager_Stats() {
	m, cleanup := pipeline()
	defer cleanup()
	ctx := context.Background()
	for _, version := range []string{"v1.0", "v2.0", "v9.9"} {
		m.Rollback(ctx, manager.RollbackRequest{Version: version, Reason: "try"})
	}
	records, err := m.History(ctx, manager.HistoryFilter{Limit: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Println(r.Version, r.Outcome)
	}
	st, err := m.Stats(ctx, manager.HistoryFilter{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(st.Records, "records,", st.Rollbacks, "rollbacks, success rate", *st.SuccessRate)
	// Output:
	// v9.9 refused
	// v2.0 completed
	// 3 records, 2 rollbacks, success rate 1
}
