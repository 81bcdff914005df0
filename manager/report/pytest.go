package report

import (
	"fmt"
	"io"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// pytestReader reads both JSON forms that pytest's plugins write. One is a single
// object with all tests, the other an object for each phase of each test and one
// for the end of the session; an object's fields tell which it is.
type pytestReader struct {
	*collector
	walk *jsonWalk
	// exit is the code that pytest ended with, -1 until it is known.
	exit int
	// total is how many tests the summary counts.
	total int
	// wholes counts objects of the form that holds all tests, logged says that
	// there are some of the other.
	wholes int
	logged bool
	// open are the tests of a log that have begun and not ended.
	open map[string]*pytestTest
}

// pytestTest is what the phases of a test said so far.
type pytestTest struct {
	status  verdict.Status
	retries int
	took    float64
	message string
}

// pytestObject has the fields of all forms' objects.
type pytestObject struct {
	kind, nodeid, outcome, when string
	message                     string
	duration                    float64
	exit, total                 int
	xfail, whole                bool
	// attempt is the number that pytest-rerunfailures gives a run.
	attempt int
}

func readPytest(r io.Reader, c *collector) error {
	p := &pytestReader{collector: c, walk: walkJSON(r, c.depth), exit: -1, open: map[string]*pytestTest{}}
	for {
		ended, err := p.walk.ended()
		if err != nil {
			return err
		}
		if ended {
			break
		}
		if err := p.top(); err != nil {
			p.finish()
			return err
		}
	}
	p.finish()
	switch {
	case !p.logged && p.wholes == 0:
		return brokenf("it holds no report of pytest")
	case p.wholes > 1 || p.wholes == 1 && p.logged:
		return brokenf("it holds more than one report; give each a file of its own")
	case p.exit < 0:
		return brokenf("the session has no end: pytest was stopped, or the file was cut off")
	}
	p.judgeExit()
	return nil
}

// top reads an object at the top of the file.
func (p *pytestReader) top() error {
	o, err := p.object(true)
	if err != nil {
		return err
	}
	switch {
	case o.whole:
		p.wholes++
		p.exit, p.total = o.exit, o.total
	case o.kind == "":
		p.problems.add("line %d: it is no report of pytest", p.walk.source.line)
	default:
		p.logged = true
		return p.log(o)
	}
	return nil
}

// object reads an object; whole says that it may hold all tests.
func (p *pytestReader) object(whole bool) (o pytestObject, err error) {
	o.exit = -1
	err = p.walk.object(func(name string) error {
		switch name {
		case "tests":
			if whole {
				o.whole = true
				return p.walk.array(p.listed)
			}
		case "collectors":
			if whole {
				return p.walk.array(p.collected)
			}
		case "summary":
			return p.walk.object(func(name string) error {
				if name == "total" {
					return p.integer(&o.total)
				}
				return p.walk.skip()
			})
		case "exitcode":
			o.whole = o.whole || whole
			return p.integer(&o.exit)
		}
		return p.field(name, &o)
	})
	return o, err
}

// field reads the fields that the forms share.
func (p *pytestReader) field(name string, o *pytestObject) (err error) {
	switch name {
	case "$report_type":
		o.kind, err = p.walk.text()
	case "nodeid":
		o.nodeid, err = p.walk.text()
	case "outcome":
		o.outcome, err = p.walk.text()
	case "when":
		o.when, err = p.walk.text()
	case "longrepr":
		o.message, err = p.longrepr()
	case "duration":
		o.duration, _, err = p.walk.number()
	case "exitstatus":
		err = p.integer(&o.exit)
	case "rerun":
		err = p.integer(&o.attempt)
	case "wasxfail":
		o.xfail = true
		err = p.walk.skip()
	default:
		err = p.walk.skip()
	}
	return err
}

func (p *pytestReader) integer(to *int) error {
	x, ok, err := p.walk.number()
	if ok && x >= 0 && x < 1<<31 {
		*to = int(x)
	}
	return err
}

// longrepr is a text, or an object whose reprcrash says it in short, or a list of
// file, line and reason.
func (p *pytestReader) longrepr() (string, error) {
	tok, err := p.walk.token()
	if err != nil {
		return "", err
	}
	if text, ok := tok.(string); ok {
		return cut(text, maxMessage), nil
	}
	message, named := "", false
	err = p.walk.strings(tok, func(name, text string) {
		if text == "" || named || name != "message" && name != "" {
			return
		}
		message, named = cut(text, maxMessage), name == "message"
	})
	return message, err
}

// listed reads an entry of "tests".
func (p *pytestReader) listed() error {
	var phases [3]pytestObject
	var o pytestObject
	err := p.walk.object(func(name string) (err error) {
		if i := slices.Index([]string{"setup", "call", "teardown"}, name); i >= 0 {
			phases[i], err = p.object(false)
			return err
		}
		return p.field(name, &o)
	})
	if err != nil {
		return err
	}
	t := verdict.Test{Name: o.nodeid}
	for _, ph := range phases {
		t.Took += seconds(ph.duration)
		if ph.message != "" {
			t.Message = ph.message
		}
	}
	switch o.outcome {
	case "passed", "xpassed":
		t.Status, t.Message = verdict.Passed, ""
	case "failed":
		t.Status = verdict.Failed
	case "error":
		t.Status = verdict.Errored
	case "skipped", "xfailed":
		t.Status = verdict.Skipped
	case "rerun":
		// The phases are those of the last run, and the number of runs is lost.
		t.Retries, t.Status = 1, verdict.Passed
		for _, ph := range phases {
			if ph.outcome != "passed" && ph.outcome != "" {
				t.Status = verdict.Failed
			}
		}
	default:
		p.problems.add("test %s has the outcome %s, which isn't known", shown(o.nodeid), shown(o.outcome))
		t.Status = verdict.Errored
	}
	return p.add(t)
}

// collected reads an entry of "collectors".
func (p *pytestReader) collected() error {
	o, err := p.object(false)
	if err != nil {
		return err
	}
	return p.collection(o)
}

// collection takes a file or class that could not be collected as a test that
// could not be run: its tests are missing.
func (p *pytestReader) collection(o pytestObject) error {
	name := o.nodeid
	if name == "" {
		name = "(collection)"
	}
	switch o.outcome {
	case "passed":
		return nil
	case "skipped":
		return p.add(verdict.Test{Name: name, Status: verdict.Skipped, Message: o.message})
	}
	return p.add(verdict.Test{Name: name, Status: verdict.Errored, Message: o.message})
}

// judgeExit compares the code that pytest ended with with the tests.
func (p *pytestReader) judgeExit() {
	if p.total > len(p.tests) {
		p.problems.add("the summary counts %d tests, the report lists %d", p.total, len(p.tests))
	}
	bad := slices.ContainsFunc(p.tests, func(t verdict.Test) bool {
		return t.Status == verdict.Failed || t.Status == verdict.Errored
	})
	what := ""
	switch p.exit {
	case 0, 5:
	case 1:
		if !bad {
			what = "tests failed, but none is listed"
		}
	case 2:
		what = "it was interrupted"
	case 3:
		what = "an internal error"
	case 4:
		what = "it was called wrongly"
	default:
		what = "not one of pytest's"
	}
	if what != "" {
		p.problems.add("pytest ended with code %s", fmt.Sprintf("%d: %s", p.exit, what))
	}
}
