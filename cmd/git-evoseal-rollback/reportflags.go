package main

import (
	"fmt"

	"github.com/evoseal/git-evoseal-rollback/manager/report"
	"github.com/spf13/pflag"
)

// reportFlags name the files that a verdict is reached by.
type reportFlags struct {
	tests, metrics []string
	byFormat       map[report.Format]*[]string
}

func (r *reportFlags) addFlags(fs *pflag.FlagSet) {
	r.byFormat = make(map[report.Format]*[]string)
	for _, f := range []struct {
		format report.Format
		says   string
	}{
		{report.JUnit, "JUnit XML"}, {report.GoTest, "go test -json"}, {report.TAP, "TAP"}, {report.Pytest, "pytest's JSON"},
	} {
		list := new([]string)
		r.byFormat[f.format] = list
		fs.StringArrayVar(list, string(f.format), nil, "judge by the test results of `file`, in the form of "+f.says+"; may be a pattern, and repeated")
	}
	fs.StringArrayVar(&r.tests, "tests", nil, "judge by the test results of `file`, whose form is told from its content; a JSON array as well")
	fs.StringArrayVar(&r.metrics, "metrics", nil, "judge by the metrics of `file`: JSON, go test -bench, OpenMetrics or CSV, told from the content or named before it, as in gobench:out.txt (json, gobench, openmetrics, csv)")
}

// sources are what the flags name.
func (r *reportFlags) sources(c *call) (tests, metrics []report.Source, err error) {
	for _, format := range []report.Format{report.JUnit, report.GoTest, report.TAP, report.Pytest} {
		for _, path := range *r.byFormat[format] {
			tests = append(tests, report.Source{Format: format, Path: path})
		}
	}
	for _, path := range r.tests {
		tests = append(tests, report.Source{Path: path})
	}
	for _, arg := range r.metrics {
		src, err := report.ParseSource(arg)
		if err != nil {
			return nil, nil, &usageError{msg: fmt.Sprintf("--metrics %s: %v", arg, err), cmd: c.cmd}
		}
		metrics = append(metrics, src)
	}
	return tests, metrics, nil
}

// readsStdin says whether a report is to be read from standard input, and whether
// more than one is.
func readsStdin(sources ...[]report.Source) (n int) {
	for _, list := range sources {
		for _, s := range list {
			if s.Path == "-" {
				n++
			}
		}
	}
	return n
}
