package verdict

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// mustReplay writes a verdict as a note holds it and reaches it again.
func mustReplay(t *testing.T, in Input) {
	t.Helper()
	e, err := NewVerdict("id", noon, "ci", in)
	if err != nil {
		t.Fatal(err)
	}
	line, err := e.Line()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsRune(line, '\n') {
		t.Fatalf("more than a line: %s", line)
	}
	stored, again, same, err := Replay(line)
	if err != nil || !same {
		t.Fatalf("replay: %v, same %v\nstored %+v\nagain  %+v", err, same, stored, again)
	}
}

// Names that become one in JSON must be one when they are judged as well.
func TestReplayOfNamesThatCollide(t *testing.T) {
	in := metric(rules(), "time\xff", Samples{1}, Samples{9})
	in.Baseline.Metrics["time\xfe"], in.Report.Metrics["time\xfe"] = Samples{1}, Samples{1}
	mustReplay(t, in)
}

func TestEntryForm(t *testing.T) {
	in := Input{Version: "v2", Commit: "c2", Policy: "p", Rules: rules(), Report: Report{Tests: ran(Failed), Metrics: values{"time": {1, math.NaN()}}}}
	e, err := NewVerdict("e1", noon.In(time.FixedZone("x", 3600)), "ci", in)
	if err != nil {
		t.Fatal(err)
	}
	line, err := e.Line()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"schema":1,"id":"e1","time":"2026-03-01T12:00:00Z","kind":"verdict","version":"v2","commit":"c2","actor":"ci","input":{"version":"v2","commit":"c2",` +
		`"report":{"tests":[{"name":"t0","status":"failed"}],"metrics":{"time":[1,"NaN"]}},"rules":{`
	if !strings.HasPrefix(string(line), want) {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	mark, err := NewMark("e2", noon, "ada", "v2", "c2", MarkBad, "crashes").Line()
	if want := `{"schema":1,"id":"e2","time":"2026-03-01T12:00:00Z","kind":"mark","version":"v2","commit":"c2","actor":"ada","reason":"crashes","mark":"bad"}`; err != nil || string(mark) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, mark, want)
	}
	report, err := NewReport("e3", noon, "", "v2", "c2", Report{Metrics: values{"time": {3}}}).Line()
	if want := `{"schema":1,"id":"e3","time":"2026-03-01T12:00:00Z","kind":"report","version":"v2","commit":"c2","report":{"metrics":{"time":3}}}`; err != nil || string(report) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, report, want)
	}
	for _, l := range [][]byte{mark, report} {
		if _, _, _, err := Replay(l); !errors.Is(err, ErrEntry) {
			t.Errorf("replay of no verdict: %v", err)
		}
	}
}

func TestEntriesThatCannotBe(t *testing.T) {
	bad := rules()
	bad.Threshold = math.NaN()
	if _, err := NewVerdict("x", noon, "", Input{Rules: bad}); err == nil {
		t.Error("rules that JSON can't hold were kept")
	}
	for _, e := range []Entry{
		{}, {Schema: 1}, {Schema: 1, Kind: EntryMark}, {Schema: 1, Kind: EntryMark, Mark: "ugly"}, {Schema: 1, Kind: EntryVerdict},
		{Schema: 1, Kind: EntryVerdict, Evidence: &Evidence{}}, {Schema: 1, Kind: EntryReport}, {Schema: 2, Kind: EntryMark, Mark: MarkBad},
	} {
		if _, err := e.Line(); !errors.Is(err, ErrEntry) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	far := NewMark("x", time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC), "", "", "", MarkBad, "")
	if _, err := far.Line(); err == nil {
		t.Error("a time that JSON can't hold was written")
	}
}

// Whoever edits the numbers or the outcome in a note is found out.
func TestReplayFindsEdits(t *testing.T) {
	e, err := NewVerdict("x", noon, "ci", metric(rules(), "latency", Samples{100}, Samples{120}))
	if err != nil {
		t.Fatal(err)
	}
	line, err := e.Line()
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range [][2]string{
		{`"verdict":{"outcome":"fail"`, `"verdict":{"outcome":"pass"`},
		{`"metrics":{"latency":120}`, `"metrics":{"latency":101}`},
		{`"verdict":{`, `"verdict":{"extra":1,`},
		{`"threshold":0.05,"level"`, `"threshold":0.5,"level"`},
	} {
		edited := strings.Replace(string(line), edit[0], edit[1], 1)
		if edited == string(line) {
			t.Fatalf("%s isn't in %s", edit[0], line)
		}
		if _, _, same, err := Replay([]byte(edited)); same || err != nil {
			t.Errorf("%s: same %v, %v", edit[1], same, err)
		}
	}
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, line, "", "  "); err != nil {
		t.Fatal(err)
	}
	if _, _, same, err := Replay(spaced.Bytes()); !same || err != nil {
		t.Errorf("white space alone: same %v, %v", same, err)
	}
}

func TestDecodeEntriesSkipsWhatPeopleWrite(t *testing.T) {
	mark, err := NewMark("a", noon, "ada", "v", "c", MarkGood, "").Line()
	if err != nil {
		t.Fatal(err)
	}
	note := "reviewed by Ada\n\n" + string(mark) + "\r\n{\"schema\":1,\"kind\":\"mark\"}\n{\"schema\":9,\"kind\":\"mark\",\"mark\":\"bad\"}\nnull\n[]\n{\"schema\":1,\"kind\":\"verdict\",\"verdict\":{\"outcome\":\"splendid\"}}\n" + string(mark)
	entries, skipped := DecodeEntries([]byte(note))
	if len(entries) != 2 || skipped != 6 || entries[0].Mark != MarkGood {
		t.Errorf("%d entries, %d skipped: %+v", len(entries), skipped, entries)
	}
}

func TestLatest(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	judgedAs := func(minutes int, in Input) Entry {
		e, err := NewVerdict("v", at(minutes), "ci", in)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	pass := Input{Rules: rules(), Report: Report{Tests: ran(Passed), Metrics: values{"time": {1}}}}
	fail := Input{Rules: rules(), Report: Report{Tests: ran(Failed)}}
	unsure := Input{Rules: rules(), Report: Report{Metrics: values{"time": {2}}}}
	broken := Input{Rules: rules(), Report: Report{Metrics: values{"time": {math.NaN()}}}}
	cut := Input{Rules: rules(), Report: Report{Metrics: values{"time": {9}}, Problems: []string{"cut"}}}
	mark := func(minutes int, m Mark) Entry { return NewMark("m", at(minutes), "ada", "", "", m, "because") }
	report := NewReport("r", at(1), "", "", "", Report{Metrics: values{"time": {5}}})
	for _, c := range []struct {
		name    string
		entries []Entry
		state   State
		by      EntryKind
		metrics values
	}{
		{"nothing", nil, Unknown, "", nil},
		{"a report alone", []Entry{report}, Unknown, "", values{"time": {5}}},
		{"passed", []Entry{report, judgedAs(2, pass)}, Good, EntryVerdict, values{"time": {1}}},
		{"failed, without metrics", []Entry{report, judgedAs(2, fail)}, Bad, EntryVerdict, values{"time": {5}}},
		{"inconclusive leaves it", []Entry{judgedAs(1, pass), judgedAs(2, unsure)}, Good, EntryVerdict, values{"time": {2}}},
		{"an error leaves it, and the metrics", []Entry{judgedAs(1, pass), judgedAs(2, broken), judgedAs(3, cut)}, Good, EntryVerdict, values{"time": {1}}},
		{"inconclusive alone", []Entry{judgedAs(2, unsure)}, Unknown, "", values{"time": {2}}},
		{"marked after a verdict", []Entry{judgedAs(1, pass), mark(2, MarkBad)}, Bad, EntryMark, values{"time": {1}}},
		{"judged after a mark", []Entry{mark(1, MarkBad), judgedAs(2, pass)}, Good, EntryVerdict, values{"time": {1}}},
		{"merged out of order", []Entry{mark(3, MarkBad), judgedAs(1, pass)}, Bad, EntryMark, values{"time": {1}}},
		{"at one time, by place", []Entry{mark(1, MarkBad), mark(1, MarkGood)}, Good, EntryMark, nil},
		{"a line of nonsense", []Entry{mark(1, MarkBad), {Kind: EntryVerdict}, {Kind: "x"}}, Bad, EntryMark, nil},
		{"without a time", []Entry{mark(1, MarkBad), {Schema: 1, Kind: EntryMark, Mark: MarkGood}}, Bad, EntryMark, nil},
	} {
		s := Latest(c.entries)
		if s.State != c.state || s.By != c.by || !reflect.DeepEqual(s.Metrics, c.metrics) || (s.Decided == nil) != (c.state == Unknown) {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	s := Latest([]Entry{mark(1, MarkBad), judgedAs(2, unsure)})
	if s.Actor != "ada" || s.Reason != "because" || !s.Time.Equal(at(1)) || s.Last == nil || s.Last.Outcome != Inconclusive {
		t.Errorf("%+v", s)
	}
}
