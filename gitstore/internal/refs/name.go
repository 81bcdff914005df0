package refs

import (
	"errors"
	"fmt"
	"strings"
)

// ErrBadName says that Git allows no such ref.
var ErrBadName = errors.New("bad ref name")

// CheckName applies the rules of git-check-ref-format(1) to a full name. HEAD
// and its like, capitals and underscores alone, are names too.
func CheckName(name string) error {
	bad := func(why string) error { return fmt.Errorf("%w: %q %s", ErrBadName, name, why) }
	if !strings.Contains(name, "/") && !isPseudoRef(name) {
		return bad("has no slash")
	}
	if strings.HasSuffix(name, ".") {
		return bad("ends in a dot")
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "":
			return bad("has an empty part")
		case part[0] == '.':
			return bad("has a part that begins with a dot")
		case strings.HasSuffix(part, ".lock"):
			return bad("has a part that ends in .lock")
		case strings.Contains(part, ".."):
			return bad("holds two dots in a row")
		case strings.Contains(part, "@{"):
			return bad("holds @{")
		}
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte("~^:?*[\\", c) >= 0 {
			return bad(fmt.Sprintf("holds the byte %q", c))
		}
	}
	return nil
}

func isPseudoRef(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}
