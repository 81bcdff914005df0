package report

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// endless writes head, then body again and again, then tail: size bytes in all,
// or a little more. It also notes the largest heap on the way.
type endless struct {
	head, tail string
	body       []byte
	size, sent int64
	at         int
	state      int
	peak       uint64
	nextLook   int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.sent >= e.nextLook {
		e.nextLook = e.sent + 16<<20
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		e.peak = max(e.peak, m.HeapInuse)
	}
	n := 0
	switch e.state {
	case 0:
		n = copy(p, e.head)
		if e.head = e.head[n:]; e.head == "" {
			e.state = 1
		}
	case 1:
		for n < len(p) && e.state == 1 {
			k := copy(p[n:], e.body[e.at:])
			n += k
			if e.at += k; e.at == len(e.body) {
				e.at = 0
				if e.sent+int64(n) >= e.size {
					e.state = 2
				}
			}
		}
	default:
		n = copy(p, e.tail)
		if e.tail = e.tail[n:]; n == 0 {
			return 0, io.EOF
		}
	}
	e.sent += int64(n)
	return n, nil
}

// TestMemory reads reports that never fit into memory: long texts, long lines,
// many tests. It makes 16 MiB of each, or 1 GiB where EVOSEAL_LARGE is set.
func TestMemory(t *testing.T) {
	size := largeSize()
	junk := strings.Repeat("all that a test printed, line by line\n", 1000)
	event := `{"Action":"output","Package":"p","Test":"A","Output":"` + strings.Repeat("x", 300) + "\"}\n"
	for _, c := range []struct {
		name             string
		f                Format
		head, body, tail string
		tests            int
		says             string
	}{
		{"text", JUnit, "<testsuite><testcase name='a'><system-out>", junk, "</system-out></testcase></testsuite>", 1, ""},
		{"CDATA", JUnit, "<testsuite><testcase name='a'><failure><![CDATA[", junk, "]]></failure></testcase></testsuite>", 1, ""},
		{"attribute", JUnit, "<testsuite><testcase name='a'><failure message='", junk, "'/></testcase></testsuite>", 1, ""},
		{"comment", JUnit, "<testsuite><testcase name='a'/><!--", junk, "--></testsuite>", 1, ""},
		{"properties", JUnit, "<testsuite><testcase name='a'/>", strings.Repeat("<property name='a' value='b'/>", 1000), "</testsuite>", 1, ""},
		{"cases", JUnit, "<testsuite>", strings.Repeat("<testcase name='a' classname='b' time='1'><failure>x</failure></testcase>\n", 1000), "</testsuite>", verdict.MaxTests, "more than 100000 tests"},
		{"depth", JUnit, "", strings.Repeat("<testsuite>", 1000), "", 0, "nested more than 100"},
		{"output", GoTest, `{"Action":"run","Package":"p","Test":"A"}` + "\n", event, `{"Action":"pass","Package":"p","Test":"A"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n", 1, ""},
		{"one line", GoTest, `{"Action":"output","Package":"p","Test":"A","Output":"`, strings.Repeat("x", 1000), "\"}\n" + `{"Action":"pass","Package":"p","Test":"A"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n", 1, ""},
		{"a line of another program", GoTest, "", strings.Repeat("x", 1000), "\n" + `{"Action":"pass","Package":"p","Test":"A"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n", 1, ""},
		{"comments", TAP, "1..1\nok 1 - a\n", "# " + junk, "", 1, ""},
		{"a line", TAP, "1..1\nok 1 - a\n# ", strings.Repeat("x", 1000), "\n", 1, ""},
		{"diagnostics", TAP, "1..1\nnot ok 1 - a\n  ---\n", strings.Repeat("  a: b\n", 1000), "  ...\n", 1, ""},
		{"string", Pytest, `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"passed","call":{"stdout":"`, strings.Repeat(`a\n`, 1000), `"}}]}`, 1, ""},
		{"members", Pytest, `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"passed"}],"x":[`, strings.Repeat(`{"a":"`+strings.Repeat("x", 200)+`","b":1},`, 100), `1]}`, 1, ""},
		{"white space", Pytest, `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"passed"}]`, strings.Repeat(" \n", 1000), `}`, 1, ""},
	} {
		t.Run(fmt.Sprintf("%s %s", c.f, c.name), func(t *testing.T) {
			in := &endless{head: c.head, body: []byte(c.body), tail: c.tail, size: size}
			if c.head == "" {
				in.state = 1
			}
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			tests, said, err := ReadTests(in, c.f, Limits{})
			if err != nil || len(tests) != c.tests || strings.Join(said, "") == "" != (c.says == "") || !strings.Contains(strings.Join(said, ""), c.says) {
				t.Fatalf("%d tests, %q, %v", len(tests), said, err)
			}
			grown := int64(in.peak) - int64(before.HeapInuse)
			t.Logf("%d MiB read, heap grew by %.1f MiB", in.sent>>20, float64(grown)/(1<<20))
			if bound := int64(10 << 20); c.tests <= 1 && grown > bound {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

func largeSize() int64 {
	if os.Getenv("EVOSEAL_LARGE") != "" {
		return 1 << 30
	}
	return 16 << 20
}

// TestMetricsMemory does the same with metrics.
func TestMetricsMemory(t *testing.T) {
	values := strings.Repeat("1,2,3,4,5,6,7,8\n", 1000)
	for _, c := range []struct {
		name             string
		f                Format
		head, body, tail string
		says             string
	}{
		{"a column of words", CSV, "name,value,comment\na,1,", strings.Repeat("x", 1000), "\n", "a line has more than"},
		{"columns", CSV, "a,b,c,d,e,f,g,h\n", values, "", "more than 100000 samples"},
		{"other lines", GoBench, "BenchmarkA 1 2 ns/op\n", strings.Repeat("hello\n", 1000), "PASS\n", ""},
		{"values", GoBench, "BenchmarkA 1 2 ns/op\n", strings.Repeat("BenchmarkA-8 1 2 ns/op 3 B/op 4 allocs/op\n", 100), "PASS\n", "more than 1000000 values"},
		{"comments", OpenMetrics, "a 1\n", strings.Repeat("# HELP a "+strings.Repeat("x", 1000)+"\n", 10), "# EOF\n", ""},
		{"buckets", OpenMetrics, "a 1\n# TYPE b histogram\n", strings.Repeat("b_bucket{le=\"1\"} 2\n", 100), "# EOF\n", ""},
		{"a line", OpenMetrics, "a{x=\"", strings.Repeat("x", 1000), "\"} 1\n# EOF\n", "it has more than 1048576 bytes"},
	} {
		t.Run(fmt.Sprintf("%s %s", c.f, c.name), func(t *testing.T) {
			in := &endless{head: c.head, body: []byte(c.body), tail: c.tail, size: largeSize()}
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			metrics, err := ReadMetrics(in, c.f, Limits{})
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || err == nil && len(metrics) != 1 {
				t.Fatalf("%d metrics, %v", len(metrics), err)
			}
			grown := int64(in.peak) - int64(before.HeapInuse)
			t.Logf("%d MiB read, heap grew by %.1f MiB", in.sent>>20, float64(grown)/(1<<20))
			if c.says == "" && grown > 10<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}
