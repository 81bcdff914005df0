package safety

import (
	"errors"
	"fmt"
)

// Rule names one safety rule. The words are stable: people read them in
// messages and programs in JSON.
type Rule string

// The rules, in the order in which they are applied.
const (
	// RuleUnresolved refuses a path that can't be followed to a place: a
	// dangling or looping symbolic link, a directory that may not be searched,
	// a name that is too long or kept for the engine.
	RuleUnresolved Rule = "unresolved"
	// RuleProject refuses the project root, the current working directory, and
	// every ancestor of either.
	RuleProject Rule = "project"
	// RuleInsideProject refuses what lies in the project, but for names below .evoseal.
	RuleInsideProject Rule = "inside-project"
	// RuleStore refuses the store, what contains it, and what lies in it.
	RuleStore Rule = "store"
	// RuleSystem refuses system directories at any depth, every top-level
	// directory, and the direct children of /home, /var and /opt.
	RuleSystem Rule = "system"
	// RuleHome refuses home directories and what contains one.
	RuleHome Rule = "home"
	// RuleMountPoint refuses the root of a mounted file system or bind mount.
	RuleMountPoint Rule = "mount-point"
	// RuleForeignRepository refuses another work tree or repository, and
	// everything inside a repository's own directory.
	RuleForeignRepository Rule = "repository"
	// RuleNotOurs refuses what exists and was not made by the engine: a file,
	// or a directory that is not empty.
	RuleNotOurs Rule = "not-ours"
)

var (
	// ErrUnsafe matches every [*UnsafeError].
	ErrUnsafe = errors.New("unsafe target")
	// ErrChanged says that the target, or something beside it, is no longer
	// what the rules were applied to. Nothing was replaced.
	ErrChanged = errors.New("target changed since it was checked")
	// ErrNoPrevious says that there is no previous tree to go back to.
	ErrNoPrevious = errors.New("no previous tree")
	// ErrLeftovers says that something beside the target can't be removed: what a
	// commit replaced, which took effect all the same, or what dead runs left. It takes
	// room and stands in nobody's way; [Target.Sweep] tries again.
	ErrLeftovers = errors.New("leftovers remain")
)

// UnsafeError is a refusal by one of the rules. It matches [ErrUnsafe].
type UnsafeError struct {
	Op       string // what was being chosen: "target" or "project"
	Path     string // the path as it was asked for
	Resolved string // the place that it leads to; "" when it leads nowhere
	Rule     Rule
	Blocker  string // what is in the way, where that isn't the place itself but lies beside it
	Detail   string // why the rule applies, as the end of a sentence about the path
	Err      error  // the cause, for [RuleUnresolved]; may be nil
}

// Error returns one line that names the path, where it leads, the rule and why.
func (e *UnsafeError) Error() string {
	where := fmt.Sprintf("%q", e.Path)
	if e.Resolved != "" && e.Resolved != e.Path {
		where += fmt.Sprintf(" (%q)", e.Resolved)
	}
	return fmt.Sprintf("unsafe %s %s: rule %s: %s", e.Op, where, e.Rule, e.Detail)
}

// Is reports whether target is [ErrUnsafe].
func (e *UnsafeError) Is(target error) bool { return target == ErrUnsafe }

// Unwrap returns the cause, if there is one.
func (e *UnsafeError) Unwrap() error { return e.Err }
