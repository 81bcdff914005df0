package report

import (
	"strings"
	"testing"
)

// goLines writes events as "action package test", with - for none.
func goLines(events ...string) string {
	var out strings.Builder
	for _, e := range events {
		f := strings.Fields(e)
		out.WriteString(`{"Action":"` + f[0] + `"`)
		if f[1] != "-" {
			out.WriteString(`,"Package":"` + f[1] + `"`)
		}
		if len(f) > 2 {
			out.WriteString(`,"Test":"` + f[2] + `"`)
		}
		out.WriteString("}\n")
	}
	return out.String()
}

func TestReadGoTest(t *testing.T) {
	passing := goLines("start p", "run p A", "pass p A", "pass p")
	runCases(t, GoTest, []readCase{
		{name: "empty", in: ""},
		{name: "other lines", in: "go: downloading x\n{\"level\":\"info\"}\n" + passing + "\n[]\n", want: "passed  p.A\n"},
		{name: "byte order mark and carriage returns", in: "\xef\xbb\xbf" + strings.ReplaceAll(passing, "\n", "\r\n"), want: "passed  p.A\n"},
		{name: "mixed packages", in: goLines("start p", "start q", "run p A", "run q A", "fail q A", "pass p A", "fail q", "pass p"), want: "failed  q.A\npassed  p.A\n"},
		{name: "no end of a package", in: goLines("start p", "run p A", "pass p A"), want: "passed  p.A\n", says: []string{`package "p" began and never ended`}},
		{name: "package that only began", in: passing + goLines("start q"), want: "passed  p.A\n", says: []string{`package "q" began`}},
		{name: "no end of a test", in: goLines("start p", "run p A", "pass p"), want: "error   p.A | it ran and never ended\n"},
		{name: "no end of a sub-test", in: goLines("run p A", "run p A/b", "fail p A", "fail p"), want: "error   p.A/b | it ran and never ended\n"},
		{name: "pass behind a failure", in: goLines("run p A", "fail p A", "pass p A", "pass p"), want: "failed  p.A\n"},
		{name: "three levels", in: goLines("run p A", "run p A/b", "run p A/b/c", "fail p A/b/c", "fail p A/b", "run p A/d", "fail p A/d", "fail p A", "fail p"),
			want: "failed  p.A/b/c\nfailed  p.A/d\n"},
		{name: "package fails alone", in: goLines("start p", "run p A", "pass p A", "fail p"), want: "passed  p.A\nerror   p\n"},
		{name: "broken line", in: "{\"Action\":\n" + passing, want: "passed  p.A\n", says: []string{"line 1: it is no event"}},
		{name: "cut line", in: passing + `{"Action":"ru`, want: "passed  p.A\n", says: []string{"line 5: it ends in the middle"}},
		{name: "wrong type", in: `{"Action":1}` + "\n" + passing, want: "passed  p.A\n", says: []string{"line 1: it is no event"}},
		{name: "build that no package tells of", in: `{"ImportPath":"q","Action":"build-output","Output":"boom\n"}` + "\n" + `{"ImportPath":"q","Action":"build-fail"}` + "\n" + passing,
			want: "passed  p.A\nerror   q | boom\n"},
		{name: "warning of a build", in: `{"ImportPath":"q","Action":"build-output","Output":"careful\n"}` + "\n" + passing, want: "passed  p.A\n"},
		{name: "build failure before Go 1.24", in: "# p\nFAIL\tp [build failed]\n", want: "error   p | FAIL\tp [build failed]\n"},
		{name: "rerun passes", in: goLines("run p A", "fail p A", "fail p", "run p A", "pass p A", "pass p"), want: "passed  p.A (retries: 1)\n"},
		{name: "rerun fails again", in: goLines("run p A", "fail p A", "fail p", "run p A", "fail p A", "fail p"), want: "failed  p.A (retries: 1)\n"},
		{name: "rerun skips", in: goLines("run p A", "fail p A", "fail p", "run p A", "skip p A", "pass p"), want: "failed  p.A (retries: 1)\n"},
		{name: "passed and then failed", in: goLines("run p A", "pass p A", "pass p", "run p A", "fail p A", "fail p"), want: "failed  p.A\n"},
		{name: "rerun of a package that crashed", in: goLines("start p", "fail p", "run p A", "pass p A", "pass p"), want: "error   p\npassed  p.A\n"},
		{name: "count", in: goLines("run p A", "fail p A", "run p A", "pass p A", "fail p"), want: "failed  p.A\npassed  p.A#2\n"},
		{name: "benchmark that fails", in: goLines("run p BenchmarkA", "fail p BenchmarkA", "fail p"), want: "failed  p.BenchmarkA\n"},
		{name: "benchmark in a package that fails", in: goLines("run p BenchmarkA", "fail p"), want: "error   p.BenchmarkA | it ran and never ended\n"},
		{name: "long line of JSON", in: `{"Action":"output","Package":"p","Test":"` + strings.Repeat(`","x":"`, 1<<18) + "\n" + passing, says: []string{"line 1: it has more than"}},
		{name: "long output", in: `{"Action":"output","Package":"p","Test":"A","Output":"` + strings.Repeat(`\u00fc\\\"`, 1<<20) + "\"}\n" + goLines("skip p A", "pass p"),
			want: "skipped p.A | " + strings.Repeat(`ü\"`, 24) + "…\n"},
		{name: "long line of another program", in: strings.Repeat("x", 3<<20) + "\n" + passing, want: "passed  p.A\n"},
	})
}
