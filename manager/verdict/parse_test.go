package verdict

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseMetrics(t *testing.T) {
	got, err := ParseMetrics(strings.NewReader("\xef\xbb\xbf"+` {"a": 1, "b": [1, -2.5e3, 0], "ü/op": [7]} `), 0)
	if want := (values{"a": {1}, "b": {1, -2500, 0}, "ü/op": {7}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := ParseMetrics(strings.NewReader("{}"), 0); err != nil || len(got) != 0 {
		t.Errorf("no metrics: %v, %v", got, err)
	}
}

func TestParseMetricsRefuses(t *testing.T) {
	for _, c := range []struct{ in, says string }{
		{``, "must be an object"},
		{`[1]`, "must be an object"},
		{`{"a": 1, "b": 2, "a": 3}`, `metric "a": the name appears twice`},
		{`{"a": null}`, `metric "a": null`},
		{`{"a": [1, null]}`, `metric "a": null`},
		{`{"a": {"b": 1}}`, `metric "a": a value is a number or an array`},
		{`{"a": [[1]]}`, `metric "a": a value is a number or an array`},
		{`{"a": []}`, `metric "a": the array is empty`},
		{`{"a": "NaN"}`, `metric "a": the text "NaN" is no number`},
		{`{"a": true}`, `metric "a": true is no number`},
		{`{"ok": 1, "a": NaN}`, `metric "a": invalid character 'N'`},
		{`{"a": [1, Infinity]}`, `metric "a": invalid character 'I'`},
		{`{"a": 1e999}`, `metric "a": 1e999 is out of range`},
		{`{"": 1}`, `metric "": a name has`},
		{`{"` + strings.Repeat("n", MaxName+1) + `": 1}`, "a name has 1 to 1024 bytes"},
		{`{"a": 1} {"b": 2}`, "more after the end"},
		{`{"a": 1}x`, "more after the end"},
		{`{"a": 1`, "ends in the middle"},
		{`{"a": [1, 2`, "ends in the middle"},
		{`{"a"`, "ends in the middle"},
		{"{\"a\xff\": 1, \"a\xfe\": 2}", "appears twice"},
		{`{"\u001b[2J": null}`, `metric "\x1b[2J"`},
	} {
		got, err := ParseMetrics(strings.NewReader(c.in), 0)
		var format *FormatError
		if !errors.As(err, &format) || !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.60s: %v, %v; want %q", c.in, got, err, c.says)
		}
	}
}

func TestParseLimits(t *testing.T) {
	var many strings.Builder
	for i := range MaxMetrics + 1 {
		fmt.Fprintf(&many, `,"m%d":1`, i)
	}
	metrics := "{" + many.String()[1:] + "}"
	samples := `{"a":[1` + strings.Repeat(",1", MaxSamples) + `]}`
	for _, in := range []string{metrics, samples} {
		if _, err := ParseMetrics(strings.NewReader(in), 0); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%.20s: %v", in, err)
		}
	}
	const exact = `{"a": 1}`
	if _, err := ParseMetrics(strings.NewReader(exact), int64(len(exact))); err != nil {
		t.Errorf("a file that ends at the limit: %v", err)
	}
	if _, err := ParseMetrics(strings.NewReader(exact+" "), int64(len(exact))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a file one byte beyond the limit: %v", err)
	}
	if _, err := ParseTests(strings.NewReader(`[`+strings.Repeat(" ", 100)+`]`), 50); !errors.Is(err, ErrTooLarge) {
		t.Errorf("tests beyond the limit: %v", err)
	}
	if _, err := ParseMetrics(iotest.ErrReader(io.ErrClosedPipe), 0); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a reader that fails: %v", err)
	}
}

func TestParseTests(t *testing.T) {
	in := `[
		{"name": "native", "status": "passed", "retries": 2, "took_ns": 5, "message": "m", "unknown": [1]},
		{"test_name": "evoseal", "result": "FAIL"},
		{"name": "flag", "passed": true},
		{"name": "flag2", "passed": false},
		{"name": "both", "test_name": "both", "status": "error", "passed": false},
		{"name": "a", "status": "ok"}, {"name": "b", "status": " Success "}, {"name": "c", "result": "failure"},
		{"name": "d", "status": "skipped"}, {"name": "e", "result": "skip"}, {"name": "f", "status": "pass", "result": "passed"}
	]`
	want := []Test{
		{Name: "native", Status: Passed, Retries: 2, Took: 5, Message: "m"}, {Name: "evoseal", Status: Failed},
		{Name: "flag", Status: Passed}, {Name: "flag2", Status: Failed}, {Name: "both", Status: Errored},
		{Name: "a", Status: Passed}, {Name: "b", Status: Passed}, {Name: "c", Status: Failed},
		{Name: "d", Status: Skipped}, {Name: "e", Status: Skipped}, {Name: "f", Status: Passed},
	}
	got, err := ParseTests(strings.NewReader(in), 0)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	out, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseTests(strings.NewReader(string(out)), 0); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("written and read again: %+v, %v", again, err)
	}
}

func TestParseTestsRefuses(t *testing.T) {
	for _, c := range []struct{ in, says string }{
		{`{}`, "must be an array"},
		{`[{"status": "ok"}]`, `test 1: it has no "name"`},
		{`[{"name": "a", "status": "ok"}, {"name": "b"}]`, `test 2 "b": it has no "status"`},
		{`[{"name": "a", "status": "perhaps"}]`, `test 1 "a": the status "perhaps" isn't known`},
		{`[{"name": "a", "status": "ok", "result": "failed"}]`, "both passed and failed"},
		{`[{"name": "a", "status": "ok", "passed": false}]`, "both passed and failed"},
		{`[{"name": "a", "status": "skipped", "passed": true}]`, "both skipped and passed"},
		{`[{"name": "a", "test_name": "b", "status": "ok"}]`, "disagree"},
		{`[{"name": "a", "status": "ok", "retries": -1}]`, "negative"},
		{`[{"name": "a", "status": 3}]`, "test 1: json"},
		{`["a"]`, "test 1: json"},
		{`[{"name": "a", "status": "ok"}`, "ends in the middle"},
		{`[] []`, "more after the end"},
		{`[{"name": "` + strings.Repeat("n", MaxName+1) + `", "status": "ok"}]`, "more than 1024 bytes"},
	} {
		got, err := ParseTests(strings.NewReader(c.in), 0)
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.60s: %v, %v; want %q", c.in, got, err, c.says)
		}
	}
}

func TestSamplesJSON(t *testing.T) {
	for _, form := range []string{`1`, `-0`, `[]`, `[1,2.5]`, `[1e+300,"NaN","+Inf","-Inf"]`, `"NaN"`, `0.1`, `5e-324`} {
		var s Samples
		if err := json.Unmarshal([]byte(form), &s); err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if out, err := json.Marshal(s); err != nil || string(out) != form {
			t.Errorf("%s became %s, %v", form, out, err)
		}
	}
	for _, form := range []string{`"x"`, `{}`, `true`, `[null]`, `[[1]]`, `1e999`, `["nan"]`} {
		var s Samples
		if err := json.Unmarshal([]byte(form), &s); err == nil {
			t.Errorf("%s was read as %v", form, s)
		}
	}
	s := Samples{1}
	if err := json.Unmarshal([]byte(`null`), &s); err != nil || s != nil {
		t.Errorf("null: %v, %v", s, err)
	}
}
