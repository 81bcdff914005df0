package verdict

import (
	"fmt"
	"math"
)

// metricsOf compares the metrics that a trigger matches, by name.
func (j *judging) metricsOf(t Trigger) []Finding {
	if j.metrics.wrong != "" {
		return []Finding{{Outcome: Error, Reason: j.metrics.wrong}}
	}
	var found []Finding
	for _, name := range j.metrics.names {
		if matches(t.Match, name) {
			found = append(found, j.metric(t, j.metrics.byName[name]))
		}
	}
	if len(found) == 0 {
		return []Finding{{
			Outcome: Inconclusive, Required: t.MustHaveData,
			Reason: fmt.Sprintf("there is no metric that trigger %s looks at", quoted(t.Name)),
		}}
	}
	return found
}

// metric judges one metric, or says why it can't be.
func (j *judging) metric(t Trigger, m comparison) Finding {
	f := Finding{Subject: clean(m.name), Outcome: Inconclusive, Direction: m.direction, BaselineN: len(m.base), CandidateN: len(m.cand)}
	required := t.MustHaveData || m.rules.MustHaveData
	switch {
	case m.wrong != "":
		f.Outcome, f.Reason, f.Hint = Error, m.wrong, m.hint
	case len(m.cand) == 0 && len(m.base) == 0:
		f.Required = required
		f.Reason = fmt.Sprintf("nothing was measured of %s", quoted(m.name))
	case len(m.cand) == 0:
		// What crashed on its way to a result must not pass for it.
		f.Required, f.Baseline = true, finite(median(m.base))
		f.Reason = fmt.Sprintf("%s was measured for the baseline and not for this version", quoted(m.name))
	case len(m.base) == 0:
		f.Required, f.Candidate = required, finite(median(m.cand))
		f.Reason = fmt.Sprintf("%s has no baseline to compare with", quoted(m.name))
	default:
		j.compare(t, m, &f)
	}
	return f
}

// compare judges a metric that was measured on both sides.
func (j *judging) compare(t Trigger, m comparison, f *Finding) {
	l := limitsFor(j.in.Rules, t, m.rules)
	if wrong := l.problem(); wrong != "" {
		f.Outcome, f.Reason = Error, fmt.Sprintf("%s can't be compared: %s", quoted(m.name), wrong)
		return
	}
	base, cand := median(m.base), median(m.cand)
	f.Baseline, f.Candidate, f.Change = finite(base), finite(cand), finite(change(base, cand))
	f.Threshold, f.Absolute = copied(l.relative), copied(l.absolute)

	tests, _ := j.metrics.family(t)
	test, ranked := tests[m.name]
	if ranked {
		f.P, f.AdjustedP, f.Effect = finite(test.p), finite(test.adjusted), finite(test.effect)
	}
	moved := movement(m.name, base, cand)
	switch l.reach(base, cand, m.direction) {
	case within:
		f.Outcome = Pass
		f.Reason = moved + ", which isn't a loss beyond " + l.String()
	case undefined:
		f.Required = true
		f.Reason = moved + ": worse, but from a baseline of zero no loss can be told as a fraction"
		f.Hint = settingHint(m.name, "absolute", "1", "allows a loss of 1; name the largest that you allow")
	case beyond:
		f.Reason = moved + ", a loss beyond " + l.String()
		if ranked {
			j.byRank(test, f)
		} else {
			j.byThreshold(m, f)
		}
	}
}

// byThreshold decides on a loss that no rank test was made of.
func (j *judging) byThreshold(m comparison, f *Finding) {
	if len(m.base) == 1 || len(m.cand) == 1 {
		f.Outcome = Fail
		return
	}
	f.Required = true
	f.Reason += fmt.Sprintf(", but %d and %d samples are fewer than the %d that decide", len(m.base), len(m.cand), max(j.metrics.minSamples, 2))
}

// byRank decides on a loss by chance and size; all must agree for a failure.
func (j *judging) byRank(test rankTest, f *Finding) {
	switch {
	case test.adjusted > j.metrics.level && test.hopeless:
		f.Required = true
		f.Reason += fmt.Sprintf(", but samples this few can't be told apart at level %s", number(j.metrics.level))
	case test.adjusted > j.metrics.level:
		f.Outcome = Pass
		f.Reason += fmt.Sprintf(", but chance explains it (p %s, corrected %s)", probability(test.p), probability(test.adjusted))
	case test.effect < j.in.Rules.MinEffect-tolerance:
		f.Outcome = Pass
		f.Reason += fmt.Sprintf(", but the samples overlap too much for it to count (effect %s of at least %s)", probability(test.effect), number(j.in.Rules.MinEffect))
	default:
		f.Outcome = Fail
		f.Reason += fmt.Sprintf(" that chance doesn't explain (p %s, corrected %s; effect %s)", probability(test.p), probability(test.adjusted), probability(test.effect))
	}
}

// movement says from where to where a value went, without judging it.
func movement(name string, base, cand float64) string {
	verb := "rose"
	switch {
	case cand == base:
		return fmt.Sprintf("%s stayed at %s", quoted(name), number(cand))
	case cand < base:
		verb = "fell"
	}
	text := fmt.Sprintf("%s %s from %s to %s", quoted(name), verb, number(base), number(cand))
	if c := change(base, cand); base != 0 {
		text += " (" + percent(math.Abs(c)) + ")"
	}
	return text
}
