package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// comparison is all that is known of one metric before any trigger looks at it.
type comparison struct {
	name       string
	rules      Metric
	base, cand Samples
	direction  Direction
	// wrong is why the metric can't be judged at all.
	wrong, hint string
}

// comparisons are those of one report. The rank tests are made here, once for
// each metric, because their correction needs all of them.
type comparisons struct {
	byName map[string]comparison
	// names are sorted.
	names []string
	// live are corrected over the metrics that decide, dry over those that dry
	// triggers look at as well: a dry run must not make others less strict.
	live, dry map[string]rankTest
	// liveSize and drySize are the sizes of the two families.
	liveSize, drySize int
	level             float64
	minSamples        int
	// wrong is what makes the rules unusable.
	wrong string
}

func newComparisons(in Input) comparisons {
	c := comparisons{byName: map[string]comparison{}, level: in.Rules.Level, minSamples: in.Rules.MinSamples}
	if c.level == 0 {
		c.level = DefaultLevel
	}
	if c.minSamples == 0 {
		c.minSamples = DefaultMinSamples
	}
	c.wrong = rulesProblem(in.Rules, c.level)
	if c.wrong != "" {
		return c
	}
	var base map[string]Samples
	if in.Baseline != nil {
		base = in.Baseline.Metrics
	}
	for _, names := range []map[string]Samples{base, in.Report.Metrics} {
		for name := range names {
			c.byName[name] = newComparison(name, in.Rules.Metrics[name], base[name], in.Report.Metrics[name])
		}
	}
	for name, m := range in.Rules.Metrics {
		if _, known := c.byName[name]; !known && m.MustHaveData {
			c.byName[name] = newComparison(name, m, nil, nil)
		}
	}
	c.names = slices.Sorted(maps.Keys(c.byName))
	c.rank(in.Rules.Triggers)
	return c
}

func rulesProblem(r Rules, level float64) string {
	switch {
	case !(level > 0 && level < 1):
		return fmt.Sprintf("the level %v of the rules isn't between 0 and 1", r.Level)
	case !(r.MinEffect >= 0 && r.MinEffect <= 1):
		return fmt.Sprintf("the smallest effect %v of the rules isn't between 0 and 1", r.MinEffect)
	case r.MinSamples < 0:
		return fmt.Sprintf("the smallest number of samples of the rules, %d, is negative", r.MinSamples)
	}
	return ""
}

// newComparison checks values before it asks for a direction: a broken report is
// to be mended first.
func newComparison(name string, m Metric, base, cand Samples) comparison {
	c := comparison{name: name, rules: m, base: base, cand: cand}
	for _, side := range []struct {
		who    string
		values Samples
	}{{"the candidate", cand}, {"the baseline", base}} {
		if len(side.values) > MaxSamples {
			c.wrong = fmt.Sprintf("%s of %s has more than %d samples", quoted(name), side.who, MaxSamples)
			return c
		}
		for _, x := range side.values {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				c.wrong = fmt.Sprintf("%s of %s holds %v, which is no finite number", quoted(name), side.who, x)
				return c
			}
		}
	}
	c.direction = m.Direction
	if c.direction == "" {
		c.direction, _ = DirectionOf(name)
	}
	if c.direction == HigherIsBetter || c.direction == LowerIsBetter {
		return c
	}
	c.wrong = fmt.Sprintf("whether higher or lower values of %s are better isn't known", quoted(name))
	if c.direction != "" {
		c.wrong = fmt.Sprintf("the direction %s of %s is neither higher nor lower", quoted(string(c.direction)), quoted(name))
	}
	c.direction, c.hint = "", settingHint(name, "direction", "higher", "if higher values are better; else say lower")
	return c
}

// ranked says whether there are enough samples for a rank test.
func (c comparison) ranked(minSamples int) bool {
	least := max(minSamples, 2)
	return c.wrong == "" && len(c.base) >= least && len(c.cand) >= least
}

// rank tests every metric that some trigger looks at, lost or not: a family that
// left out what looks fine would be chosen by its own results.
func (c *comparisons) rank(triggers []Trigger) {
	var live, dry []string
	tests := map[string]rankTest{}
	for _, name := range c.names {
		m := c.byName[name]
		if !m.ranked(c.minSamples) {
			continue
		}
		inLive, inDry := false, false
		for _, t := range triggers {
			if t.Kind == KindMetrics && !t.Disabled && matches(t.Match, name) {
				inLive, inDry = inLive || !t.DryRun, true
			}
		}
		if !inDry {
			continue
		}
		tests[name] = newRankTest(m.base, m.cand, m.direction)
		dry = append(dry, name)
		if inLive {
			live = append(live, name)
		}
	}
	c.liveSize, c.drySize = len(live), len(dry)
	c.live = c.withHope(holm(tests, live), c.liveSize)
	c.dry = c.withHope(holm(tests, dry), c.drySize)
}

func (c *comparisons) withHope(tests map[string]rankTest, family int) map[string]rankTest {
	for name, t := range tests {
		m := c.byName[name]
		t.hopeless = !reachable(len(m.base), len(m.cand), family, c.level)
		tests[name] = t
	}
	return tests
}

// family is the corrected tests that a trigger decides by, and how many.
func (c *comparisons) family(t Trigger) (map[string]rankTest, int) {
	if t.DryRun {
		return c.dry, c.drySize
	}
	return c.live, c.liveSize
}
