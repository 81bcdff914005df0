package verdict

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// rankTest is what a comparison of two samples found.
type rankTest struct {
	// p is one-sided: how often samples of the same thing would look at least as
	// much worse as these.
	p float64
	// adjusted is p after Holm's correction over a family of tests.
	adjusted float64
	// effect is Cliff's delta, positive where the candidate is worse.
	effect float64
	// hopeless says that not even samples wholly apart would reach the level.
	hopeless bool
}

// newRankTest compares two finite samples by the one-sided U test of Mann and
// Whitney (1947), exact for small samples with ties and without, and by Cliff's
// delta (1993).
//
// The library is asked whether the better side's values are the smaller ones,
// with the sides exchanged where higher is better. Its other alternatives won't
// do: with ties U isn't symmetric, and both the two-sided one, which
// benchmath.AssumeNothing takes, and the greater one are then a step off.
func newRankTest(base, cand []float64, d Direction) rankTest {
	low, high := base, cand
	if d == HigherIsBetter {
		low, high = cand, base
	}
	t := rankTest{p: 1, effect: rounded(cliff(low, high))}
	res, err := stats.MannWhitneyUTest(low, high, stats.LocationLess)
	// It fails where all samples are equal, which no chance need explain.
	if err == nil && !math.IsNaN(res.P) {
		t.p = rounded(math.Min(math.Max(res.P, 0), 1))
	}
	return t
}

// cliff is the share of pairs in which the value of high is the larger one, less
// the share in which it is the smaller.
func cliff(low, high []float64) float64 {
	sorted := slices.Clone(low)
	slices.Sort(sorted)
	var larger, smaller float64
	for _, h := range high {
		below, _ := slices.BinarySearch(sorted, h)
		notAbove, _ := slices.BinarySearchFunc(sorted, h, func(l, h float64) int {
			if l <= h {
				return -1
			}
			return 1
		})
		larger += float64(below)
		smaller += float64(len(sorted) - notAbove)
	}
	return (larger - smaller) / (float64(len(low)) * float64(len(high)))
}

// holm corrects the tests of a family (Holm 1979): the smallest p is multiplied
// by the number of tests, the next by one less, and none becomes smaller than the
// one before it.
func holm(tests map[string]rankTest, family []string) map[string]rankTest {
	names := slices.SortedFunc(slices.Values(family), func(a, b string) int {
		return cmp.Or(cmp.Compare(tests[a].p, tests[b].p), cmp.Compare(a, b))
	})
	out := maps.Clone(tests)
	floor := 0.0
	for i, name := range names {
		t := tests[name]
		floor = math.Max(floor, math.Min(1, t.p*float64(len(names)-i)))
		t.adjusted = rounded(floor)
		out[name] = t
	}
	return out
}

// smallestP is the p of two samples wholly apart: one in all the ways to draw n1
// of n1+n2.
func smallestP(n1, n2 int) float64 {
	low, high := min(n1, n2), max(n1, n2)
	ways := 1.0
	for i := 1; i <= low && !math.IsInf(ways, 0); i++ {
		ways *= float64(high+i) / float64(i)
	}
	return 1 / ways
}

// reachable says whether samples of these sizes could fail one of so many tests.
func reachable(n1, n2, family int, level float64) bool {
	return smallestP(n1, n2)*float64(family) <= level*(1+tolerance)
}

// needed is the number of samples on each side from which a test can reach the
// level.
func needed(family, least int, level float64) int {
	n := max(least, 2)
	for !reachable(n, n, family, level) && n < MaxSamples {
		n++
	}
	return n
}
