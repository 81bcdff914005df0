package gitignore

import "strings"

// result is what a part of a match came to. Beside yes and no there are two ways
// to say that trying further is of no use, as in the matcher by Rich Salz and
// Wayne Davison that git uses.
type result int8

const (
	noMatch result = iota
	match
	// abortAll: the text is at its end.
	abortAll
	// abortToStarStar: the text met a slash, which only "**" could pass.
	abortToStarStar
)

// memoFrom is the number of steps after which results are remembered. It keeps
// hostile patterns from taking more than the product of both lengths.
const memoFrom = 512

// wild is one match of a pattern with a text.
type wild struct {
	pattern, text  string
	pathName, fold bool
	steps          int
	memo           map[[2]int]result
}

// wildmatch matches all of the text. With pathName, only "**" between slashes
// passes a slash.
func wildmatch(pattern, text string, pathName, fold bool) bool {
	w := wild{pattern: pattern, text: text, pathName: pathName, fold: fold}
	return w.from(0, 0) == match
}

// from matches the rest of the pattern with the rest of the text.
func (w *wild) from(p, t int) result {
	w.steps++
	if w.steps < memoFrom {
		return w.run(p, t)
	}
	key := [2]int{p, t}
	if r, ok := w.memo[key]; ok {
		return r
	}
	r := w.run(p, t)
	if w.memo == nil {
		w.memo = make(map[[2]int]result)
	}
	w.memo[key] = r
	return r
}

// at returns the byte at i, and 0 past the end, which no name holds.
func at(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

func (w *wild) folded(c byte) byte {
	if w.fold {
		return lower(c)
	}
	return c
}

func (w *wild) run(p, t int) result {
	start := p
	for ; p < len(w.pattern); p, t = p+1, t+1 {
		c := w.folded(w.pattern[p])
		if t >= len(w.text) && c != '*' {
			return abortAll
		}
		have := w.folded(at(w.text, t))
		switch c {
		case '\\':
			p++
			if p >= len(w.pattern) || have != w.pattern[p] {
				return noMatch
			}
		case '?':
			if w.pathName && have == '/' {
				return noMatch
			}
		case '*':
			next, skipTo, r, done := w.star(start, p, t)
			if done {
				return r
			}
			p, t = next, skipTo
		case '[':
			end, r := w.class(p, have)
			if r != match {
				return r
			}
			p = end
		default:
			if have != c {
				return noMatch
			}
		}
	}
	if t < len(w.text) {
		return noMatch
	}
	return match
}

// star handles one or more stars at p. It either is done, or says where pattern
// and text go on: at a slash that both have.
func (w *wild) star(start, p, t int) (nextP, nextT int, r result, done bool) {
	first := p
	p++
	passSlash := !w.pathName
	if at(w.pattern, p) == '*' {
		for at(w.pattern, p) == '*' {
			p++
		}
		own := (first-1 < start || w.pattern[first-1] == '/') &&
			(p >= len(w.pattern) || w.pattern[p] == '/' || w.pattern[p] == '\\' && at(w.pattern, p+1) == '/')
		if w.pathName && own {
			// "foo/**/bar" also is "foo/bar".
			if at(w.pattern, p) == '/' && w.from(p+1, t) == match {
				return 0, 0, match, true
			}
			passSlash = true
		}
	}
	if p >= len(w.pattern) {
		if !passSlash && strings.IndexByte(w.text[min(t, len(w.text)):], '/') >= 0 {
			return 0, 0, abortToStarStar, true
		}
		return 0, 0, match, true
	}
	if !passSlash && w.pattern[p] == '/' {
		slash := strings.IndexByte(w.text[min(t, len(w.text)):], '/')
		if slash < 0 {
			return 0, 0, abortAll, true
		}
		return p, t + slash, 0, false
	}
	return 0, 0, w.tryAll(p, t, passSlash), true
}

// tryAll lets the star take more and more of the text.
func (w *wild) tryAll(p, t int, passSlash bool) result {
	c := w.folded(w.pattern[p])
	literal := strings.IndexByte("*?[\\", w.pattern[p]) < 0
	for ; t < len(w.text); t++ {
		if literal {
			for t < len(w.text) && (passSlash || w.text[t] != '/') && w.folded(w.text[t]) != c {
				t++
			}
			if t >= len(w.text) || w.folded(w.text[t]) != c {
				return noMatch
			}
		}
		r := w.from(p, t)
		if r != noMatch {
			if !passSlash || r != abortToStarStar {
				return r
			}
		} else if !passSlash && w.text[t] == '/' {
			return abortToStarStar
		}
	}
	return abortAll
}

// class matches one byte with the set that begins at p, and returns where the
// set ends.
func (w *wild) class(p int, have byte) (end int, r result) {
	p++
	negated := false
	if c := at(w.pattern, p); c == '!' || c == '^' {
		negated = true
		p++
	}
	matched := false
	var prev byte
	for first := true; first || at(w.pattern, p) != ']'; first = false {
		c := at(w.pattern, p)
		switch {
		case c == 0:
			return 0, abortAll
		case c == '\\':
			p++
			if c = at(w.pattern, p); c == 0 {
				return 0, abortAll
			}
			matched = matched || have == c
		case c == '-' && prev != 0 && at(w.pattern, p+1) != 0 && at(w.pattern, p+1) != ']':
			p++
			if c = at(w.pattern, p); c == '\\' {
				p++
				if c = at(w.pattern, p); c == 0 {
					return 0, abortAll
				}
			}
			matched = matched || inRange(have, prev, c) || w.fold && inRange(have, 'a', 'z') && inRange(have-'a'+'A', prev, c)
			c = 0
		case c == '[' && at(w.pattern, p+1) == ':':
			in, length, ok := w.named(w.pattern[p+2:], have)
			if !ok {
				return 0, abortAll
			}
			matched = matched || in
			if length > 0 {
				p += 1 + length
				c = 0
			}
		default:
			matched = matched || have == c
		}
		prev = c
		p++
	}
	if matched == negated || w.pathName && have == '/' {
		return 0, noMatch
	}
	return p, match
}

// named matches a class such as "alpha:]". Without the end it is the bracket
// alone, and has no length.
func (w *wild) named(rest string, have byte) (in bool, length int, ok bool) {
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		return false, 0, false
	}
	if end == 0 || rest[end-1] != ':' {
		return have == '[', 0, true
	}
	in, ok = posix(rest[:end-1], have, w.fold)
	return in, end + 1, ok
}

func inRange(c, from, to byte) bool { return from <= c && c <= to }

// posix says whether c is in the named class, in ASCII.
func posix(name string, c byte, fold bool) (in, known bool) {
	lowerCase, upperCase, digit := inRange(c, 'a', 'z'), inRange(c, 'A', 'Z'), inRange(c, '0', '9')
	alpha := lowerCase || upperCase
	graph := inRange(c, 0x21, 0x7e)
	switch name {
	case "alnum":
		return alpha || digit, true
	case "alpha":
		return alpha, true
	case "blank":
		return c == ' ' || c == '\t', true
	case "cntrl":
		return c < 0x20 || c == 0x7f, true
	case "digit":
		return digit, true
	case "graph":
		return graph, true
	case "lower":
		return lowerCase, true
	case "print":
		return graph || c == ' ', true
	case "punct":
		return graph && !alpha && !digit, true
	case "space":
		return c == ' ' || inRange(c, '\t', '\r'), true
	case "upper":
		return upperCase || fold && lowerCase, true
	case "xdigit":
		return digit || inRange(c, 'a', 'f') || inRange(c, 'A', 'F'), true
	}
	return false, false
}
