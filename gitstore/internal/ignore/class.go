package ignore

import "strings"

// class is a set of bytes.
type class [4]uint64

func (s *class) has(c byte) bool { return s[c/64]>>(c%64)&1 != 0 }
func (s *class) add(c byte)      { s[c/64] |= 1 << (c % 64) }
func (s *class) remove(c byte)   { s[c/64] &^= 1 << (c % 64) }

// addWhere adds the ASCII bytes that is picks.
func (s *class) addWhere(is func(c byte) bool) {
	for c := range byte(128) {
		if is(c) {
			s.add(c)
		}
	}
}

// addRange adds from..to. The text is folded to lower case before it is
// compared, so a range of capitals counts for small letters when fold.
func (s *class) addRange(from, to byte, fold bool) {
	for i := int(from); i <= int(to); i++ {
		c := byte(i)
		s.add(c)
		if fold {
			s.add(lowerByte(c))
		}
	}
}

// compileClass reads the bracket expression that starts at p[i], and returns the
// position of its closing bracket. It fails for one that is not closed or names
// an unknown class: git lets the whole pattern match nothing then.
func compileClass(p string, i int, fold bool) (set *class, end int, ok bool) {
	r := classReader{p: p, i: i + 1, fold: fold}
	negated := r.at(0) == '!' || r.at(0) == '^'
	if negated {
		r.i++
	}
	for first := true; first || r.at(0) != ']'; first = false {
		if !r.item() {
			return nil, 0, false
		}
	}
	set = &r.set
	if negated {
		for w := range set {
			set[w] = ^set[w]
		}
	}
	set.remove('/')
	return set, r.i, true
}

// classReader reads the items of a bracket expression.
type classReader struct {
	p    string
	i    int
	fold bool
	set  class
	// prev is what a dash would make a range of; zero after a range or a class.
	prev byte
}

// at is the byte that far on, or zero, which no pattern holds, after the end.
func (r *classReader) at(off int) byte {
	if r.i+off < len(r.p) {
		return r.p[r.i+off]
	}
	return 0
}

// item reads a byte, a range or a named class; it fails at the pattern's end.
func (r *classReader) item() bool {
	c := r.at(0)
	switch {
	case c == '-' && r.prev != 0 && r.at(1) != ']' && r.at(1) != 0:
		r.i++
		to := r.escaped()
		r.set.addRange(r.prev, to, r.fold)
		r.prev = 0
		return to != 0
	case c == '[' && r.at(1) == ':':
		if name, closed := className(r.p[r.i+2:]); closed {
			r.i += len("[:") + len(name) + len(":]")
			r.prev = 0
			return r.set.addNamed(name, r.fold)
		}
		r.i++
	default:
		c = r.escaped()
	}
	r.set.add(c)
	r.prev = c
	return c != 0
}

// escaped reads a byte, or the one that a backslash protects.
func (r *classReader) escaped() byte {
	if r.at(0) == '\\' {
		r.i++
	}
	c := r.at(0)
	r.i++
	return c
}

// className is the name up to ":]", where no other bracket may close first.
func className(p string) (name string, closed bool) {
	end := strings.IndexByte(p, ']')
	if end < 1 || p[end-1] != ':' {
		return "", false
	}
	return p[:end-1], true
}

// addNamed adds a class of the C locale as git's own ctype tables have it: a
// space is one of " \t\n\r" there, without \v and \f.
func (s *class) addNamed(name string, fold bool) bool {
	isAlpha := func(c byte) bool { return isUpper(c) || isLower(c) }
	isDigit := func(c byte) bool { return '0' <= c && c <= '9' }
	isAlnum := func(c byte) bool { return isAlpha(c) || isDigit(c) }
	isGraph := func(c byte) bool { return ' ' < c && c < 0x7f }
	named := map[string]func(byte) bool{
		"alnum": isAlnum,
		"alpha": isAlpha,
		"blank": func(c byte) bool { return c == ' ' || c == '\t' },
		"cntrl": func(c byte) bool { return c < ' ' || c == 0x7f },
		"digit": isDigit,
		"graph": isGraph,
		"lower": isLower,
		"print": func(c byte) bool { return c == ' ' || isGraph(c) },
		"punct": func(c byte) bool { return isGraph(c) && !isAlnum(c) },
		"space": func(c byte) bool { return strings.IndexByte(" \t\n\r", c) >= 0 },
		"upper": func(c byte) bool { return isUpper(c) || fold && isLower(c) },
		"xdigit": func(c byte) bool {
			return isDigit(c) || 'a' <= lowerByte(c) && lowerByte(c) <= 'f'
		},
	}
	is, known := named[name]
	if known {
		s.addWhere(is)
	}
	return known
}
