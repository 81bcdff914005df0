package policy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

func pointer[T any](v T) *T { return &v }

// keyCase has, for one key, its field, what the field is without the key, values
// with what they make of it, and values that are refused.
type keyCase struct {
	// with is what the section needs beside the key.
	with  string
	field func(*Policy) any
	// standard is the field's value where the text says nothing.
	standard any
	good     map[string]any
	bad      []string
}

var (
	goodBools = map[string]any{"true": true, "false": false, "yes": true, "OFF": false, "0": false, "1k": true, "": false}
	badBools  = []string{"maybe", "1.0", "truee"}
	flipped   = map[string]any{"true": false, "false": true, "no": true, "": true}
	badText   = []string{"", "bell\a"}
)

func onTrigger(f func(verdict.Trigger) any) func(*Policy) any {
	return func(p *Policy) any { return f(*p.trigger("x")) }
}

func onMetric(f func(verdict.Metric) any) func(*Policy) any {
	return func(p *Policy) any { return f(p.Metrics["x"]) }
}

func onSink(f func(event.SinkConfig) any) func(*Policy) any {
	return func(p *Policy) any { return f(*p.sink("x")) }
}

const (
	tests   = "type = tests\n"
	metrics = "type = metrics\n"
	command = "type = command\ncommand = true\n"
	sink    = "type = exec\ncommand = true\n"
	webhook = "type = webhook\nurl = https://example.org/\n"
)

func plainCases() map[string]keyCase {
	badDurations := []string{"", "7", "d", "1w", "-5s", "-0s", "1.5d", "NaN", "4000d", "99999999999999d"}
	badFractions := []string{"", "x", "NaN", "Inf", "-0.1", "1.1", "101%", "%", "5%%", "0x1p-2", "1_0"}
	badIntegers := []string{"", "0", "-1", "1.5", "x", "9999999999999999999999"}
	return map[string]keyCase{
		"rollback.autoRollback": {field: func(p *Policy) any { return p.AutoRollback }, standard: true, good: goodBools, bad: badBools},
		"rollback.threshold": {field: func(p *Policy) any { return p.Threshold }, standard: 0.05, bad: badFractions,
			good: map[string]any{"0": 0.0, "1": 1.0, "5%": 0.05, "7%": 0.07, "0.1%": 0.001, "100%": 1.0, "8e-2": 0.08, "2.5 %": 0.025}},
		"rollback.maxAttempts": {field: func(p *Policy) any { return p.MaxAttempts }, standard: 3, bad: append(badIntegers, "1001", "1k"),
			good: map[string]any{"1": 1, "1000": 1000, "0x10": 16, "010": 8}},
		"rollback.attemptWindow": {field: func(p *Policy) any { return p.AttemptWindow }, standard: 24 * time.Hour, bad: append(badDurations, "0s", "999ms"),
			good: map[string]any{"1s": time.Second, "90m": 90 * time.Minute, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "3650d": 87600 * time.Hour}},
		"rollback.requireAuth": {field: func(p *Policy) any { return p.RequireAuth }, standard: false, good: goodBools, bad: badBools},
		"rollback.forceRole": {field: func(p *Policy) any { return p.ForceRole }, standard: auth.Admin, bad: []string{"", "emergency", "Admin", "root"},
			good: map[string]any{"operator": auth.Operator, "admin": auth.Admin}},
		"rollback.cascade":      {field: func(p *Policy) any { return p.Cascade }, standard: true, good: goodBools, bad: badBools},
		"rollback.recovery":     {field: func(p *Policy) any { return p.Recovery }, standard: true, good: goodBools, bad: badBools},
		"rollback.keepPrevious": {field: func(p *Policy) any { return p.KeepPrevious }, standard: true, good: goodBools, bad: badBools},
		"rollback.oldAfter": {field: func(p *Policy) any { return p.OldAfter }, standard: 720 * time.Hour, bad: badDurations,
			good: map[string]any{"0s": time.Duration(0), "0d": time.Duration(0), "1h30m": 90 * time.Minute}},
		"target.gitFile": {field: func(p *Policy) any { return p.GitFile }, standard: true, good: goodBools, bad: badBools},
		"target.maxGiB":  {field: func(p *Policy) any { return p.MaxGiB }, standard: 64, bad: append(badIntegers, "0", "1000001"), good: map[string]any{"1": 1, "1000000": 1000000}},
		"verdict.level": {field: func(p *Policy) any { return p.Level }, standard: verdict.DefaultLevel, bad: append(badFractions, "0", "0.00009", "0.51"),
			good: map[string]any{"0.0001": 0.0001, "50%": 0.5}},
		"verdict.minEffect": {field: func(p *Policy) any { return p.MinEffect }, standard: verdict.DefaultMinEffect, bad: badFractions, good: map[string]any{"0": 0.0, "1": 1.0}},
		"verdict.minSamples": {field: func(p *Policy) any { return p.MinSamples }, standard: verdict.DefaultMinSamples, bad: append(badIntegers, "1", "100001"),
			good: map[string]any{"2": 2, "100000": 100000}},
		"events.timeout": {field: func(p *Policy) any { return p.EventTimeout }, standard: 5 * time.Second, bad: append(badDurations, "0s", "61m"),
			good: map[string]any{"1ms": time.Millisecond, "1h": time.Hour}},
	}
}

func retentionCases() map[string]keyCase {
	counts := map[string]func(*Policy) any{
		"keepLast":   func(p *Policy) any { return p.Retention.Last },
		"keepHourly": func(p *Policy) any { return p.Retention.Hourly }, "keepDaily": func(p *Policy) any { return p.Retention.Daily },
		"keepWeekly": func(p *Policy) any { return p.Retention.Weekly }, "keepMonthly": func(p *Policy) any { return p.Retention.Monthly },
		"keepYearly": func(p *Policy) any { return p.Retention.Yearly }, "keepGood": func(p *Policy) any { return p.Retention.Good },
	}
	cases := map[string]keyCase{
		"keepWithin": {field: func(p *Policy) any { return p.Retention.Within }, standard: time.Duration(0), bad: []string{"", "7", "-1s", "3651d"},
			good: map[string]any{"0s": time.Duration(0), "30d": 720 * time.Hour}},
		"keepTagged": {field: func(p *Policy) any { return p.RetentionRules().Tagged }, standard: []string(nil), good: map[string]any{"release-*": []string{"release-*"}}, bad: badText},
		"grace": {field: func(p *Policy) any { return p.Grace }, standard: 14 * 24 * time.Hour, bad: []string{"", "14", "-1d", "3651d"},
			good: map[string]any{"0s": time.Duration(0), "1h": time.Hour}},
	}
	for name, field := range counts {
		cases[name] = keyCase{field: field, standard: 0, good: map[string]any{"0": 0, "7": 7, "1000000": 1000000}, bad: []string{"", "-1", "1000001", "x"}}
	}
	return cases
}

func triggerCases() map[string]keyCase {
	return map[string]keyCase{
		"type": {field: onTrigger(func(t verdict.Trigger) any { return t.Kind }), standard: verdict.Kind(""), bad: []string{"", "Tests", "cron"},
			good: map[string]any{"tests": verdict.KindTests, "metrics": verdict.KindMetrics, "custom": verdict.KindCustom}},
		"enabled":      {with: tests, field: onTrigger(func(t verdict.Trigger) any { return t.Disabled }), standard: false, good: flipped, bad: badBools},
		"dryRun":       {with: tests, field: onTrigger(func(t verdict.Trigger) any { return t.DryRun }), standard: false, good: goodBools, bad: badBools},
		"match":        {with: tests, field: onTrigger(func(t verdict.Trigger) any { return t.Match }), standard: []string(nil), good: map[string]any{"a/*": []string{"a/*"}}, bad: badText},
		"mustHaveData": {with: command, field: onTrigger(func(t verdict.Trigger) any { return t.MustHaveData }), standard: false, good: goodBools, bad: badBools},
		"minFailures":  {with: tests, field: onTrigger(func(t verdict.Trigger) any { return t.MinFailures }), standard: 0, good: map[string]any{"1": 1, "1000000": 1000000}, bad: []string{"0", "1000001", ""}},
		"retries":      {with: tests, field: onTrigger(func(t verdict.Trigger) any { return t.Retries }), standard: 0, good: map[string]any{"0": 0, "1000": 1000}, bad: []string{"-1", "1001", ""}},
		"threshold": {with: metrics, field: onTrigger(func(t verdict.Trigger) any { return t.Threshold }), standard: (*float64)(nil),
			good: map[string]any{"0": pointer(0.0), "250%": pointer(2.5)}, bad: []string{"-1", "1000001", "NaN", ""}},
		"absolute": {with: metrics, field: onTrigger(func(t verdict.Trigger) any { return t.Absolute }), standard: (*float64)(nil),
			good: map[string]any{"0": pointer(0.0), "1e9": pointer(1e9)}, bad: []string{"-1", "5%", "Inf", "1e999", ""}},
		"command": {with: "type = command\n", field: onTrigger(func(t verdict.Trigger) any { return t.Command }), standard: "", bad: badText,
			good: map[string]any{"make test; echo \"#\"": "make test; echo \"#\"", "a\nb\t\\c": "a\nb\t\\c"}},
		"timeout": {with: command, field: onTrigger(func(t verdict.Trigger) any { return t.Timeout }), standard: time.Duration(0),
			good: map[string]any{"1ms": time.Millisecond, "1d": 24 * time.Hour}, bad: []string{"0s", "25h", "2", ""}},
	}
}

func metricCases() map[string]keyCase {
	return map[string]keyCase{
		"direction": {field: onMetric(func(m verdict.Metric) any { return m.Direction }), standard: verdict.Direction(""),
			good: map[string]any{"higher": verdict.HigherIsBetter, "lower": verdict.LowerIsBetter}, bad: []string{"", "up", "Higher"}},
		"threshold": {field: onMetric(func(m verdict.Metric) any { return m.Threshold }), standard: (*float64)(nil),
			good: map[string]any{"20%": pointer(0.2)}, bad: []string{"-1", "1000001", ""}},
		"absolute": {field: onMetric(func(m verdict.Metric) any { return m.Absolute }), standard: (*float64)(nil),
			good: map[string]any{"0.5": pointer(0.5)}, bad: []string{"-1", "5%", ""}},
		"mustHaveData": {field: onMetric(func(m verdict.Metric) any { return m.MustHaveData }), standard: false, good: goodBools, bad: badBools},
	}
}

func sinkCases() map[string]keyCase {
	text := func(with string, get func(event.SinkConfig) any, good ...string) keyCase {
		c := keyCase{with: with, field: onSink(get), standard: "", good: map[string]any{}, bad: badText}
		for _, g := range good {
			c.good[g] = g
		}
		return c
	}
	url := text("type = webhook\n", func(s event.SinkConfig) any { return s.URL }, "http://localhost:8080/x?y=z#w", "https://example.org")
	url.bad = append([]string{"ftp://example.org", "example.org", "https://", "https://me:secret@example.org/", "https://me@example.org/", "http://[", "https:opaque"}, badText...)
	kind := keyCase{field: onSink(func(s event.SinkConfig) any { return s.Kind }), standard: event.SinkKind(""), bad: []string{"", "mail", "EXEC"},
		with: "", good: map[string]any{}}
	return map[string]keyCase{
		"type":       kind,
		"command":    text("type = exec\n", func(s event.SinkConfig) any { return s.Command }, "notify-send \"$EVENT\""),
		"path":       text("type = file\n", func(s event.SinkConfig) any { return s.Path }, "events.jsonl", "~/ev ents"),
		"url":        url,
		"secretFile": text(webhook, func(s event.SinkConfig) any { return s.SecretFile }, "~/.secret"),
		"secretEnv":  text(webhook, func(s event.SinkConfig) any { return s.SecretEnv }, "SECRET"),
		"timeout": {with: sink, field: onSink(func(s event.SinkConfig) any { return s.Timeout }), standard: time.Duration(0),
			good: map[string]any{"1ms": time.Millisecond, "1h": time.Hour}, bad: []string{"0s", "61m", ""}},
		"retries": {with: webhook, field: onSink(func(s event.SinkConfig) any { return s.Retries }), standard: 0, good: map[string]any{"0": 0, "20": 20}, bad: []string{"-1", "21", ""}},
		"events":  {with: sink, field: onSink(func(s event.SinkConfig) any { return s.Types }), standard: []string(nil), good: map[string]any{"rollback.*": []string{"rollback.*"}}, bad: badText},
	}
}

func allCases() map[string]keyCase {
	all := plainCases()
	for last, c := range retentionCases() {
		all["retention."+last] = c
	}
	for section, cases := range map[string]map[string]keyCase{"trigger": triggerCases(), "metric": metricCases(), "sink": sinkCases()} {
		for last, c := range cases {
			all[section+"."+namePart+"."+last] = c
		}
	}
	return all
}

// textFor is a policy that sets one key.
func textFor(k Key, c keyCase, value string) string {
	section, subsection, last := splitName(k.Name)
	header := "[" + section + "]\n"
	if subsection != "" {
		header = "[" + section + " \"x\"]\n"
	}
	return header + c.with + last + " = " + quote(value) + "\n"
}

func TestEveryKey(t *testing.T) {
	cases := allCases()
	for _, k := range Keys() {
		c, ok := cases[k.Name]
		delete(cases, k.Name)
		if !ok {
			t.Errorf("%s isn't tested", k.Name)
			continue
		}
		t.Run(k.Name, func(t *testing.T) { testKey(t, k, c) })
	}
	for name := range cases {
		t.Errorf("there is no key %s", name)
	}
}

func testKey(t *testing.T, k Key, c keyCase) {
	if got := c.field(Default()); !reflect.DeepEqual(got, c.standard) {
		t.Errorf("by default it is %v and not %v", got, c.standard)
	}
	if k.Default != "" {
		p := Default()
		if err := k.assign(p, "x", k.Default); err != nil {
			t.Errorf("the default is refused: %v", err)
		} else if got := c.field(p); !k.Named() && !reflect.DeepEqual(got, c.standard) {
			t.Errorf("the table's default makes %v and not %v", got, c.standard)
		}
	}
	for value, want := range c.good {
		text := textFor(k, c, value)
		p, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%q is refused: %v", value, err)
		} else if got := c.field(p); !reflect.DeepEqual(got, want) {
			t.Errorf("%q makes %v and not %v", value, got, want)
		} else if full := strings.Replace(k.Name, namePart, "x", 1); !p.IsSet(full) || !p.IsSet(strings.Replace(strings.ToUpper(full), ".X.", ".x.", 1)) {
			t.Errorf("IsSet(%s) is false", full)
		}
	}
	for _, value := range c.bad {
		text := textFor(k, c, value)
		_, err := Parse([]byte(text))
		var parse *ParseError
		if !errors.As(err, &parse) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", value, err)
			continue
		}
		if want := strings.Count(text, "\n"); parse.Line != want || parse.Value != value || !strings.EqualFold(parse.Key, strings.Replace(k.Name, namePart, "x", 1)) || parse.Hint == "" {
			t.Errorf("%q: got %+v, want line %d", value, parse, want)
		}
	}
	if k.Kind != Bool {
		section, _, _ := strings.Cut(textFor(k, c, "v"), "\n")
		_, _, last := splitName(k.Name)
		if _, err := Parse([]byte(section + "\n" + c.with + last + "\n")); err == nil {
			t.Error("it is taken without a value")
		}
	}
}

func TestSinkTypes(t *testing.T) {
	for text, want := range map[string]event.SinkConfig{
		sink:    {Name: "x", Kind: event.Exec, Command: "true"},
		webhook: {Name: "x", Kind: event.Webhook, URL: "https://example.org/"},
		"type = file\npath = a\nevents = rollback.*\nevents = emergency.*\n": {Name: "x", Kind: event.File, Path: "a", Types: []string{"rollback.*", "emergency.*"}},
	} {
		p, err := Parse([]byte("[sink \"x\"]\n" + text))
		if err != nil || len(p.Sinks) != 1 || !reflect.DeepEqual(p.Sinks[0], want) {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
		if _, err := event.Open(want, event.Env{}); err != nil {
			t.Errorf("%q can't be opened: %v", text, err)
		}
	}
}

func TestDefaultRules(t *testing.T) {
	if got, want := Default().Rules(), verdict.DefaultRules(); !reflect.DeepEqual(got.Triggers, want.Triggers) || got.Threshold != want.Threshold ||
		got.Level != want.Level || got.MinEffect != want.MinEffect || got.MinSamples != want.MinSamples || len(got.Metrics) != 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p := Default()
	p.Rules().Triggers[0].Name = "changed"
	if p.Triggers[0].Name == "changed" {
		t.Error("the rules' triggers are the policy's own")
	}
}

func TestTableIsSound(t *testing.T) {
	var names []string
	for _, k := range Keys() {
		names = append(names, strings.ToLower(k.Name))
		if (k.Kind == Choice) != (len(k.Choices) > 0) || k.Takes() == "" {
			t.Errorf("%s: kind %s, choices %v", k.Name, k.Kind, k.Choices)
		}
		for _, s := range k.Suggestions() {
			if err := k.assign(Default(), "x", s); err != nil {
				t.Errorf("%s refuses %q, which it suggests: %v", k.Name, s, err)
			}
		}
		if full, found, err := Find(k.Name); err != nil || full != k.Name || found.Name != k.Name {
			t.Errorf("Find(%s) is %s, %v", k.Name, full, err)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a name is there twice: %v", names)
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"threshold": "rollback.threshold", "MAXATTEMPTS": "rollback.maxAttempts", "gitfile": "target.gitFile", "level": "verdict.level", "timeout": "events.timeout",
		"Rollback.Threshold": "rollback.threshold", "trigger.Slow.MINFAILURES": "trigger.Slow.minFailures", "metric.a.b.Direction": "metric.a.b.direction",
	} {
		if full, _, err := Find(name); err != nil || full != want {
			t.Errorf("%s: %s, %v", name, full, err)
		}
	}
	for name, hint := range map[string]string{
		"thresold": "rollback.threshold", "rolback.threshold": "rollback.threshold", "rollback.maxAttempt": "rollback.maxAttempts", "direction": "metric.<name>.direction",
		"trigger.slow.treshold": "trigger.slow.threshold", "trigger.type": "trigger.<name>.type", "xyz": "policy get", "zzz.qqq": "policy get", "retention.keep": "retention.keepLast", "": "policy get",
		"metric.lat*.direction": "pattern", "maxattempt": "rollback.maxAttempts",
	} {
		_, _, err := Find(name)
		var parse *ParseError
		if !errors.As(err, &parse) || !strings.Contains(parse.Hint, hint) {
			t.Errorf("%s: %v, hint %q", name, err, fmt.Sprint(parse))
			if parse != nil {
				t.Log(parse.Hint)
			}
		}
	}
}
