package safety

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxName is the longest name, in bytes, that file systems keep.
const maxName = 255

// ErrBadEntry matches every [*EntryError].
var ErrBadEntry = errors.New("bad entry name")

// EntryError says why a tree entry's name is refused. It matches [ErrBadEntry].
type EntryError struct {
	Name   string
	Reason string
}

// Error returns one line; the name is quoted, since it may hold anything.
func (e *EntryError) Error() string {
	name := e.Name
	if len(name) > 64 {
		name = name[:64] + "..."
	}
	return fmt.Sprintf("bad entry name %q: %s", name, e.Reason)
}

// Is reports whether target is [ErrBadEntry].
func (e *EntryError) Is(target error) bool { return target == ErrBadEntry }

// CheckEntry refuses the names that one entry of a tree must not have: empty,
// ".", "..", with a slash or a NUL byte, longer than 255 bytes, and ".git" in
// every spelling that some file system takes for it. The last part follows
// what git's fsck and verify_path refuse with core.protectNTFS and
// core.protectHFS on, whatever the system: trees travel. The error is an
// [*EntryError].
func CheckEntry(name string) error {
	if isPlain(name) {
		return nil
	}
	reason := ""
	switch {
	case name == "":
		reason = "it is empty"
	case name == "." || name == "..":
		reason = "it names a directory above or the same"
	case strings.ContainsRune(name, '/'):
		reason = "it holds a slash"
	case strings.ContainsRune(name, 0):
		reason = "it holds a NUL byte"
	case len(name) > maxName:
		reason = fmt.Sprintf("it is longer than %d bytes", maxName)
	case isDotGit(name):
		reason = "some file systems take it for .git"
	default:
		return nil
	}
	return &EntryError{Name: name, Reason: reason}
}

// isPlain reports whether name is of printable ASCII and doesn't even begin as a spelling
// of ".git" does, as nearly all names are: it saves the closer look, which a rollback of
// many files takes at each.
func isPlain(name string) bool {
	if name == "" || len(name) > maxName || name[0] == '.' || name[0]|0x20 == 'g' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || c == '/' || c == '\\' {
			return false
		}
	}
	return true
}

// isDotGit reports whether some file system takes name, or a part of it after
// a backslash, for ".git".
func isDotGit(name string) bool {
	if isHFSDotGit(name) {
		return true
	}
	for rest, more := name, true; more; _, rest, more = strings.Cut(rest, `\`) {
		if isNTFSDotGit(rest) {
			return true
		}
	}
	return false
}

// isNTFSDotGit knows the short name git~1, trailing dots and spaces, which
// NTFS drops, and alternate data streams (".git::$INDEX_ALLOCATION").
func isNTFSDotGit(name string) bool {
	for _, base := range []string{".git", "git~1"} {
		if len(name) < len(base) || !strings.EqualFold(name[:len(base)], base) {
			continue
		}
		rest := strings.TrimLeft(name[len(base):], ". ")
		if rest == "" || rest[0] == '\\' || rest[0] == ':' {
			return true
		}
	}
	return false
}

// isHFSDotGit ignores case and the code points that HFS+ ignores. Bytes that
// are not UTF-8 end the name here, as they do for git.
func isHFSDotGit(name string) bool {
	var seen strings.Builder
	for i, r := range name {
		if isHFSIgnorable(r) {
			continue
		}
		if r == utf8.RuneError && !strings.HasPrefix(name[i:], string(utf8.RuneError)) {
			break
		}
		if seen.Len() == len(".git") {
			return false
		}
		if r > 0x7f {
			return false // no letter outside ASCII folds to one of these here
		}
		seen.WriteRune(r)
	}
	return strings.EqualFold(seen.String(), ".git")
}

func isHFSIgnorable(r rune) bool {
	switch {
	case r >= 0x200c && r <= 0x200f, // joiners and direction marks
		r >= 0x202a && r <= 0x202e, // direction overrides
		r >= 0x206a && r <= 0x206f, // deprecated format characters
		r == 0xfeff:                // byte order mark
		return true
	}
	return false
}
