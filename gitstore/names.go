package gitstore

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
)

// Latest names the newest checkpoint wherever a version is asked for.
const Latest = "latest"

// maxVersion bounds a version's length: with prefix and ".lock" it must fit in
// a file name.
const maxVersion = 200

// CheckVersion says whether a checkpoint can have this name: a valid Git ref
// name that can't be taken for an option, a path out of the store or another
// way to name a checkpoint. The error is a [NameError].
func CheckVersion(name string) error {
	reason := ""
	switch {
	case name == "":
		reason = "it is empty"
	case len(name) > maxVersion:
		reason = fmt.Sprintf("it is longer than %d bytes", maxVersion)
	case name[0] == '-':
		reason = "it begins with a dash"
	case name[0] == '/':
		reason = "it is a path"
	case name == Latest || name == "HEAD" || name == "@":
		reason = "the word has a meaning of its own"
	case strings.Contains(name, ".."):
		reason = "it holds two dots in a row"
	case strings.HasSuffix(name, ".lock") || strings.Contains(name, ".lock/"):
		reason = "a part of it ends in .lock"
	case strings.ContainsAny(name, "~^:?*[\\"):
		reason = fmt.Sprintf("git allows no %c in it", name[strings.IndexAny(name, "~^:?*[\\")])
	case refs.CheckName(tagPrefix+name) != nil:
		reason = "git allows no such ref: see git-check-ref-format(1)"
	}
	if reason == "" {
		return nil
	}
	return &NameError{Name: name, Reason: reason}
}

// generateVersion makes the n-th name of that second; names sort by time.
func generateVersion(now time.Time, n int) string {
	name := now.UTC().Format("20060102T150405Z")
	if n > 1 {
		name = fmt.Sprintf("%s.%d", name, n)
	}
	return name
}

// splitAncestry splits "v1~2" into "v1" and 2; "~" and "^" alone mean one.
func splitAncestry(rev string) (base string, back int, err error) {
	at := strings.IndexAny(rev, "~^")
	if at < 0 {
		return rev, 0, nil
	}
	base = rev[:at]
	for rest := rev[at:]; rest != ""; {
		op := rest[0]
		rest = rest[1:]
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		rest = rest[len(digits):]
		n := 1
		if digits != "" {
			if n, err = strconv.Atoi(digits); err != nil || n > 1<<20 {
				return "", 0, &NotFoundError{Rev: rev, Detail: "that is too far back"}
			}
		}
		if op == '^' && n != 1 || rest != "" && rest[0] != '~' && rest[0] != '^' {
			return "", 0, &NotFoundError{Rev: rev, Detail: "only ~<n> and ^ may follow a version"}
		}
		back += n
	}
	return base, back, nil
}
