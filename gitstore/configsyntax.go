package gitstore

import (
	"bytes"
	"fmt"
	"strings"
)

// ConfigEntry is one value, [section "subsection"] key = value. Section and key
// are compared without regard to case; the subsection is empty where there is
// none.
type ConfigEntry struct {
	Section, Subsection, Key, Value string
	// Bare entries are a key without an equals sign, and no value: true where a boolean
	// is asked for.
	Bare bool
}

// ConfigError says where a text isn't in Git's configuration syntax. Git itself reads
// nothing of such a file.
type ConfigError struct {
	// Line counts from one.
	Line   int
	Reason string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// ParseConfig reads text in the syntax of git-config(1), and reads the same in it as
// git does. Includes aren't followed, and nothing is executed. Entries come in the order
// in which they stand. Keys below no section or below one that is called "", for which
// nothing asks by these names, are left out. An error is a [ConfigError].
func ParseConfig(data []byte) ([]ConfigEntry, error) {
	r := &configReader{rest: bytes.TrimPrefix(data, []byte("\ufeff")), line: 1}
	var all []ConfigEntry
	var in configSection
	for !r.ended {
		c := r.next()
		switch {
		case isConfigSpace(c):
		case c == '#' || c == ';':
			r.skipLine()
		case c == '[':
			var ok bool
			if in, ok = r.section(); !ok {
				r.fail("this is no section's header")
			}
		case !isConfigLetter(c):
			r.fail("this is neither a key nor a section")
		default:
			e := r.entry(c)
			if e.Section, e.Subsection = in.name, in.sub; in.name != "" && !in.unnamed {
				all = append(all, e)
			}
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	return all, nil
}

// configSection is a header. Unnamed ones have a subsection, but "" for its name.
type configSection struct {
	name, sub string
	unnamed   bool
}

// configReader reads byte by byte. After the last it has a line feed, or as many as
// are asked for.
type configReader struct {
	rest []byte
	// line is that of the next byte, last that of the one before.
	line, last int
	ended      bool
	err        error
}

// fail keeps the first error, with the line of what was read last, and ends reading.
func (r *configReader) fail(reason string) {
	if r.err == nil {
		r.err = &ConfigError{Line: r.last, Reason: reason}
	}
	r.rest, r.ended = nil, true
}

func (r *configReader) next() byte {
	r.last = r.line
	if len(r.rest) == 0 {
		r.ended = true
		return '\n'
	}
	c := r.rest[0]
	if c == '\r' && len(r.rest) > 1 && r.rest[1] == '\n' {
		r.rest, c = r.rest[1:], '\n'
	}
	r.rest = r.rest[1:]
	if c == '\n' {
		r.line++
	}
	return c
}

func (r *configReader) skipLine() {
	for r.next() != '\n' {
	}
}

// section reads a header behind its bracket.
func (r *configReader) section() (in configSection, ok bool) {
	var name []byte
	for {
		switch c := r.next(); {
		case c == ']':
			// The old form, [section.subsection], has no regard for case either.
			section, sub, dotted := strings.Cut(string(name), ".")
			return configSection{name: section, sub: strings.ToLower(sub), unnamed: dotted && sub == ""}, len(name) > 0
		case c != '\n' && isConfigSpace(c):
			return r.subsection(string(name))
		case !isConfigName(c) && c != '.':
			return configSection{}, false
		default:
			name = append(name, c)
		}
	}
}

// subsection reads the quoted name behind that of a section.
func (r *configReader) subsection(section string) (in configSection, ok bool) {
	c := r.next()
	for c != '\n' && isConfigSpace(c) {
		c = r.next()
	}
	if c != '"' {
		return configSection{}, false
	}
	var sub []byte
	for c = r.next(); c != '"'; c = r.next() {
		if c == '\\' {
			c = r.next()
		}
		if c == '\n' || c == 0 {
			return configSection{}, false
		}
		sub = append(sub, c)
	}
	section, more, dotted := strings.Cut(section, ".")
	in = configSection{name: section, sub: string(sub), unnamed: len(sub) == 0 && !dotted}
	if dotted {
		in.sub = strings.ToLower(more) + "." + in.sub
	}
	return in, r.next() == ']'
}

// entry reads a key, of which the first letter was read, and its value.
func (r *configReader) entry(first byte) ConfigEntry {
	key := []byte{first}
	c := r.next()
	for ; isConfigName(c); c = r.next() {
		key = append(key, c)
	}
	for c == ' ' || c == '\t' {
		c = r.next()
	}
	e := ConfigEntry{Key: string(key)}
	switch c {
	case '\n':
		e.Bare = true
	case '=':
		e.Value = r.value()
	default:
		r.fail("there is no = behind the key")
	}
	return e
}

// value reads what is behind an equals sign: blanks outside quotes are dropped at both
// ends.
func (r *configReader) value() string {
	var value []byte
	// kept is how much of the value stays when no more than blanks follow.
	kept, quoted := 0, false
	for {
		c := r.next()
		switch {
		case c == '\n' && quoted:
			r.fail("a double quote isn't closed on its line")
			return ""
		case c == '\n':
			return configValue(value[:kept])
		case !quoted && isConfigSpace(c):
			if len(value) > 0 {
				value = append(value, c)
			}
			continue
		case !quoted && (c == '#' || c == ';'):
			r.skipLine()
			return configValue(value[:kept])
		case c == '"':
			quoted = !quoted
		case c == '\\':
			if c = r.next(); c == '\n' {
				break
			}
			escaped := strings.IndexByte(`\"ntb`, c)
			if escaped < 0 {
				r.fail(`a backslash stands before something else than \, ", n, t or b`)
				return ""
			}
			value = append(value, "\\\"\n\t\b"[escaped])
		default:
			value = append(value, c)
		}
		kept = len(value)
	}
}

// configValue ends at a NUL byte, as git's strings do.
func configValue(b []byte) string {
	before, _, _ := bytes.Cut(b, []byte{0})
	return string(before)
}

// isConfigSpace is what Git takes for white space.
func isConfigSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isConfigLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isConfigName is what names of sections and keys are of.
func isConfigName(c byte) bool { return isConfigLetter(c) || c >= '0' && c <= '9' || c == '-' }
