package verdict

import (
	"math"
	"testing"
)

type values = map[string]Samples

// metric is an input of one metric on both sides; nil is not measured.
func metric(r Rules, name string, base, cand Samples) Input {
	in := Input{Rules: r, Baseline: &Baseline{Version: "v1", Metrics: values{}}, Report: Report{Metrics: values{}}}
	if base != nil {
		in.Baseline.Metrics[name] = base
	}
	if cand != nil {
		in.Report.Metrics[name] = cand
	}
	return in
}

// around are n values close to x, all different.
func around(x float64, n int) Samples {
	var s Samples
	for i := range n {
		s = append(s, x*(1+float64(i-n/2)/1000))
	}
	return s
}

func with(name string, m Metric) Rules {
	r := rules()
	r.Metrics = map[string]Metric{name: m}
	return r
}

func TestVerdictsOfSingleValues(t *testing.T) {
	on := func(tr Trigger) Rules { tr.Name, tr.Kind = "metrics", KindMetrics; return rules(tr) }
	for _, c := range []judged{
		{name: "same", in: metric(rules(), "latency", Samples{10}, Samples{10}), want: Pass},
		{name: "better", in: metric(rules(), "latency", Samples{10}, Samples{5}), want: Pass},
		{name: "worse within", in: metric(rules(), "latency", Samples{100}, Samples{104}), want: Pass},
		{name: "worse beyond", in: metric(rules(), "latency", Samples{100}, Samples{106}), want: Fail, trigger: "metrics", says: `"latency" rose from 100 to 106 (6 %), a loss beyond 5 %`},
		{name: "worse by just the threshold", in: metric(rules(), "latency", Samples{100}, Samples{105}), want: Pass},
		{name: "the threshold in binary fractions", in: metric(rules(), "latency", Samples{0.1 + 0.2}, Samples{(0.1 + 0.2) * 1.05}), want: Pass},
		{name: "the threshold from the other side", in: metric(rules(), "latency", Samples{0.3}, Samples{0.31500000000000006}), want: Pass},
		{name: "a little beyond", in: metric(rules(), "latency", Samples{100}, Samples{105.001}), want: Fail, trigger: "metrics"},
		{name: "higher is better, fell", in: metric(rules(), "accuracy", Samples{0.9}, Samples{0.8}), want: Fail, trigger: "metrics", says: "fell from 0.9 to 0.8 (11.11 %)"},
		{name: "higher is better, rose", in: metric(rules(), "accuracy", Samples{0.8}, Samples{0.9}), want: Pass},
		{name: "negative values, worse", in: metric(with("x", Metric{Direction: HigherIsBetter}), "x", Samples{-10}, Samples{-12}), want: Fail, trigger: "metrics"},
		{name: "negative values, better", in: metric(with("x", Metric{Direction: HigherIsBetter}), "x", Samples{-10}, Samples{-5}), want: Pass},
		{name: "through zero", in: metric(with("x", Metric{Direction: LowerIsBetter}), "x", Samples{-1}, Samples{1}), want: Fail, trigger: "metrics"},
		{name: "direction unknown", in: metric(rules(), "widgets", Samples{1}, Samples{1}), want: Error, trigger: "metrics", says: "isn't known", hints: "git evoseal-rollback policy set metric.widgets.direction higher` if higher values are better; else say lower"},
		{name: "direction unknown, odd name", in: metric(rules(), "my 'w'", Samples{1}, Samples{1}), want: Error, trigger: "metrics", hints: `policy set 'metric.my '\''w'\''.direction' higher` + "` if higher"},
		{name: "direction nonsense", in: metric(with("time", Metric{Direction: "up"}), "time", Samples{1}, Samples{1}), want: Error, trigger: "metrics", says: `direction "up"`, hints: "metric.time.direction"},
		{name: "direction outranks the name", in: metric(with("time", Metric{Direction: HigherIsBetter}), "time", Samples{10}, Samples{20}), want: Pass},
		{name: "not a number", in: metric(rules(), "time", Samples{10}, Samples{math.NaN()}), want: Error, trigger: "metrics", says: `"time" of the candidate holds NaN`},
		{name: "infinite", in: metric(rules(), "time", Samples{10}, Samples{1, math.Inf(-1)}), want: Error, trigger: "metrics", says: "-Inf"},
		{name: "infinite baseline", in: metric(rules(), "time", Samples{math.Inf(1)}, Samples{1}), want: Error, trigger: "metrics", says: "the baseline holds +Inf"},
		{name: "zero baseline, no loss", in: metric(rules(), "errors", Samples{0}, Samples{0}), want: Pass},
		{name: "zero baseline, negative zero", in: metric(rules(), "errors", Samples{math.Copysign(0, -1)}, Samples{0}), want: Pass},
		{name: "zero baseline, gain", in: metric(rules(), "accuracy", Samples{0}, Samples{0.5}), want: Pass},
		{name: "zero baseline, loss", in: metric(rules(), "errors", Samples{0}, Samples{1}), want: Inconclusive, trigger: "metrics", says: "baseline of zero", hints: "metric.errors.absolute"},
		{name: "zero baseline, absolute loss within", in: metric(with("errors", Metric{Absolute: ptr(2)}), "errors", Samples{0}, Samples{2}), want: Pass},
		{name: "zero baseline, absolute loss beyond", in: metric(with("errors", Metric{Absolute: ptr(2)}), "errors", Samples{0}, Samples{3}), want: Fail, trigger: "metrics", says: "rose from 0 to 3, a loss beyond 2"},
		{name: "zero baseline, both thresholds", in: metric(with("errors", Metric{Absolute: ptr(2), Threshold: ptr(9)}), "errors", Samples{0}, Samples{3}), want: Fail, trigger: "metrics"},
		{name: "absolute alone, large relative loss", in: metric(on(Trigger{Absolute: ptr(5)}), "time", Samples{1}, Samples{5}), want: Pass},
		{name: "both thresholds, one exceeded", in: metric(on(Trigger{Absolute: ptr(5), Threshold: ptr(0.1)}), "time", Samples{100}, Samples{108}), want: Pass},
		{name: "both thresholds, the other exceeded", in: metric(on(Trigger{Absolute: ptr(50), Threshold: ptr(0.1)}), "time", Samples{100}, Samples{140}), want: Pass},
		{name: "both thresholds exceeded", in: metric(on(Trigger{Absolute: ptr(5), Threshold: ptr(0.1)}), "time", Samples{100}, Samples{112}), want: Fail, trigger: "metrics", says: "beyond 10 % or 5"},
		{name: "threshold of the trigger", in: metric(on(Trigger{Threshold: ptr(0.2)}), "time", Samples{100}, Samples{115}), want: Pass},
		{name: "threshold of the metric outranks", in: metric(with("time", Metric{Threshold: ptr(0.5)}), "time", Samples{100}, Samples{140}), want: Pass},
		{name: "threshold zero", in: metric(on(Trigger{Threshold: ptr(0)}), "time", Samples{100}, Samples{100.01}), want: Fail, trigger: "metrics"},
		{name: "threshold negative", in: metric(on(Trigger{Threshold: ptr(-1)}), "time", Samples{100}, Samples{100}), want: Error, trigger: "metrics", says: "neither zero nor a positive"},
		{name: "huge values of both signs", in: metric(rules(), "time", Samples{-math.MaxFloat64}, Samples{math.MaxFloat64}), want: Fail, trigger: "metrics"},
		{name: "tiny values", in: metric(rules(), "time", Samples{5e-324}, Samples{1.5e-323}), want: Fail, trigger: "metrics"},
		{name: "tiny baseline", in: metric(rules(), "time", Samples{5e-324}, Samples{math.MaxFloat64}), want: Fail, trigger: "metrics", says: "more than"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestVerdictsOfMissingMetrics(t *testing.T) {
	must := rules(Trigger{Name: "metrics", Kind: KindMetrics, MustHaveData: true})
	first := Input{Rules: rules(), Report: Report{Tests: ran(Passed), Metrics: values{"latency": {1}}}}
	firstMust := first
	firstMust.Rules = rules(Trigger{Name: "tests", Kind: KindTests}, must.Triggers[0])
	newer := first
	newer.Baseline = &Baseline{Version: "v1", Metrics: values{}}
	newerMust := newer
	newerMust.Rules = with("latency", Metric{MustHaveData: true})
	gone := metric(rules(), "latency", Samples{1}, nil)
	gone.Report.Tests = ran(Passed)
	absent := Input{Rules: with("latency", Metric{MustHaveData: true}), Report: Report{Tests: ran(Passed)}}
	badLevel := rules()
	badLevel.Level = 1
	badEffect := rules()
	badEffect.MinEffect = -1
	badSamples := rules()
	badSamples.MinSamples = -1
	for _, c := range []judged{
		{name: "no baseline at all", in: Input{Rules: rules(), Report: Report{Metrics: values{"latency": {1}}}}, want: Inconclusive, warns: "no version was verified good yet"},
		{name: "the first version with tests", in: first, want: Pass, warns: `nothing to compare with: "latency"`},
		{name: "the first version where metrics are a must", in: firstMust, want: Inconclusive, trigger: "metrics", says: "no baseline", warns: "yet"},
		{name: "measured for the first time", in: newer, want: Pass, warns: "measured for the first time"},
		{name: "measured for the first time where it is a must", in: newerMust, want: Inconclusive, trigger: "metrics", warns: "first time"},
		{name: "gone", in: gone, want: Inconclusive, trigger: "metrics", says: "measured for the baseline and not for this version"},
		{name: "gone, an empty array", in: metric(rules(), "latency", Samples{1}, Samples{}), want: Inconclusive, trigger: "metrics"},
		{name: "empty on both sides", in: metric(rules(), "latency", Samples{}, Samples{}), want: Inconclusive},
		{name: "a must that nobody measured", in: absent, want: Inconclusive, trigger: "metrics", says: "nothing was measured"},
		{name: "no metrics", in: Input{Rules: must}, want: Inconclusive, trigger: "metrics", says: "no metric that trigger"},
		{name: "no metrics, not a must", in: Input{Rules: rules(), Report: Report{Tests: ran(Passed)}, Baseline: &Baseline{}}, want: Pass},
		{name: "level out of range", in: metric(badLevel, "latency", Samples{1}, Samples{1}), want: Error, trigger: "metrics", says: "the level 1"},
		{name: "effect out of range", in: metric(badEffect, "latency", Samples{1}, Samples{1}), want: Error, trigger: "metrics", says: "smallest effect"},
		{name: "negative number of samples", in: metric(badSamples, "latency", Samples{1}, Samples{1}), want: Error, trigger: "metrics", says: "negative"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestVerdictsOfSamples(t *testing.T) {
	overlapping := metric(rules(), "time", Samples{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Samples{1.5, 2.5, 3.5, 4.5, 6.2, 7.1, 7.2, 8.1, 9.5, 9.9})
	effect := metric(rules(), "time", nil, nil)
	// Samples of two modes: the median jumps, most of the values do not.
	effect.Baseline.Metrics["time"] = append(around(1, 110), around(2, 90)...)
	effect.Report.Metrics["time"] = append(around(1, 90), around(2, 110)...)
	effect.Rules.Level = 0.2
	two := rules()
	two.MinSamples = 2
	loose := rules()
	loose.Threshold = 0.5
	for _, c := range []judged{
		{name: "same", in: metric(rules(), "time", around(10, 10), around(10, 10)), want: Pass},
		{name: "all equal", in: metric(rules(), "time", Samples{7, 7, 7, 7, 7}, Samples{7, 7, 7, 7, 7}), want: Pass},
		{name: "equal each, lost", in: metric(rules(), "time", Samples{7, 7, 7, 7, 7}, Samples{9, 9, 9, 9, 9}), want: Fail, trigger: "metrics", says: "chance doesn't explain"},
		{name: "equal each, gained", in: metric(rules(), "time", Samples{9, 9, 9, 9, 9}, Samples{7, 7, 7, 7, 7}), want: Pass},
		{name: "lost", in: metric(rules(), "time", around(10, 8), around(12, 8)), want: Fail, trigger: "metrics"},
		{name: "lost where higher is better", in: metric(rules(), "accuracy", around(10, 8), around(8, 8)), want: Fail, trigger: "metrics"},
		{name: "gained where higher is better", in: metric(rules(), "accuracy", around(8, 8), around(10, 8)), want: Pass},
		{name: "surely lost, but within the threshold", in: metric(loose, "time", around(10, 8), around(12, 8)), want: Pass},
		{name: "median lost, chance explains it", in: overlapping, want: Pass},
		{name: "median lost, small effect", in: effect, want: Pass},
		{name: "too few to decide, lost", in: metric(rules(), "time", around(10, 3), around(20, 3)), want: Inconclusive, trigger: "metrics", says: "3 and 3 samples are fewer than the 5", warns: "at least 5 on each side"},
		{name: "too few to decide, not lost", in: metric(rules(), "time", around(10, 3), around(10, 3)), want: Pass, warns: "too few samples"},
		{name: "too few for the level, lost", in: metric(two, "time", around(10, 2), around(20, 2)), want: Inconclusive, trigger: "metrics", says: "can't be told apart at level 0.05", warns: "at least 3 on each side"},
		{name: "just enough for the level", in: metric(two, "time", around(10, 3), around(20, 3)), want: Fail, trigger: "metrics"},
		{name: "single against samples, lost", in: metric(rules(), "time", Samples{10}, around(12, 9)), want: Fail, trigger: "metrics", warns: "a single value on one side"},
		{name: "samples against single, not lost", in: metric(rules(), "time", around(10, 9), Samples{10}), want: Pass, warns: "a single value on one side"},
		{name: "from zero", in: metric(rules(), "errors", Samples{0, 0, 0, 0, 0}, Samples{1, 1, 1, 1, 1}), want: Inconclusive, trigger: "metrics", says: "baseline of zero", hints: "absolute"},
		{name: "from zero with absolute", in: metric(with("errors", Metric{Absolute: ptr(0.5)}), "errors", Samples{0, 0, 0, 0, 0}, Samples{1, 1, 1, 1, 1}), want: Fail, trigger: "metrics"},
		{name: "infinity among samples", in: metric(rules(), "time", around(10, 9), append(around(10, 9), math.Inf(1))), want: Error, trigger: "metrics"},
		{name: "too many samples", in: metric(rules(), "time", around(10, 9), make(Samples, MaxSamples+1)), want: Error, trigger: "metrics", says: "more than 100000 samples"},
		{name: "huge samples", in: metric(rules(), "time", Samples{-math.MaxFloat64, -math.MaxFloat64, -1, 1, 2}, Samples{math.MaxFloat64, math.MaxFloat64, math.MaxFloat64, 5, 6}), want: Fail, trigger: "metrics"},
	} {
		t.Run(c.name, c.run)
	}
}

// The reason why each case above passed is part of its meaning.
func TestWhySamplesPass(t *testing.T) {
	for _, c := range []struct {
		base, cand Samples
		says       string
	}{
		{Samples{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Samples{1.5, 2.5, 3.5, 4.5, 6.2, 7.1, 7.2, 8.1, 9.5, 9.9}, "chance explains it"},
		{append(around(1, 110), around(2, 90)...), append(around(1, 90), around(2, 110)...), "overlap too much"},
	} {
		in := metric(rules(), "time", c.base, c.cand)
		in.Rules.Level = 0.2
		f := Judge(in).Findings
		last := f[len(f)-1]
		if last.Outcome != Pass || !containsAll(last.Reason, "a loss beyond 5 %", c.says) {
			t.Errorf("%s: %s", last.Outcome, last.Reason)
		}
	}
}

// A dry trigger over many metrics must not raise the bar for the ones that decide.
func TestDryRunLeavesCorrectionAlone(t *testing.T) {
	in := metric(rules(Trigger{Name: "live", Kind: KindMetrics, Match: []string{"time"}}), "time", around(10, 5), around(12, 5))
	for i := range 100 {
		name := "time." + string(rune('a'+i%26)) + string(rune('a'+i/26))
		in.Baseline.Metrics[name], in.Report.Metrics[name] = around(10, 5), around(10, 5)
	}
	alone := Judge(in)
	in.Rules.Triggers = append(in.Rules.Triggers, Trigger{Name: "dry", Kind: KindMetrics, DryRun: true})
	beside := Judge(in)
	if alone.Outcome != Fail || beside.Outcome != Fail || *alone.Findings[0].AdjustedP != *beside.Findings[0].AdjustedP {
		t.Errorf("%s alone, %s beside a dry run", alone.Outcome, beside.Outcome)
	}
	in.Rules.Triggers[1].DryRun = false
	if all := Judge(in); all.Outcome == Fail {
		t.Errorf("5 samples of 101 metrics can't fail at level 0.05: %s", all.Reason)
	}
}

// How many samples are needed counts the metric itself, which no test saw yet.
func TestNeededSamplesCountTheWholeFamily(t *testing.T) {
	in := metric(rules(), "time", around(10, 3), around(10, 3))
	for i := range 12 {
		name := "time." + string(rune('a'+i))
		in.Baseline.Metrics[name], in.Report.Metrics[name] = around(10, 5), around(10, 5)
	}
	want := `too few samples to ever show a loss, at least 6 on each side are needed: "time"`
	if v := Judge(in); len(v.Warnings) != 1 || v.Warnings[0] != want {
		t.Errorf("%q", v.Warnings)
	}
}
