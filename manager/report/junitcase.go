package report

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// junitSuite is an open suite: what it says of itself, and what its test cases
// show.
type junitSuite struct {
	name string
	// path is the name within the suites around it.
	path string
	// tests, bad and skipped are what the attributes claim, skipped is -1 where
	// they don't say.
	tests, bad, skipped int
	// runs and failed are what was seen inside; runs counts nested suites too.
	runs, failed int
}

func (j *junitReader) startSuite(e xml.StartElement) {
	for _, s := range j.suites {
		s.runs++
	}
	s := &junitSuite{skipped: -1}
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "name":
			// The root's name is a title, such as "jest tests", and no part of a
			// test's name.
			if e.Name.Local == "testsuite" {
				s.name = strings.TrimSpace(cut(a.Value, verdict.MaxName))
			}
		case "failures", "errors":
			s.bad += j.count(a)
		case "tests":
			s.tests = j.count(a)
		case "skipped", "disabled", "ignored":
			s.skipped = max(s.skipped, 0) + j.count(a)
		}
	}
	s.path = s.name
	if n := len(j.suites); n > 0 && j.suites[n-1].path != "" {
		s.path = strings.TrimSuffix(j.suites[n-1].path+"/"+s.name, "/")
	}
	s.path = bounded(s.path)
	j.suites = append(j.suites, s)
}

// count reads a number of tests.
func (j *junitReader) count(a xml.Attr) int {
	if strings.TrimSpace(a.Value) == "" {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(a.Value))
	if err != nil || n < 0 || n > 1<<40 {
		j.problems.add("line %d: %s=%s is no number of tests", j.source.line, a.Name.Local, shown(a.Value))
		return 0
	}
	return n
}

// endSuite compares what a suite claims with what its test cases show. A runner
// that crashed, or that failed outside of any test, often counts more than it
// lists. Tests that are said to have been skipped may be missing: some runners
// don't list them.
func (j *junitReader) endSuite() {
	s := j.suites[len(j.suites)-1]
	name := s.path
	j.suites = j.suites[:len(j.suites)-1]
	if s.bad > s.failed {
		j.problems.add("line %d: suite %s counts %d failures and errors, its test cases show %d", j.source.line, shown(name), s.bad, s.failed)
	}
	if s.skipped >= 0 && s.tests-s.skipped > s.runs {
		j.problems.add("line %d: suite %s counts %d tests, of which %d skipped, and lists %d", j.source.line, shown(name), s.tests, s.skipped, s.runs)
	}
}

// junitCase is an open test case.
type junitCase struct {
	name, class   string
	status        string
	took          float64
	worst         verdict.Status
	message       string
	failed        int
	flaky, rerun  int
	skipped, todo bool
}

func newCase(attrs []xml.Attr) *junitCase {
	c := &junitCase{}
	for _, a := range attrs {
		value := strings.TrimSpace(a.Value)
		switch a.Name.Local {
		case "name":
			c.name = value
		case "classname":
			c.class = value
		case "time":
			// Old Surefire writes a thousand seconds as 1,000.
			c.took, _ = strconv.ParseFloat(strings.ReplaceAll(value, ",", ""), 64)
		case "status", "result":
			c.status += " " + strings.ToLower(value)
		}
	}
	return c
}

// note takes a result as soon as it begins, so that a failure counts even where
// the file ends inside it.
func (c *junitCase) note(r *junitResult) {
	switch r.kind {
	case "failure":
		c.failed++
		if c.worst != verdict.Errored {
			c.worst = verdict.Failed
		}
	case "error":
		c.failed++
		c.worst = verdict.Errored
	case "skipped":
		c.skipped = true
		c.todo = r.class == "todo"
		// ctest says so of a program that wasn't built, and lists it as skipped.
		if strings.HasPrefix(r.said, "Unable to find ") && strings.Contains(c.status, "notrun") {
			c.worst = verdict.Errored
		}
	case "flakyFailure", "flakyError":
		c.flaky++
	case "rerunFailure", "rerunError":
		c.rerun++
	}
}

// done takes a result's text; that of the failure outranks those of other runs.
func (c *junitCase) done(r *junitResult) {
	if c.message == "" || r.kind == "failure" || r.kind == "error" {
		c.message = r.message()
	}
}

func (c *junitCase) asTest(suites []*junitSuite) verdict.Test {
	t := verdict.Test{Name: c.fullName(suites), Status: verdict.Passed, Took: seconds(c.took), Message: c.message, Retries: c.flaky + c.rerun}
	said := strings.Fields(c.status)
	is := func(words ...string) bool {
		return slices.ContainsFunc(said, func(s string) bool { return slices.Contains(words, s) })
	}
	switch {
	case c.todo:
		// Node lists the failure of a test that is known to fail yet.
		t.Status = verdict.Skipped
	case c.worst != "":
		t.Status = c.worst
	case is("fail", "failed", "failure", "error", "errored", "aborted", "broken", "crashed", "timeout", "timedout", "cancelled", "canceled", "interrupted"):
		t.Status = verdict.Failed
	case c.skipped || is("notrun", "disabled", "skipped", "ignored", "suppressed", "pending"):
		t.Status = verdict.Skipped
	}
	return t
}

// fullName is "class.name" where the class says the suite as well, as it does in
// Java, and "suite/class.name" otherwise.
func (c *junitCase) fullName(suites []*junitSuite) string {
	name := c.name
	if name == "" {
		name = "(no name)"
	}
	class := c.class
	for _, s := range suites {
		if class != "" && s.name == class {
			return class + "." + name
		}
	}
	if class != "" && class != name {
		name = class + "." + name
	}
	if n := len(suites); n > 0 && suites[n-1].path != "" {
		return suites[n-1].path + "/" + name
	}
	return name
}

// junitResult is an element that says how a run ended.
type junitResult struct {
	kind, class, said string
	body              []byte
}

func isResult(name string) bool {
	return slices.Contains([]string{
		"failure", "error", "skipped", "flakyFailure", "flakyError", "rerunFailure", "rerunError",
	}, name)
}

func newResult(kind string, attrs []xml.Attr) *junitResult {
	r := &junitResult{kind: kind}
	for _, a := range attrs {
		switch a.Name.Local {
		case "message":
			r.said = strings.TrimSpace(a.Value)
		case "type":
			r.class = a.Value
		}
	}
	return r
}

// text keeps as much as a message can show.
func (r *junitResult) text(data []byte) {
	if room := 2*maxMessage - len(r.body); room > 0 {
		r.body = append(r.body, data[:min(room, len(data))]...)
	}
}

// message is the attribute and then the text, where that says more.
func (r *junitResult) message() string {
	body := strings.TrimSpace(strings.ToValidUTF8(string(r.body), ""))
	switch {
	case body == "" || strings.HasPrefix(r.said, body):
		return r.said
	case strings.HasPrefix(body, r.said):
		return body
	}
	return r.said + "\n" + body
}
