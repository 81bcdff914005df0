package policy

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// SetTrigger makes a trigger what t says: what is zero in t is taken out of the
// text and has its default. What the text says of it already is changed where it
// stands.
func SetTrigger(text []byte, t verdict.Trigger) ([]byte, error) {
	if t.Name == "" {
		return nil, &ParseError{Key: "trigger", Reason: "a trigger needs a name"}
	}
	if err := checkName("trigger", t.Name); err != nil {
		return nil, err
	}
	if t.Kind == "" {
		return nil, &ParseError{Key: "trigger." + t.Name, Reason: "a trigger needs a type", Hint: "the types are tests, metrics, command and custom"}
	}
	d, err := startDraft(text)
	if err != nil {
		return nil, err
	}
	given := triggerValues(t)
	for _, k := range triggerKeys() {
		// Like a list, so that what is given twice is there once afterwards.
		full := strings.Replace(k.Name, namePart, t.Name, 1)
		_, _, last := splitName(k.Name)
		d.set(full, true, given[last]...)
	}
	out, err := d.finish()
	if err != nil {
		return nil, err
	}
	return out, sameTrigger(out, t)
}

// sameTrigger makes sure that the text says of a trigger what was to be said.
func sameTrigger(text []byte, t verdict.Trigger) error {
	p, err := Parse(text)
	if err != nil {
		return err
	}
	if len(t.Match) == 0 {
		t.Match = nil
	}
	if !reflect.DeepEqual(*p.trigger(t.Name), t) {
		return &ParseError{Key: "trigger." + t.Name, Reason: "this trigger can't be written into the text"}
	}
	return nil
}

// triggerValues are what is not at its default, by the names of keys.
func triggerValues(t verdict.Trigger) map[string][]string {
	all := map[string][]string{"type": {string(t.Kind)}, "match": t.Match}
	put := func(key, value string, given bool) {
		if given {
			all[key] = []string{value}
		}
	}
	put("enabled", "false", t.Disabled)
	put("dryRun", "true", t.DryRun)
	put("mustHaveData", "true", t.MustHaveData)
	put("minFailures", strconv.Itoa(t.MinFailures), t.MinFailures != 0)
	put("retries", strconv.Itoa(t.Retries), t.Retries != 0)
	if t.Threshold != nil {
		put("threshold", number(*t.Threshold), true)
	}
	if t.Absolute != nil {
		put("absolute", number(*t.Absolute), true)
	}
	put("command", t.Command, t.Command != "")
	put("timeout", t.Timeout.String(), t.Timeout != 0)
	return all
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
