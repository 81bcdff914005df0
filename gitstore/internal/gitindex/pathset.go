package gitindex

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
)

// PathSet holds the tracked paths of an index. It is immutable and safe for
// concurrent use; the zero value is empty.
//
// A sparse index names some directories instead of their files; all below such
// a directory counts as tracked.
type PathSet struct {
	// text holds the names one after another, so that the garbage collector sees
	// two objects however many paths there are.
	text   string
	paths  []pathRef // by name, no two alike
	sparse bool
}

// pathRef is a name in the text. That of a sparse directory ends in a slash.
type pathRef struct {
	start, end uint32
	kind       pathKind
}

type pathKind uint8

const (
	pathFile pathKind = iota
	pathGitlink
	pathSparse
)

func (s *PathSet) name(r pathRef) string { return s.text[r.start:r.end] }

func (s *PathSet) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.paths, name, func(r pathRef, name string) int {
		return strings.Compare(s.name(r), name)
	})
}

// Has says whether path is tracked: a file, symbolic link or submodule.
func (s *PathSet) Has(path string) bool {
	if strings.HasSuffix(path, "/") {
		return false
	}
	_, found := s.find(path)
	return found || s.inSparse(path)
}

// HasBelow says whether any tracked path lies strictly below the directory dir;
// "" is the top.
func (s *PathSet) HasBelow(dir string) bool {
	if dir == "" {
		return len(s.paths) > 0
	}
	dir += "/"
	i, _ := s.find(dir)
	return i < len(s.paths) && strings.HasPrefix(s.name(s.paths[i]), dir) || s.inSparse(dir)
}

// IsGitlink says whether path is tracked as a submodule.
func (s *PathSet) IsGitlink(path string) bool {
	i, found := s.find(path)
	return found && s.paths[i].kind == pathGitlink
}

// Len is the number of paths, where a sparse directory counts as one.
func (s *PathSet) Len() int { return len(s.paths) }

// inSparse says that path is, or is below, a sparse directory.
func (s *PathSet) inSparse(path string) bool {
	if !s.sparse {
		return false
	}
	for i := range len(path) {
		if path[i] == '/' {
			if _, found := s.find(path[:i+1]); found {
				return true
			}
		}
	}
	return false
}

// pathSetBuilder collects paths that come in order, or nearly so.
type pathSetBuilder struct {
	set    PathSet
	text   strings.Builder
	last   []byte
	jumble bool
}

func (b *pathSetBuilder) add(name []byte, mode uint32) error {
	r := pathRef{}
	switch mode & modeKind {
	case modeGitlink:
		r.kind = pathGitlink
	case modeDir:
		if len(name) < 2 || name[len(name)-1] != '/' {
			return fmt.Errorf("%w: sparse directory %q without a slash", ErrCorrupt, name)
		}
		r.kind, b.set.sparse = pathSparse, true
	}
	if len(b.set.paths) > 0 {
		switch order := bytes.Compare(name, b.last); {
		case order == 0 && r.kind == b.set.paths[len(b.set.paths)-1].kind:
			return nil // another stage
		case order <= 0:
			b.jumble = true
		}
	}
	if uint64(b.text.Len())+uint64(len(name)) > math.MaxUint32 {
		return fmt.Errorf("%w: more than 4 GiB of names", ErrUnsupported)
	}
	r.start = uint32(b.text.Len())
	b.text.Write(name)
	r.end = uint32(b.text.Len())
	b.set.paths = append(b.set.paths, r)
	b.last = append(b.last[:0], name...)
	return nil
}

// finish returns the set, after which the builder must not be used.
func (b *pathSetBuilder) finish() *PathSet {
	s := &b.set
	s.text = b.text.String()
	if b.jumble {
		// Of one name's kinds, the one that says most comes first and stays.
		slices.SortFunc(s.paths, func(x, y pathRef) int {
			if c := strings.Compare(s.name(x), s.name(y)); c != 0 {
				return c
			}
			return int(y.kind) - int(x.kind)
		})
		s.paths = slices.CompactFunc(s.paths, func(x, y pathRef) bool { return s.name(x) == s.name(y) })
	}
	return s
}
