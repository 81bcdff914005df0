package ignore

import "slices"

// Options are the rules that no .gitignore holds. The zero value has none.
type Options struct {
	// Exclude is the content of $GIT_COMMON_DIR/info/exclude.
	Exclude []byte
	// Global is the content of the file that core.excludesFile names. Exclude
	// outranks it, and any .gitignore outranks both.
	Global []byte
	// FoldCase is core.ignoreCase: ASCII letters match in either case, with
	// git's exceptions (an escaped capital, or one alone in brackets, never
	// matches).
	FoldCase bool
}

// Matcher holds the rules in force inside one directory. It is immutable and
// safe for concurrent use.
type Matcher struct {
	fold bool
	// levels are one a file of rules, the one that outranks the others first.
	levels []level
}

// level is one file of rules, as seen from a directory at or below its own.
type level struct {
	rules *ruleset
	// node is this directory in the tree of paths that the rules spell out; nil
	// when none leads here.
	node *node
	// carried are patterns from directories above that may still match here.
	carried []*glob
	// rel is the directory's path below that of the rules, with a trailing
	// slash, and depth its number of names. They are kept up while the level is
	// anchored.
	rel   string
	depth int
}

// New returns the rules in force at a work tree's top, before the top's own
// .gitignore. The contents are not kept.
func New(opts Options) *Matcher {
	m := &Matcher{fold: opts.FoldCase}
	return m.WithFile(opts.Global).WithFile(opts.Exclude)
}

// WithFile adds the .gitignore of the matcher's own directory, which outranks
// all rules so far. Content without a rule returns m itself. The content is not
// kept.
func (m *Matcher) WithFile(gitignore []byte) *Matcher {
	rules := parse(gitignore, m.fold)
	if rules == nil {
		return m
	}
	levels := make([]level, 0, len(m.levels)+1)
	levels = append(levels, level{rules: rules, node: rules.paths})
	return &Matcher{fold: m.fold, levels: append(levels, m.levels...)}
}

// Enter returns the rules in force in the sub-directory name, before that one's
// own .gitignore. It compiles nothing, and returns m itself when no pattern is
// tied to a path that could lead there.
func (m *Matcher) Enter(name string) *Matcher {
	if !slices.ContainsFunc(m.levels, level.anchored) {
		return m
	}
	if m.fold {
		name = lower(name)
	}
	next := &Matcher{fold: m.fold, levels: make([]level, 0, len(m.levels)+1)}
	for _, l := range m.levels {
		if l.anchored() {
			l = l.enter(name)
		}
		if l.anchored() || l.rules.anywhere {
			next.levels = append(next.levels, l)
		}
	}
	return next
}

// Ignored says whether the rules leave out the entry name of the matcher's
// directory: the last line that matches, in the outranking file that has one,
// decides. Name is a single path component, its bytes as they are on disk.
func (m *Matcher) Ignored(name string, isDir bool) bool {
	if name == "" {
		return false
	}
	if m.fold {
		name = lower(name)
	}
	for i := range m.levels {
		if v := m.levels[i].verdict(name, isDir); v != 0 {
			return !v.negated()
		}
	}
	return false
}

// anchored says that some pattern depends on where below the rules' directory
// the level stands.
func (l level) anchored() bool { return l.node != nil || len(l.carried) > 0 }

func (l level) enter(name string) level {
	next := level{rules: l.rules, depth: l.depth + 1}
	for _, g := range l.carried {
		if g.reaches(next.depth) {
			next.carried = append(next.carried, g)
		}
	}
	if l.node != nil {
		for _, g := range l.node.globs {
			if g.reaches(next.depth) {
				next.carried = append(next.carried, g)
			}
		}
		next.node = l.node.sub[name]
	}
	if next.anchored() {
		next.rel = l.rel + name + "/"
	}
	return next
}

// verdict is the last rule of the level that matches, or zero.
func (l *level) verdict(name string, isDir bool) verdict {
	best := l.rules.anyDepth(name, isDir)
	if l.node != nil {
		best = max(best, l.node.names[name].of(isDir))
		best = lastGlob(l.node.globs, best, name, isDir)
	}
	for _, g := range l.carried {
		if g.verdict > best && g.applies(isDir) && g.atDepth(l.depth) && g.match(l.rel[g.skip:], name) {
			best = g.verdict
		}
	}
	return best
}

// lower folds ASCII letters, as git does.
func lower(s string) string {
	for i := range len(s) {
		if isUpper(s[i]) {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				b[j] = lowerByte(b[j])
			}
			return string(b)
		}
	}
	return s
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

func lowerByte(c byte) byte {
	if isUpper(c) {
		return c + 'a' - 'A'
	}
	return c
}
