package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ImportEVOSEAL takes over a policy, triggers, or a safety configuration of
// EVOSEAL's as its programs keep them in JSON, and edits a text accordingly, as
// [SetAll] does. Keys of the same meaning may come by each of their names; the last
// one holds. docs/evoseal.md has the table.
//
// What has no counterpart here comes as a warning that names it. A value of a wrong
// type or out of range is a [ParseError] whose Key is the path in the JSON, such as
// metrics_regression.threshold; nothing is changed then.
func ImportEVOSEAL(data []byte, text []byte) (newText []byte, changes []Change, warnings []string, err error) {
	im := &importer{}
	if err := syntax(data); err != nil {
		return nil, nil, nil, err
	}
	im.object("", data, importRules(true))
	if len(im.wrong) > 0 {
		return nil, nil, im.warnings, joined(im.wrong)
	}
	var values []Assignment
	for _, s := range im.settings {
		values = slices.DeleteFunc(values, func(a Assignment) bool { return a.Key == s.key })
		values = append(values, Assignment{s.key, s.value})
	}
	if newText, err = SetAll(text, values); err != nil {
		return nil, nil, im.warnings, err
	}
	im.undirected(newText)
	return newText, Changes(text, newText), im.warnings, nil
}

// syntax makes sure that data is JSON, and names the line where it isn't.
func syntax(data []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(data, &any)
	if err == nil {
		return nil
	}
	e := &ParseError{Reason: "this is no JSON: " + err.Error(), Hint: "write JSON, not a Python dictionary: true and not True, double quotes"}
	var bad *json.SyntaxError
	if errors.As(err, &bad) {
		at := min(int(bad.Offset), len(data))
		e.Line = 1 + strings.Count(string(data[:at]), "\n")
	}
	return e
}

// importer collects what a JSON says. Paths are names of members with dots
// between them.
type importer struct {
	settings []setting
	warnings []string
	wrong    []*ParseError
	// metrics are the names of those that have a rule of their own.
	metrics []string
}

// setting is a key that a path gives a value.
type setting struct{ key, value, path string }

// rule takes the member of a name.
type rule func(im *importer, name, path string, raw json.RawMessage)

func (im *importer) warn(path, format string, args ...any) {
	im.warnings = append(im.warnings, path+": "+fmt.Sprintf(format, args...))
}

func (im *importer) refuse(path string, raw json.RawMessage, reason string) {
	im.wrong = append(im.wrong, &ParseError{Key: path, Value: string(raw), Reason: reason})
}

func (im *importer) refuseType(path string, raw json.RawMessage, wanted string) {
	name := path
	if name == "" {
		name = "the document"
	}
	im.wrong = append(im.wrong, &ParseError{Key: name, Reason: fmt.Sprintf("this is %s and must be %s", typeOf(raw), wanted)})
}

// put gives a key a value that is in range.
func (im *importer) put(full, value, path string) {
	if _, _, err := findFor(full, value); err != nil {
		var parse *ParseError
		errors.As(err, &parse)
		im.wrong = append(im.wrong, &ParseError{Key: path, Value: value, Reason: parse.Reason, Hint: parse.Hint})
		return
	}
	for _, before := range slices.Backward(im.settings) {
		if before.key == full {
			if before.value != value {
				im.warn(path, "%s takes the place of %s of %s", value, before.value, before.path)
			}
			break
		}
	}
	im.settings = append(im.settings, setting{full, value, path})
}

// object takes the members of an object by rules, in the order in which they
// stand. Those without a rule go to the rule named "", and without that they are
// warned of.
func (im *importer) object(path string, raw json.RawMessage, rules map[string]rule) {
	if typeOf(raw) != "an object" {
		im.refuseType(path, raw, "an object")
		return
	}
	seen := make(map[string]bool)
	for _, m := range members(raw) {
		at := m.name
		if path != "" {
			at = path + "." + m.name
		}
		take, ok := rules[m.name]
		if !ok {
			take, ok = rules[""]
		}
		switch {
		case seen[m.name]:
			im.refuse(at, m.raw, "this member is there twice")
		case ok:
			take(im, m.name, at, m.raw)
		case withoutCounterpart[m.name] != "":
			im.warn(at, "left out: %s", withoutCounterpart[m.name])
		default:
			im.warn(at, "left out: no key of that name is known")
		}
		seen[m.name] = true
	}
}

type member struct {
	name string
	raw  json.RawMessage
}

// members keeps the order of an object that is known to be valid JSON.
func members(raw json.RawMessage) []member {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	_, _ = dec.Token()
	var all []member
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			break
		}
		all = append(all, member{fmt.Sprint(name), value})
	}
	return all
}

// typeOf names a JSON value's type.
func typeOf(raw json.RawMessage) string {
	trimmed := strings.TrimSpace(string(raw))
	if trimmed == "" {
		return "nothing"
	}
	switch trimmed[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
