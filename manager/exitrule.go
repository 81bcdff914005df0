package manager

import "github.com/evoseal/git-evoseal-rollback/manager/verdict"

// exitTrigger is the trigger that a command's exit code stands for. The evidence
// of a verdict holds it among the rules, so that it can be replayed.
const exitTrigger = "exit code"

// exitRule is the trigger that takes exitCheck. Where the policy lets some tests
// fail, a report that names the failed ones speaks for itself, if the command ended
// as runners do then: with a code of its own, and not by a signal or the clock.
func exitRule(rules verdict.Rules, rep verdict.Report, ended bool) (t verdict.Trigger) {
	t = verdict.Trigger{Name: exitTrigger, Kind: verdict.KindCustom}
	if !ended {
		return t
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
