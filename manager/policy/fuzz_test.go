package policy

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse holds our reading to git's: what we take, git takes, for the same.
func FuzzParse(f *testing.F) {
	for _, c := range syntaxCorpus {
		f.Add([]byte(c.text))
	}
	for _, text := range []string{commented, referenceIntroduction, "[sink \"x\"]\n" + webhook, "[trigger \"x\"]\n" + command} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sameAsGit(t, text)
		lines := bytes.Count(text, []byte("\n")) + 1
		p, err := Parse(text)
		before := 0
		for _, e := range wrongs(t, err) {
			if e.Line < before || e.Line > lines || e.Reason == "" {
				t.Errorf("%q: line %d after %d, of %d: %v", text, e.Line, before, lines, e)
			}
			before = e.Line
		}
		if err == nil {
			p.Rules()
			if len(Changes(text, text)) != 0 {
				t.Errorf("%q differs from itself", text)
			}
			if _, err := Values(text); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}

// FuzzSet holds edits to their promise: the key has the value, and everything else
// is as it was, to the byte.
func FuzzSet(f *testing.F) {
	for _, text := range []string{"", commented, "[trigger \"tests\"]\n", "[trigger \"tests\"]\r\n\tmatch\t= a\r\n\r\n[rollback]", "[TRIGGER \"tests\"]\nMATCH = x\n[trigger \"tests\"]"} {
		for _, value := range []string{"a", "a b", " a ", "\"", "\\", "#;", "a\nb\tc", "ä", "=", "[x]", "a\rb", "\x00", "\xff", "x\\\n"} {
			f.Add([]byte(text), "tests", value)
		}
		f.Add([]byte(text), "a.b \"c\\", "v")
		f.Add([]byte(text), "x\ny", "v")
		f.Add([]byte(text), "]", "v")
	}
	f.Fuzz(func(t *testing.T, text []byte, name, value string) {
		if _, err := Parse(text); err != nil {
			return
		}
		before := bytes.Clone(text)
		full := "trigger." + name + ".match"
		edited, err := SetAll(text, []Assignment{{"trigger." + name + ".type", "tests"}, {full, value}})
		if !bytes.Equal(text, before) {
			t.Fatal("the text that was given was changed")
		}
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("the error is of another kind: %v", err)
			}
			plain := strings.IndexFunc(value, func(r rune) bool {
				return r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == utf8.RuneError || r >= 0x80 && r < 0xa0
			}) < 0
			if name == "tests" && value != "" && plain && !bytes.Contains(text, []byte("\"tests\"")) {
				t.Errorf("%q is refused: %v", value, err)
			}
			return
		}
		p, err := Parse(edited)
		if err != nil {
			t.Fatalf("%q: the result isn't valid: %v", edited, err)
		}
		if got := p.trigger(name).Match; !slices.Equal(got, []string{value}) {
			t.Errorf("%q: the value is %q and not %q", edited, got, value)
		}
		sameAsGit(t, edited)
		othersStay(t, text, edited, name)
		undone, err := Unset(edited, full)
		if err != nil {
			t.Fatal(err)
		}
		othersStay(t, text, undone, name)
	})
}

// othersStay fails where a line is gone or new that has nothing to do with the
// trigger's type and match.
func othersStay(t *testing.T, before, after []byte, name string) {
	t.Helper()
	rest := func(text []byte) string {
		d, err := read(text)
		if err != nil {
			t.Fatal(err)
		}
		var cuts []cut
		for _, e := range d.entries {
			if id := e.identity(); id == identity("trigger", name, "match") || id == identity("trigger", name, "type") {
				cuts = append(cuts, cut{e.start, e.end})
			}
		}
		out := bytes.Clone(text)
		for _, c := range slices.Backward(cuts) {
			out = slices.Delete(out, c.start, c.end)
		}
		return strings.TrimRight(string(out), "\r\n")
	}
	a, b := rest(before), rest(after)
	if header := writeHeader("trigger", name); !strings.Contains(a, header) && strings.HasSuffix(b, header) {
		b = strings.TrimRight(strings.TrimSuffix(b, header), "\r\n")
	}
	if a != b {
		t.Errorf("more has changed: %q became %q", a, b)
	}
}
