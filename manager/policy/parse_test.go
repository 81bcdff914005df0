package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// wrongs takes an error apart.
func wrongs(t *testing.T, err error) []*ParseError {
	t.Helper()
	if err == nil {
		return nil
	}
	list := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		list = many.Unwrap()
	}
	var all []*ParseError
	for _, e := range list {
		var parse *ParseError
		if !errors.As(e, &parse) {
			t.Fatalf("%v is no ParseError", e)
		}
		all = append(all, parse)
	}
	return all
}

func TestParseErrorsNameTheirLines(t *testing.T) {
	type want struct {
		line        int
		key, reason string
	}
	for text, wants := range map[string][]want{
		"# rules\n[rollback]\n\tthreshold = 2\n\n\tmaxAttempts = 0\n\tcolour = red\n": {
			{3, "rollback.threshold", "between"}, {5, "rollback.maxAttempts", "between"}, {6, "rollback.colour", "no such key"}},
		"[housekeeping]\n\tkeep = 3\n\tdays = 7\n[rollback]\n\tcascade = maybe\n": {
			{1, "housekeeping", "no such section"}, {5, "rollback.cascade", "neither"}},
		"[housekeeping]\n":                             {{1, "housekeeping", "no such section"}},
		"[include]\n\tpath = x\n":                      {{1, "include", "no such section"}},
		"[rollback \"x\"]\n\tthreshold = 1\n":          {{1, "rollback.x", "takes no name"}},
		"[trigger]\n\ttype = tests\n":                  {{1, "trigger", "needs a name"}},
		"\n[trigger \"slow\"]\n\tretries = 1\n":        {{2, "trigger.slow", "no type"}},
		"[trigger \"slow\"]\n":                         {{1, "trigger.slow", "no type"}},
		"[trigger \"slow\"]\n\ttype = cron\n":          {{2, "trigger.slow.type", "none of"}},
		"[trigger \"slow\"]\n\ttype = command\n":       {{1, "trigger.slow", "needs a command"}},
		"[trigger \"s\"]\ntype = command\ncommand =\n": {{3, "trigger.s.command", "empty"}},
		"[trigger \"tests\"]\n\n\tthreshold = 5%\n":    {{3, "trigger.tests.threshold", "no use"}},
		"[trigger \"metrics\"]\n\tminFailures = 2\n\tretries = 1\n": {
			{2, "trigger.metrics.minFailures", "no use"}, {3, "trigger.metrics.retries", "no use"}},
		"[trigger \"a\"]\ntype = custom\ncommand = x\nmatch = y\n": {
			{3, "trigger.a.command", "no use"}, {4, "trigger.a.match", "no use"}},
		"[sink \"a\"]\n":                                               {{1, "sink.a", "no type"}},
		"[sink \"a\"]\ntype = exec\n":                                  {{1, "sink.a", "needs a command"}},
		"[sink \"a\"]\ntype = file\n":                                  {{1, "sink.a", "needs a path"}},
		"[sink \"a\"]\ntype = webhook\n":                               {{1, "sink.a", "needs a url"}},
		"[sink \"a\"]\ntype = webhook\nurl = ftp://x\n":                {{3, "sink.a.url", "no url"}},
		"[sink \"a\"]\ntype = file\npath = x\nretries = 1\n":           {{4, "sink.a.retries", "no use"}},
		"[sink \"a\"]\n" + webhook + "secretEnv = X\nsecretFile = y\n": {{4, "sink.a.secretEnv", "already"}},
		"[metric \"lat*\"]\ndirection = lower\n":                       {{1, "metric.lat*", "not a pattern"}},
		"[metric \"a\"]\n[metric \"b\"]\nthreshold\n":                  {{3, "metric.b.threshold", "needs a value"}},
		"[trigger \"a\x01\"]\ntype = tests\n":                          {{1, "trigger.a\x01", "can't be printed"}},
		"[rollback]\nthreshold 5%\n\n\n[a b]\nk = v\n1\n\xff\n":        {{2, "rollback.threshold", "no ="}, {5, "", "no section's header"}, {7, "", "neither"}, {8, "", "UTF-8"}},
		"[rollback]\nthreshold = a\\\nb\n":                             {{2, "rollback.threshold", "next line"}},
		"[rollback]\n\nforceRole = a\tb\n":                             {{3, "rollback.forceRole", "more than one way"}},
		"[trigger.slow]\ntype = tests\n":                               {{1, "", "header"}},
	} {
		_, err := Parse([]byte(text))
		got := wrongs(t, err)
		if len(got) != len(wants) {
			t.Errorf("%q: got %v", text, err)
			continue
		}
		for i, w := range wants {
			if got[i].Line != w.line || got[i].Key != w.key || !strings.Contains(got[i].Reason, w.reason) {
				t.Errorf("%q: got %+v, want %+v", text, got[i], w)
			}
		}
	}
}

func TestParseErrorText(t *testing.T) {
	_, err := Parse([]byte("[rollback]\n\tthreshold = 2\n\tmaxAttemps = 3\n"))
	want := "line 2: rollback.threshold = \"2\": this is not between 0 and 1\nline 3: rollback.maxAttemps: there is no such key"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if got := wrongs(t, err); got[1].Hint != "did you mean rollback.maxAttempts?" || got[0].Hint != "rollback.threshold takes a number or a percentage, 0 to 1" {
		t.Errorf("hints %q and %q", got[0].Hint, got[1].Hint)
	}
}

func TestParse(t *testing.T) {
	p, err := Parse([]byte(strings.Join([]string{
		`[Rollback]`, `	requireAuth`, `	FORCEROLE = operator ; on call`, `	threshold = 8%`,
		`[trigger "smoke"]`, `	type = command`, `	command = "make smoke # quick"`, `	dryRun`,
		`[trigger "tests"]`, `	minFailures = 2`, `	match = "a/*"`, `	match = b`,
		`[trigger "metrics"]`, `	enabled = no`,
		`[metric "ns/op"]`, `	absolute = 5`, `	mustHaveData = yes`,
		`[metric "NS/op"]`, `	direction = lower`,
		`[trigger "smoke"]`, `	timeout = 90s`,
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	wantTriggers := []verdict.Trigger{
		{Name: "tests", Kind: verdict.KindTests, MinFailures: 2, Match: []string{"a/*", "b"}},
		{Name: "metrics", Kind: verdict.KindMetrics, Disabled: true},
		{Name: "smoke", Kind: verdict.KindCommand, Command: "make smoke # quick", DryRun: true, Timeout: 90e9},
	}
	if !reflect.DeepEqual(p.Triggers, wantTriggers) {
		t.Errorf("triggers %+v", p.Triggers)
	}
	wantMetrics := map[string]verdict.Metric{"ns/op": {Absolute: pointer(5.0), MustHaveData: true}, "NS/op": {Direction: verdict.LowerIsBetter}}
	if rules := p.Rules(); !reflect.DeepEqual(rules.Metrics, wantMetrics) || rules.Threshold != 0.08 {
		t.Errorf("rules %+v", rules)
	}
	if got, want := p.AuthRules(), (auth.Rules{Required: true, ForceRole: auth.Operator}); got != want {
		t.Errorf("auth rules %+v", got)
	}
	if p.IsSet("rollback.maxAttempts") || !p.IsSet("rollback.threshold") || p.IsSet("trigger.smoke.match") {
		t.Error("IsSet is wrong")
	}
	if len(p.Warnings) != 0 {
		t.Errorf("warnings %v", p.Warnings)
	}
}

func TestWarnings(t *testing.T) {
	p, err := Parse([]byte("[rollback]\nthreshold = 5%\ncascade\ncascade = true\n[sink \"a\"]\n" + sink +
		"events = rolback.*\nevents = rollback.*\nevents = dev.evoseal.*\nevents = *failed*\n[rollback]\nthreshold = 7%\nthreshold = 8%\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range p.Warnings {
		got = append(got, w.String())
	}
	want := []string{
		`line 8: sink.a.events: no event matches "rolback.*"`,
		`line 13: rollback.threshold: it is given again: this value holds, and not "5%" of line 2`,
		`line 14: rollback.threshold: it is given again: this value holds, and not "7%" of line 13`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if p.Threshold != 0.08 {
		t.Errorf("the last value doesn't hold: %v", p.Threshold)
	}
}
