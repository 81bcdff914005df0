package report

import (
	"strings"
	"testing"
)

func TestReadPytest(t *testing.T) {
	phase := func(id, when, outcome string) string {
		return `{"nodeid":"` + id + `","when":"` + when + `","outcome":"` + outcome + `","$report_type":"TestReport"}` + "\n"
	}
	finish := func(code string) string {
		return `{"exitstatus":` + code + `,"$report_type":"SessionFinish"}` + "\n"
	}
	good := phase("a", "setup", "passed") + phase("a", "call", "passed") + phase("a", "teardown", "passed")
	runCases(t, Pytest, []readCase{
		{name: "empty", in: "", says: []string{"no report of pytest"}},
		{name: "other JSON", in: `{"a": 1}`, says: []string{"line 1: it is no report of pytest", "holds no report"}},
		{name: "an array", in: `[1]`, says: []string{"no report of pytest", "no report"}},
		{name: "log", in: good + finish("0"), want: "passed  a\n"},
		{name: "log without an end", in: good, want: "passed  a\n", says: []string{"no end"}},
		{name: "no tear-down", in: phase("a", "setup", "passed") + phase("a", "call", "passed") + finish("0"), want: "error   a | it began and never ended\n"},
		{name: "no call", in: phase("a", "setup", "passed") + phase("a", "teardown", "passed") + finish("0"), want: "error   a | it was set up and never called\n"},
		{name: "skipped in set-up", in: phase("a", "setup", "skipped") + phase("a", "teardown", "passed") + finish("0"), want: "skipped a\n"},
		{name: "unknown outcome", in: phase("a", "call", "odd") + phase("a", "teardown", "passed") + finish("0"), want: "error   a\n", says: []string{`outcome "odd"`}},
		{name: "failing part of a test", in: strings.Replace(phase("a", "call", "failed"), "TestReport", "SubTestReport", 1) + good + finish("0"), want: "failed  a\n"},
		{name: "code without a failure", in: good + finish("1"), want: "passed  a\n", says: []string{"tests failed, but none is listed"}},
		{name: "internal error", in: good + finish("3"), want: "passed  a\n", says: []string{"code 3: an internal error"}},
		{name: "killed", in: good + finish("-9"), want: "passed  a\n", says: []string{"no exit status"}},
		{name: "two ends", in: good + finish("0") + finish("0"), want: "passed  a\n", says: []string{"ends twice"}},
		{name: "JSON", in: `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"passed"},{"nodeid":"a","outcome":"error"}]}`, want: "passed  a\nerror   a#2\n"},
		{name: "JSON that counts more", in: `{"exitcode":0,"summary":{"total":2},"tests":[{"nodeid":"a","outcome":"passed"}]}`, want: "passed  a\n", says: []string{"counts 2 tests, the report lists 1"}},
		{name: "JSON without a code", in: `{"tests":[{"nodeid":"a","outcome":"passed"}]}`, want: "passed  a\n", says: []string{"no end"}},
		{name: "summary alone", in: `{"exitcode":0,"summary":{"total":2}}`, says: []string{"counts 2 tests"}},
		{name: "JSON twice", in: `{"exitcode":0,"tests":[]}{"exitcode":0,"tests":[]}`, says: []string{"more than one report"}},
		{name: "JSON and a log", in: `{"exitcode":0,"tests":[]}` + good + finish("0"), want: "passed  a\n", says: []string{"ends twice", "more than one report"}},
		{name: "unknown outcome in JSON", in: `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"fine"},{"nodeid":"b"}]}`, want: "error   a\nerror   b\n", says: []string{`"fine"`, `""`}},
		{name: "cut", in: `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"passed"}`, want: "passed  a\n", says: []string{"ends in the middle"}},
		{name: "deep", in: `{"exitcode":0,"x":` + strings.Repeat("[", 1<<16), says: []string{"nested more than 100 deep"}},
		{name: "comma too many", in: `{"exitcode":0,"tests":[,]}`, says: []string{"line 1"}},
		{name: "long text", in: `{"exitcode":1,"tests":[{"nodeid":"a","outcome":"failed","call":{"longrepr":"` + strings.Repeat(`\u00e9\"\\`, 1<<18) + `"}}]}`, want: "failed  a | " + strings.Repeat(`é"\`, 24) + "…\n"},
		{name: "names that aren't text", in: `{"exitcode":0,"tests":[{"nodeid":[1],"outcome":"passed"}, 3, "x"]}`, want: "passed  (no name)\nerror   (no name)#2\nerror   (no name)#3\n", says: []string{`""`, `""`}},
	})
}
