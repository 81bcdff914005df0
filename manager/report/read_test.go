package report

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

const (
	goodTAP   = "1..1\nok 1 - a\n"
	badTAP    = "1..1\nnot ok 1 - a\n"
	goodJUnit = `<testsuite name="s"><testcase classname="s" name="a"/></testsuite>`
)

// folder writes files by path and returns their folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// outcome is what a verdict with the default rules makes of a report.
func outcome(rep verdict.Report) verdict.Outcome {
	return verdict.Judge(verdict.Input{Report: rep, Rules: verdict.DefaultRules()}).Outcome
}

func TestRead(t *testing.T) {
	dir := folder(t, map[string]string{
		"build/x/TEST-a.xml": goodJUnit, "build/y/z/TEST-b.xml": goodJUnit, "build/y/other.txt": "x",
		"good.tap": goodTAP, "bad.tap": badTAP, "none.xml": "<testsuites/>", "none/a.xml": "<testsuite/>", "none/b.xml": "<testsuite/>",
		"empty.xml": "", "cut.xml": goodJUnit[:40], "odd [1].tap": goodTAP, "notes.txt": "Dear all\n",
		"run1.csv": "latency\n1\n2\n", "run2.csv": "latency\n3\n", "nan.json": `{"loss": NaN}`, "none.csv": "a\n", "tests.json": `[{"name": "j", "status": "passed"}]`,
	})
	if err := os.Symlink("good.tap", filepath.Join(dir, "link.tap")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.tap"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name           string
		tests, metrics []Source
		want           string
		says           []string
		outcome        verdict.Outcome
	}{
		{name: "a file", tests: []Source{{Path: "good.tap"}}, want: "passed  a\n", outcome: verdict.Pass},
		{name: "an absolute path", tests: []Source{{TAP, filepath.Join(dir, "good.tap")}}, want: "passed  a\n", outcome: verdict.Pass},
		{name: "a link", tests: []Source{{Path: "link.tap"}}, want: "passed  a\n", outcome: verdict.Pass},
		{name: "a name like a pattern", tests: []Source{{Path: "odd [1].tap"}}, want: "passed  a\n", outcome: verdict.Pass},
		{name: "a pattern, and a test in both files", tests: []Source{{Path: "build/**/TEST-*.xml"}}, want: "passed  s.a\npassed  s.a (build/y/z/TEST-b.xml)\n", outcome: verdict.Pass},
		{name: "formats together", tests: []Source{{Path: "good.tap"}, {Path: "build/x/*"}, {Path: "tests.json"}}, want: "passed  a\npassed  s.a\npassed  j\n", outcome: verdict.Pass},
		{name: "a failure in one", tests: []Source{{Path: "good.tap"}, {Path: "bad.tap"}}, want: "passed  a\nfailed  a (bad.tap)\n", outcome: verdict.Fail},
		{name: "the same file twice", tests: []Source{{Path: "good.tap"}, {Path: "good.tap"}, {Path: "good.tap"}}, want: "passed  a\npassed  a (good.tap)\npassed  a (good.tap)#2\n", outcome: verdict.Pass},
		{name: "no such file", tests: []Source{{Path: "good.tap"}, {Path: "gone.tap"}}, want: "passed  a\n", says: []string{`no file matches "gone.tap"`}, outcome: verdict.Error},
		{name: "nothing matches", tests: []Source{{Path: "gone/**/*.xml"}}, says: []string{`no file matches "gone/**/*.xml"`}, outcome: verdict.Error},
		{name: "no test", tests: []Source{{Path: "none.xml"}}, says: []string{"none.xml: it holds no test"}, outcome: verdict.Error},
		{name: "no test in any", tests: []Source{{Path: "none/*"}}, says: []string{`none of the 2 files that match "none/*" holds a test`}, outcome: verdict.Error},
		{name: "no test in some", tests: []Source{{Path: "{good.tap,none.xml}"}}, want: "passed  a\n", outcome: verdict.Pass},
		{name: "empty", tests: []Source{{Path: "empty.xml"}}, says: []string{"empty.xml: it is empty"}, outcome: verdict.Error},
		{name: "cut", tests: []Source{{Path: "cut.xml"}}, says: []string{"cut.xml: line 1: it ends in the middle"}, outcome: verdict.Error},
		{name: "another format than said", tests: []Source{{JUnit, "good.tap"}}, says: []string{"good.tap: line 3: there is text outside"}, outcome: verdict.Error},
		{name: "not recognised", tests: []Source{{Path: "notes.txt"}}, says: []string{"notes.txt: its format isn't recognised"}, outcome: verdict.Error},
		{name: "metrics for tests", tests: []Source{{Path: "run1.csv"}}, says: []string{"run1.csv: it seems to be csv, which holds no tests"}, outcome: verdict.Error},
		{name: "a folder", tests: []Source{{Path: "build"}}, says: []string{"build: it is no regular file"}, outcome: verdict.Error},
		{name: "a pipe", tests: []Source{{Path: "pipe.tap"}}, says: []string{"pipe.tap: it is no regular file"}, outcome: verdict.Error},
		{name: "standard input", tests: []Source{{Path: "-"}}, want: "passed  in\n", outcome: verdict.Pass},
		{name: "samples of several files", metrics: []Source{{Path: "run*.csv"}}, want: "latency: [1 2 3]\n", outcome: verdict.Inconclusive},
		{name: "a bad metric", tests: []Source{{Path: "good.tap"}}, metrics: []Source{{Path: "nan.json"}}, want: "passed  a\n", says: []string{"nan.json: "}, outcome: verdict.Error},
		{name: "no metric", metrics: []Source{{Path: "none.csv"}}, says: []string{"none.csv: it holds no metric"}, outcome: verdict.Error},
		{name: "no sources", outcome: verdict.Inconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep, err := Read(t.Context(), dir, c.tests, c.metrics, time.Time{}, strings.NewReader("1..1\nok 1 - in\n"), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := described(rep.Tests, nil) + describedMetrics(rep.Metrics, nil); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			if len(rep.Problems) != len(c.says) {
				t.Fatalf("problems %q, want %q", rep.Problems, c.says)
			}
			for i, want := range c.says {
				if !strings.HasPrefix(rep.Problems[i], want) {
					t.Errorf("problem %q, want %q", rep.Problems[i], want)
				}
			}
			if got := outcome(rep); got != c.outcome {
				t.Errorf("outcome %s, want %s", got, c.outcome)
			}
		})
	}
}

func TestReadStale(t *testing.T) {
	dir := folder(t, map[string]string{"old.tap": goodTAP, "new.tap": goodTAP, "coarse.tap": goodTAP})
	start := time.Date(2024, 5, 6, 7, 8, 9, 500_000_000, time.UTC)
	for name, at := range map[string]time.Time{
		"old.tap":    start.Add(-time.Second),
		"new.tap":    start.Add(time.Millisecond),
		"coarse.tap": start.Truncate(time.Second),
	} {
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for name, stale := range map[string]bool{"old.tap": true, "new.tap": false, "coarse.tap": false} {
		rep, err := Read(t.Context(), dir, []Source{{Path: name}}, nil, start, nil, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if stale != (len(rep.Problems) == 1 && strings.HasPrefix(rep.Problems[0], name+": it was last written at 2024-05-06T07:08:08.5Z, before the run began")) || stale == (len(rep.Tests) == 1) {
			t.Errorf("%s: %+v", name, rep)
		}
	}
	rep, err := Read(t.Context(), dir, []Source{{Path: "*.tap"}}, nil, start, nil, Limits{})
	if err != nil || len(rep.Tests) != 2 || outcome(rep) != verdict.Error {
		t.Errorf("%+v, %v", rep, err)
	}
}

func TestReadWrongly(t *testing.T) {
	dir := t.TempDir()
	in := strings.NewReader("")
	for _, c := range []struct {
		tests, metrics []Source
		stdin          io.Reader
		want           error
	}{
		{tests: []Source{{Path: ""}}, want: ErrSource},
		{tests: []Source{{Path: "-"}}, want: ErrSource},
		{tests: []Source{{Path: "-"}}, metrics: []Source{{Path: "-"}}, stdin: in, want: ErrSource},
		{tests: []Source{{Path: "[a"}}, want: ErrSource},
		{tests: []Source{{CSV, "a"}}, want: ErrUnknownFormat},
		{tests: []Source{{"xml", "a"}}, want: ErrUnknownFormat},
		{metrics: []Source{{TAP, "a"}}, want: ErrUnknownFormat},
	} {
		if _, err := Read(t.Context(), dir, c.tests, c.metrics, time.Time{}, c.stdin, Limits{}); !errors.Is(err, c.want) {
			t.Errorf("%v %v: %v, want %v", c.tests, c.metrics, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, dir, []Source{{Path: "-"}}, nil, time.Time{}, in, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestReadLimits(t *testing.T) {
	dir := folder(t, map[string]string{"a.tap": "1..2\nok\nok\n", "b.tap": "1..2\nok\nok\n", "c.tap": goodTAP})
	for name, c := range map[string]struct {
		limits Limits
		tests  int
		says   string
	}{
		"bytes":          {Limits{Bytes: 5}, 0, "a.tap: it has 11 bytes, more than 5"},
		"tests":          {Limits{Tests: 3}, 3, "b.tap: it has more than 1 tests"},
		"tests used up":  {Limits{Tests: 2}, 2, "b.tap: there are more than 2 tests; it wasn't read"},
		"files":          {Limits{Files: 2}, 4, `more than 2 files match "*.tap"`},
		"all within":     {Limits{Files: 3, Tests: 5, Bytes: 100}, 5, ""},
		"bytes of input": {Limits{Bytes: 20}, 5, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rep, err := Read(t.Context(), dir, []Source{{Path: "*.tap"}}, nil, time.Time{}, nil, c.limits)
			if err != nil || len(rep.Tests) != c.tests || strings.Contains(strings.Join(rep.Problems, "\n"), c.says) == (c.says == "" && len(rep.Problems) > 0) {
				t.Errorf("%d tests, %q, %v", len(rep.Tests), rep.Problems, err)
			}
		})
	}
	rep, err := Read(t.Context(), dir, []Source{{TAP, "-"}}, nil, time.Time{}, strings.NewReader(goodTAP+"# "+strings.Repeat("x", 100)), Limits{Bytes: 30})
	if err != nil || len(rep.Tests) != 1 || outcome(rep) != verdict.Error {
		t.Errorf("input beyond the limit: %+v, %v", rep, err)
	}
}

// TestReadChanged reads a file that a runner is still writing.
func TestReadChanged(t *testing.T) {
	dir := folder(t, map[string]string{"a.tap": goodTAP})
	rd := &reading{ctx: t.Context(), dir: dir, limits: Limits{}.withDefaults(), names: map[string]int{}}
	rd.file("a.tap", TAP, "test", func(name string, f Format, r io.Reader) {
		rd.readTests(name, f, r)
		if err := os.WriteFile(filepath.Join(dir, "a.tap"), []byte(badTAP), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	if said := rd.problems.list(); len(said) != 1 || said[0] != "a.tap: it changed while it was read" {
		t.Errorf("got %q", said)
	}
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, head string
		want       Format
	}{
		{"a.xml", "\xef\xbb\xbf\n<?xml version='1.0'?>", JUnit},
		{"a.xml", "\xff\xfe<\x00", JUnit},
		{"a", "go: downloading x v1\n{\"Time\":\"2024-01-01T00:00:00Z\",\"Action\":\"start\"", GoTest},
		{"a", `{"ImportPath":"x","Action":"build-fail"}` + "\n", GoTest},
		{"a", "# noise\n\nok 1 - a\n", TAP},
		{"a", "1..4\n", TAP},
		{"a.json", "{\n  \"created\": 1.5,\n  \"exitcode\": 0,", Pytest},
		{"a", `{"pytest_version": "7", "$report_type": "SessionStart"}`, Pytest},
		{"a", "[\n {\"name\": \"a\"", TestsJSON},
		{"a", "[]", TestsJSON},
		{"a", "{\n \"latency\": [1, 2]}", MetricsJSON},
		{"a", "goos: linux\n", GoBench},
		{"a", "BenchmarkA-8   10  5 ns/op\n", GoBench},
		{"a", "# HELP a b\na 1\n", OpenMetrics},
		{"a", "a{x=\"1,2\"} 1\n", OpenMetrics},
		{"a", "name,value\na,1\n", CSV},
		{"a.csv", "latency\n1\n", CSV},
		{"a", "", ""},
		{"a", "  \n", ""},
		{"a", "Dear all\n", ""},
		{"a", "{oops", ""},
		{"a", "\x7fELF", ""},
	} {
		got, ok := Detect(c.name, []byte(c.head))
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s %q: %q, %v; want %q", c.name, c.head, got, ok, c.want)
		}
	}
}
