package ignore

import (
	"math/bits"
	"slices"
	"strings"
)

// token is one step of a compiled pattern.
type token struct {
	kind tokenKind
	char byte
	set  *class
}

type tokenKind uint8

const (
	tokenLiteral tokenKind = iota
	tokenAny               // ?: a byte other than a slash
	tokenClass             // [...]
	tokenStar              // any number of bytes other than slashes
	tokenWide              // any number of bytes
	// tokenDirs comes before a tokenWide and a literal slash, which together
	// match any leading directories, and says that there may be none.
	tokenDirs
)

// takes says that the token matches this byte, one and no more.
func (t token) takes(c byte) bool {
	switch t.kind {
	case tokenLiteral:
		return c == t.char
	case tokenAny:
		return c != '/'
	case tokenClass:
		return t.set.has(c)
	}
	return false
}

func (t token) isStar() bool { return t.kind == tokenStar || t.kind == tokenWide }

// compile translates a pattern; it fails for one that can't match anything.
// Patterns without a slash may go through here like those with one, since "*"
// and "**" are the same where the text has no slash either.
func compile(p string, fold bool) (prog []token, ok bool) {
	prog = make([]token, 0, len(p))
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '*':
			prog, i = compileStars(prog, p, i)
		case '?':
			prog = append(prog, token{kind: tokenAny})
		case '[':
			set, end, ok := compileClass(p, i, fold)
			if !ok {
				return nil, false
			}
			prog = append(prog, token{kind: tokenClass, set: set})
			i = end
		case '\\':
			i++
			if i == len(p) || fold && isUpper(p[i]) {
				return nil, false
			}
			prog = append(prog, token{char: p[i]})
		default:
			c := p[i]
			if fold {
				c = lowerByte(c)
			}
			prog = append(prog, token{char: c})
		}
	}
	return prog, true
}

// compileStars adds the run of stars that starts at p[i], and returns the
// position of the last byte that is dealt with.
func compileStars(prog []token, p string, i int) ([]token, int) {
	opens := i == 0 || p[i-1] == '/'
	start := i
	for i+1 < len(p) && p[i+1] == '*' {
		i++
	}
	rest := p[i+1:]
	closes := rest == "" || rest[0] == '/' || strings.HasPrefix(rest, `\/`)
	switch {
	case i == start || !opens || !closes:
		return append(prog, token{kind: tokenStar}), i
	case rest == "" || rest[0] != '/':
		return append(prog, token{kind: tokenWide}), i
	case endsWithDirs(prog): // "**/**/" is "**/"
		return prog, i + 1
	}
	return append(prog, token{kind: tokenDirs}, token{kind: tokenWide}), i
}

func isLiteral(prog []token) bool {
	return !slices.ContainsFunc(prog, func(t token) bool { return t.kind != tokenLiteral })
}

func hasSlash(prog []token) bool {
	return slices.ContainsFunc(prog, func(t token) bool { return t.kind == tokenLiteral && t.char == '/' })
}

// literal is the text of literal tokens.
func literal(prog []token) string {
	b := make([]byte, len(prog))
	for i, t := range prog {
		b[i] = t.char
	}
	return string(b)
}

func startsAnywhere(prog []token) bool { return len(prog) > 3 && prog[0].kind == tokenDirs }

// endsWithDirs says that the last three tokens are those of "**/".
func endsWithDirs(prog []token) bool {
	return len(prog) >= 3 && prog[len(prog)-3].kind == tokenDirs
}

// glob is a pattern that needs more than a look-up.
type glob struct {
	rule
	prog []token
	// min is the length of the shortest text that can match, tail what its last
	// bytes must be.
	min  int
	tail []token
	// slashes is how many the text must have, unless a wide star crosses any.
	slashes int
	crosses bool
	// The text starts below a directory of that depth, whose path, with the
	// slash, has skip bytes.
	depth, skip int
}

func newGlob(prog []token, r rule) *glob {
	g := &glob{rule: r, prog: slices.Clip(prog)}
	tail := len(prog)
	for i := len(prog) - 1; i >= 0; i-- {
		t, optional := prog[i], i >= 2 && prog[i-2].kind == tokenDirs
		switch {
		case t.kind == tokenWide:
			g.crosses = true
		case t.kind == tokenLiteral && t.char == '/':
			g.slashes++
		}
		if t.kind <= tokenClass && !optional {
			g.min++
		}
		if tail == i+1 && t.kind <= tokenClass && !optional {
			tail = i
		}
	}
	g.tail = g.prog[tail:]
	return g
}

// Match says whether a whole path matches a pattern, as git's wildmatch with its flag
// WM_PATHNAME does, and with WM_CASEFOLD where fold is set.
func Match(pattern, path string, fold bool) bool {
	prog, ok := compile(pattern, fold)
	if fold {
		path = lower(path)
	}
	return ok && newGlob(prog, rule{}).match("", path)
}

// atDepth says that a name in a directory of that depth has the right number of
// slashes before it.
func (g *glob) atDepth(depth int) bool { return g.crosses || depth-g.depth == g.slashes }

// reaches says that names at that depth or further down may match.
func (g *glob) reaches(depth int) bool { return g.crosses || depth-g.depth <= g.slashes }

// stateWords is how much state match keeps on the stack: enough for any name.
const stateWords = 4

// match runs the pattern over dir and name together: a set of positions in the
// pattern moves over the text once, so no pattern can make it backtrack.
func (g *glob) match(dir, name string) bool {
	if len(dir)+len(name) < g.min || !g.endsIn(dir, name) {
		return false
	}
	var a, b [stateWords]uint64
	var now, next []uint64
	if words := len(g.prog)/64 + 1; words > stateWords {
		now, next = make([]uint64, words), make([]uint64, words)
	} else {
		now, next = a[:words], b[:words]
	}
	g.reach(now, 0)
	for _, part := range [2]string{dir, name} {
		for i := range len(part) {
			clear(next)
			if !g.step(now, next, part[i]) {
				return false
			}
			now, next = next, now
		}
	}
	return now[len(g.prog)/64]>>(len(g.prog)%64)&1 != 0
}

// step moves every position over one byte, and says whether any is left.
func (g *glob) step(now, next []uint64, c byte) (alive bool) {
	for w, word := range now {
		for ; word != 0; word &= word - 1 {
			i := w*64 + bits.TrailingZeros64(word)
			if i == len(g.prog) {
				continue
			}
			to := -1
			switch t := g.prog[i]; {
			case t.takes(c):
				to = i + 1
			case t.kind == tokenWide, t.kind == tokenStar && c != '/':
				to = i
			}
			if to >= 0 {
				g.reach(next, to)
				alive = true
			}
		}
	}
	return alive
}

// reach adds a position, and those it leads to without a byte.
func (g *glob) reach(set []uint64, i int) {
	for set[i/64]>>(i%64)&1 == 0 {
		set[i/64] |= 1 << (i % 64)
		if i == len(g.prog) {
			return
		}
		switch g.prog[i].kind {
		case tokenStar, tokenWide:
		case tokenDirs:
			g.reach(set, i+3)
		default:
			return
		}
		i++
	}
}

// endsIn compares the last bytes of dir and name together, of which there are
// enough, with the tail.
func (g *glob) endsIn(dir, name string) bool {
	for i := range len(g.tail) {
		c := byte(0)
		if at := len(name) - 1 - i; at >= 0 {
			c = name[at]
		} else {
			c = dir[len(dir)+at]
		}
		if !g.tail[len(g.tail)-1-i].takes(c) {
			return false
		}
	}
	return true
}
