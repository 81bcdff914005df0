package verdict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// ParseTests reads test results, an array of objects, from at most limit bytes,
// or [DefaultLimit] where limit isn't positive:
//
//	[{"name": "parses", "status": "passed", "retries": 1, "message": "…"}]
//
// EVOSEAL's forms are taken as well: "test_name" for "name", "result" for
// "status" or "passed": true in its place, and the words pass, passed, success,
// ok, fail, failed, failure, error, errored, skip and skipped in any case. Fields
// that aren't known are left alone. A test without a name or a status, or with
// two that disagree, is a [FormatError]; too many match [ErrTooLarge].
func ParseTests(r io.Reader, limit int64) ([]Test, error) {
	data, err := readAll(r, limit)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if tok, err := d.Token(); err != nil || tok != json.Delim('[') {
		return nil, &FormatError{Problem: `tests must be an array such as [{"name": "parses", "status": "passed"}]`}
	}
	tests := []Test{}
	for d.More() {
		if len(tests) == MaxTests {
			return nil, fmt.Errorf("%w: more than %d tests", ErrTooLarge, MaxTests)
		}
		entry := fmt.Sprintf("test %d", len(tests)+1)
		var form testForm
		if err := d.Decode(&form); err != nil {
			return nil, &FormatError{Entry: entry, Problem: syntaxProblem(err)}
		}
		test, problem := form.test()
		if problem != "" {
			if test.Name != "" {
				entry += " " + quoted(test.Name)
			}
			return nil, &FormatError{Entry: entry, Problem: problem}
		}
		tests = append(tests, test)
	}
	if err := endOf(d); err != nil {
		return nil, err
	}
	return tests, nil
}

// testForm is every form of a test at once; pointers tell absent from empty.
type testForm struct {
	Name     string        `json:"name"`
	TestName string        `json:"test_name"`
	Status   *string       `json:"status"`
	Result   *string       `json:"result"`
	Passed   *bool         `json:"passed"`
	Retries  int           `json:"retries"`
	Took     time.Duration `json:"took_ns"`
	Message  string        `json:"message"`
}

// test is the test that a form says, or what is wrong with it.
func (f testForm) test() (Test, string) {
	t := Test{Name: f.Name, Retries: f.Retries, Took: f.Took, Message: f.Message}
	if t.Name == "" {
		t.Name = f.TestName
	}
	switch {
	case t.Name == "":
		return t, `it has no "name"`
	case f.TestName != "" && f.TestName != t.Name:
		return t, `"name" and "test_name" disagree`
	case len(t.Name) > MaxName:
		return t, fmt.Sprintf("the name has more than %d bytes", MaxName)
	case t.Retries < 0:
		return t, `"retries" is negative`
	}
	var said []Status
	for _, word := range []*string{f.Status, f.Result} {
		if word == nil {
			continue
		}
		status, ok := statusOf(*word)
		if !ok {
			return t, "the status " + quoted(*word) + " isn't known"
		}
		said = append(said, status)
	}
	if f.Passed != nil {
		said = append(said, f.passed(said))
	}
	if len(said) == 0 {
		return t, `it has no "status"`
	}
	t.Status = said[0]
	for _, s := range said {
		if s != t.Status {
			return t, fmt.Sprintf("it is said to be both %s and %s", t.Status, s)
		}
	}
	return t, ""
}

// passed is what "passed" says. Beside a status that already says why a test
// didn't pass, false adds nothing.
func (f testForm) passed(said []Status) Status {
	switch {
	case *f.Passed:
		return Passed
	case len(said) > 0 && said[0] != Passed:
		return said[0]
	}
	return Failed
}

// statusOf reads the words that programs use.
func statusOf(word string) (Status, bool) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "pass", "passed", "success", "ok":
		return Passed, true
	case "fail", "failed", "failure":
		return Failed, true
	case "error", "errored":
		return Errored, true
	case "skip", "skipped":
		return Skipped, true
	}
	return "", false
}
