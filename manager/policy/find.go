package policy

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const hintKeys = "`git evoseal-rollback policy get` lists the keys"

// lookUp finds the row of the table for a full name, and checks the name in its
// middle.
func lookUp(full string) (Key, *ParseError) {
	section, subsection, last := splitName(full)
	pattern := section + "." + last
	if subsection != "" {
		pattern = section + "." + namePart + "." + last
	}
	for _, k := range Keys() {
		if strings.EqualFold(k.Name, pattern) {
			return k, checkName(section, subsection)
		}
	}
	return Key{}, unknown(full, pattern, subsection)
}

// unknown is the error for a name that no key has, with those that are near.
func unknown(name, pattern, subsection string) *ParseError {
	e := &ParseError{Key: name, Reason: "there is no such key", Hint: hintKeys}
	near := nearest(pattern)
	for i := range near {
		if subsection != "" {
			near[i] = strings.Replace(near[i], namePart, subsection, 1)
		}
	}
	if len(near) > 0 {
		e.Hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return e
}

// longestName is enough for any name, in bytes.
const longestName = 255

// checkName refuses names of triggers, metrics and sinks that would be trouble
// wherever they are printed.
func checkName(section, name string) *ParseError {
	e := &ParseError{Key: sectionName(section, name)}
	switch {
	case name == "":
		return nil
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		e.Reason = "the name holds bytes that can't be printed"
	case len(name) > longestName:
		e.Reason = "the name is too long"
	case strings.EqualFold(section, "metric") && strings.Contains(name, "*"):
		e.Reason, e.Hint = "a metric has a name and not a pattern", "patterns go into the match of a trigger of type metrics"
	default:
		return nil
	}
	return e
}

// Find returns the full name that a short one stands for, such as
// rollback.threshold for threshold, and its row of the table. Full names come back
// in the table's spelling. A name that no key has, and one that several have, is a
// [ParseError] that names the nearest.
func Find(name string) (full string, key Key, err error) {
	if strings.Contains(name, ".") {
		key, wrong := lookUp(name)
		if wrong != nil {
			return "", Key{}, wrong
		}
		_, subsection, _ := splitName(name)
		return strings.Replace(key.Name, namePart, subsection, 1), key, nil
	}
	var plain, named []string
	for _, k := range Keys() {
		if _, _, last := splitName(k.Name); strings.EqualFold(last, name) {
			if k.Named() {
				named = append(named, k.Name)
			} else {
				plain, key = append(plain, k.Name), k
			}
		}
	}
	switch {
	case len(plain) == 1:
		return key.Name, key, nil
	case len(plain) > 1:
		return "", Key{}, &ParseError{Key: name, Reason: "several keys have that name: " + strings.Join(plain, ", "), Hint: "name the section as well"}
	case len(named) > 0:
		return "", Key{}, &ParseError{Key: name, Reason: "this is a key of single triggers, metrics or sinks", Hint: "write " + strings.Join(named, " or ")}
	}
	return "", Key{}, unknown(name, name, "")
}

// nearest lists up to three names of keys that share more than half of their pairs
// of letters with a name, the most alike first.
func nearest(name string) []string {
	type scored struct {
		name  string
		score float64
	}
	lastPart := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	name = strings.ToLower(name)
	var all []scored
	for _, k := range Keys() {
		key := strings.ToLower(k.Name)
		whole, last := similarity(name, key), similarity(lastPart(name), lastPart(key))
		if max(whole, last) > 0.5 {
			all = append(all, scored{k.Name, whole + last})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	var names []string
	for _, s := range all[:min(3, len(all))] {
		// Far behind the best is no help.
		if s.score >= 0.8*all[0].score {
			names = append(names, s.name)
		}
	}
	return names
}

// similarity is Dice's coefficient over pairs of neighbouring letters (L. R. Dice,
// "Measures of the amount of ecologic association between species", 1945).
func similarity(a, b string) float64 {
	pairs := func(s string) []string {
		var all []string
		for i := 0; i+1 < len(s); i++ {
			all = append(all, s[i:i+2])
		}
		slices.Sort(all)
		return all
	}
	x, y := pairs(a), pairs(b)
	if len(x)+len(y) == 0 {
		return 0
	}
	both := 0
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch c := cmp.Compare(x[i], y[j]); {
		case c == 0:
			both++
			i++
			j++
		case c < 0:
			i++
		default:
			j++
		}
	}
	return 2 * float64(both) / float64(len(x)+len(y))
}
