package ignore

import (
	"slices"
	"strings"
)

// verdict is what a rule says, ordered by the rule's line: twice the line's
// number, plus one for a negated rule. Zero is no rule.
type verdict int

func (v verdict) negated() bool { return v&1 != 0 }

// verdicts are those of the last rule for files and of the last for directories,
// where rules for directories alone count too.
type verdicts struct{ file, dir verdict }

func (v verdicts) of(isDir bool) verdict {
	if isDir {
		return v.dir
	}
	return v.file
}

// then lets a later rule overrule.
func (v verdicts) then(r rule) verdicts {
	v.dir = r.verdict
	if !r.dirOnly {
		v.file = r.verdict
	}
	return v
}

// rule is what a line has besides its pattern.
type rule struct {
	verdict verdict
	dirOnly bool
}

func (r rule) applies(isDir bool) bool { return isDir || !r.dirOnly }

// affix is a pattern of literal text with a star before or after it.
type affix struct {
	rule
	text string
}

// ruleset is one file of rules, compiled. Lists are in the order of lines.
type ruleset struct {
	// anywhere says that some pattern matches a name whatever its directory;
	// every, names, tails, heads and globs are those patterns.
	anywhere bool
	every    verdicts
	names    map[string]verdicts
	// tails are by their last byte, heads by their first.
	tails, heads map[byte][]affix
	globs        []*glob
	// paths are the patterns tied to the rules' directory; nil without any.
	paths *node
}

// node is a directory that patterns name literally.
type node struct {
	sub   map[string]*node
	names map[string]verdicts
	// globs match a name in this directory, or a path below it.
	globs []*glob
}

// anyDepth is the last rule for a name whatever its directory.
func (r *ruleset) anyDepth(name string, isDir bool) verdict {
	if !r.anywhere {
		return 0
	}
	best := r.every.of(isDir)
	if len(r.names) > 0 {
		best = max(best, r.names[name].of(isDir))
	}
	if len(r.tails) > 0 {
		best = lastAffix(r.tails[name[len(name)-1]], best, name, isDir, strings.HasSuffix)
	}
	if len(r.heads) > 0 {
		best = lastAffix(r.heads[name[0]], best, name, isDir, strings.HasPrefix)
	}
	return lastGlob(r.globs, best, name, isDir)
}

func lastAffix(list []affix, best verdict, name string, isDir bool, has func(s, part string) bool) verdict {
	for i := len(list) - 1; i >= 0 && list[i].verdict > best; i-- {
		if list[i].applies(isDir) && has(name, list[i].text) {
			return list[i].verdict
		}
	}
	return best
}

// lastGlob tries patterns on a bare name.
func lastGlob(list []*glob, best verdict, name string, isDir bool) verdict {
	for i := len(list) - 1; i >= 0 && list[i].verdict > best; i-- {
		if g := list[i]; g.applies(isDir) && (g.crosses || g.slashes == 0) && g.match("", name) {
			return g.verdict
		}
	}
	return best
}

// parse compiles a file of rules; nil when it has none that could match.
func parse(data []byte, fold bool) *ruleset {
	if len(data) == 0 {
		return nil
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	r := &ruleset{names: make(map[string]verdicts), tails: make(map[byte][]affix), heads: make(map[byte][]affix)}
	n := verdict(0)
	for line := range strings.SplitSeq(text, "\n") {
		n++
		if line != "" && line[0] != '#' {
			r.addLine(trimLine(line), n*2, fold)
		}
	}
	if !r.anywhere && r.paths == nil {
		return nil
	}
	return r
}

// trimLine takes off what git doesn't count as the pattern: one CR at the end,
// all from a NUL byte on (its patterns are C strings), and trailing spaces, tabs
// not among them, unless a backslash protects them.
func trimLine(line string) string {
	line = strings.TrimSuffix(line, "\r")
	line, _, _ = strings.Cut(line, "\x00")
	end := 0
	for i := 0; i < len(line); i++ {
		if line[i] == ' ' {
			continue
		}
		if line[i] == '\\' {
			if i++; i == len(line) {
				return line
			}
		}
		end = i + 1
	}
	return line[:end]
}

// addLine takes the next line's pattern.
func (r *ruleset) addLine(p string, v verdict, fold bool) {
	if rest, ok := strings.CutPrefix(p, "!"); ok {
		p, v = rest, v+1
	}
	ru := rule{verdict: v}
	p, ru.dirOnly = strings.CutSuffix(p, "/")
	if !strings.Contains(p, "/") {
		if prog, ok := compile(p, fold); ok {
			r.addName(prog, ru)
		}
		return
	}
	p = strings.TrimPrefix(p, "/")
	// Git compares the text before the first wildcard by itself and hands only
	// the rest to its matcher, which then takes "**" there for one at a
	// pattern's start: "a**/b" matches "ab" and "ax/y/b".
	literal := len(p)
	if i := strings.IndexAny(p, `*?[\`); i >= 0 {
		literal = i
	}
	prog, ok := compile(p[literal:], fold)
	if !ok {
		return
	}
	head, _ := compile(p[:literal], fold)
	r.addPath(append(head, prog...), ru)
}

// addName adds a pattern that matches a name in any directory.
func (r *ruleset) addName(prog []token, ru rule) {
	if len(prog) == 0 {
		return
	}
	r.anywhere = true
	first, last := prog[0], prog[len(prog)-1]
	switch {
	case isLiteral(prog):
		r.names[literal(prog)] = r.names[literal(prog)].then(ru)
	case len(prog) == 1 && first.isStar():
		r.every = r.every.then(ru)
	case first.isStar() && isLiteral(prog[1:]):
		r.tails[last.char] = append(r.tails[last.char], affix{ru, literal(prog[1:])})
	case last.isStar() && isLiteral(prog[:len(prog)-1]):
		r.heads[first.char] = append(r.heads[first.char], affix{ru, literal(prog[:len(prog)-1])})
	default:
		r.globs = append(r.globs, newGlob(prog, ru))
	}
}

// addPath adds a pattern that is tied to the rules' directory.
func (r *ruleset) addPath(prog []token, ru rule) {
	if startsAnywhere(prog) && !hasSlash(prog[3:]) {
		r.addName(prog[3:], ru)
		return
	}
	if r.paths == nil {
		r.paths = &node{}
	}
	at, depth, skip := r.paths, 0, 0
	for {
		end := slices.IndexFunc(prog, func(t token) bool { return t.kind != tokenLiteral || t.char == '/' })
		if end < 0 || prog[end].kind != tokenLiteral {
			break
		}
		if end == 0 {
			return // no path has an empty name in it
		}
		at = at.enter(literal(prog[:end]))
		depth, skip, prog = depth+1, skip+end+1, prog[end+1:]
	}
	switch {
	case len(prog) == 0:
	case isLiteral(prog):
		at.add(literal(prog), ru)
	default:
		g := newGlob(prog, ru)
		g.depth, g.skip = depth, skip
		at.globs = append(at.globs, g)
	}
}

func (n *node) enter(name string) *node {
	if n.sub == nil {
		n.sub = make(map[string]*node)
	}
	if n.sub[name] == nil {
		n.sub[name] = &node{}
	}
	return n.sub[name]
}

func (n *node) add(name string, ru rule) {
	if n.names == nil {
		n.names = make(map[string]verdicts)
	}
	n.names[name] = n.names[name].then(ru)
}
