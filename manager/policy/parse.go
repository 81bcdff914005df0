package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Parse reads a text. The error joins a [ParseError] for each line that is wrong,
// in the order of the lines.
//
// It takes the part of Git's syntax on which its readers agree. Some of what git
// reads is refused: a key on its header's line, a value of several lines, [a.b]
// for [a "b"], an empty name in quotes, and blanks outside quotes that some gits
// would change.
func Parse(text []byte) (*Policy, error) {
	d, err := read(text)
	if err != nil {
		return nil, err
	}
	r := &reading{p: Default(), d: d, refused: make(map[int]bool), last: make(map[string]entry)}
	r.headers()
	for _, e := range d.entries {
		if !r.refused[e.header] {
			r.take(e)
		}
	}
	r.checkTriggers()
	r.checkSinks()
	if len(r.wrong) > 0 {
		return nil, joined(r.wrong)
	}
	slices.SortStableFunc(r.p.Warnings, func(a, b Warning) int { return a.Line - b.Line })
	return r.p, nil
}

// reading is a text on its way to a policy.
type reading struct {
	p     *Policy
	d     *document
	wrong []*ParseError
	// refused are the indexes of headers whose keys aren't looked at.
	refused map[int]bool
	// last are the entries so far, by identity, each key's last.
	last map[string]entry
}

// headers refuses unknown sections, once for all their keys, and makes the
// triggers and sinks that are named, so that one without a key isn't overlooked.
func (r *reading) headers() {
	known := sections()
	for i, h := range r.d.headers {
		e := &ParseError{Line: h.line, Key: sectionName(h.section, h.subsection)}
		named, ok := known[strings.ToLower(h.section)]
		switch {
		case !ok:
			e.Reason, e.Hint = "there is no such section", "the sections are "+sectionNames()
		case named && h.subsection == "":
			e.Reason, e.Hint = "this section needs a name", fmt.Sprintf("write [%s \"name\"]", h.section)
		case !named && h.subsection != "":
			e.Reason, e.Hint = "this section takes no name", fmt.Sprintf("write [%s]", h.section)
		default:
			if e = checkName(h.section, h.subsection); e != nil {
				e.Line = h.line
			}
		}
		switch {
		case e != nil:
			r.wrong = append(r.wrong, e)
			r.refused[i] = true
		case strings.EqualFold(h.section, "trigger"):
			r.p.trigger(h.subsection)
		case strings.EqualFold(h.section, "sink"):
			r.p.sink(h.subsection)
		}
	}
}

func sectionNames() string {
	var names []string
	for _, k := range Keys() {
		section, _, _ := splitName(k.Name)
		if k.Named() {
			section += ` "name"`
		}
		if section = "[" + section + "]"; !slices.Contains(names, section) {
			names = append(names, section)
		}
	}
	return strings.Join(names, ", ")
}

// take gives one entry's key its value.
func (r *reading) take(e entry) {
	refuse := func(wrong *ParseError) {
		wrong.Line = e.line
		r.wrong = append(r.wrong, wrong)
	}
	key, err := lookUp(e.name())
	if err != nil {
		refuse(err)
		return
	}
	if e.bare && key.Kind != Bool {
		refuse(&ParseError{Key: e.name(), Reason: "this key needs a value", Hint: key.hint()})
		return
	}
	if err := key.assign(r.p, e.subsection, e.shown()); err != nil {
		refuse(&ParseError{Key: e.name(), Value: e.value, Reason: err.Error(), Hint: key.hint()})
		return
	}
	id := e.identity()
	if before, ok := r.last[id]; ok && key.Kind != List && before.shown() != e.shown() {
		r.warn(e.line, e.name(), fmt.Sprintf("it is given again: this value holds, and not %q of line %d", shorten(before.shown()), before.line))
	}
	r.last[id] = e
	r.p.set[id] = true
}

func (r *reading) warn(line int, key, text string) {
	r.p.Warnings = append(r.p.Warnings, Warning{line, key, text})
}

// headerLine is where a section begins.
func (r *reading) headerLine(section, name string) int {
	for _, h := range r.d.headers {
		if strings.EqualFold(h.section, section) && h.subsection == name {
			return h.line
		}
	}
	return 0
}

// lacks says that a section isn't complete, at its header.
func (r *reading) lacks(section, name, reason, hint string) {
	r.wrong = append(r.wrong, &ParseError{Line: r.headerLine(section, name), Key: sectionName(section, name), Reason: reason, Hint: hint})
}

// misplaced refuses keys that a section of this type has no use for, rather than
// let somebody believe that they do something.
func (r *reading) misplaced(section, name, kind string) {
	for _, k := range Keys() {
		of, _, last := splitName(k.Name)
		if of != section || len(k.For) == 0 || slices.Contains(k.For, kind) {
			continue
		}
		if e, ok := r.last[identity(section, name, last)]; ok {
			r.wrong = append(r.wrong, &ParseError{Line: e.line, Key: e.name(), Value: e.value,
				Reason: fmt.Sprintf("a %s of type %s has no use for this key", section, kind), Hint: "it is for type " + strings.Join(k.For, " and ")})
		}
	}
}

// typed says that the section's type was given and understood; where it was
// refused already, that it lacks one is no news.
func (r *reading) typed(section, name string, kind string, choices string) bool {
	if kind != "" {
		return true
	}
	given := slices.ContainsFunc(r.d.entries, func(e entry) bool { return e.identity() == identity(section, name, "type") })
	if !given {
		r.lacks(section, name, "this "+section+" has no type", "add type = "+choices)
	}
	return false
}

func (r *reading) checkTriggers() {
	for _, t := range r.p.Triggers {
		if !r.typed("trigger", t.Name, string(t.Kind), "tests, metrics, command or custom") {
			continue
		}
		r.misplaced("trigger", t.Name, string(t.Kind))
		if t.Kind == verdict.KindCommand && t.Command == "" && !r.wrongIn("trigger", t.Name) {
			r.lacks("trigger", t.Name, "a trigger of type command needs a command", "add command = …")
		}
	}
}

// wrongIn says that something in a section was refused already.
func (r *reading) wrongIn(section, name string) bool {
	prefix := joinName(section, name, "")
	return slices.ContainsFunc(r.wrong, func(e *ParseError) bool { return strings.HasPrefix(e.Key, prefix) })
}

func (r *reading) checkSinks() {
	for _, s := range r.p.Sinks {
		if !r.typed("sink", s.Name, string(s.Kind), "exec, file or webhook") {
			continue
		}
		r.misplaced("sink", s.Name, string(s.Kind))
		needs := map[event.SinkKind][2]string{
			event.Exec: {"command", s.Command}, event.File: {"path", s.Path}, event.Webhook: {"url", s.URL},
		}[s.Kind]
		if needs[1] == "" && !r.wrongIn("sink", s.Name) {
			r.lacks("sink", s.Name, fmt.Sprintf("a sink of type %s needs a %s", s.Kind, needs[0]), "add "+needs[0]+" = …")
		}
		if s.SecretFile != "" && s.SecretEnv != "" {
			e := r.last[identity("sink", s.Name, "secretEnv")]
			r.wrong = append(r.wrong, &ParseError{Line: e.line, Key: e.name(), Value: e.value, Reason: "the sink has a secretFile already", Hint: "keep one of the two"})
		}
		r.checkEvents(s.Name)
	}
}

// checkEvents warns of patterns that no event matches. They aren't refused: a
// newer version of the engine may have more events.
func (r *reading) checkEvents(name string) {
	for _, e := range r.d.entries {
		if e.identity() == identity("sink", name, "events") && e.value != "" && !slices.ContainsFunc(event.Types(), matchedBy(e.value)) {
			r.warn(e.line, e.name(), fmt.Sprintf("no event matches %q", shorten(e.value)))
		}
	}
}

// matchedBy compares as sinks do, by the whole type or by what is between the
// domain in front of it and the version behind. path.Match has more signs than the
// star, which no type of event holds.
func matchedBy(pattern string) func(event.TypeInfo) bool {
	return func(t event.TypeInfo) bool {
		short := strings.Split(string(t.Type), ".")
		whole, _ := path.Match(pattern, string(t.Type))
		part, _ := path.Match(pattern, strings.Join(short[2:len(short)-1], "."))
		return whole || part
	}
}
