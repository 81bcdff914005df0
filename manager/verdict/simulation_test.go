package verdict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// draws are distributions that measurements come from; each value is one sample.
var draws = []struct {
	name string
	draw func(*rand.Rand) float64
}{
	{"normal", func(r *rand.Rand) float64 { return 100 + 10*r.NormFloat64() }},
	{"lognormal", func(r *rand.Rand) float64 { return 100 * math.Exp(0.8*r.NormFloat64()) }},
	{"ties", func(r *rand.Rand) float64 { return float64(100 + 10*r.IntN(4)) }},
	{"two modes", func(r *rand.Rand) float64 { return 100 + 50*float64(r.IntN(2)) + r.NormFloat64() }},
}

func sampled(r *rand.Rand, n int, factor float64, draw func(*rand.Rand) float64) Samples {
	s := make(Samples, n)
	for i := range s {
		s[i] = factor * draw(r)
	}
	return s
}

// share is how often reports of so many metrics, all drawn alike and the
// candidate's times factor, fail.
func share(seed uint64, runs, metrics, n int, factor float64, rules Rules, draw func(*rand.Rand) float64) float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	failed := 0
	for range runs {
		in := Input{Rules: rules, Baseline: &Baseline{Metrics: values{}}, Report: Report{Metrics: values{}}}
		for m := range metrics {
			name := fmt.Sprintf("latency.%d", m)
			in.Baseline.Metrics[name] = sampled(rng, n, 1, draw)
			in.Report.Metrics[name] = sampled(rng, n, factor, draw)
		}
		if Judge(in).Outcome == Fail {
			failed++
		}
	}
	return float64(failed) / float64(runs)
}

// Where nothing changed, reports must fail no more often than the level that the
// rules state: with the rank test alone, and all the more with the thresholds.
// The bounds, of each kind of report and of all, leave four standard deviations of
// a share that is just the level.
func TestNoChangeFailsNoMoreThanTheLevel(t *testing.T) {
	const runs, level = 300, 0.05
	bound := func(runs float64) float64 { return level + 4*math.Sqrt(level*(1-level)/runs) }
	var sumAlone, sumWhole, cells float64
	bare := rules()
	bare.Threshold, bare.MinEffect = 0, 0
	for i, d := range draws {
		for _, metrics := range []int{1, 5} {
			for _, n := range []int{6, 10, 30} {
				seed := uint64(1000*i + 100*metrics + n)
				alone := share(seed, runs, metrics, n, 1, bare, d.draw)
				whole := share(seed, runs, metrics, n, 1, rules(), d.draw)
				sumAlone, sumWhole, cells = sumAlone+alone, sumWhole+whole, cells+1
				t.Logf("%-10s %d metrics n=%-2d: rank test alone %.3f, all three %.3f", d.name, metrics, n, alone, whole)
				if alone > bound(runs) || whole > alone {
					t.Errorf("%s, %d metrics, n=%d: %.3f alone, %.3f in all, bound %.3f", d.name, metrics, n, alone, whole, bound(runs))
				}
			}
		}
	}
	t.Logf("all: rank test alone %.4f, all three %.4f", sumAlone/cells, sumWhole/cells)
	if mean := sumAlone / cells; mean > bound(runs*cells) {
		t.Errorf("%.4f of all reports fail, bound %.4f", mean, bound(runs*cells))
	}
}

// Without the correction the share would be well above the level, so that the
// test above can fail.
func TestNoChangeNeedsTheCorrection(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	const runs = 400
	raw := 0
	for range runs {
		for range 5 {
			b, c := sampled(rng, 10, 1, draws[0].draw), sampled(rng, 10, 1, draws[0].draw)
			if newRankTest(b, c, LowerIsBetter).p <= 0.05 {
				raw++
				break
			}
		}
	}
	if got := float64(raw) / runs; got < 0.12 {
		t.Errorf("five uncorrected tests fail %.3f of reports", got)
	}
}

func TestRegressionIsFound(t *testing.T) {
	for _, c := range []struct {
		metrics, n   int
		factor, want float64
	}{{1, 20, 1.2, 0.99}, {5, 20, 1.2, 0.99}, {1, 10, 1.2, 0.9}} {
		got := share(11, 200, c.metrics, c.n, c.factor, rules(), draws[0].draw)
		t.Logf("%d metrics n=%d, %.0f %% worse: found %.3f", c.metrics, c.n, 100*(c.factor-1), got)
		if got < c.want {
			t.Errorf("%+v: found %.3f", c, got)
		}
	}
	if got := share(12, 200, 1, 20, 0.8, rules(), draws[0].draw); got != 0 {
		t.Errorf("%.3f of gains failed", got)
	}
}

// Single values know nothing of noise: the documentation says so, and this is the
// figure that it gives for noise of a tenth.
func TestSingleValuesHaveNoLevel(t *testing.T) {
	got := share(13, 4000, 1, 1, 1, rules(), draws[0].draw)
	t.Logf("single values, no change, noise of 10 %%: %.3f fail", got)
	if got < 0.3 || got > 0.42 {
		t.Errorf("%.3f of unchanged single values fail", got)
	}
}
