package verdict

import "fmt"

// noticed sorts metrics by what is to be known of their comparison.
type noticed struct {
	unmatched, mixed, few map[string]bool
	// family is the size of the largest family that a metric of few is or would be
	// in.
	family int
}

// notice looks at every comparison that some trigger makes.
func (c *comparisons) notice(triggers []Trigger) noticed {
	n := noticed{unmatched: map[string]bool{}, mixed: map[string]bool{}, few: map[string]bool{}}
	unranked := map[string]bool{}
	for _, t := range triggers {
		if t.Kind != KindMetrics || t.Disabled {
			continue
		}
		tests, size := c.family(t)
		for _, name := range c.names {
			m := c.byName[name]
			if m.wrong != "" || len(m.cand) == 0 || !matches(t.Match, name) {
				continue
			}
			test, ranked := tests[name]
			switch {
			case len(m.base) == 0:
				n.unmatched[name] = true
			case len(m.base) == 1 && len(m.cand) == 1:
			case len(m.base) == 1 || len(m.cand) == 1:
				n.mixed[name] = true
			case !ranked || test.hopeless:
				n.few[name], n.family = true, max(n.family, size)
				unranked[name] = !ranked
			}
		}
	}
	for _, is := range unranked {
		if is {
			n.family++
		}
	}
	return n
}

// warnings are one line for each kind, however many metrics it names.
func (c *comparisons) warnings(in Input) []string {
	n := c.notice(in.Rules.Triggers)
	var lines []string
	switch {
	case len(n.unmatched) > 0 && in.Baseline == nil:
		lines = append(lines, "no version was verified good yet, so that there was nothing to compare with: "+listedKeys(n.unmatched))
	case len(n.unmatched) > 0:
		lines = append(lines, "measured for the first time, so that there was nothing to compare with: "+listedKeys(n.unmatched))
	}
	if len(n.mixed) > 0 {
		lines = append(lines, "a single value on one side was compared with the median of the other, which chance can decide: "+listedKeys(n.mixed))
	}
	if len(n.few) > 0 {
		lines = append(lines, fmt.Sprintf("too few samples to ever show a loss, at least %d on each side are needed: %s", needed(n.family, c.minSamples, c.level), listedKeys(n.few)))
	}
	return lines
}
