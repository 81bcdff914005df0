package event

import (
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// The rules for attributes are those of CloudEvents 1.0.2, "Attributes" and
// "Type System".

// allowedRune refuses control characters and Unicode's noncharacters.
func allowedRune(r rune) bool {
	switch {
	case r < 0x20, 0x7f <= r && r <= 0x9f:
		return false
	case 0xfdd0 <= r && r <= 0xfdef, r&0xfffe == 0xfffe:
		return false
	}
	return true
}

func checkText(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("it is not UTF-8")
	}
	for _, r := range s {
		if !allowedRune(r) {
			return fmt.Errorf("%U is not allowed", r)
		}
	}
	return nil
}

// checkReference takes URI references as RFC 3986 has them. [url.Parse] alone
// takes blanks and more.
func checkReference(s string) error {
	const marks = "-._~:/?#[]@!$&'()*+,;=%"
	for i := range len(s) {
		c := s[i]
		if !isDigit(c) && !isLetter(c) && strings.IndexByte(marks, c) < 0 {
			return fmt.Errorf("byte %#02x must be escaped in a URI", c)
		}
	}
	if _, err := url.Parse(s); err != nil {
		return errors.New("it is no URI reference")
	}
	return nil
}

func checkURI(s string) error {
	if err := checkReference(s); err != nil {
		return err
	}
	if u, err := url.Parse(s); err != nil || !u.IsAbs() {
		return errors.New("it is no absolute URI")
	}
	return nil
}

func checkMediaType(s string) error {
	if err := checkText(s); err != nil {
		return err
	}
	full, _, err := mime.ParseMediaType(s)
	if kind, sub, ok := strings.Cut(full, "/"); err != nil || !ok || kind == "" || sub == "" {
		return errors.New("it is no media type")
	}
	return nil
}

// checkTime refuses what RFC 3339 has no digits for. Everything is written in
// UTC, so it is the year in UTC that matters.
func checkTime(t time.Time) error {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return fmt.Errorf("time: the year %d can't be written", y)
	}
	return nil
}

// checkName takes names of attributes.
func checkName(name string) error {
	for i := range len(name) {
		if c := name[i]; !isDigit(c) && (c < 'a' || c > 'z') {
			return fmt.Errorf("attribute %q: a name is lower-case letters and digits", name)
		}
	}
	if name == "" {
		return errors.New("an attribute without a name")
	}
	return nil
}

func checkExtension(name string, value any) error {
	if err := checkName(name); err != nil {
		return err
	}
	if isCore(name) {
		return fmt.Errorf("attribute %q: the name is taken", name)
	}
	switch v := value.(type) {
	case bool, int32:
		return nil
	case string:
		if err := checkText(v); err != nil {
			return fmt.Errorf("attribute %q: %w", name, err)
		}
		return nil
	}
	return fmt.Errorf("attribute %q: a value is a string, a bool or an int32, not %T", name, value)
}

func isCore(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data":
		return true
	}
	return false
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
