package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// elementKind is what an open element is to a report.
type elementKind int

const (
	// otherElement is what says nothing of results, such as system-out.
	otherElement elementKind = iota
	suiteElement
	caseElement
	// resultElement is how a test case, or one run of it, ended.
	resultElement
	// suiteErrorElement is an error of a suite outside its test cases.
	suiteErrorElement
)

// junitReader reads JUnit's XML. There is no standard: Surefire's is the widest
// form, and every tool has some of it. The elements are read as a stream, since
// one test's output may have any length.
type junitReader struct {
	*collector
	source *xmlTrimmer
	kinds  []elementKind
	suites []*junitSuite
	test   *junitCase
	result *junitResult
	closed bool
}

func readJUnit(r io.Reader, c *collector) error {
	in, err := asUTF8(r)
	if err != nil {
		return err
	}
	j := &junitReader{collector: c, source: &xmlTrimmer{in: in, line: 1}}
	d := xml.NewDecoder(j.source)
	// The source is UTF-8 by now, whatever the declaration says.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return j.failed(err)
		}
		if err := j.take(tok); err != nil {
			return err
		}
	}
	if !j.closed {
		return brokenf("it holds no XML")
	}
	return nil
}

// failed says where the XML is broken, and keeps what was known of the test and
// the suites that were open: a failure among them still counts.
func (j *junitReader) failed(err error) error {
	if j.test != nil && j.test.worst != "" {
		if err := j.addCase(); err != nil {
			return err
		}
	}
	var syntax *xml.SyntaxError
	switch {
	case !errors.As(err, &syntax):
		return err
	case strings.Contains(syntax.Msg, "unexpected EOF"):
		return brokenf("line %d: it ends in the middle", j.source.line)
	}
	return brokenf("line %d: %s", j.source.line, cut(syntax.Msg, maxShown))
}

func (j *junitReader) take(tok xml.Token) error {
	switch tok := tok.(type) {
	case xml.StartElement:
		return j.start(tok)
	case xml.EndElement:
		return j.end()
	case xml.CharData:
		if j.result != nil && j.kinds[len(j.kinds)-1] != otherElement {
			j.result.text(tok)
		}
		if len(j.kinds) == 0 && len(strings.TrimSpace(string(tok))) > 0 {
			return brokenf("line %d: there is text outside the report", j.source.line)
		}
	case xml.Directive:
		// Entities that grow without end are declared in a document type. No runner
		// writes one.
		return brokenf("line %d: it declares a document type, which is refused", j.source.line)
	}
	return nil
}

func (j *junitReader) start(e xml.StartElement) error {
	name := e.Name.Local
	if len(j.kinds) == 0 {
		if j.closed {
			return brokenf("line %d: another report begins; give each a file of its own", j.source.line)
		}
		if name != "testsuites" && name != "testsuite" {
			return brokenf("line %d: it is no JUnit report but begins with <%s>", j.source.line, cut(name, maxShown))
		}
	}
	if len(j.kinds) >= j.depth {
		return brokenf("line %d: elements are nested more than %d deep", j.source.line, j.depth)
	}
	kind := j.kindOf(name)
	j.kinds = append(j.kinds, kind)
	switch kind {
	case suiteElement:
		j.startSuite(e)
	case caseElement:
		if j.test != nil {
			return brokenf("line %d: a test case stands inside another", j.source.line)
		}
		j.test = newCase(e.Attr)
		// A result outside a test case ends here at the latest.
		j.result = nil
	case resultElement, suiteErrorElement:
		j.result = newResult(name, e.Attr)
		if kind == resultElement {
			j.test.note(j.result)
		}
	}
	return nil
}

// kindOf is what an element is where it stands.
func (j *junitReader) kindOf(name string) elementKind {
	parent := suiteElement
	if len(j.kinds) > 0 {
		parent = j.kinds[len(j.kinds)-1]
	}
	switch {
	case name == "testcase":
		return caseElement
	case j.test == nil && (name == "testsuite" || name == "testsuites"):
		return suiteElement
	case j.test != nil && j.result == nil && isResult(name):
		// A result counts in whatever wrapping it stands, but not in another one.
		return resultElement
	case parent == suiteElement && (name == "error" || name == "failure"):
		return suiteErrorElement
	}
	return otherElement
}

func (j *junitReader) end() error {
	kind := j.kinds[len(j.kinds)-1]
	j.kinds = j.kinds[:len(j.kinds)-1]
	j.closed = j.closed || len(j.kinds) == 0
	switch kind {
	case suiteElement:
		j.endSuite()
	case caseElement:
		return j.addCase()
	case suiteErrorElement:
		return j.addSuiteError()
	case resultElement:
		if j.test != nil {
			j.test.done(j.result)
		}
		j.result = nil
	}
	return nil
}

// addCase takes the test case that is open.
func (j *junitReader) addCase() error {
	c := j.test
	j.test, j.result = nil, nil
	for _, s := range j.suites {
		s.runs += 1 + c.flaky + c.rerun
		s.failed += c.failed + c.flaky + c.rerun
	}
	return j.add(c.asTest(j.suites))
}

// addSuiteError makes a test of what went wrong outside the tests, so that it
// counts as one that failed.
func (j *junitReader) addSuiteError() error {
	message := ""
	// A test case inside the error took its place.
	if j.result != nil {
		message = j.result.message()
	}
	j.result = nil
	for _, s := range j.suites {
		s.failed++
	}
	return j.add(verdict.Test{Name: j.suites[len(j.suites)-1].path, Status: verdict.Errored, Message: message})
}
