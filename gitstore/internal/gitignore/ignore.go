package gitignore

import (
	"bytes"
	"strings"
)

// Options are the rules that hold for a whole work tree.
type Options struct {
	// Exclude is the content of $GIT_COMMON_DIR/info/exclude.
	Exclude []byte
	// Global is the content of the file that core.excludesFile names.
	Global []byte
	// FoldCase is core.ignoreCase.
	FoldCase bool
}

// Matcher is the rules in force inside one directory. It is immutable and may be
// used by any number of goroutines.
type Matcher struct {
	// lists are in the order in which they are asked.
	lists []scoped
	// path is the directory's, below the work tree's top.
	path string
	fold bool
}

// scoped is a file of rules and the length of the path of the directory that it
// stands in.
type scoped struct {
	*list
	base int
}

// New returns the rules at the top of a work tree, before its .gitignore.
func New(opts Options) *Matcher {
	m := &Matcher{fold: opts.FoldCase}
	for _, file := range [][]byte{opts.Exclude, opts.Global} {
		if l := parse(file, opts.FoldCase); l != nil {
			m.lists = append(m.lists, scoped{l, 0})
		}
	}
	return m
}

// WithFile adds the directory's own .gitignore, given its content.
func (m *Matcher) WithFile(gitignore []byte) *Matcher {
	l := parse(gitignore, m.fold)
	if l == nil {
		return m
	}
	lists := make([]scoped, 0, len(m.lists)+1)
	lists = append(lists, scoped{l, len(m.path)})
	return &Matcher{lists: append(lists, m.lists...), path: m.path, fold: m.fold}
}

// Enter returns the rules in the sub-directory of that name, before its
// .gitignore.
func (m *Matcher) Enter(name string) *Matcher {
	path := name
	if m.path != "" {
		path = m.path + "/" + name
	}
	return &Matcher{lists: m.lists, path: path, fold: m.fold}
}

// Ignored says whether the rules leave out the directory's entry of that name.
func (m *Matcher) Ignored(name string, isDir bool) bool {
	path := ""
	for _, l := range m.lists {
		if l.anchored && path == "" {
			path = name
			if m.path != "" {
				path = m.path + "/" + name
			}
		}
		below := name
		if l.anchored {
			below = path[l.base:]
			if l.base > 0 {
				below = below[1:]
			}
		}
		if p := l.last(below, name, isDir); p != nil {
			return !p.negated
		}
	}
	return false
}

// pattern is one line.
type pattern struct {
	text string
	// literal is the length of the beginning without special characters.
	literal  int
	negated  bool
	dirOnly  bool
	baseName bool
	// suffix patterns are a star and a literal.
	suffix bool
}

// list is the patterns of one file. Most are a name, or a star and an extension:
// these are looked up, the others tried one by one, last first.
type list struct {
	patterns []pattern
	fold     bool
	anchored bool
	// names and extensions hold positions in patterns, in order.
	names, extensions map[string][]int
	others            []int
}

// parse returns nil for a file without rules.
func parse(data []byte, fold bool) *list {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	l := &list{fold: fold, names: make(map[string][]int), extensions: make(map[string][]int)}
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		data = rest
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if ended || len(line) > 1 {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		if end := bytes.IndexByte(line, 0); end >= 0 {
			line = line[:end]
		}
		if p, ok := parseLine(trimSpaces(string(line))); ok {
			l.add(p)
		}
	}
	if len(l.patterns) == 0 {
		return nil
	}
	return l
}

// trimSpaces cuts trailing spaces, but for one that a backslash keeps.
func trimSpaces(s string) string {
	last := -1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ':
			if last < 0 {
				last = i
			}
		case '\\':
			if i++; i >= len(s) {
				return s
			}
			last = -1
		default:
			last = -1
		}
	}
	if last >= 0 {
		return s[:last]
	}
	return s
}

func parseLine(s string) (p pattern, ok bool) {
	if rest, found := strings.CutPrefix(s, "!"); found {
		p.negated, s = true, rest
	}
	if rest, found := strings.CutSuffix(s, "/"); found {
		p.dirOnly, s = true, rest
	}
	p.baseName = !strings.Contains(s, "/")
	if p.baseName {
		p.suffix = strings.HasPrefix(s, "*") && literalLength(s[1:]) == len(s)-1
	} else {
		s = strings.TrimPrefix(s, "/")
	}
	p.text, p.literal = s, literalLength(s)
	return p, s != ""
}

func literalLength(s string) int {
	if i := strings.IndexAny(s, "*?[\\"); i >= 0 {
		return i
	}
	return len(s)
}

func (l *list) add(p pattern) {
	at := len(l.patterns)
	l.patterns = append(l.patterns, p)
	switch {
	case l.fold:
		l.others = append(l.others, at)
	case p.baseName && p.literal == len(p.text):
		l.names[p.text] = append(l.names[p.text], at)
	case p.suffix && strings.LastIndexByte(p.text, '.') == 1:
		l.extensions[p.text[1:]] = append(l.extensions[p.text[1:]], at)
	default:
		l.others = append(l.others, at)
	}
	if !p.baseName {
		l.anchored = true
	}
}

// last returns the last pattern that matches, nil when none does.
func (l *list) last(path, name string, isDir bool) *pattern {
	best := l.lookUp(l.names[name], -1, isDir)
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 && len(l.extensions) > 0 {
		best = l.lookUp(l.extensions[name[dot:]], best, isDir)
	}
	for i := len(l.others) - 1; i >= 0 && l.others[i] > best; i-- {
		p := &l.patterns[l.others[i]]
		if (isDir || !p.dirOnly) && p.match(path, name, l.fold) {
			return p
		}
	}
	if best < 0 {
		return nil
	}
	return &l.patterns[best]
}

func (l *list) lookUp(positions []int, best int, isDir bool) int {
	for i := len(positions) - 1; i >= 0 && positions[i] > best; i-- {
		if isDir || !l.patterns[positions[i]].dirOnly {
			return positions[i]
		}
	}
	return best
}

func (p *pattern) match(path, name string, fold bool) bool {
	switch {
	case p.baseName && p.literal == len(p.text):
		return same(p.text, name, fold)
	case p.suffix:
		n := len(p.text) - 1
		return n <= len(name) && same(p.text[1:], name[len(name)-n:], fold)
	case p.baseName:
		return wildmatch(p.text, name, false, fold)
	}
	if p.literal > len(path) || !same(p.text[:p.literal], path[:p.literal], fold) {
		return false
	}
	rest, below := p.text[p.literal:], path[p.literal:]
	if rest == "" {
		return below == ""
	}
	return wildmatch(rest, below, true, fold)
}

// same compares bytes, and capitals of ASCII as git folds them.
func same(a, b string, fold bool) bool {
	if len(a) != len(b) || !fold {
		return a == b
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
