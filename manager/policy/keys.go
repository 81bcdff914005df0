package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// Key is one row of the table of keys.
type Key struct {
	// Name is section.key, or section.<name>.key where each trigger, metric or
	// sink has one of its own.
	Name string
	Kind Kind
	// Default is as it would be written, empty where there is none.
	Default string
	// Range says which values are taken, where the kind doesn't.
	Range string
	// Choices are the values of a [Choice].
	Choices []string
	// For are the types of a trigger or sink that have the key, where not all do.
	For []string
	// Help is one sentence; More, if any, what else there is to know.
	Help, More string

	assign func(p *Policy, name, value string) error
}

// Named keys have a name in the middle, that of a trigger, a metric or a sink.
func (k Key) Named() bool { return strings.Contains(k.Name, "."+namePart+".") }

// namePart stands for a name in the names of keys.
const namePart = "<name>"

// Suggestions are the values that a completion can offer; none for keys that take
// numbers or text.
func (k Key) Suggestions() []string {
	if k.Kind == Bool {
		return []string{"true", "false"}
	}
	return slices.Clone(k.Choices)
}

// Takes says in a phrase which values the key takes.
func (k Key) Takes() string {
	what := map[Kind]string{
		Bool: "true or false", Fraction: "a number or a percentage", Number: "a number", Integer: "a whole number",
		Duration: "a duration", Text: "text", List: "a pattern in which * stands for any text, any number of times",
		Choice: strings.Join(k.Choices, ", "),
	}[k.Kind]
	if k.Range != "" {
		what += ", " + k.Range
	}
	return what
}

func (k Key) hint() string { return k.Name + " takes " + k.Takes() }

// Keys is the table of all keys. The caller owns the result.
func Keys() []Key {
	return slices.Concat(rollbackKeys(), retentionKeys(), verdictKeys(), eventKeys(), triggerKeys(), metricKeys(), sinkKeys())
}

// sections maps the names of sections, in lower case, to whether they take a name.
func sections() map[string]bool {
	all := make(map[string]bool)
	for _, k := range Keys() {
		section, _, _ := splitName(k.Name)
		all[strings.ToLower(section)] = k.Named()
	}
	return all
}

// field finds where a value goes; the name is that of a trigger, metric or sink.
type field[T any] func(p *Policy, name string) *T

// put is an assignment of a parsed value.
func put[T any](parse func(string) (T, error), to field[T]) func(*Policy, string, string) error {
	return func(p *Policy, name, value string) error {
		v, err := parse(value)
		if err == nil {
			*to(p, name) = v
		}
		return err
	}
}

// putPointer is put for fields that may be not set.
func putPointer[T any](parse func(string) (T, error), to field[*T]) func(*Policy, string, string) error {
	return func(p *Policy, name, value string) error {
		v, err := parse(value)
		if err == nil {
			*to(p, name) = &v
		}
		return err
	}
}

// add is put for lists.
func add(parse func(string) (string, error), to field[[]string]) func(*Policy, string, string) error {
	return func(p *Policy, name, value string) error {
		v, err := parse(value)
		if err == nil {
			*to(p, name) = append(*to(p, name), v)
		}
		return err
	}
}

func fraction(least, most float64) func(string) (float64, error) {
	return func(s string) (float64, error) { return parseFraction(s, least, most) }
}

func integer(least, most int) func(string) (int, error) {
	return func(s string) (int, error) { return parseInteger(s, least, most) }
}

func duration(least, most time.Duration) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) { return parseDuration(s, least, most) }
}

func choice[T ~string](choices []string) func(string) (T, error) {
	return func(s string) (T, error) {
		v, err := parseChoice(s, choices)
		return T(v), err
	}
}

// loss is how much worse a metric may get, in its own unit.
func loss(s string) (float64, error) {
	v, err := parseNumber(s)
	if err == nil && v < 0 {
		err = fmt.Errorf("this is negative")
	}
	return v, err
}

// not is a boolean whose field says the opposite.
func not(s string) (bool, error) {
	v, err := gitstore.ParseConfigBool(s)
	return !v, err
}
