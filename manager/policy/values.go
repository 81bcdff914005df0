package policy

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// Kind is what a key's value is.
type Kind string

// The kinds.
const (
	// Bool is what git takes for a boolean: true, yes, on or a number other than 0;
	// false, no, off, 0 or nothing. A key without = is true.
	Bool Kind = "boolean"
	// Fraction is a number, or a percentage such as 5%.
	Fraction Kind = "fraction"
	Number   Kind = "number"
	// Integer is what git takes for one: decimal, 0x or octal with a leading 0, and
	// k, m or g behind it for 1024 and its powers.
	Integer Kind = "integer"
	// Duration is a number with ms, s, m, h or d behind it, or several such.
	Duration Kind = "duration"
	Choice   Kind = "choice"
	Text     Kind = "text"
	// List keys may be given more than once, and each value counts.
	List Kind = "list"
)

func parseInteger(s string, least, most int) (int, error) {
	v, err := gitstore.ParseConfigInt(s)
	if err != nil {
		return 0, err
	}
	if v < int64(least) || v > int64(most) {
		return 0, fmt.Errorf("this is not between %d and %d", least, most)
	}
	return int(v), nil
}

// parseFraction also reads a percentage.
func parseFraction(s string, least, most float64) (float64, error) {
	digits, percent := strings.CutSuffix(s, "%")
	digits = strings.TrimRight(digits, " ")
	if percent && !strings.ContainsAny(digits, "eE") {
		// Moving the point is exact, dividing by 100 is not: 7% is to be 0.07.
		digits += "e-2"
	}
	v, err := parseNumber(digits)
	if err != nil {
		return 0, err
	}
	if v < least || v > most {
		return 0, fmt.Errorf("this is not between %s and %s", strconv.FormatFloat(least, 'f', -1, 64), strconv.FormatFloat(most, 'f', -1, 64))
	}
	return v, nil
}

// parseNumber reads decimal numbers; NaN and infinities are none.
func parseNumber(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, errors.New("this is no number")
	}
	return v, nil
}

// ParseDuration is [time.ParseDuration] with days in front, as in 7d or 1d12h; a
// day has 24 hours. Negative ones are refused.
func ParseDuration(s string) (time.Duration, error) {
	bad := errors.New("this is no duration, such as 90s, 12h or 7d")
	var total time.Duration
	rest := s
	if digits, behind, ok := strings.Cut(s, "d"); ok {
		days, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return 0, bad
		}
		total, rest = time.Duration(days)*24*time.Hour, behind
	}
	if rest == "" && rest != s {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	switch {
	case err != nil:
		return 0, bad
	case d < 0 || strings.HasPrefix(rest, "-"):
		return 0, errors.New("this is negative")
	case total+d < total:
		return 0, errors.New("this is too long")
	}
	return total + d, nil
}

// maxDuration is ten years, beyond which a duration is a slip.
const maxDuration = 3650 * 24 * time.Hour

func parseDuration(s string, least, most time.Duration) (time.Duration, error) {
	d, err := ParseDuration(s)
	if err == nil && (d < least || d > most) {
		err = fmt.Errorf("this is not between %s and %s", days(least), days(most))
	}
	return d, err
}

// days writes a duration as [ParseDuration] reads it.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

func parseChoice(s string, choices []string) (string, error) {
	if !slices.Contains(choices, s) {
		return "", fmt.Errorf("this is none of %s", strings.Join(choices, ", "))
	}
	return s, nil
}

// parsePattern takes a pattern in which * stands for any text.
func parsePattern(s string) (string, error) {
	if s == "" {
		return "", errors.New("an empty pattern matches nothing")
	}
	return parseText(s)
}

func parseText(s string) (string, error) {
	if s == "" {
		return "", errors.New("this is empty")
	}
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if strings.ContainsFunc(s, control) {
		return "", errors.New("this holds a control character")
	}
	return s, nil
}

// parseURL takes what a webhook can be posted to.
func parseURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("this is no url of http or https")
	case u.User != nil:
		return "", errors.New("this holds a user's name or password, which everybody who reads the policy would see")
	}
	return parseText(s)
}
