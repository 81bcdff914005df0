package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quotePath writes a path as git does with core.quotePath=false: as it is, or,
// when that could be misread, in double quotes with C's escapes. Runes that
// can't be seen, such as those that turn the direction of text, are escaped too.
func quotePath(path string) string {
	if inside := escapePath(path); inside != path {
		return `"` + inside + `"`
	}
	return path
}

func escapePath(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); {
		r, n := utf8.DecodeRuneInString(path[i:])
		switch at := strings.IndexRune("\a\b\t\n\v\f\r\"\\", r); {
		case at >= 0 && r != utf8.RuneError:
			b.WriteByte('\\')
			b.WriteByte(`abtnvfr"\`[at])
		case r == utf8.RuneError && n == 1, !unicode.IsPrint(r):
			for _, c := range []byte(path[i : i+n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		default:
			b.WriteString(path[i : i+n])
		}
		i += n
	}
	return b.String()
}

// shellQuote makes one word of s for a POSIX shell.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("@%_-+=:,./~^", r)
	}
	if s != "" && s[0] != '~' && s[0] != '=' && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func shellJoin(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellQuote(w)
	}
	return strings.Join(quoted, " ")
}
