package manager

import "github.com/evoseal/git-evoseal-rollback/manager/verdict"

// exitTrigger is the trigger that a command's exit code stands for. The evidence
// of a verdict holds it among the rules, so that it can be replayed.
const exitTrigger = "exit code"

// exitRule is the trigger that takes exitCheck. Where the policy lets some tests
// fail, a report that names the failed ones speaks for itself: every runner then
// ends with another code than 0.
func exitRule(rules verdict.Rules, rep verdict.Report) (t verdict.Trigger) {
	t = verdict.Trigger{Name: exitTrigger, Kind: verdict.KindCustom}
	for _, c := range rep.Checks {
		if c.Trigger == exitTrigger && c.Outcome != verdict.Fail {
			return t
		}
	}
	tolerated := false
	for _, rule := range rules.Triggers {
		if rule.Kind == verdict.KindTests && !rule.Disabled && !rule.DryRun && rule.MinFailures > 1 {
			tolerated = true
		}
	}
	for _, test := range rep.Tests {
		if tolerated && (test.Status == verdict.Failed || test.Status == verdict.Errored) {
			t.DryRun = true
		}
	}
	return t
}
