package policy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// draft is a text under change. After a failure nothing more is done to it.
type draft struct {
	before, doc *document
	// touched are the identities of keys that may come out changed.
	touched map[string]bool
	fail    error
}

func startDraft(text []byte) (*draft, error) {
	doc, err := read(text)
	if err != nil {
		return nil, err
	}
	return &draft{before: doc, doc: doc, touched: make(map[string]bool)}, nil
}

func (d *draft) touch(id string) { d.touched[id] = true }

// cut is a range of bytes.
type cut struct{ start, end int }

// rewrite takes a new text in the place of the one under change.
func (d *draft) rewrite(text []byte) {
	doc, err := scan(text)
	if err != nil {
		d.fail = err
		return
	}
	d.doc = doc
}

// splice puts text in the place of a range.
func (d *draft) splice(at cut, text string) {
	d.rewrite(slices.Concat(d.doc.text[:at.start], []byte(text), d.doc.text[at.end:]))
}

// remove takes ranges out, which may come in any order.
func (d *draft) remove(cuts []cut) {
	slices.SortFunc(cuts, func(a, b cut) int { return b.start - a.start })
	out := slices.Clone(d.doc.text)
	for _, c := range cuts {
		out = slices.Delete(out, c.start, c.end)
	}
	d.rewrite(out)
}

// named lists the entries of a full name.
func (d *draft) named(full string) []entry {
	section, subsection, key := splitName(full)
	id := identity(section, subsection, key)
	d.touch(id)
	var all []entry
	for _, e := range d.doc.entries {
		if e.identity() == id {
			all = append(all, e)
		}
	}
	return all
}

// set changes values where they stand, and adds those that are more. A key with
// one value that is given several times has its last one changed, which holds.
func (d *draft) set(full string, list bool, values ...string) {
	at := d.named(full)
	if !list && len(at) > 0 {
		at = at[len(at)-1:]
	}
	kept := min(len(at), len(values))
	var cuts []cut
	for _, e := range at[kept:] {
		cuts = append(cuts, cut{e.start, e.end})
	}
	// From behind, so that the offsets before it stay right.
	d.remove(cuts)
	for i := kept - 1; i >= 0 && d.fail == nil; i-- {
		d.write(at[i], values[i])
	}
	for _, value := range values[kept:] {
		if d.fail == nil {
			d.add(full, value)
		}
	}
}

// write gives an entry another value.
func (d *draft) write(e entry, value string) {
	written := quote(value)
	switch {
	case e.bare:
		written = " = " + written
	case e.from == e.to:
		written = " " + written
	}
	d.splice(cut{e.from, e.to}, written)
}

// unset takes out each line of a key.
func (d *draft) unset(full string) { d.set(full, true) }

// add puts a line behind the last one of the key's section, or a section behind
// everything.
func (d *draft) add(full, value string) {
	section, subsection, key := splitName(full)
	d.touch(identity(section, subsection, key))
	end := "\n"
	if first, _, ok := bytes.Cut(d.doc.text, []byte("\n")); ok && bytes.HasSuffix(first, []byte("\r")) {
		end = "\r\n"
	}
	at, indent := -1, "\t"
	for i, h := range d.doc.headers {
		if !strings.EqualFold(h.section, section) || h.subsection != subsection {
			continue
		}
		at = h.end
		for _, e := range d.doc.entries {
			if e.header == i {
				at, indent = e.end, string(d.doc.text[e.start:e.keyAt])
			}
		}
	}
	line := indent + key + " = " + quote(value) + end
	if at < 0 {
		at, line = len(d.doc.text), writeHeader(section, subsection)+end+"\t"+key+" = "+quote(value)+end
	}
	if at > 0 && d.doc.text[at-1] != '\n' {
		line = end + line
	}
	d.splice(cut{at, at}, line)
}

// finish makes sure that the result is valid and that nothing changed but what was
// to.
func (d *draft) finish() ([]byte, error) {
	if d.fail != nil {
		return nil, d.fail
	}
	if _, err := Parse(d.doc.text); err != nil {
		return nil, err
	}
	untouched := func(doc *document) []string {
		var all []string
		for _, e := range doc.entries {
			if !d.touched[e.identity()] {
				all = append(all, fmt.Sprintf("%s\x00%v\x00%s", e.name(), e.bare, e.value))
			}
		}
		return all
	}
	if !slices.Equal(untouched(d.before), untouched(d.doc)) {
		return nil, &ParseError{Reason: "the text is written in a way that can't be edited safely", Hint: "change it with `git evoseal-rollback policy edit`"}
	}
	return d.doc.text, nil
}

func writeHeader(section, subsection string) string {
	if subsection == "" {
		return "[" + section + "]"
	}
	return fmt.Sprintf("[%s \"%s\"]", section, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(subsection))
}

// quote writes a value so that every reader of git-config reads it back as it is.
func quote(value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("./-_:%+*@,", r)
	}
	if value != "" && strings.IndexFunc(value, func(r rune) bool { return !plain(r) }) < 0 {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\b", `\b`).Replace(value) + `"`
}
