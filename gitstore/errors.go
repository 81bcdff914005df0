package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

var (
	// ErrNoStore says that a project has no store yet. It also matches
	// [fs.ErrNotExist].
	ErrNoStore error = notExist("the project has no store")
	// ErrNotFound says that no checkpoint answers to a name. See
	// [NotFoundError].
	ErrNotFound error = notExist("no such checkpoint")
	// ErrExists says that a version's name is taken.
	ErrExists = errors.New("version exists")
	// ErrBadName says that a version can't have a name. See [NameError].
	ErrBadName = errors.New("bad version name")
	// ErrPartial says that something could not be recorded. See [PartialError].
	ErrPartial = errors.New("not everything can be recorded")
	// ErrCorrupt says that the store's bytes are not what they must be.
	ErrCorrupt = odb.ErrCorrupt
	// ErrMissingObject says that the store lacks an object that it should have.
	ErrMissingObject = odb.ErrNotFound
)

// malformed is an error in the form of what the store holds; its kind is
// [ErrCorrupt].
type malformed string

func (e malformed) Error() string { return string(e) }

func (e malformed) Is(target error) bool { return target == ErrCorrupt }

// lost is a part of the store that isn't there. It matches [ErrCorrupt], and not
// [fs.ErrNotExist], which would say that there is no store.
type lost struct {
	what string
	err  error
}

func (e *lost) Error() string { return e.what + ": " + e.err.Error() }

func (e *lost) Is(target error) bool { return target == ErrCorrupt }

// damaged says what an error is about; something that is missing is damage.
func damaged(what string, err error) error {
	if isNotExist(err) {
		return &lost{what, err}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// notExist is a sentinel that is a kind of [fs.ErrNotExist].
type notExist string

func (e notExist) Error() string { return string(e) }

func (e notExist) Is(target error) bool { return target == fs.ErrNotExist }

// NotFoundError names what was looked for, and the versions that come close.
type NotFoundError struct {
	Rev     string
	Similar []string
	// Detail says more where there is more to say.
	Detail string
}

func (e *NotFoundError) Error() string {
	msg := fmt.Sprintf("no such checkpoint: %q", e.Rev)
	if e.Detail != "" {
		msg += " (" + e.Detail + ")"
	}
	return msg
}

// Is matches [ErrNotFound] and [fs.ErrNotExist].
func (e *NotFoundError) Is(target error) bool {
	return target == ErrNotFound || target == fs.ErrNotExist
}

// ExistsError names the version that is there already.
type ExistsError struct{ Version string }

func (e *ExistsError) Error() string { return fmt.Sprintf("version %q exists", e.Version) }

// Is matches [ErrExists].
func (e *ExistsError) Is(target error) bool { return target == ErrExists }

// NameError says why a version can't have a name.
type NameError struct {
	Name, Reason string
	// Conflict is the version that Name can't be beside, if that is the reason.
	Conflict string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("%q can't name a version: %s", e.Name, e.Reason)
}

// Is matches [ErrBadName].
func (e *NameError) Is(target error) bool { return target == ErrBadName }

// Failure is a path that could not be recorded, and why.
type Failure = scan.Failure

// PartialError lists the paths that a checkpoint would have been without. Nothing
// was recorded.
type PartialError struct{ Paths []Failure }

func (e *PartialError) Error() string {
	const most = 5
	var list []string
	for _, p := range e.Paths[:min(most, len(e.Paths))] {
		list = append(list, p.Error())
	}
	if n := len(e.Paths) - most; n > 0 {
		list = append(list, fmt.Sprintf("and %d more", n))
	}
	return fmt.Sprintf("nothing recorded: %d %s can't be recorded: %s", len(e.Paths), plural(len(e.Paths), "path"), strings.Join(list, "; "))
}

// Is matches [ErrPartial].
func (e *PartialError) Is(target error) bool { return target == ErrPartial }

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
