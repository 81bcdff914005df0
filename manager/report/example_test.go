package report_test

import (
	"fmt"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/report"
)

// A report that was cut off says so, and what failed before stays known.
func ExampleReadTests() {
	const cut = `<testsuite name="sums" tests="3" skipped="0">
  <testcase name="adds"/>
  <testcase name="divides"><failure message="by zero"/></testcase>`
	tests, problems, err := report.ReadTests(strings.NewReader(cut), report.JUnit, report.Limits{})
	if err != nil {
		fmt.Println(err)
	}
	for _, t := range tests {
		fmt.Printf("%s %s %q\n", t.Status, t.Name, t.Message)
	}
	fmt.Println(problems)
	// Output:
	// passed sums/adds ""
	// failed sums/divides "by zero"
	// [line 3: it ends in the middle]
}

// Lines of one benchmark become samples of one metric.
func ExampleReadMetrics() {
	const out = "BenchmarkSum-8 \t 1000 \t 12.5 ns/op\nBenchmarkSum-8 \t 1000 \t 12.7 ns/op\n"
	metrics, err := report.ReadMetrics(strings.NewReader(out), report.GoBench, report.Limits{})
	fmt.Println(metrics["BenchmarkSum ns/op"], err)
	// Output: [12.5 12.7] <nil>
}
