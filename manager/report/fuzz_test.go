package report

import (
	"bytes"
	"math"
	"testing"
	"unicode/utf8"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// fuzzTests reads anything as tests. Whatever it is, the reading ends, stays
// within limits, gives every test a name of its own, and is the same every time.
func fuzzTests(f *testing.F, format Format, seeds ...string) {
	for path, data := range corpus(f) {
		if formatOf(path) == format {
			f.Add(data)
		}
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := Limits{Tests: 50, Depth: 20, Bytes: 1 << 20}
		tests, said, err := ReadTests(bytes.NewReader(data), format, l)
		if err != nil {
			t.Fatal(err)
		}
		if len(tests) > l.Tests || len(said) > maxProblems+1 {
			t.Fatalf("%d tests, %d problems", len(tests), len(said))
		}
		names := map[string]bool{}
		for _, test := range tests {
			if test.Name == "" || len(test.Name) > verdict.MaxName || names[test.Name] || !utf8.ValidString(test.Name) {
				t.Fatalf("bad name %q", test.Name)
			}
			names[test.Name] = true
			if len(test.Message) > maxMessage || test.Took < 0 || test.Retries < 0 {
				t.Fatalf("bad test %+v", test)
			}
			switch test.Status {
			case verdict.Passed, verdict.Failed, verdict.Skipped, verdict.Errored:
			default:
				t.Fatalf("bad status %q", test.Status)
			}
		}
		again, _, _ := ReadTests(bytes.NewReader(data), format, l)
		if !sameResults(tests, again) {
			t.Fatal("two readings differ")
		}
		verdict.Judge(verdict.Input{Report: verdict.Report{Tests: tests, Problems: said}, Rules: verdict.DefaultRules()})
		Detect("x", data)
	})
}

func FuzzJUnit(f *testing.F) {
	fuzzTests(f, JUnit, `<!DOCTYPE x [<!ENTITY a "b">]><testsuite><testcase name="&a;"/></testsuite>`,
		"\xff\xfe<\x00a\x00/\x00>\x00", `<?xml version="1.0" encoding="ISO-8859-1"?><testsuite><testcase name="`+"\xfc"+`"/></testsuite>`,
		`<testsuites><!-- a --><testsuite name="s" errors="1"><error/><testcase name="t"><![CDATA[]]]></testcase></testsuite></testsuites>`)
}

func FuzzGoTest(f *testing.F) {
	fuzzTests(f, GoTest, "FAIL\tx [build failed]\n{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"T/a/b\"}\n")
}

func FuzzTAP(f *testing.F) {
	fuzzTests(f, TAP, "TAP version 14\npragma +strict\n1..1\nok 1 - a {\n    ok 1\n    1..1\n}\n", "1..0 # SKIP x\n",
		"ok\n  ---\n  a: b\n  ...\nnot ok\n1..2\nBail out! x\n", "ok 1 - a {\n{\n}\n}\n        ok 2\n    }\n")
}

func FuzzPytest(f *testing.F) {
	fuzzTests(f, Pytest, `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"passed"}]}`,
		`{"$report_type":"TestReport","nodeid":"a","when":"call","outcome":"passed"}{"$report_type":"SessionFinish","exitstatus":0}`)
}

func FuzzTestsJSON(f *testing.F) {
	fuzzTests(f, TestsJSON, `[{"name":"a","status":"passed"},{"name":"a","status":"failed"}]`)
}

func fuzzMetrics(f *testing.F, format Format, seeds ...string) {
	for path, data := range corpus(f) {
		if formatOf(path) == format {
			f.Add(data)
		}
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		metrics, err := ReadMetrics(bytes.NewReader(data), format, Limits{Bytes: 1 << 20})
		if err != nil && metrics != nil {
			t.Fatal("metrics beside an error")
		}
		for name, samples := range metrics {
			if name == "" || len(name) > verdict.MaxName || len(samples) == 0 {
				t.Fatalf("bad metric %q: %v", name, samples)
			}
			for _, x := range samples {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("%q has %v", name, x)
				}
			}
		}
	})
}

func FuzzGoBench(f *testing.F) {
	fuzzMetrics(f, GoBench, "pkg: a\nBenchmarkX-8 1 2 ns/op 3 B/op\nPASS\n", "BenchmarkX 1 NaN ns/op\n")
}

func FuzzOpenMetrics(f *testing.F) {
	fuzzMetrics(f, OpenMetrics, "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_sum 3\na_count 2\nb{x=\"\\\"\\n\",y=\"2\"} 1 2 # {t=\"x\"} 1\n# EOF\n", "a NaN\n# EOF\n")
}

func FuzzCSV(f *testing.F) {
	fuzzMetrics(f, CSV, "name,value\na,1\na,2\n", "a,b\n1,2\n,3\n", "a\n\"1\n2\"\n")
}

func FuzzMetricsJSON(f *testing.F) {
	fuzzMetrics(f, MetricsJSON, `{"a": [1, 2]}`)
}
