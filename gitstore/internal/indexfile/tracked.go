package indexfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"unsafe"
)

// PathSet is the tracked paths of a repository. The zero value, and nil, are
// empty. Any number of goroutines may ask it.
type PathSet struct {
	// names holds the bytes of all paths: a hundred thousand strings would be as
	// many things for the garbage collector to look at.
	names []byte
	paths []trackedPath
}

type trackedPath struct {
	start, end uint32
	kind       pathKind
}

type pathKind uint8

const (
	kindFile pathKind = iota
	kindGitlink
	// kindPrefix stands for all below it, as a directory in a sparse index does.
	kindPrefix
)

const (
	modeGitlink = 0o160000
	modeDir     = 0o40000
)

// ReadTracked reads the tracked paths of the repository whose own directory is
// gitDir; a linked work tree's differs from its commonDir. idSize is the number
// of bytes of its object names, 20 or 32. No index is an empty set.
//
// With a split index, the paths of both halves are tracked: one that was removed
// from the shared half counts too, which only matters for a file that is also
// ignored.
func ReadTracked(gitDir, commonDir string, idSize int) (*PathSet, error) {
	data, err := os.ReadFile(filepath.Join(gitDir, "index"))
	if errors.Is(err, fs.ErrNotExist) {
		return &PathSet{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &PathSet{}
	base, err := s.add(data, idSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(gitDir, "index"), err)
	}
	if base != "" {
		name := "sharedindex." + base
		data, err := os.ReadFile(filepath.Join(gitDir, name))
		if errors.Is(err, fs.ErrNotExist) && commonDir != gitDir {
			data, err = os.ReadFile(filepath.Join(commonDir, name))
		}
		if err != nil {
			return nil, err
		}
		if _, err := s.add(data, idSize); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	byName := func(a, b trackedPath) int { return strings.Compare(s.name(a), s.name(b)) }
	if !slices.IsSortedFunc(s.paths, byName) {
		slices.SortFunc(s.paths, byName)
	}
	return s, nil
}

// add takes in the paths of one file and returns the name of the shared index
// that it stands on, if any.
func (s *PathSet) add(data []byte, idSize int) (base string, err error) {
	r, err := newReader(data, idSize)
	if err != nil {
		return "", err
	}
	last := ""
	for range r.count {
		e, err := r.next()
		if err != nil {
			return "", err
		}
		// The stages of a conflict are one path. A split index leaves the names
		// of replaced entries empty.
		if len(e.name) == 0 || len(s.paths) > 0 && last == string(e.name) {
			continue
		}
		kind := kindFile
		switch e.mode() {
		case modeGitlink:
			kind = kindGitlink
		case modeDir:
			kind = kindPrefix
		}
		start := len(s.names)
		s.names = append(s.names, strings.TrimSuffix(string(e.name), "/")...)
		if len(s.names) > 1<<31 {
			return "", malformed("too many names")
		}
		s.paths = append(s.paths, trackedPath{uint32(start), uint32(len(s.names)), kind})
		last = string(e.name)
	}
	err = r.extensions(func(name string, body []byte) error {
		if name == "link" {
			if len(body) < idSize {
				return malformed("extension link is truncated")
			}
			base = hex.EncodeToString(body[:idSize])
			if strings.Trim(base, "0") == "" {
				base = ""
			}
		}
		return nil
	})
	return base, err
}

// Len is the number of paths.
func (s *PathSet) Len() int {
	if s == nil {
		return 0
	}
	return len(s.paths)
}

func (s *PathSet) name(p trackedPath) string {
	if p.start == p.end {
		return ""
	}
	return unsafe.String(&s.names[p.start], int(p.end-p.start))
}

// search returns the position of the first path that isn't less than name.
func (s *PathSet) search(name string) int {
	return sort.Search(s.Len(), func(i int) bool { return s.name(s.paths[i]) >= name })
}

// Has says whether the path is tracked, by itself or by a directory of a sparse
// index.
func (s *PathSet) Has(path string) bool {
	return s.kindOf(path, func(pathKind) bool { return true }) || s.sparse(path)
}

// HasBelow says whether any tracked path lies below the directory dir.
func (s *PathSet) HasBelow(dir string) bool {
	below := dir + "/"
	i := s.search(below)
	return i < s.Len() && strings.HasPrefix(s.name(s.paths[i]), below) ||
		s.kindOf(dir, func(k pathKind) bool { return k == kindPrefix }) || s.sparse(dir)
}

// IsGitlink says whether the path is a submodule's.
func (s *PathSet) IsGitlink(path string) bool {
	return s.kindOf(path, func(k pathKind) bool { return k == kindGitlink })
}

func (s *PathSet) kindOf(path string, is func(pathKind) bool) bool {
	for i := s.search(path); i < s.Len() && s.name(s.paths[i]) == path; i++ {
		if is(s.paths[i].kind) {
			return true
		}
	}
	return false
}

// sparse says whether a directory above path stands for it.
func (s *PathSet) sparse(path string) bool {
	for at := strings.LastIndexByte(path, '/'); at > 0; at = strings.LastIndexByte(path[:at], '/') {
		if s.kindOf(path[:at], func(k pathKind) bool { return k == kindPrefix }) {
			return true
		}
	}
	return false
}
