package event

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestEventHasTheSpecifiedForm(t *testing.T) {
	e, err := New(RollbackCompleted, "/srv/my app\xff", "v1", testTime.In(time.FixedZone("", 3600)), RollbackData{
		RecordID: "r1", Action: "rollback", Version: "v1", Outcome: "completed", Actor: "ada", Verified: true, Files: 3, Bytes: 4, DurationMS: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.ID) < 20 {
		t.Errorf("id %q", e.ID)
	}
	e.ID = "one"
	e.Extensions = map[string]any{"traceparent": "00-ab", "sampled": true, "rank": int32(-2)}
	got, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"specversion":"1.0","id":"one","source":"file:///srv/my%20app%FF","type":"dev.evoseal.rollback.completed.v1",` +
		`"subject":"v1","time":"2026-03-04T05:06:07.089Z","datacontenttype":"application/json",` +
		`"rank":-2,"sampled":true,"traceparent":"00-ab",` +
		`"data":{"record_id":"r1","action":"rollback","version":"v1","outcome":"completed","actor":"ada",` +
		`"verified":true,"files":3,"bytes":4,"duration_ms":5}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back, err := Decode(got)
	if err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, back, e)
	}
}

func TestSubjectIsMadeFit(t *testing.T) {
	e, err := New(RollbackFailed, "urn:x", "a\nb\x85\xffc\uFFFE", testTime, nil)
	if err != nil || e.Validate() != nil || e.Subject != "a\uFFFDb\uFFFD\uFFFDc\uFFFD" {
		t.Errorf("%+q %v %v", e.Subject, err, e.Validate())
	}
	if _, err := New(RollbackFailed, "urn:x", "", testTime, func() {}); !errors.Is(err, ErrInvalid) {
		t.Errorf("data that is no JSON: %v", err)
	}
}

const core = `"specversion":"1.0","id":"1","source":"/x","type":"t"`

func TestDecodeTakesWhatTheRulesAllow(t *testing.T) {
	good := []string{
		`{` + core + `}`,
		" {" + core + "}\r\n",
		`{` + core + `,"subject":null,"time":null,"anything":null}`,
		`{` + core + `,"data":null}`,
		`{` + core + `,"data":[1,{"a":"b"}],"datacontenttype":"application/json; charset=utf-8"}`,
		`{` + core + `,"data_base64":"AAEC"}`,
		`{` + core + `,"dataschema":"https://example.com/s","myext":"a","n":2147483647,"yes":true}`,
		`{` + core + `,"time":"2026-01-02T03:04:05.123456789+02:00"}`,
		`{"specversion":"1.0","id":"1","source":"a/b?c=%20#d","type":"t"}`,
	}
	for _, line := range good {
		e, err := Decode([]byte(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		again, err := json.Marshal(e)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if back, err := Decode(again); err != nil || !reflect.DeepEqual(back, e) {
			t.Errorf("%s came back as %s: %v", line, again, err)
		}
	}
}

func TestDecodeRefusesWhatTheRulesForbid(t *testing.T) {
	bad := map[string]string{
		``:                                  "no JSON object",
		`[]`:                                "no JSON object",
		`{` + core:                          "no end",
		`{` + core + `} x`:                  "follows",
		`{` + core + `}{}`:                  "follows",
		`{` + core + `,"id":"2"}`:           "twice",
		`{` + core + `,"ID":"2"}`:           "lower-case",
		`{` + core + `,"my_x":"2"}`:         "lower-case",
		`{` + core + `,"":"2"}`:             "without a name",
		`{` + core + `,"ext":{}}`:           "no parts",
		`{` + core + `,"ext":[1]}`:          "no parts",
		`{` + core + `,"ext":1.5}`:          "whole",
		`{` + core + `,"ext":2147483648}`:   "32 bits",
		`{` + core + `,"subject":""}`:       "empty",
		`{` + core + `,"subject":5}`:        "no string",
		`{` + core + `,"subject":"\u0007"}`: "U+0007",
		`{` + core + `,"ext":"\ufdd0"}`:     "U+FDD0",
		`{` + core + `,"time":"yesterday"}`: "RFC 3339",
		`{` + core + `,"time":7}`:           "no string",
		`{` + core + `,"time":"0000-01-01T00:00:00+01:00"}`:        "year",
		`{` + core + `,"dataschema":"a/b"}`:                        "absolute",
		`{` + core + `,"datacontenttype":"json"}`:                  "media type",
		`{` + core + `,"data":1,"data_base64":"AA=="}`:             "exclude",
		`{` + core + `,"data_base64":"*"}`:                         "base64",
		`{` + core + ",\"subject\":\"\xff\"}":                      "UTF-8",
		`{"id":"1","source":"/x","type":"t"}`:                      "specversion",
		`{"specversion":"0.3","id":"1","source":"/","type":"t"}`:   "specversion",
		`{"specversion":1.0,"id":"1","source":"/","type":"t"}`:     "specversion",
		`{"specversion":"1.0","source":"/x","type":"t"}`:           "id is missing",
		`{"specversion":"1.0","id":"1","type":"t"}`:                "source is missing",
		`{"specversion":"1.0","id":"1","source":"/x"}`:             "type is missing",
		`{"specversion":"1.0","id":"1","source":"a b","type":"t"}`: "escaped",
		`{"specversion":"1.0","id":"1","source":"%zz","type":"t"}`: "URI",
	}
	for line, why := range bad {
		_, err := Decode([]byte(line))
		if err == nil || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v, want %q", line, err, why)
		}
	}
}

func TestAnInvalidEventIsNeverWritten(t *testing.T) {
	valid := testEvent(RollbackFailed, "v1", "")
	for name, spoil := range map[string]func(*Event){
		"id":         func(e *Event) { e.ID = "" },
		"source":     func(e *Event) { e.Source = "a b" },
		"type":       func(e *Event) { e.Type = "a\x00" },
		"time":       func(e *Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"data":       func(e *Event) { e.Data = json.RawMessage(`{`) },
		"both":       func(e *Event) { e.Binary = []byte{1} },
		"taken":      func(e *Event) { e.Extensions = map[string]any{"id": "x"} },
		"name":       func(e *Event) { e.Extensions = map[string]any{"a\"b": "x"} },
		"value":      func(e *Event) { e.Extensions = map[string]any{"a": 1.5} },
		"characters": func(e *Event) { e.Extensions = map[string]any{"a": "\x01"} },
	} {
		e := valid
		spoil(&e)
		if out, err := json.Marshal(e); err == nil || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %s %v", name, out, err)
		}
	}
}

func TestEveryTypeHasItsData(t *testing.T) {
	seen := make(map[Type]bool)
	for _, info := range Types() {
		if seen[info.Type] || info.When == "" || info.Subject == "" {
			t.Errorf("%+v", info)
		}
		seen[info.Type] = true
		e, err := New(info.Type, "urn:x", "v1", testTime, map[string]any{"reason": "r", "added": "later"})
		if err != nil {
			t.Fatal(err)
		}
		data, err := e.Payload()
		if err != nil {
			t.Fatal(err)
		}
		if name := reflect.TypeOf(data).String(); name != "*event."+info.Data {
			t.Errorf("%s has %s, want %s", info.Type, name, info.Data)
		}
	}
	if len(seen) != 18 {
		t.Errorf("%d types", len(seen))
	}
	if _, err := (Event{Type: "com.example"}).Payload(); !errors.Is(err, ErrUnknownType) {
		t.Error(err)
	}
	if _, err := (Event{Type: RollbackFailed, Data: json.RawMessage(`[]`)}).Payload(); err == nil {
		t.Error("an array was read as a struct")
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern string
		typ     Type
		want    bool
	}{
		{"*", RollbackFailed, true},
		{"**", RollbackFailed, true},
		{string(RollbackFailed), RollbackFailed, true},
		{"rollback.failed", RollbackFailed, true},
		{"rollback.*", RollbackFailed, true},
		{"rollback.*", VerificationFailed, false},
		{"*.failed", VerificationFailed, true},
		{"*.failed.v1", VerificationFailed, true},
		{"dev.*.rollback.*", RollbackFailed, true},
		{"*back*fail*", RollbackFailed, true},
		{"*fail*back*", RollbackFailed, false},
		{"rollback", RollbackFailed, false},
		{"", RollbackFailed, false},
		{"ab*ba", "aba", false},
		{"a*a*a", "aa", false},
		{"a*a*a", "aaa", true},
		{"com.*", "com.example.v2", true},
		{"example", "com.example.v2", false},
	} {
		if got := Matches(c.pattern, c.typ); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.typ, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	line, err := json.Marshal(testEvent(RollbackCompleted, "v1", "why"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/x","type":"t","time":"0000-01-01T00:00:00+01:00"}`))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/x","type":"t","ext":-1,"data_base64":"AAEC","b":false}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := Decode(line)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		once, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("what was decoded can't be written: %v", err)
		}
		back, err := Decode(once)
		if err != nil {
			t.Fatalf("what was written can't be decoded: %v\n%s", err, once)
		}
		if twice, err := json.Marshal(back); err != nil || string(twice) != string(once) {
			t.Fatalf("%v\n%s\n%s", err, once, twice)
		}
	})
}
