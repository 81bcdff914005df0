package odb

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

var (
	// ErrNotFound says that no copy of the object is in the database. It also
	// matches [fs.ErrNotExist], and [ErrCorrupt]: names of objects come from refs
	// and other objects, which don't name what was never there.
	ErrNotFound = errors.New("object not found")
	// ErrCorrupt says that an object is there but its bytes are not what its
	// name promises, or cannot be decoded. See [CorruptError].
	ErrCorrupt = errors.New("corrupt object")
	// ErrCollision says that content carries a SHA-1 collision attack.
	ErrCollision = errors.New("content carries a SHA-1 collision attack")
)

// NotFoundError names the missing object.
type NotFoundError struct{ ID ID }

func (e *NotFoundError) Error() string { return "object " + e.ID.String() + " not found" }

// Is matches [ErrNotFound], [ErrCorrupt] and [fs.ErrNotExist].
func (e *NotFoundError) Is(target error) bool {
	return target == ErrNotFound || target == ErrCorrupt || target == fs.ErrNotExist
}

// TypeError says that an object is of another kind than whatever names it takes
// it for.
type TypeError struct {
	ID        ID
	Got, Want Type
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("object %s is a %s, not a %s", e.ID, e.Got, e.Want)
}

// Is matches [ErrCorrupt].
func (e *TypeError) Is(target error) bool { return target == ErrCorrupt }

// SizeError says that an object that must be read in one piece is bigger than what
// is read of it, at most [MaxWhole].
type SizeError struct {
	ID   ID
	Most int
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("object %s is bigger than %d MiB, which no list of files or note is", e.ID, e.Most>>20)
}

// Is matches [ErrCorrupt].
func (e *SizeError) Is(target error) bool { return target == ErrCorrupt }

// CorruptError names a corrupt object and the file that holds it.
type CorruptError struct {
	ID   ID
	File string
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("object %s in %s is corrupt: %v", e.ID, filepath.Base(e.File), e.Err)
}

// Is matches [ErrCorrupt].
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

func (e *CorruptError) Unwrap() error { return e.Err }
