package report

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

var update = flag.Bool("update", false, "write the golden files anew, to be checked by hand")

// corpus are the reports of real tools below testdata, by path.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".golden") || strings.HasSuffix(path, ".md") {
			if d != nil && d.IsDir() && d.Name() == "fuzz" {
				return fs.SkipDir
			}
			return err
		}
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(path)] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// formatOf is the format of a file of the corpus, by its ending.
func formatOf(path string) Format {
	switch {
	case strings.HasSuffix(path, ".xml"):
		return JUnit
	case strings.HasSuffix(path, ".tap"):
		return TAP
	case strings.Contains(path, "/pytest/"):
		return Pytest
	case strings.HasSuffix(path, ".jsonl"):
		return GoTest
	case strings.Contains(path, "/gobench/"):
		return GoBench
	}
	return ""
}

// described is a reading of a report as text, a line for each test.
func described(tests []verdict.Test, said []string) string {
	var out strings.Builder
	for _, test := range tests {
		fmt.Fprintf(&out, "%-7s %s", test.Status, test.Name)
		if test.Retries > 0 {
			fmt.Fprintf(&out, " (retries: %d)", test.Retries)
		}
		if test.Message != "" {
			fmt.Fprintf(&out, " | %s", strings.ReplaceAll(cut(test.Message, 100), "\n", "⏎"))
		}
		out.WriteByte('\n')
	}
	for _, p := range said {
		fmt.Fprintf(&out, "problem %s\n", p)
	}
	return out.String()
}

func TestCorpus(t *testing.T) {
	producers := map[string]bool{}
	for path, data := range corpus(t) {
		t.Run(path, func(t *testing.T) {
			f := formatOf(path)
			var got string
			if f.HoldsMetrics() {
				metrics, err := ReadMetrics(bytes.NewReader(data), f, Limits{})
				got = describedMetrics(metrics, err)
			} else {
				tests, said, err := ReadTests(bytes.NewReader(data), f, Limits{})
				if err != nil {
					t.Fatal(err)
				}
				got = described(tests, said)
			}
			golden := path + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if detected, ok := Detect(path, data[:min(len(data), headSize)]); !ok || detected != f {
				t.Errorf("Detect says %q, %v; want %q", detected, ok, f)
			}
		})
		producers[filepath.Dir(path)] = true
	}
	if len(producers) < 8 {
		t.Errorf("the corpus has %d producers", len(producers))
	}
}

func describedMetrics(metrics map[string]verdict.Samples, err error) string {
	var lines []string
	for name, samples := range metrics {
		lines = append(lines, fmt.Sprintf("%s: %v\n", name, samples))
	}
	slices.Sort(lines)
	if err != nil {
		lines = append(lines, "error "+err.Error()+"\n")
	}
	return strings.Join(lines, "")
}
