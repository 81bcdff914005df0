package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// metricsCase is a report of metrics as text and what is read of it, one metric a
// line, or a part of the error.
type metricsCase struct {
	name, in, want string
}

func runMetrics(t *testing.T, f Format, cases []metricsCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			metrics, err := ReadMetrics(strings.NewReader(c.in), f, Limits{})
			got := describedMetrics(metrics, err)
			part, failing := strings.CutPrefix(c.want, "error ")
			switch {
			case failing && (err == nil || !strings.Contains(got, part)), !failing && got != c.want:
				t.Errorf("got\n%swant\n%s", got, c.want)
			case failing && !errors.Is(err, verdict.ErrFormat) && !errors.Is(err, verdict.ErrTooLarge):
				t.Errorf("error %v of no known kind", err)
			}
		})
	}
}

func TestReadGoBench(t *testing.T) {
	runMetrics(t, GoBench, []metricsCase{
		{"empty", "", ""},
		{"one value", "BenchmarkA-8 \t 10 \t 1.5 ns/op\n", "BenchmarkA ns/op: [1.5]\n"},
		{"samples", "BenchmarkA 10 1 ns/op\nBenchmarkA 10 2 ns/op\n", "BenchmarkA ns/op: [1 2]\n"},
		{"several processors", "BenchmarkA 10 1 ns/op\nBenchmarkA-4 10 2 ns/op\n", "BenchmarkA ns/op: [1]\nBenchmarkA-4 ns/op: [2]\n"},
		{"numbers at the end of names", "BenchmarkA/n-8 1 1 ns/op\nBenchmarkA/n-16 1 2 ns/op\n", "BenchmarkA/n-16 ns/op: [2]\nBenchmarkA/n-8 ns/op: [1]\n"},
		{"several packages", "pkg: a\nBenchmarkX-2 1 1 ns/op\nBenchmarkY-2 1 2 ns/op\nPASS\nok  \ta\t1s\npkg: b\nBenchmarkX-2 1 3 ns/op\nPASS\nok  \tb\t1s\n",
			"BenchmarkY ns/op: [2]\na.BenchmarkX ns/op: [1]\nb.BenchmarkX ns/op: [3]\n"},
		{"own units", "BenchmarkA 1 5 widgets/op 0.25 hit-rate\n", "BenchmarkA hit-rate: [0.25]\nBenchmarkA widgets/op: [5]\n"},
		{"other lines", "goos: linux\nhello\nBenchmarkA\nBenchmarkA --- BENCH\nBenchmarkings are fun\n", ""},
		{"not a number", "BenchmarkA 1 NaN ns/op\n", `error metric "BenchmarkA ns/op": NaN`},
		{"infinite", "BenchmarkA 1 +Inf ns/op\n", `error metric "BenchmarkA ns/op": an infinite`},
		{"too large", "BenchmarkA 1 1e999 ns/op\n", `error metric "BenchmarkA ns/op": an infinite`},
		{"no value", "BenchmarkA 1 fast ns/op\n", `error metric "BenchmarkA ns/op": "fast" is no number`},
		{"no unit", "BenchmarkA 1 2 ns/op 3\n", "error line 1: a value has no unit"},
		{"cut line", "BenchmarkA 1 2 ns/op", "error line 1: it ends in the middle of a line"},
		{"no PASS", "pkg: a\nBenchmarkA 1 2 ns/op\n", `error package "a" have no end`},
		{"no PASS before the next", "pkg: a\nBenchmarkA 1 2 ns/op\npkg: b\nPASS\n", `error line 3: the benchmarks of package "a" have no end`},
		{"failed", "pkg: a\nBenchmarkA 1 2 ns/op\n--- FAIL: BenchmarkB\nFAIL\n", "error line 3: the benchmarks failed"},
		{"panicked", "BenchmarkA 1 2 ns/op\npanic: boom\n", "error line 2: the benchmarks failed: panic: boom"},
		{"package failed", "FAIL\ta [build failed]\n", "error line 1: the benchmarks failed"},
	})
}

func TestReadOpenMetrics(t *testing.T) {
	runMetrics(t, OpenMetrics, []metricsCase{
		{"nothing", "# EOF\n", ""},
		{"no end", "a 1\n", `error no "# EOF"`},
		{"more behind the end", "# EOF\na 1\n", "error line 2: there is more"},
		{"plain", "# HELP a What it is.\n# TYPE a gauge\n# UNIT a seconds\na 1.5\n# EOF\n", "a: [1.5]\n"},
		{"labels in any order", "a{y=\"2\",x=\"1\"} 3\na{x=\"2\", y=\"2\",} 4\n# EOF\n", "a{x=\"1\",y=\"2\"}: [3]\na{x=\"2\",y=\"2\"}: [4]\n"},
		{"escapes", `a{x="a\"b\\c\nd}#"} 3` + "\n# EOF\n", `a{x="a\"b\\c\nd}#"}: [3]` + "\n"},
		{"empty labels", "a{} 3\n# EOF\n", "a: [3]\n"},
		{"counter", "# TYPE a counter\na_total 3\na_created 17\n# EOF\n", "a_total: [3]\n"},
		{"time and exemplar", "# TYPE a counter\na_total{x=\"1\"} 3 1700000000.5 # {trace=\"a # b\"} 0.5 1700000000\n# EOF\n", "a_total{x=\"1\"}: [3]\n"},
		{"samples in time", "a 3 1\na 4 2\n# EOF\n", "a: [3 4]\n"},
		{"twice", "a 3\na 4\n# EOF\n", `error metric "a": it appears twice`},
		{"twice at one time", "a{x=\"1\"} 3 1\na{x=\"1\"} 4 1\n# EOF\n", "error it appears twice"},
		{"histogram", "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 4\na_sum 10\na_count 4\na_created 1\n# EOF\n", "a_mean: [2.5]\n"},
		{"histogram of nothing", "# TYPE a histogram\na_sum 0\na_count 0\n# EOF\n", ""},
		{"summary", "# TYPE a summary\na{quantile=\"0.99\",x=\"1\"} 7\na_sum{x=\"1\"} 9\na_count{x=\"1\"} 3\n# EOF\n", "a_mean{x=\"1\"}: [3]\na{quantile=\"0.99\",x=\"1\"}: [7]\n"},
		{"info and states", "# TYPE b info\nb_info{v=\"1\"} 1\n# TYPE s stateset\ns{s=\"on\"} 1\n# EOF\n", ""},
		{"sum without a type", "a_sum 3\n# EOF\n", "a_sum: [3]\n"},
		{"not a number", "a{x=\"1\"} NaN\n# EOF\n", `error NaN`},
		{"infinite", "a +Inf\n# EOF\n", `error metric "a": an infinite`},
		{"no value", "a\n# EOF\n", `error line 1: "a" doesn't begin`},
		{"words", "a b\n# EOF\n", `error line 1: metric "a": "b" is no number`},
		{"hexadecimal", "a 0x10\n# EOF\n", "error is no number"},
		{"bad time", "a 1 x\n# EOF\n", "error is no time"},
		{"too many fields", "a 1 2 3\n# EOF\n", "error has to have a value"},
		{"bad name", "1a 1\n# EOF\n", "error doesn't begin with the name"},
		{"label without quotes", "a{x=1} 1\n# EOF\n", "error a label has the form"},
		{"label without an end", "a{x=\"1 1\n# EOF\n", "error has no end"},
		{"label twice", "a{x=\"1\",x=\"2\"} 1\n# EOF\n", "error appears twice"},
		{"no comma", "a{x=\"1\"y=\"2\"} 1\n# EOF\n", "error separated by commas"},
	})
}

func TestReadCSV(t *testing.T) {
	runMetrics(t, CSV, []metricsCase{
		{"empty", "", "error is empty"},
		{"header alone", "a,b\n", ""},
		{"names and values", "Name,unit,Value\na,ms,1\nb,,2\na,ms,3\n", "a: [1 3]\nb: [2]\n"},
		{"columns", "a,b\n1,2\n3,\n ,4\n", "a: [1 3]\nb: [2 4]\n"},
		{"byte order mark, quotes and carriage returns", "\xef\xbb\xbf\"a, b\"\r\n1\r\n", "a, b: [1]\n"},
		{"words", "a,b\n1,fast\n", `error line 2: metric "b": "fast" is no number`},
		{"not a number", "name,value\na,nan\n", `error line 2: metric "a": NaN`},
		{"infinite", "a\n-inf\n", `error line 2: metric "a": an infinite`},
		{"no name", "name,value\n,1\n", "error a name has 1 to"},
		{"no name of a column", "a,\n1,2\n", "error column 2 has no name"},
		{"two columns of a name", "a,a\n1,2\n", "error two columns"},
		{"missing fields", "a,b\n1\n", "error line 2: wrong number of fields"},
		{"cut line", "a,b\n1,2", "error no line end"},
		{"cut quote", "a,b\n1,\"2\n", "error line 2"},
		{"long line", "a\n\"" + strings.Repeat("1\n", 1<<20), "error a line has more than"},
		{"underscores", "a\n1_000\n", "error is no number"},
	})
}

func TestMetricsLimits(t *testing.T) {
	var many strings.Builder
	many.WriteString("name,value\n")
	for i := range verdict.MaxMetrics + 1 {
		fmt.Fprintf(&many, "m%d,1\n", i)
	}
	runMetrics(t, CSV, []metricsCase{
		{"metrics", many.String(), "error more than 2000 metrics"},
		{"samples", "a\n" + strings.Repeat("1\n", verdict.MaxSamples+1), "error more than 100000 samples"},
		{"columns", strings.Repeat("a,", 1) + strings.Join(numbered(verdict.MaxMetrics), ",") + "\n", "error more than 2000 metrics"},
		{"name", strings.Repeat("a", verdict.MaxName+1) + "\n1\n", "error a name has 1 to"},
	})
	full := series{metrics: map[string]verdict.Samples{}, values: maxValues}
	if err := full.add("a", 1); !errors.Is(err, verdict.ErrTooLarge) {
		t.Errorf("a sample beyond all: %v", err)
	}
	_, err := ReadMetrics(strings.NewReader("a\n1\n1\n"), CSV, Limits{Bytes: 5})
	if !errors.Is(err, verdict.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	_, err = ReadMetrics(strings.NewReader(`{"a": 1}`), MetricsJSON, Limits{JSON: 5})
	if !errors.Is(err, verdict.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("m%d", i)
	}
	return names
}

func TestUnknownFormats(t *testing.T) {
	for _, f := range []Format{"", "xml", CSV} {
		if _, _, err := ReadTests(strings.NewReader(""), f, Limits{}); !errors.Is(err, ErrUnknownFormat) {
			t.Errorf("tests of %q: %v", f, err)
		}
	}
	for _, f := range []Format{"", "xml", JUnit} {
		if _, err := ReadMetrics(strings.NewReader(""), f, Limits{}); !errors.Is(err, ErrUnknownFormat) {
			t.Errorf("metrics of %q: %v", f, err)
		}
	}
}
