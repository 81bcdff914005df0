package verdict

import "fmt"

// Verdict is what was found of a version. Its JSON form is stable: fields are
// added, never renamed, equal inputs give equal bytes, and every number in it is
// finite.
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	// Trigger is the name of the trigger that decided; empty where none did, as
	// in a pass or where the report itself was broken.
	Trigger string `json:"trigger,omitempty"`
	// Reason is one sentence for people.
	Reason string `json:"reason"`
	// Findings are in the order of the rules' triggers, metrics by name.
	Findings []Finding `json:"findings"`
	// Warnings are things to know that decided nothing.
	Warnings []string `json:"warnings,omitempty"`
}

// Finding is what one trigger found of one subject.
type Finding struct {
	// Trigger is empty for a finding about the report as a whole.
	Trigger string `json:"trigger,omitempty"`
	// Subject is the metric's name, or the test's where a single one failed.
	Subject string  `json:"subject,omitempty"`
	Outcome Outcome `json:"outcome"`
	// DryRun findings decide nothing.
	DryRun bool `json:"dry_run,omitempty"`
	// Required says of an inconclusive finding that the verdict can't pass.
	Required bool `json:"required,omitempty"`
	// Reason is one sentence for people.
	Reason string `json:"reason"`
	// Hint says how to mend what can be mended.
	Hint string `json:"hint,omitempty"`

	// Tests are the names of failed tests, the first [MaxListed] by name; Failed
	// and Ran count all that failed and all that weren't skipped.
	Tests  []string `json:"tests,omitempty"`
	Failed *int     `json:"failed,omitempty"`
	Ran    *int     `json:"ran,omitempty"`

	// Direction is the one that the metric was compared by.
	Direction Direction `json:"direction,omitempty"`
	// Baseline and Candidate are values, or medians of samples.
	Baseline  *float64 `json:"baseline,omitempty"`
	Candidate *float64 `json:"candidate,omitempty"`
	// Change is the difference as a fraction of the baseline's size, positive
	// where the value grew; absent where the baseline is zero.
	Change *float64 `json:"change,omitempty"`
	// Threshold and Absolute are what was allowed; see [Trigger].
	Threshold *float64 `json:"threshold,omitempty"`
	Absolute  *float64 `json:"absolute,omitempty"`
	// P is the one-sided p value of the rank test, AdjustedP the same after
	// Holm's correction, Effect is Cliff's delta, positive where the candidate is
	// worse. They carry ten significant digits.
	P         *float64 `json:"p,omitempty"`
	AdjustedP *float64 `json:"adjusted_p,omitempty"`
	Effect    *float64 `json:"effect,omitempty"`
	// BaselineN and CandidateN are the numbers of samples.
	BaselineN  int `json:"baseline_n,omitempty"`
	CandidateN int `json:"candidate_n,omitempty"`
}

// maxProblems is how many of a report's problems become findings.
const maxProblems = 10

// judging is one call of Judge.
type judging struct {
	in       Input
	metrics  comparisons
	findings []Finding
	warnings []string
	// passed counts triggers that had data and passed, dry ones left out.
	passed int
	// active counts triggers that were looked at.
	active int
}

// Judge reaches a verdict. It is pure and total: the result depends on in alone,
// which isn't changed, and there is no input for which it panics or for which the
// result can't be encoded as JSON. Names that are no UTF-8 appear in it with
// their bad bytes replaced.
func Judge(in Input) Verdict {
	j := &judging{in: in, metrics: newComparisons(in), findings: []Finding{}}
	j.problems()
	for _, t := range in.Rules.Triggers {
		if t.Disabled {
			continue
		}
		if t.Name == "" {
			t.Name = string(t.Kind)
		}
		j.active++
		j.trigger(t)
	}
	j.strayChecks()
	j.warnings = append(j.warnings, j.metrics.warnings(in)...)
	return j.verdict()
}

// problems turns what is wrong with the report into findings of no trigger.
func (j *judging) problems() {
	for i, p := range j.in.Report.Problems {
		if i == maxProblems {
			j.warn("the report has %d more problems", len(j.in.Report.Problems)-i)
			return
		}
		j.findings = append(j.findings, Finding{
			Subject: "report", Outcome: Error,
			Reason: "the report can't be trusted: " + sentence(p),
		})
	}
}

func (j *judging) trigger(t Trigger) {
	var found []Finding
	switch t.Kind {
	case KindTests:
		found = j.tests(t)
	case KindMetrics:
		found = j.metricsOf(t)
	case KindCommand, KindCustom:
		found = []Finding{j.check(t)}
	default:
		found = []Finding{{Outcome: Error, Reason: fmt.Sprintf("trigger %s has the unknown type %s", quoted(t.Name), quoted(string(t.Kind)))}}
	}
	passed := false
	for _, f := range found {
		f.Trigger, f.DryRun = clean(t.Name), t.DryRun
		passed = passed || f.Outcome == Pass
		if f.DryRun && f.Outcome != Pass {
			j.warn("dry run: trigger %s would say %s: %s", quoted(t.Name), f.Outcome, f.Reason)
		}
		j.findings = append(j.findings, f)
	}
	if passed && !t.DryRun {
		j.passed++
	}
}

func (j *judging) warn(format string, args ...any) {
	j.warnings = append(j.warnings, fmt.Sprintf(format, args...))
}

// verdict weighs the findings: fail, then error, then what was required.
func (j *judging) verdict() Verdict {
	v := Verdict{Findings: j.findings, Warnings: j.warnings}
	for _, o := range []Outcome{Fail, Error, Inconclusive} {
		for _, f := range j.findings {
			if f.DryRun || f.Outcome != o || o == Inconclusive && !f.Required {
				continue
			}
			v.Outcome, v.Trigger, v.Reason = o, f.Trigger, f.Reason
			return v
		}
	}
	switch {
	case j.passed > 0:
		v.Outcome, v.Reason = Pass, fmt.Sprintf("%s with data, and nothing was shown to be worse", counted(j.passed, "trigger"))
	case j.active == 0:
		v.Outcome, v.Reason = Inconclusive, "no trigger is in force"
	default:
		v.Outcome, v.Reason = Inconclusive, "no trigger that decides had data to decide by"
	}
	return v
}
