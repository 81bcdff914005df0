package verdict

import (
	"fmt"
	"slices"
)

// severity orders outcomes where one trigger was reported on twice: the more a
// report says against a version, the more it counts.
func severity(o Outcome) int {
	return slices.Index([]Outcome{Pass, Inconclusive, Error, Fail}, o)
}

// check takes what a program said, as it is. A program that said nothing may have
// crashed, so that is never a pass.
func (j *judging) check(t Trigger) Finding {
	worst := -1
	for i, c := range j.in.Report.Checks {
		if c.Trigger != t.Name {
			continue
		}
		if severity(c.Outcome) < 0 {
			return Finding{Outcome: Error, Reason: fmt.Sprintf("trigger %s said %s, which is no outcome", quoted(t.Name), quoted(string(c.Outcome)))}
		}
		if worst < 0 || severity(c.Outcome) > severity(j.in.Report.Checks[worst].Outcome) {
			worst = i
		}
	}
	if worst < 0 {
		return Finding{Outcome: Inconclusive, Required: true, Reason: fmt.Sprintf("the report has nothing of trigger %s", quoted(t.Name))}
	}
	c := j.in.Report.Checks[worst]
	f := Finding{Outcome: c.Outcome, Required: c.Outcome == Inconclusive, Reason: sentence(c.Reason)}
	if f.Reason == "" {
		f.Reason = fmt.Sprintf("trigger %s said %s", quoted(t.Name), c.Outcome)
	}
	return f
}

// strayChecks warns of checks that no trigger takes: a renamed trigger would
// otherwise go unnoticed.
func (j *judging) strayChecks() {
	var stray []string
	for _, c := range j.in.Report.Checks {
		takes := func(t Trigger) bool {
			return t.Name == c.Trigger && (t.Kind == KindCommand || t.Kind == KindCustom)
		}
		if !slices.ContainsFunc(j.in.Rules.Triggers, takes) {
			stray = append(stray, c.Trigger)
		}
	}
	if len(stray) > 0 {
		j.warn("no trigger takes the checks of %s", listed(stray))
	}
}
