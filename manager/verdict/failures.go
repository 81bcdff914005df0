package verdict

import (
	"fmt"
	"slices"
)

// tally sorts the tests that a trigger looks at.
type tally struct {
	ran                     int
	failed, flaky, unknowns []string
	// rerun are those of the failed that passed when they were run again, which the
	// trigger doesn't let count.
	rerun []string
}

func (j *judging) tally(t Trigger) tally {
	var c tally
	for _, test := range j.in.Report.Tests {
		if !matches(t.Match, test.Name) {
			continue
		}
		switch test.Status {
		case Skipped:
			continue
		case Passed:
			if test.Retries > max(t.Retries, 0) {
				c.failed = append(c.failed, test.Name)
				c.rerun = append(c.rerun, test.Name)
			} else if test.Retries > 0 {
				c.flaky = append(c.flaky, test.Name)
			}
		case Failed, Errored:
			c.failed = append(c.failed, test.Name)
		default:
			c.unknowns = append(c.unknowns, test.Name)
			continue
		}
		c.ran++
	}
	return c
}

// tests counts failures. A status that isn't known is an error beside whatever
// the known ones say, since a failure stands without it.
func (j *judging) tests(t Trigger) []Finding {
	c := j.tally(t)
	var found []Finding
	if len(c.unknowns) > 0 {
		found = append(found, Finding{
			Outcome: Error, Tests: bounded(c.unknowns),
			Reason: fmt.Sprintf("the status of %s isn't known: %s", counted(len(c.unknowns), "test"), listed(c.unknowns)),
		})
	}
	if c.ran == 0 {
		if len(found) > 0 {
			return found
		}
		return []Finding{{
			Outcome: Inconclusive, Required: t.MustHaveData,
			Reason: fmt.Sprintf("no test ran that trigger %s looks at", quoted(t.Name)),
		}}
	}
	if len(c.rerun) > 0 {
		j.warn("%s passed when run again, which trigger %s doesn't let count: %s", counted(len(c.rerun), "failed test"), quoted(t.Name), listed(c.rerun))
	}
	if len(c.flaky) > 0 {
		j.warn("%s passed only after being run again: %s", counted(len(c.flaky), "test"), listed(c.flaky))
	}
	return append(found, c.finding(t))
}

func (c tally) finding(t Trigger) Finding {
	failed, ran, allowed := len(c.failed), c.ran, max(t.MinFailures, 1)
	f := Finding{Outcome: Pass, Failed: &failed, Ran: &ran, Tests: bounded(c.failed)}
	switch {
	case failed == 0:
		f.Reason = counted(ran, "test") + " ran and none failed"
	case failed < allowed:
		f.Reason = fmt.Sprintf("%d of %s failed, fewer than the %d that count: %s", failed, counted(ran, "test"), allowed, listed(c.failed))
	default:
		f.Outcome = Fail
		f.Reason = fmt.Sprintf("%d of %s failed: %s", failed, counted(ran, "test"), listed(c.failed))
	}
	if failed == 1 {
		f.Subject = clean(c.failed[0])
	}
	return f
}

// bounded is the first names in order, fit for JSON.
func bounded(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	sorted = sorted[:min(len(sorted), MaxListed)]
	for i, n := range sorted {
		sorted[i] = shortened(clean(n), maxShown)
	}
	return sorted
}
