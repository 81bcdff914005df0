package install

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoRepository says that a directory is in no Git repository.
var ErrNoRepository = errors.New("not a git repository")

// ErrUnknownHook says that a hook is none of ours, or none of this kind of
// repository.
var ErrUnknownHook = errors.New("no such hook")

// ErrManaged is what every [*ManagedError] is.
var ErrManaged = errors.New("the hooks directory is not ours to write")

// ErrAltered says that a hook of ours was edited by somebody since.
var ErrAltered = errors.New("the hook was edited after it was installed")

// ErrConflict says that a foreign hook stands where ours was while another one is
// still kept aside, so that one of the two would be lost.
var ErrConflict = errors.New("there are two foreign hooks")

// ErrNotAFile says that the name of a hook, or of what is kept of one, is taken by
// a directory or the like.
var ErrNotAFile = errors.New("not a file")

// ErrReadsName says that a foreign hook decides by its own file name what to do,
// and so can't be kept under another.
var ErrReadsName = errors.New("the hook there goes by its own file name, and would do something else under another")

// HookError says why one hook can't be installed.
type HookError struct {
	// Hook is Git's name for it, Path the file in question.
	Hook, Path string
	// Err is one of the sentinels, or what the system said.
	Err error
	// Hint is what to do about it, in one line; it may be empty.
	Hint string
	// Lines is what to add where instead, if that is the way.
	Lines []Lines
}

func (e *HookError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Hook, e.Path, e.Err) }

// Unwrap returns e.Err.
func (e *HookError) Unwrap() error { return e.Err }

// Lines is text that a person has to add to a file.
type Lines struct {
	// File is absolute.
	File string
	// Text is whole lines, with the last line's end.
	Text string
	// Where says where in the file, for people.
	Where string
	// Executable says that File must have its executable bit set.
	Executable bool

	// mark is what File contains once the text is there.
	mark string
}

// ManagedError says that something else decides which hooks run, and what to tell
// it. It is [ErrManaged].
type ManagedError struct {
	// Hook is Git's name for it, Path the file that Git runs, or would run.
	Hook, Path string
	// Manager is who decides.
	Manager Manager
	// Lines is everything to add, in order. It is empty when all is there and only
	// the manager hasn't installed its hooks yet.
	Lines []Lines
	// Hint is what to do about it, in one line.
	Hint string
}

func (e *ManagedError) Error() string {
	files := make([]string, len(e.Lines))
	for i, l := range e.Lines {
		files[i] = l.File
	}
	if len(files) == 0 {
		return fmt.Sprintf("%s: hooks are run by %s, which has not installed them here", e.Hook, e.Manager)
	}
	return fmt.Sprintf("%s: hooks are run by %s: %v; it takes lines in %s",
		e.Hook, e.Manager, ErrManaged, strings.Join(files, " and "))
}

// Is makes every ManagedError [ErrManaged].
func (e *ManagedError) Is(target error) bool { return target == ErrManaged }

// Required returns all the lines that an error of [Repository.Install] asks
// somebody to add, in the order of the hooks.
func Required(err error) []Lines {
	// Joined errors are a tree, of which errors.As would find one.
	switch e := err.(type) {
	case nil:
		return nil
	case *ManagedError:
		return e.Lines
	case *HookError:
		return e.Lines
	case interface{ Unwrap() []error }:
		var all []Lines
		for _, one := range e.Unwrap() {
			all = append(all, Required(one)...)
		}
		return all
	}
	return Required(errors.Unwrap(err))
}
