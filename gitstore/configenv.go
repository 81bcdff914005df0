package gitstore

import (
	"os"
	"strconv"
	"strings"
)

// environmentConfig is what `git -c` hands on to the commands that git runs, and what
// GIT_CONFIG_COUNT and its like say; it outranks all files. As of a malformed file,
// nothing is taken of a variable that can't be understood, and its name is among malformed.
func environmentConfig() (values []ConfigEntry, malformed []string) {
	for _, from := range []struct {
		name string
		read func(string) ([]ConfigEntry, bool)
	}{{"GIT_CONFIG_COUNT", configPairs}, {"GIT_CONFIG_PARAMETERS", configParameters}} {
		all, ok := from.read(os.Getenv(from.name))
		if !ok {
			malformed = append(malformed, from.name)
			continue
		}
		values = append(values, all...)
	}
	return values, malformed
}

// configPairs reads as many variables as GIT_CONFIG_COUNT says.
func configPairs(count string) (all []ConfigEntry, ok bool) {
	if count == "" {
		return nil, true
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, false
	}
	for i := range n {
		key, ok := os.LookupEnv("GIT_CONFIG_KEY_" + strconv.Itoa(i))
		value, ok2 := os.LookupEnv("GIT_CONFIG_VALUE_" + strconv.Itoa(i))
		e, ok3 := configPair(key, value, false)
		if !ok || !ok2 || !ok3 {
			return nil, false
		}
		all = append(all, e)
	}
	return all, true
}

// configParameters reads GIT_CONFIG_PARAMETERS: words in single quotes, each 'key'='value'
// or, of older gits, 'key=value'; without a value the key is bare.
func configParameters(s string) (all []ConfigEntry, ok bool) {
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		key, rest, ok := unquoteShell(s)
		if !ok {
			return nil, false
		}
		value, bare := "", false
		switch {
		case rest == "" || rest[0] == ' ':
			var given bool
			key, value, given = strings.Cut(key, "=")
			bare = !given
		case strings.HasPrefix(rest, "='"):
			if value, rest, ok = unquoteShell(rest[1:]); !ok {
				return nil, false
			}
		case rest == "=" || strings.HasPrefix(rest, "= "):
			rest, bare = rest[1:], true
		default:
			return nil, false
		}
		e, ok := configPair(key, value, bare)
		if !ok || rest != "" && rest[0] != ' ' {
			return nil, false
		}
		all, s = append(all, e), rest
	}
	return all, true
}

// unquoteShell takes a word off that git has quoted: in single quotes, out of which only a
// backslash and a quote or an exclamation mark come.
func unquoteShell(s string) (word, rest string, ok bool) {
	var b strings.Builder
	for strings.HasPrefix(s, "'") {
		inside, after, closed := strings.Cut(s[1:], "'")
		if !closed {
			return "", "", false
		}
		b.WriteString(inside)
		if s = after; len(s) < 3 || s[0] != '\\' || s[1] != '\'' && s[1] != '!' || s[2] != '\'' {
			return b.String(), s, true
		}
		b.WriteByte(s[1])
		s = s[2:]
	}
	return "", "", false
}

// configPair makes an entry of a full name, section.key or section.subsection.key.
func configPair(name, value string, bare bool) (e ConfigEntry, ok bool) {
	first, last := strings.IndexByte(name, '.'), strings.LastIndexByte(name, '.')
	if first <= 0 || last == len(name)-1 {
		return e, false
	}
	e = ConfigEntry{Section: name[:first], Key: name[last+1:], Value: value, Bare: bare}
	if last > first {
		e.Subsection = name[first+1 : last]
	}
	return e, true
}
