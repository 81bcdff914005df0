package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// passes says whether a reading would be taken as a pass: tests, none of which
// failed, and no problem.
func passes(tests []verdict.Test, said []string) bool {
	return len(tests) > 0 && len(said) == 0 && !slices.ContainsFunc(tests, isBad)
}

func isBad(t verdict.Test) bool { return t.Status == verdict.Failed || t.Status == verdict.Errored }

// greenPart is the report of a run without its failures, as far as a report of
// that format can be made of another without a tool: the events of packages and
// tests that passed. Whole files that fail can't show what a prefix hides.
func greenPart(path string, data []byte) []byte {
	if formatOf(path) != GoTest {
		return data
	}
	var out []byte
	for line := range bytes.Lines(data) {
		if !bytes.Contains(line, []byte(`"fail"`)) && !bytes.Contains(line, []byte("Flaky")) && !bytes.Contains(line, []byte("build-fail")) {
			out = append(out, line...)
		}
	}
	return out
}

// TestNoPrefixPasses cuts every report at every byte. What is left must not read
// as a pass, but for three cases that nothing in the file can tell:
//
//   - only white space is lost;
//   - only diagnostics and comments are lost, after the last of the tests that a
//     TAP plan announced;
//   - a stream of `go test -json` is cut where every package that began has ended:
//     it has no end of its own and doesn't say how many packages there are.
//
// A prefix that holds a failure stays one that fails, so those are only sampled.
func TestNoPrefixPasses(t *testing.T) {
	for path, data := range corpus(t) {
		f := formatOf(path)
		if !f.HoldsTests() || strings.HasSuffix(path, "cargo/two.xml") {
			// The latter is two reports: refused as a whole, and a whole one by half.
			continue
		}
		t.Run(path, func(t *testing.T) {
			for _, data := range [][]byte{data, greenPart(path, data)} {
				whole, _, err := ReadTests(bytes.NewReader(data), f, Limits{})
				if err != nil {
					t.Fatal(err)
				}
				noPrefixPasses(t, f, data, whole)
			}
		})
	}
}

func noPrefixPasses(t *testing.T, f Format, data []byte, whole []verdict.Test) {
	t.Helper()
	step := 1
	for n := 0; n < len(data); n += step {
		tests, said, err := ReadTests(bytes.NewReader(data[:n]), f, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(tests, isBad) {
			step = 41
		}
		if !passes(tests, said) {
			continue
		}
		lost := string(data[n:])
		switch {
		case strings.TrimSpace(lost) == "":
		case f == TAP && data[n-1] == '\n' && sameResults(tests, whole):
		case f == GoTest && betweenPackages(data[:n]):
		default:
			t.Fatalf("%d of %d bytes pass, with %d tests; lost is %q", n, len(data), len(tests), cut(lost, 200))
		}
	}
}

func sameResults(a, b []verdict.Test) bool {
	return slices.EqualFunc(a, b, func(a, b verdict.Test) bool { return a.Name == b.Name && a.Status == b.Status })
}

// betweenPackages says whether a stream of events ends with a package's end.
func betweenPackages(data []byte) bool {
	data = bytes.TrimSpace(data)
	last := data[bytes.LastIndexByte(data, '\n')+1:]
	return bytes.HasSuffix(last, []byte("}")) && !bytes.Contains(last, []byte(`"Test"`)) &&
		bytes.Contains(last, []byte(`"Elapsed"`))
}

// TestPassingReportsPass makes sure that the corpus has passing reports of every
// kind, or cutting them shows nothing.
func TestPassingReportsPass(t *testing.T) {
	passing := map[Format]int{}
	for path, data := range corpus(t) {
		if f := formatOf(path); f.HoldsTests() {
			tests, said, err := ReadTests(bytes.NewReader(data), f, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			ok := passes(tests, said)
			if strings.Contains(path, "passes") && !ok {
				t.Errorf("%s doesn't pass: %v", path, said)
			}
			if ok {
				passing[f]++
			}
		}
	}
	for _, f := range []Format{JUnit, GoTest, TAP, Pytest} {
		if passing[f] < 2 {
			t.Errorf("%d reports of %s pass", passing[f], f)
		}
	}
}
