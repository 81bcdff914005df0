package gitstore

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// ParseConfigBool reads a value as git reads booleans: true, yes, on or a number other
// than 0; false, no, off, 0 or nothing.
func ParseConfigBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off", "":
		return false, nil
	}
	if n, err := ParseConfigInt(s); err == nil && n >= -math.MaxInt32 && n <= math.MaxInt32 {
		return n != 0, nil
	}
	return false, errors.New("this is neither true nor false")
}

// ParseConfigInt reads a value as git reads integers, so that `git config --type=int`
// never shows another one: decimal, hexadecimal or octal, with k, m or g behind it for
// 1024 and its powers.
func ParseConfigInt(s string) (int64, error) {
	bad := errors.New("this is no whole number")
	digits := s
	unit := int64(1)
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			unit = 1 << 10
		case 'm', 'M':
			unit = 1 << 20
		case 'g', 'G':
			unit = 1 << 30
		}
	}
	if unit > 1 {
		digits = s[:len(s)-1]
	}
	// What Go reads and git doesn't: underscores, and prefixes for other bases.
	prefix := strings.ToLower(strings.TrimLeft(digits, "+-"))
	if strings.Contains(digits, "_") || strings.HasPrefix(prefix, "0b") || strings.HasPrefix(prefix, "0o") {
		return 0, bad
	}
	n, err := strconv.ParseInt(digits, 0, 64)
	if err != nil || n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, bad
	}
	return n * unit, nil
}
