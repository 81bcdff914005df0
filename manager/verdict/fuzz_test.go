package verdict

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// inputOf makes an input of any shape from bytes: odd numbers, odd names, rules
// that no policy would let through.
func inputOf(seed uint64, name string, data []byte) Input {
	r := rand.New(rand.NewPCG(seed, 2))
	odd := []float64{0, math.Copysign(0, -1), 1, -1, 0.05, 1e-320, math.MaxFloat64, -math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1)}
	x := func() float64 {
		if len(data) > 0 && r.IntN(4) > 0 {
			return float64(int8(data[r.IntN(len(data))]))
		}
		return odd[r.IntN(len(odd))]
	}
	opt := func() *float64 {
		if r.IntN(3) > 0 {
			return nil
		}
		return ptr(x())
	}
	names := []string{name, "latency", "accuracy", "time/op", "errors", string(data)}
	pick := func() string { return names[r.IntN(len(names))] }
	measured := func() values {
		m := values{}
		for range r.IntN(5) {
			s := Samples{}
			for range r.IntN(12) {
				s = append(s, x())
			}
			m[pick()] = s
		}
		return m
	}
	kinds := []Kind{KindTests, KindMetrics, KindMetrics, KindCommand, KindCustom, Kind(name)}
	statuses := []Status{Passed, Failed, Skipped, Errored, Status(name)}
	outcomes := []Outcome{Pass, Fail, Inconclusive, Error, Outcome(name)}
	flag := func() bool { return r.IntN(4) == 0 }
	in := Input{Version: name, Rules: Rules{Threshold: x(), Level: x(), MinEffect: x(), MinSamples: r.IntN(8) - 1, Metrics: map[string]Metric{}}}
	if r.IntN(3) > 0 {
		in.Rules.Threshold, in.Rules.Level, in.Rules.MinEffect = 0.05, 0.05, 0.3
	}
	for range r.IntN(5) {
		t := Trigger{Name: pick(), Kind: kinds[r.IntN(len(kinds))], Disabled: flag(), DryRun: flag(), MustHaveData: flag(), MinFailures: r.IntN(5) - 1, Retries: r.IntN(4) - 1, Threshold: opt(), Absolute: opt()}
		if flag() {
			t.Match = []string{"*" + pick() + "*"}
		}
		in.Rules.Triggers = append(in.Rules.Triggers, t)
	}
	for range r.IntN(3) {
		in.Rules.Metrics[pick()] = Metric{Direction: []Direction{"", HigherIsBetter, LowerIsBetter, Direction(name)}[r.IntN(4)], Threshold: opt(), Absolute: opt(), MustHaveData: flag()}
	}
	for range r.IntN(6) {
		in.Report.Tests = append(in.Report.Tests, Test{Name: pick(), Status: statuses[r.IntN(len(statuses))], Retries: r.IntN(4) - 1})
	}
	for range r.IntN(3) {
		in.Report.Checks = append(in.Report.Checks, Check{Trigger: pick(), Outcome: outcomes[r.IntN(len(outcomes))], Reason: string(data)})
	}
	if flag() {
		in.Report.Problems = []string{name}
	}
	in.Report.Metrics = measured()
	if r.IntN(4) > 0 {
		in.Baseline = &Baseline{Metrics: measured()}
	}
	return in
}

// checkJudged holds what is so of every verdict.
func checkJudged(t *testing.T, in Input) {
	t.Helper()
	v := Judge(in)
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("a verdict that can't be encoded: %v", err)
	}
	if again, _ := json.Marshal(Judge(in)); !bytes.Equal(out, again) {
		t.Fatalf("judged twice:\n%s\n%s", out, again)
	}
	if severity(v.Outcome) < 0 || v.Reason == "" && len(in.Report.Checks) == 0 {
		t.Fatalf("no outcome or reason: %s", out)
	}
	var back Verdict
	if err := json.Unmarshal(out, &back); err != nil || !reflect.DeepEqual(v, back) {
		t.Fatalf("read back: %v\n%+v\n%+v", err, v, back)
	}
	if v.Outcome == Pass && len(in.Report.Problems) > 0 {
		t.Fatalf("passed in spite of problems: %s", out)
	}
	for _, f := range v.Findings {
		if !f.DryRun && v.Outcome == Pass && (f.Outcome == Fail || f.Outcome == Error || f.Required) {
			t.Fatalf("passed in spite of %+v", f)
		}
		if strings.ContainsAny(f.Reason, "\x00\x1b\n") {
			t.Fatalf("raw control bytes in %q", f.Reason)
		}
	}
	if _, err := json.Marshal(in); err == nil {
		mustReplay(t, in)
	}
}

func FuzzJudge(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed, []string{"latency", "a\xffb", "\x1b[31m", "", "ü", "x y'"}[seed%6], []byte{1, 2, 3, 250, byte(seed)})
	}
	f.Fuzz(func(t *testing.T, seed uint64, name string, data []byte) {
		checkJudged(t, inputOf(seed, name, data[:min(len(data), 4096)]))
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":[1,2]}`, `{"a":null}`, `[{"name":"a","status":"ok"}]`, `[{"test_name":"a","passed":false}]`, `{"a":[`, "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if metrics, err := ParseMetrics(bytes.NewReader(data), 1<<16); err == nil {
			checkJudged(t, Input{Rules: rules(), Report: Report{Metrics: metrics}, Baseline: &Baseline{Metrics: metrics}})
			out, err := json.Marshal(metrics)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseMetrics(bytes.NewReader(out), 0); err != nil || !reflect.DeepEqual(metrics, again) {
				t.Fatalf("%v: %v became %v", err, metrics, again)
			}
		}
		if tests, err := ParseTests(bytes.NewReader(data), 1<<16); err == nil {
			checkJudged(t, Input{Rules: rules(), Report: Report{Tests: tests}})
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	for _, in := range []Input{{}, inputOf(1, "a", []byte{1}), inputOf(5, "latency", []byte{9, 8})} {
		if e, err := NewVerdict("id", noon, "ci", in); err == nil {
			line, _ := e.Line()
			f.Add(line)
		}
	}
	f.Add([]byte(`{"schema":1,"kind":"mark","mark":"bad","time":"0001-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"schema":1,"kind":"report","report":{"metrics":{"a":[1,"NaN"]}}}`))
	f.Add([]byte("by hand\n\n{}\n"))
	f.Fuzz(func(t *testing.T, note []byte) {
		entries, _ := DecodeEntries(note)
		Latest(entries)
		for _, e := range entries {
			line, err := e.Line()
			if err != nil {
				t.Fatalf("an entry that was read can't be written: %v", err)
			}
			again, err := DecodeEntry(line)
			if err != nil {
				t.Fatalf("an entry that was written can't be read: %v\n%s", err, line)
			}
			if second, err := again.Line(); err != nil || !bytes.Equal(line, second) {
				t.Fatalf("%v\n%s\n%s", err, line, second)
			}
			if e.Kind == EntryVerdict {
				if _, _, _, err := Replay(line); err != nil {
					t.Fatalf("replay: %v", err)
				}
				checkJudged(t, e.Input)
			}
		}
	})
}
