package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid says that a text is no policy. See [ParseError].
var ErrInvalid = errors.New("not a valid policy")

// ParseError is one thing that is wrong with a text, or with a change to one.
type ParseError struct {
	// Line counts from one; it is zero where no one line is to blame.
	Line int
	// Key is the full name, Value what was given. In an import Key is a path of
	// members of the JSON.
	Key, Value string
	Reason     string
	// Hint is what to do, empty where Reason says it.
	Hint string
}

func (e *ParseError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	switch {
	case e.Key != "" && e.Value != "":
		fmt.Fprintf(&b, "%s = %q: ", e.Key, shorten(e.Value))
	case e.Key != "":
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Is matches [ErrInvalid].
func (e *ParseError) Is(target error) bool { return target == ErrInvalid }

// shorten keeps a message to one line.
func shorten(value string) string {
	const most = 80
	if runes := []rune(value); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return value
}

// joined is errors.Join in the order of lines.
func joined(wrong []*ParseError) error {
	slices.SortStableFunc(wrong, func(a, b *ParseError) int { return a.Line - b.Line })
	all := make([]error, len(wrong))
	for i, e := range wrong {
		all[i] = e
	}
	return errors.Join(all...)
}
