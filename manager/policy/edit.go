package policy

import (
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Assignment gives a key a value.
type Assignment struct {
	// Key may be a short name, see [Find].
	Key, Value string
}

// Set gives a key a value and leaves all else in the text as it is, byte for
// byte. A list key gets the value as its only one; of a key that is given several
// times the last is changed, which is the one that holds. The result is a valid
// policy, or there is an error that matches [ErrInvalid].
func Set(text []byte, name, value string) ([]byte, error) {
	return SetAll(text, []Assignment{{name, value}})
}

// SetAll is [Set] for several keys at once, of which the text needs to be valid
// only with all of them: a new trigger's type and command, for example. A list key
// that is named several times gets all these values.
func SetAll(text []byte, values []Assignment) ([]byte, error) {
	d, err := startDraft(text)
	if err != nil {
		return nil, err
	}
	lists := make(map[string][]string)
	for _, a := range values {
		full, key, err := findFor(a.Key, a.Value)
		if err != nil {
			return nil, err
		}
		section, subsection, last := splitName(full)
		id := identity(section, subsection, last)
		if key.Kind != List {
			lists[id] = nil
		}
		lists[id] = append(lists[id], a.Value)
		d.set(full, key.Kind == List, lists[id]...)
	}
	return d.finish()
}

// Add gives a list key one more value.
func Add(text []byte, name, value string) ([]byte, error) {
	full, key, err := findFor(name, value)
	if err != nil {
		return nil, err
	}
	if key.Kind != List {
		return nil, &ParseError{Key: full, Reason: "this key has one value only", Hint: "set it"}
	}
	d, err := startDraft(text)
	if err != nil {
		return nil, err
	}
	d.add(full, value)
	return d.finish()
}

// findFor is Find for a value that the key is to take.
func findFor(name, value string) (string, Key, error) {
	full, key, err := Find(name)
	if err != nil {
		return "", Key{}, err
	}
	_, subsection, _ := splitName(full)
	if err := key.assign(Default(), subsection, value); err != nil {
		return "", Key{}, &ParseError{Key: full, Value: value, Reason: err.Error(), Hint: key.hint()}
	}
	return full, key, nil
}

// Unset takes a key out, so that it has its default again. One that isn't set is
// left as it is. A comment on the line of a key that is taken out goes with it;
// comments on lines of their own stay.
func Unset(text []byte, name string) ([]byte, error) {
	full, _, err := Find(name)
	if err != nil {
		return nil, err
	}
	d, err := startDraft(text)
	if err != nil {
		return nil, err
	}
	d.unset(full)
	return d.finish()
}

// RemoveSection takes out all of a trigger, metric or sink, as in "trigger",
// "slow"; the name is empty for sections without one. Comments on lines of their
// own stay.
func RemoveSection(text []byte, section, name string) ([]byte, error) {
	d, err := startDraft(text)
	if err != nil {
		return nil, err
	}
	same := func(h header) bool { return strings.EqualFold(h.section, section) && h.subsection == name }
	if !slices.ContainsFunc(d.doc.headers, same) {
		e := &ParseError{Key: sectionName(section, name), Reason: "the text has no such section"}
		if strings.EqualFold(section, "trigger") && slices.ContainsFunc(verdict.DefaultTriggers(), func(t verdict.Trigger) bool { return t.Name == name }) {
			e.Hint = "this trigger is there from the start; switch it off with enabled = false"
		}
		return nil, e
	}
	var cuts []cut
	for i, h := range d.doc.headers {
		if !same(h) {
			continue
		}
		cuts = append(cuts, cut{h.start, h.end})
		for _, e := range d.doc.entries {
			if e.header == i {
				d.touch(e.identity())
				cuts = append(cuts, cut{e.start, e.end})
			}
		}
	}
	d.remove(cuts)
	return d.finish()
}
