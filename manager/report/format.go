package report

import (
	"errors"
	"fmt"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Format is the form of a report. Its text is what a command line takes.
type Format string

// The formats of test results.
const (
	// JUnit is the XML of JUnit, Surefire and the many tools that write the like.
	JUnit Format = "junit"
	// GoTest is the stream of `go test -json`.
	GoTest Format = "gotest"
	// TAP is the Test Anything Protocol, versions 12 to 14.
	TAP Format = "tap"
	// Pytest is the JSON file of pytest-json-report or the lines of
	// pytest-reportlog.
	Pytest Format = "pytest"
	// TestsJSON is the array that [verdict.ParseTests] reads.
	TestsJSON Format = "tests"
)

// The formats of metrics.
const (
	// MetricsJSON is the object that [verdict.ParseMetrics] reads.
	MetricsJSON Format = "json"
	// GoBench is what `go test -bench` prints.
	GoBench Format = "gobench"
	// OpenMetrics is OpenMetrics text, or Prometheus text that ends in "# EOF".
	OpenMetrics Format = "openmetrics"
	// CSV has a header line, and either the columns name and value or one column
	// for each metric.
	CSV Format = "csv"
)

// ErrUnknownFormat says that a format doesn't exist, or holds metrics where tests
// are asked for, or the other way round.
var ErrUnknownFormat = errors.New("unknown format of reports")

// HoldsTests says whether a file of this format holds test results.
func (f Format) HoldsTests() bool {
	return slices.Contains([]Format{JUnit, GoTest, TAP, Pytest, TestsJSON}, f)
}

// HoldsMetrics says whether a file of this format holds metrics.
func (f Format) HoldsMetrics() bool {
	return slices.Contains([]Format{MetricsJSON, GoBench, OpenMetrics, CSV}, f)
}

func unknownFormat(f Format, wanted string) error {
	if f.HoldsTests() || f.HoldsMetrics() {
		return fmt.Errorf("%w: %q holds no %s", ErrUnknownFormat, f, wanted)
	}
	return fmt.Errorf("%w: %q", ErrUnknownFormat, f)
}

// Limits bound what is read. The zero value is useful: a field that isn't
// positive stands for its default.
type Limits struct {
	// Bytes bounds one file: 2 GiB.
	Bytes int64
	// JSON bounds one file of [TestsJSON] and [MetricsJSON], which are read whole
	// into memory: 64 MiB, or Bytes where that is less.
	JSON int64
	// Tests bounds the tests of one call: [verdict.MaxTests].
	Tests int
	// Depth bounds how deep elements, objects and sub-tests nest: 100.
	Depth int
	// Files bounds the files of one call of [Read]: 10,000.
	Files int
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 2 << 30
	}
	if l.JSON <= 0 {
		l.JSON = 64 << 20
	}
	l.JSON = min(l.JSON, l.Bytes)
	if l.Tests <= 0 {
		l.Tests = verdict.MaxTests
	}
	if l.Depth <= 0 {
		l.Depth = 100
	}
	if l.Files <= 0 {
		l.Files = 10_000
	}
	return l
}
