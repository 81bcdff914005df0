package verdict

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// ptr is a value where rules want a pointer.
func ptr(x float64) *float64 { return &x }

// rules are the defaults with other triggers.
func rules(triggers ...Trigger) Rules {
	r := DefaultRules()
	if triggers != nil {
		r.Triggers = triggers
	}
	return r
}

func ran(statuses ...Status) []Test {
	var tests []Test
	for i, s := range statuses {
		tests = append(tests, Test{Name: fmt.Sprintf("t%d", i), Status: s})
	}
	return tests
}

// judged is one row of a table of verdicts.
type judged struct {
	name    string
	in      Input
	want    Outcome
	trigger string
	// says must appear in the verdict's reason, warns in a warning, hints in the
	// hint of a finding.
	says, warns, hints string
}

func (c judged) run(t *testing.T) {
	t.Helper()
	v := Judge(c.in)
	if v.Outcome != c.want || v.Trigger != c.trigger {
		t.Fatalf("%s by %q (%s), want %s by %q; findings %+v", v.Outcome, v.Trigger, v.Reason, c.want, c.trigger, v.Findings)
	}
	if !strings.Contains(v.Reason, c.says) {
		t.Errorf("reason %q lacks %q", v.Reason, c.says)
	}
	if w := strings.Join(v.Warnings, "\n"); !strings.Contains(w, c.warns) || c.warns == "" && w != "" {
		t.Errorf("warnings %q, want %q", w, c.warns)
	}
	hints := ""
	for _, f := range v.Findings {
		hints += f.Hint
	}
	if !strings.Contains(hints, c.hints) || c.hints == "" && hints != "" {
		t.Errorf("hints %q, want %q", hints, c.hints)
	}
	mustReplay(t, c.in)
}

func TestVerdictsOfTests(t *testing.T) {
	only := func(tr Trigger) Rules { tr.Name, tr.Kind = "tests", KindTests; return rules(tr) }
	flaky := []Test{{Name: "flaky", Status: Passed, Retries: 2}}
	for _, c := range []judged{
		{name: "nothing at all", in: Input{Rules: rules()}, want: Inconclusive, says: "no trigger that decides had data"},
		{name: "no rules", in: Input{Report: Report{Tests: ran(Failed)}}, want: Inconclusive, says: "no trigger is in force"},
		{name: "all passed", in: Input{Rules: rules(), Report: Report{Tests: ran(Passed, Passed)}}, want: Pass},
		{name: "one of two failed", in: Input{Rules: rules(), Report: Report{Tests: ran(Passed, Failed)}}, want: Fail, trigger: "tests", says: `1 of 2 tests failed: "t1"`},
		{name: "errored is failed", in: Input{Rules: rules(), Report: Report{Tests: ran(Errored)}}, want: Fail, trigger: "tests"},
		{name: "all skipped", in: Input{Rules: rules(), Report: Report{Tests: ran(Skipped, Skipped)}}, want: Inconclusive},
		{name: "all skipped but required", in: Input{Rules: only(Trigger{MustHaveData: true}), Report: Report{Tests: ran(Skipped)}}, want: Inconclusive, trigger: "tests", says: "no test ran"},
		{name: "skipped beside passed", in: Input{Rules: rules(), Report: Report{Tests: ran(Skipped, Passed)}}, want: Pass},
		{name: "fewer failures than count", in: Input{Rules: only(Trigger{MinFailures: 3}), Report: Report{Tests: ran(Failed, Failed, Passed)}}, want: Pass},
		{name: "as many failures as count", in: Input{Rules: only(Trigger{MinFailures: 2}), Report: Report{Tests: ran(Failed, Failed, Passed)}}, want: Fail, trigger: "tests"},
		{name: "negative number of failures is one", in: Input{Rules: only(Trigger{MinFailures: -4}), Report: Report{Tests: ran(Failed)}}, want: Fail, trigger: "tests"},
		{name: "negative number, none failed", in: Input{Rules: only(Trigger{MinFailures: -4}), Report: Report{Tests: ran(Passed)}}, want: Pass},
		{name: "flaky within retries", in: Input{Rules: only(Trigger{Retries: 2}), Report: Report{Tests: flaky}}, want: Pass, warns: `1 test passed only after being run again: "flaky"`},
		{name: "flaky beyond retries", in: Input{Rules: only(Trigger{Retries: 1}), Report: Report{Tests: flaky}}, want: Fail, trigger: "tests", warns: `which trigger "tests" doesn't let count: "flaky"`},
		{name: "flaky without retries", in: Input{Rules: rules(), Report: Report{Tests: flaky}}, want: Fail, trigger: "tests", warns: `which trigger "tests" doesn't let count: "flaky"`},
		{name: "failed after retries", in: Input{Rules: only(Trigger{Retries: 5}), Report: Report{Tests: []Test{{Name: "x", Status: Failed, Retries: 1}}}}, want: Fail, trigger: "tests"},
		{name: "failure outside the pattern", in: Input{Rules: only(Trigger{Match: []string{"core/*"}}), Report: Report{Tests: []Test{{Name: "ui/a", Status: Failed}, {Name: "core/a", Status: Passed}}}}, want: Pass},
		{name: "failure inside the pattern", in: Input{Rules: only(Trigger{Match: []string{"x", "c*e/*"}}), Report: Report{Tests: []Test{{Name: "core/a", Status: Failed}}}}, want: Fail, trigger: "tests"},
		{name: "nothing matches", in: Input{Rules: only(Trigger{Match: []string{"core/*"}}), Report: Report{Tests: ran(Failed)}}, want: Inconclusive},
		{name: "unknown status", in: Input{Rules: rules(), Report: Report{Tests: ran(Passed, "maybe")}}, want: Error, trigger: "tests", says: `the status of 1 test isn't known: "t1"`},
		{name: "failure beside an unknown status", in: Input{Rules: rules(), Report: Report{Tests: ran(Failed, "maybe")}}, want: Fail, trigger: "tests"},
		{name: "disabled", in: Input{Rules: only(Trigger{Disabled: true}), Report: Report{Tests: ran(Failed)}}, want: Inconclusive, says: "no trigger is in force"},
		{name: "dry run fails nothing", in: Input{Rules: only(Trigger{DryRun: true}), Report: Report{Tests: ran(Failed)}}, want: Inconclusive, warns: `dry run: trigger "tests" would say fail`},
		{name: "dry run passes nothing", in: Input{Rules: only(Trigger{DryRun: true}), Report: Report{Tests: ran(Passed)}}, want: Inconclusive},
		{name: "dry run beside a pass", in: Input{Rules: rules(Trigger{Name: "strict", Kind: KindTests, DryRun: true}, Trigger{Name: "lax", Kind: KindTests, MinFailures: 2}), Report: Report{Tests: ran(Failed, Passed)}}, want: Pass, warns: "strict"},
		{name: "problem beside a pass", in: Input{Rules: rules(), Report: Report{Tests: ran(Passed), Problems: []string{"junit.xml ends in the middle"}}}, want: Error, says: "junit.xml ends in the middle"},
		{name: "problem beside a failure", in: Input{Rules: rules(), Report: Report{Tests: ran(Failed), Problems: []string{"cut"}}}, want: Fail, trigger: "tests"},
		{name: "many problems", in: Input{Rules: rules(), Report: Report{Problems: make([]string, 12)}}, want: Error, warns: "2 more problems"},
		{name: "unknown type", in: Input{Rules: rules(Trigger{Name: "x", Kind: "weather"}), Report: Report{Tests: ran(Passed)}}, want: Error, trigger: "x", says: `unknown type "weather"`},
		{name: "trigger without a name", in: Input{Rules: rules(Trigger{Kind: KindTests}), Report: Report{Tests: ran(Failed)}}, want: Fail, trigger: "tests"},
		{name: "name that isn't UTF-8", in: Input{Rules: rules(), Report: Report{Tests: []Test{{Name: "a\xff\xfe\x1b[31m", Status: Failed}}}}, want: Fail, trigger: "tests", says: `"a��\x1b[31m"`},
	} {
		t.Run(c.name, c.run)
	}
}

func TestVerdictsOfChecks(t *testing.T) {
	lint := rules(Trigger{Name: "lint", Kind: KindCommand})
	said := func(o Outcome, reason string) Report {
		return Report{Checks: []Check{{Trigger: "lint", Outcome: o, Reason: reason}}}
	}
	both := rules(Trigger{Name: "tests", Kind: KindTests}, Trigger{Name: "lint", Kind: KindCustom})
	for _, c := range []judged{
		{name: "pass", in: Input{Rules: lint, Report: said(Pass, "")}, want: Pass},
		{name: "fail", in: Input{Rules: lint, Report: said(Fail, "3 new\n warnings\x00")}, want: Fail, trigger: "lint", says: "3 new warnings"},
		{name: "inconclusive", in: Input{Rules: lint, Report: said(Inconclusive, "")}, want: Inconclusive, trigger: "lint", says: `trigger "lint" said inconclusive`},
		{name: "error", in: Input{Rules: lint, Report: said(Error, "")}, want: Error, trigger: "lint"},
		{name: "no outcome", in: Input{Rules: lint, Report: said("great", "")}, want: Error, trigger: "lint", says: "no outcome"},
		{name: "missing", in: Input{Rules: lint}, want: Inconclusive, trigger: "lint", says: "nothing of trigger"},
		{name: "missing beside passed tests", in: Input{Rules: both, Report: Report{Tests: ran(Passed)}}, want: Inconclusive, trigger: "lint"},
		{name: "said twice", in: Input{Rules: lint, Report: Report{Checks: []Check{{Trigger: "lint", Outcome: Fail}, {Trigger: "lint", Outcome: Pass}}}}, want: Fail, trigger: "lint"},
		{name: "of no trigger", in: Input{Rules: rules(), Report: Report{Tests: ran(Passed), Checks: []Check{{Trigger: "lint", Outcome: Fail}}}}, want: Pass, warns: `no trigger takes the checks of "lint"`},
		{name: "error outranks what is inconclusive", in: Input{Rules: rules(Trigger{Name: "a", Kind: KindCommand}, Trigger{Name: "lint", Kind: KindCommand}), Report: said(Error, "")}, want: Error, trigger: "lint"},
	} {
		t.Run(c.name, c.run)
	}
}

// Many failures must neither swell the evidence nor be miscounted.
func TestFailuresAreBoundedAndCounted(t *testing.T) {
	var tests []Test
	for i := range 1000 {
		tests = append(tests, Test{Name: fmt.Sprintf("%s%04d", strings.Repeat("n", 500), 999-i), Status: Failed})
	}
	f := Judge(Input{Rules: rules(), Report: Report{Tests: tests}}).Findings[0]
	if len(f.Tests) != MaxListed || *f.Failed != 1000 || *f.Ran != 1000 {
		t.Errorf("%d listed, %d failed of %d", len(f.Tests), *f.Failed, *f.Ran)
	}
	if n := len([]rune(f.Tests[0])); n > maxShown+1 {
		t.Errorf("a listed name has %d runes", n)
	}
	if !strings.HasSuffix(f.Reason, "and 995 more") {
		t.Errorf("reason %q", f.Reason)
	}
}

func TestJudgeKeepsItsInput(t *testing.T) {
	r := rules(Trigger{Name: "m", Kind: KindMetrics, Threshold: ptr(0.1)})
	in := Input{Rules: r, Report: Report{Metrics: map[string]Samples{"time": {3, 1, 2}}}, Baseline: &Baseline{Metrics: map[string]Samples{"time": {2, 1}}}}
	v := Judge(in)
	*v.Findings[0].Threshold = math.Pi
	if *in.Rules.Triggers[0].Threshold != 0.1 || in.Report.Metrics["time"][0] != 3 || in.Baseline.Metrics["time"][0] != 2 {
		t.Errorf("the input was changed: %+v", in)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "anything/at all", true}, {"a*c", "abc", true}, {"a*c", "ac", true},
		{"a*c", "acb", false}, {"a*b*c", "aXbYbZc", true}, {"*.go", "x.go.go", true}, {"a?c", "abc", false}, {"[a]", "[a]", true}, {"**a", "ba", true},
	} {
		if got := matches([]string{c.pattern}, c.name); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.name, got)
		}
	}
	// A matcher that backtracks would not come back from this one.
	if matches([]string{strings.Repeat("a*", 500) + "b"}, strings.Repeat("a", 5000)) {
		t.Error("matched without a b")
	}
}
