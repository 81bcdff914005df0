package policy

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// document is a text in git-config syntax and where in it everything stands.
// Offsets are in bytes.
type document struct {
	text    []byte
	headers []header
	entries []entry
	// headless says that a header was refused, so that keys below it stand nowhere
	// through no fault of their own.
	headless bool
}

// header is the line of a [section] or [section "subsection"].
type header struct {
	section, subsection string
	// line counts from one; the bytes from start to end are the whole line.
	line, start, end int
}

// entry is one key's line.
type entry struct {
	section, subsection, key string
	// value is what git reads, empty for a bare key: one without an equals sign,
	// which git takes for a boolean that is true.
	value string
	bare  bool
	// header is the index of the section's header.
	header int
	// line counts from one; the bytes from start to end are the whole line, those
	// from keyAt to keyTo the key, those from from to to the value as written.
	line, start, end, keyAt, keyTo, from, to int
}

// name is the full name, as people write it.
func (e entry) name() string { return joinName(e.section, e.subsection, e.key) }

func (e entry) identity() string { return identity(e.section, e.subsection, e.key) }

// shown is the value as people would write it.
func (e entry) shown() string {
	if e.bare {
		return "true"
	}
	return e.value
}

func sectionName(section, subsection string) string {
	return strings.TrimSuffix(joinName(section, subsection, ""), ".")
}

func joinName(section, subsection, key string) string {
	if subsection != "" {
		return section + "." + subsection + "." + key
	}
	return section + "." + key
}

// scan finds the lines of a text, by the rules of git's own reader where they are
// stricter than others'. What is wrong with the syntax comes in the order of the
// lines.
func scan(text []byte) (*document, error) {
	d := &document{text: text}
	var wrong []*ParseError
	for start, line := 0, 1; start < len(text); line++ {
		end := start + bytes.IndexByte(text[start:], '\n') + 1
		if end == start {
			end = len(text)
		}
		if err := d.scanLine(line, start, end); err != nil {
			err.Line = line
			wrong = append(wrong, err)
		}
		start = end
	}
	return d, joined(wrong)
}

func (d *document) scanLine(line, start, end int) *ParseError {
	raw := string(d.text[start:end])
	content := raw
	if ended, ok := strings.CutSuffix(raw, "\n"); ok {
		content = strings.TrimSuffix(ended, "\r")
	}
	if err := checkBytes(raw, content); err != nil {
		return err
	}
	trimmed := strings.TrimLeft(content, " \t")
	switch {
	case trimmed == "" || isComment(trimmed):
		return nil
	case trimmed[0] == '[':
		h, err := parseHeader(trimmed)
		if err != nil {
			d.headless = true
			return err
		}
		h.line, h.start, h.end = line, start, end
		d.headers = append(d.headers, h)
		return nil
	}
	at := start + len(content) - len(trimmed)
	e, err := parseEntry(trimmed, at)
	if len(d.headers) == 0 {
		if err == nil && !d.headless {
			err = &ParseError{Key: e.key, Reason: "this key stands below no section", Hint: "write it below a line such as [rollback]"}
		}
		return err
	}
	e.header = len(d.headers) - 1
	e.section, e.subsection = d.headers[e.header].section, d.headers[e.header].subsection
	if err != nil {
		if err.Key != "" {
			err.Key = e.name()
		}
		return err
	}
	e.line, e.start, e.end = line, start, end
	d.entries = append(d.entries, e)
	return nil
}

// checkBytes refuses what readers of Git's syntax don't agree on wherever in a
// line it is.
func checkBytes(raw, content string) *ParseError {
	switch {
	case !utf8.ValidString(raw):
		return &ParseError{Reason: "this is not UTF-8"}
	case strings.HasPrefix(raw, "\ufeff"):
		return &ParseError{Reason: "the text begins with a byte order mark", Hint: "save it as UTF-8 without one"}
	case strings.ContainsRune(content, 0):
		return &ParseError{Reason: "this holds a NUL byte"}
	case strings.ContainsRune(content, '\r'):
		return &ParseError{Reason: "this holds a carriage return that doesn't end the line"}
	}
	return nil
}

func isComment(s string) bool { return s != "" && (s[0] == '#' || s[0] == ';') }

// parseHeader reads a line that begins with a bracket.
func parseHeader(line string) (header, *ParseError) {
	hint := `write [section] or [section "name"]`
	inside := line[1:]
	n := keyLength(inside)
	h := header{section: inside[:n]}
	rest := inside[n:]
	if n > 0 && strings.HasPrefix(rest, ".") {
		if sub, _, ok := strings.Cut(rest[1:], "]"); ok && !strings.ContainsAny(sub, " \"\t") {
			hint = "write [" + h.section + " \"" + sub + "\"]"
		}
	}
	bad := &ParseError{Reason: "this is no section's header", Hint: hint}
	if n == 0 {
		return h, bad
	}
	if strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\t") {
		var ok bool
		if h.subsection, rest, ok = parseSubsection(strings.TrimLeft(rest, " \t")); !ok {
			return h, bad
		}
	}
	rest, ok := strings.CutPrefix(rest, "]")
	if !ok {
		return h, bad
	}
	if rest = strings.TrimLeft(rest, " \t"); rest != "" && !isComment(rest) {
		return h, &ParseError{Reason: "something stands behind the section's header", Hint: "write keys on lines of their own"}
	}
	return h, nil
}

// parseSubsection takes a quoted name off the front. Names that are empty, which
// git has and others don't, aren't taken.
func parseSubsection(s string) (name, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) || s[i] != '\\' && s[i] != '"' {
				return "", "", false
			}
			b.WriteByte(s[i])
		case '"':
			return b.String(), s[i+1:], b.Len() > 0
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// parseEntry reads a key and its value; the line begins at an offset.
func parseEntry(line string, at int) (entry, *ParseError) {
	n := keyLength(line)
	if n == 0 {
		return entry{}, &ParseError{Reason: "this is neither a key nor a section", Hint: "keys begin with a letter, and comments with #"}
	}
	e := entry{key: line[:n], keyAt: at, keyTo: at + n}
	rest := strings.TrimLeft(line[n:], " \t")
	if rest == "" {
		e.bare, e.from, e.to = true, e.keyTo, e.keyTo
		return e, nil
	}
	if rest[0] != '=' {
		reason := "there is no = behind the key"
		if isComment(rest) {
			reason = "git takes no comment behind a key without a value"
		}
		return e, &ParseError{Key: e.key, Reason: reason, Hint: "write key = value"}
	}
	equals := at + len(line) - len(rest)
	value, from, to, reason := parseValue(rest[1:])
	if reason != "" {
		return e, &ParseError{Key: e.key, Reason: reason, Hint: "write the value on one line, in double quotes"}
	}
	e.value, e.from, e.to = value, equals+1+from, equals+1+to
	return e, nil
}

// keyLength is how many bytes at the front are a name of a section or a key.
func keyLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return i
		}
	}
	return len(s)
}

// parseValue reads what is behind an equals sign as git does: blanks outside
// quotes are dropped at both ends, and each within is a space. The value as
// written goes from from to to. Values of several lines aren't taken: others keep
// the line ends that git drops.
func parseValue(s string) (value string, from, to int, reason string) {
	var b strings.Builder
	quoted, blanks, began := false, 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !quoted && (c == ' ' || c == '\t') {
			if b.Len() > 0 {
				blanks++
			}
			continue
		}
		if !quoted && isComment(s[i:]) {
			break
		}
		if !began {
			began, from = true, i
		}
		for ; blanks > 0; blanks-- {
			b.WriteByte(' ')
		}
		switch c {
		case '"':
			quoted = !quoted
		case '\\':
			if i++; i == len(s) {
				return "", 0, 0, "the value goes on in the next line, which not every reader of git-config understands alike"
			}
			escaped := strings.IndexByte(`\"ntb`, s[i])
			if escaped < 0 {
				return "", 0, 0, `a backslash stands before something else than \, ", n, t or b`
			}
			b.WriteByte("\\\"\n\t\b"[escaped])
		default:
			b.WriteByte(c)
		}
		to = i + 1
	}
	if quoted {
		return "", 0, 0, "a double quote isn't closed on its line"
	}
	return b.String(), from, to, ""
}
