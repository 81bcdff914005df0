package event

import "strings"

// matchesAny says whether a type fits one of the patterns, or there are none.
func matchesAny(patterns []string, t Type) bool {
	for _, p := range patterns {
		if Matches(p, t) {
			return true
		}
	}
	return len(patterns) == 0
}

// Matches says whether a pattern, in which * stands for any text, is one for the
// whole type or for what people call it: "rollback.*" matches
// "dev.evoseal.rollback.completed.v1".
func Matches(pattern string, t Type) bool {
	if matches(pattern, string(t)) {
		return true
	}
	name, ours := strings.CutPrefix(string(t), typePrefix)
	if at := strings.LastIndex(name, ".v"); ours && at >= 0 {
		return matches(pattern, name[:at])
	}
	return false
}

// matches compares a pattern in which * stands for any text. The parts between
// the stars are looked for from left to right, each at its first place: a later
// one could only leave less for the parts behind it.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == name
	}
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name = name[at+len(part):]
	}
	return true
}
