package verdict_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Two test results of which one failed: enough to fail a version.
func ExampleJudge() {
	v := verdict.Judge(verdict.Input{
		Version: "v1.1",
		Rules:   verdict.DefaultRules(),
		Report: verdict.Report{Tests: []verdict.Test{
			{Name: "test_basic", Status: verdict.Passed},
			{Name: "test_advanced", Status: verdict.Failed},
		}},
	})
	fmt.Println(v.Outcome, "by", v.Trigger)
	fmt.Println(v.Reason)
	// Output:
	// fail by tests
	// 1 of 2 tests failed: "test_advanced"
}

// A metric may lose 8 % before it has regressed; this one lost 10 %.
func ExampleJudge_threshold() {
	threshold := 0.08
	rules := verdict.DefaultRules()
	rules.Triggers = []verdict.Trigger{{Name: "metrics", Kind: verdict.KindMetrics, Threshold: &threshold}}
	v := verdict.Judge(verdict.Input{
		Rules:    rules,
		Report:   verdict.Report{Metrics: map[string]verdict.Samples{"accuracy": {0.81}}},
		Baseline: &verdict.Baseline{Version: "v1.0", Metrics: map[string]verdict.Samples{"accuracy": {0.90}}},
	})
	fmt.Println(v.Outcome)
	fmt.Println(v.Reason)
	// Output:
	// fail
	// "accuracy" fell from 0.9 to 0.81 (10 %), a loss beyond 8 %
}

// Samples fail where chance doesn't explain the loss.
func ExampleJudge_samples() {
	noisy := verdict.Samples{9.1, 14.2, 8.8, 12.9, 10.4, 11.3}
	v := verdict.Judge(verdict.Input{
		Rules: verdict.DefaultRules(),
		Report: verdict.Report{Metrics: map[string]verdict.Samples{
			"parse_ns/op": {14, 15, 14.5, 15.5, 14.8, 15.2},
			"print_ns/op": {9.9, 13.1, 10.8, 14.9, 12.2, 9.3},
		}},
		Baseline: &verdict.Baseline{Version: "v1", Metrics: map[string]verdict.Samples{
			"parse_ns/op": {10, 10.5, 9.8, 10.2, 10.1, 9.9},
			"print_ns/op": noisy,
		}},
	})
	for _, f := range v.Findings {
		if f.Trigger == "metrics" {
			fmt.Println(f.Outcome, f.Reason)
		}
	}
	// Output:
	// fail "parse_ns/op" rose from 10.05 to 14.9 (48.26 %), a loss beyond 5 % that chance doesn't explain (p 0.00108, corrected 0.00216; effect 1)
	// pass "print_ns/op" rose from 10.85 to 11.5 (5.991 %), a loss beyond 5 %, but chance explains it (p 0.294, corrected 0.294)
}

// A metric of which nobody said which values are good is an error with a way out.
func ExampleJudge_directionUnknown() {
	v := verdict.Judge(verdict.Input{
		Rules:  verdict.DefaultRules(),
		Report: verdict.Report{Metrics: map[string]verdict.Samples{"widgets": {3}}},
	})
	fmt.Println(v.Outcome)
	fmt.Println(v.Findings[1].Hint)
	// Output:
	// error
	// `git evoseal-rollback policy set metric.widgets.direction higher` if higher values are better; else say lower
}

func ExampleParseMetrics() {
	metrics, err := verdict.ParseMetrics(strings.NewReader(`{"accuracy": 0.91, "latency_ms": [12.1, 11.8, 12.6]}`), 0)
	fmt.Println(metrics["accuracy"], metrics["latency_ms"], err)
	_, err = verdict.ParseMetrics(strings.NewReader(`{"accuracy": null}`), 0)
	fmt.Println(err)
	// Output:
	// [0.91] [12.1 11.8 12.6] <nil>
	// metric "accuracy": null is no number
}

func ExampleParseTests() {
	tests, err := verdict.ParseTests(strings.NewReader(`[
		{"name": "parses", "status": "passed"},
		{"test_name": "prints", "result": "FAIL"}
	]`), 0)
	fmt.Println(tests[0].Status, tests[1].Status, err)
	// Output: passed failed <nil>
}

func ExampleDirectionOf() {
	for _, name := range []string{"val.accuracy", "HTTPLatencyMs", "throughput_p95", "latency_score"} {
		d, known := verdict.DirectionOf(name)
		fmt.Printf("%s: %q %v\n", name, d, known)
	}
	// Output:
	// val.accuracy: "higher" true
	// HTTPLatencyMs: "lower" true
	// throughput_p95: "higher" true
	// latency_score: "" false
}

// A note's line is all that it takes to reach a verdict again.
func ExampleReplay() {
	entry, err := verdict.NewVerdict("7f3a", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), "ci", verdict.Input{
		Version: "v2",
		Rules:   verdict.DefaultRules(),
		Report:  verdict.Report{Tests: []verdict.Test{{Name: "parses", Status: verdict.Passed}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	line, err := entry.Line()
	if err != nil {
		fmt.Println(err)
		return
	}
	stored, again, same, err := verdict.Replay(line)
	fmt.Println(stored.Outcome, again.Outcome, same, err)

	edited := strings.Replace(string(line), `"status":"passed"`, `"status":"failed"`, 1)
	stored, again, same, err = verdict.Replay([]byte(edited))
	fmt.Println(stored.Outcome, again.Outcome, same, err)
	// Output:
	// pass pass true <nil>
	// pass fail false <nil>
}

func ExampleLatest() {
	note := `seen by Ada, looks fine
{"schema":1,"id":"1","time":"2026-03-01T12:00:00Z","kind":"report","report":{"metrics":{"latency_ms":12.5}}}
{"schema":1,"id":"2","time":"2026-03-01T13:00:00Z","kind":"mark","actor":"ada","mark":"bad","reason":"loses data"}
`
	entries, skipped := verdict.DecodeEntries([]byte(note))
	s := verdict.Latest(entries)
	fmt.Println(s.State, s.Actor, s.Reason, s.Metrics["latency_ms"], skipped)
	// Output: bad ada loses data [12.5] 1
}
