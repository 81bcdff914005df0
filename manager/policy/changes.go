package policy

import (
	"slices"
	"strings"
)

// Change is one key that has another value than before.
type Change struct {
	Key string
	// Old and New are as written, a list's values joined by commas. Where a key
	// isn't set they are its default, if it has one.
	Old, New string
	// OldSet and NewSet say whether the texts set it.
	OldSet, NewSet bool
}

// String is one line for people.
func (c Change) String() string {
	side := func(value string, set bool) string {
		switch {
		case set && value == "":
			return `""`
		case set:
			return value
		case value == "":
			return "not set"
		}
		return value + " (default)"
	}
	return c.Key + ": " + side(c.Old, c.OldSet) + " → " + side(c.New, c.NewSet)
}

// Changes compares two texts, for logs; the result is in the order of names. A
// text that can't be read counts as empty.
func Changes(before, after []byte) []Change {
	old, now := valuesByIdentity(before), valuesByIdentity(after)
	var all []Change
	for id, v := range now {
		was, ok := old[id]
		if !ok || was.text() != v.text() {
			all = append(all, newChange(was, v))
		}
	}
	for id, was := range old {
		if _, ok := now[id]; !ok {
			all = append(all, newChange(was, Value{}))
		}
	}
	slices.SortFunc(all, func(a, b Change) int { return strings.Compare(a.Key, b.Key) })
	return all
}

func newChange(old, now Value) Change {
	either := now
	if !now.Set {
		either = old
	}
	c := Change{Key: either.Name, Old: old.text(), New: now.text(), OldSet: old.Set, NewSet: now.Set}
	if !old.Set {
		c.Old = either.Key.Default
	}
	if !now.Set {
		c.New = either.Key.Default
	}
	return c
}

// valuesByIdentity has what a text sets, also where it isn't valid.
func valuesByIdentity(text []byte) map[string]Value {
	d, err := read(text)
	if err != nil {
		return nil
	}
	all := make(map[string]Value)
	for _, e := range d.entries {
		key, err := lookUp(e.name())
		id := e.identity()
		was := all[id]
		v := Value{Name: e.name(), Values: []string{e.shown()}, Set: true, Key: key}
		if err == nil {
			v.Name = strings.Replace(key.Name, namePart, e.subsection, 1)
		}
		if key.Kind == List {
			v.Values = slices.Concat(was.Values, v.Values)
		}
		all[id] = v
	}
	return all
}

// Value is one key of a policy, as `policy get` shows it.
type Value struct {
	// Name is the full name.
	Name string
	// Values are as written, one but for lists; the default where Set is false.
	Values []string
	Set    bool
	Key    Key
}

func (v Value) text() string { return strings.Join(v.Values, ", ") }

// Values lists the keys without a name in the middle, with their defaults, and
// then those of triggers, metrics and sinks that the text sets, in its order.
func Values(text []byte) ([]Value, error) {
	d, err := read(text)
	if err != nil {
		return nil, err
	}
	set := valuesByIdentity(text)
	var all []Value
	for _, k := range Keys() {
		if k.Named() {
			continue
		}
		section, _, last := splitName(k.Name)
		v, ok := set[identity(section, "", last)]
		if !ok {
			v = Value{Name: k.Name, Values: []string{k.Default}, Key: k}
		}
		all = append(all, v)
	}
	shown := make(map[string]bool)
	var wrong []*ParseError
	for _, e := range d.entries {
		id := e.identity()
		key, err := lookUp(e.name())
		switch {
		case err != nil:
			err.Line = e.line
			wrong = append(wrong, err)
		case key.Named() && !shown[id]:
			shown[id] = true
			all = append(all, set[id])
		}
	}
	if len(wrong) > 0 {
		return nil, joined(wrong)
	}
	return all, nil
}
