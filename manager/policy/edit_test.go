package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

const commented = "# The rules of the house.\n[rollback]\n  # agreed in March\n  threshold = 0.05   # of the baseline\n  requireAuth\n\n" +
	"[trigger \"tests\"] # flaky ones\n\tmatch = a\n\tmatch = \"b c\" # why\n; the end\n[rollback]\n\tmaxAttempts= 4\n"

func TestEdits(t *testing.T) {
	set := func(name, value string) func([]byte) ([]byte, error) {
		return func(text []byte) ([]byte, error) { return Set(text, name, value) }
	}
	for name, c := range map[string]struct {
		before string
		edit   func([]byte) ([]byte, error)
		// old and now are the one place that differs, "" for a text as a whole.
		old, now string
	}{
		"value":            {commented, set("threshold", "8%"), "= 0.05   #", "= 8%   #"},
		"quotes":           {commented, set("trigger.tests.match", "x y"), "\tmatch = a\n\tmatch = \"b c\" # why\n", "\tmatch = \"x y\"\n"},
		"no blanks":        {commented, set("maxAttempts", "5"), "maxAttempts= 4", "maxAttempts= 5"},
		"bare":             {commented, set("requireAuth", "false"), "requireAuth\n", "requireAuth = false\n"},
		"new key":          {commented, set("cascade", "no"), "\tmaxAttempts= 4\n", "\tmaxAttempts= 4\n\tcascade = no\n"},
		"new section":      {commented, set("level", "1%"), "\tmaxAttempts= 4\n", "\tmaxAttempts= 4\n[verdict]\n\tlevel = 1%\n"},
		"in a section":     {commented, set("trigger.tests.minFailures", "2"), "# why\n", "# why\n\tminFailures = 2\n"},
		"odd name":         {"", set(`metric.a."b\.threshold`, "1"), "", "[metric \"a.\\\"b\\\\\"]\n\tthreshold = 1\n"},
		"empty text":       {"", set("threshold", "1"), "", "[rollback]\n\tthreshold = 1\n"},
		"no line end":      {"[verdict]\nlevel = 5%", set("threshold", "1"), "", "[verdict]\nlevel = 5%\n[rollback]\n\tthreshold = 1\n"},
		"header alone":     {"[rollback] # x\n[verdict]\n", set("threshold", "1"), "", "[rollback] # x\n\tthreshold = 1\n[verdict]\n"},
		"header at end":    {"[rollback]", set("threshold", "1"), "", "[rollback]\n\tthreshold = 1\n"},
		"CRLF":             {"[rollback]\r\n  cascade = no\r\n", set("threshold", "1"), "", "[rollback]\r\n  cascade = no\r\n  threshold = 1\r\n"},
		"CRLF value":       {"[rollback]\r\nthreshold = 0.1\r\n", set("threshold", "0.2"), "0.1", "0.2"},
		"no value":         {"[rollback]\ncascade =# x\n", set("cascade", "true"), "cascade =# x", "cascade = true# x"},
		"twice":            {"[rollback]\nthreshold = 1\nthreshold = 0.5\n", set("threshold", "0.1"), "0.5", "0.1"},
		"same again":       {commented, set("threshold", "0.05"), "", commented},
		"section's case":   {"[ROLLBACK]\nTHRESHOLD=1\n", set("rollback.threshold", "0"), "THRESHOLD=1", "THRESHOLD=0"},
		"hash in a value":  {"[sink \"x\"]\n" + sink, set("sink.x.command", `echo "#1"; \`), "command = true", `command = "echo \"#1\"; \\"`},
		"add":              {commented, func(b []byte) ([]byte, error) { return Add(b, "trigger.tests.match", "c") }, "# why\n", "# why\n\tmatch = c\n"},
		"unset":            {commented, func(b []byte) ([]byte, error) { return Unset(b, "threshold") }, "  threshold = 0.05   # of the baseline\n", ""},
		"unset all":        {commented, func(b []byte) ([]byte, error) { return Unset(b, "trigger.tests.match") }, "\tmatch = a\n\tmatch = \"b c\" # why\n", ""},
		"unset what isn't": {commented, func(b []byte) ([]byte, error) { return Unset(b, "recovery") }, "", commented},
		"remove": {commented, func(b []byte) ([]byte, error) { return RemoveSection(b, "Trigger", "tests") },
			"[trigger \"tests\"] # flaky ones\n\tmatch = a\n\tmatch = \"b c\" # why\n", ""},
		"several": {"", func(b []byte) ([]byte, error) {
			return SetAll(b, []Assignment{{"sink.a.type", "exec"}, {"sink.a.command", "cat"}, {"sink.a.events", "rollback.*"}, {"sink.a.events", "emergency.*"}})
		}, "", "[sink \"a\"]\n\ttype = exec\n\tcommand = cat\n\tevents = rollback.*\n\tevents = emergency.*\n"},
	} {
		t.Run(name, func(t *testing.T) {
			before := []byte(c.before)
			got, err := c.edit(before)
			if err != nil {
				t.Fatal(err)
			}
			want := c.now
			if c.old != "" {
				want = strings.Replace(c.before, c.old, c.now, 1)
			}
			if string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if string(before) != c.before {
				t.Error("the text that was given was changed")
			}
			sameAsGit(t, got)
		})
	}
}

func TestEditsThatAreRefused(t *testing.T) {
	for name, edit := range map[string]func([]byte) ([]byte, error){
		"unknown":          func(b []byte) ([]byte, error) { return Set(b, "colour", "red") },
		"out of range":     func(b []byte) ([]byte, error) { return Set(b, "threshold", "2") },
		"NUL":              func(b []byte) ([]byte, error) { return Set(b, "metric.a.direction", "higher\x00") },
		"carriage return":  func(b []byte) ([]byte, error) { return Add(b, "trigger.tests.match", "a\rb") },
		"invalid UTF-8":    func(b []byte) ([]byte, error) { return Add(b, "trigger.tests.match", "\xff") },
		"newline in name":  func(b []byte) ([]byte, error) { return Set(b, "metric.a\nb.threshold", "1") },
		"half a trigger":   func(b []byte) ([]byte, error) { return Set(b, "trigger.x.retries", "1") },
		"no use":           func(b []byte) ([]byte, error) { return Set(b, "trigger.tests.threshold", "1") },
		"add to one":       func(b []byte) ([]byte, error) { return Add(b, "threshold", "1") },
		"no section":       func(b []byte) ([]byte, error) { return RemoveSection(b, "trigger", "x") },
		"built in":         func(b []byte) ([]byte, error) { return RemoveSection(b, "trigger", "metrics") },
		"unset unknown":    func(b []byte) ([]byte, error) { return Unset(b, "colour") },
		"long name":        func(b []byte) ([]byte, error) { return Set(b, "metric."+strings.Repeat("a", 256)+".threshold", "1") },
		"broken text":      func(b []byte) ([]byte, error) { return Set(append(b, "["...), "threshold", "1") },
		"wrong text":       func(b []byte) ([]byte, error) { return Set(append(b, "[x]\ny=z"...), "threshold", "1") },
		"nameless trigger": func(b []byte) ([]byte, error) { return SetTrigger(b, verdict.Trigger{Kind: verdict.KindTests}) },
		"typeless trigger": func(b []byte) ([]byte, error) { return SetTrigger(b, verdict.Trigger{Name: "x"}) },
		"impossible trigger": func(b []byte) ([]byte, error) {
			return SetTrigger(b, verdict.Trigger{Name: "x", Kind: verdict.KindTests, Retries: -1})
		},
		"useless field": func(b []byte) ([]byte, error) {
			return SetTrigger(b, verdict.Trigger{Name: "x", Kind: verdict.KindTests, Command: "true"})
		},
	} {
		got, err := edit([]byte(commented))
		if !errors.Is(err, ErrInvalid) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestSetTrigger(t *testing.T) {
	for _, trigger := range []verdict.Trigger{
		{Name: "tests", Kind: verdict.KindTests},
		{Name: "tests", Kind: verdict.KindTests, Disabled: true, Match: []string{"c", "d", "e"}, MinFailures: 3, Retries: 2, MustHaveData: true},
		{Name: "new", Kind: verdict.KindMetrics, Threshold: pointer(0.07), Absolute: pointer(1e-9), DryRun: true},
		{Name: "odd \"name\" \\ .x", Kind: verdict.KindCommand, Command: "a\n\"b\" # c", Timeout: 90*time.Second + time.Millisecond},
		{Name: "mine", Kind: verdict.KindCustom},
	} {
		text, err := SetTrigger([]byte(commented), trigger)
		if err != nil {
			t.Errorf("%+v: %v", trigger, err)
			continue
		}
		p, err := Parse(text)
		if err != nil || !reflect.DeepEqual(*p.trigger(trigger.Name), trigger) {
			t.Errorf("%+v became %+v, %v", trigger, p, err)
		}
		again, err := SetTrigger(text, trigger)
		if err != nil || string(again) != string(text) {
			t.Errorf("the second time changes the text: %v\n%s\n%s", err, text, again)
		}
		for _, comment := range []string{"# The rules of the house.", "# agreed in March", "# of the baseline", "# flaky ones", "; the end"} {
			if !strings.Contains(string(text), comment) {
				t.Errorf("%+v: the comment %q is gone", trigger, comment)
			}
		}
		sameAsGit(t, text)
	}
}

func TestChanges(t *testing.T) {
	after := strings.NewReplacer("0.05", "8%", "maxAttempts= 4", "cascade = no", "match = a\n", "").Replace(commented)
	var got []string
	for _, c := range Changes([]byte(commented), []byte(after)) {
		got = append(got, c.String())
	}
	want := []string{
		"rollback.cascade: true (default) → no",
		"rollback.maxAttempts: 4 → 3 (default)",
		"rollback.threshold: 0.05 → 8%",
		"trigger.tests.match: a, b c → b c",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if c := Changes([]byte("[a"), []byte("[metric \"m\"]\nabsolute = 1\n")); len(c) != 1 || c[0].String() != "metric.m.absolute: not set → 1" {
		t.Errorf("got %v", c)
	}
	if c := Changes([]byte(commented), []byte(commented)); len(c) != 0 {
		t.Errorf("got %v", c)
	}
}

func TestValues(t *testing.T) {
	all, err := Values([]byte(commented))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]Value)
	for _, v := range all {
		got[v.Name] = v
	}
	for name, want := range map[string]Value{
		"rollback.threshold":   {Values: []string{"0.05"}, Set: true},
		"rollback.requireAuth": {Values: []string{"true"}, Set: true},
		"rollback.cascade":     {Values: []string{"true"}},
		"trigger.tests.match":  {Values: []string{"a", "b c"}, Set: true},
	} {
		if v := got[name]; !reflect.DeepEqual(v.Values, want.Values) || v.Set != want.Set || v.Key.Help == "" {
			t.Errorf("%s: got %+v", name, v)
		}
	}
	if _, err := Values([]byte("[rollback]\nx = 1\n")); !errors.Is(err, ErrInvalid) {
		t.Errorf("an unknown key: %v", err)
	}
}
