package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// pathFilter says which paths were asked for.
type pathFilter struct {
	paths []string
	mu    sync.Mutex
	seen  []bool
}

// ErrBadPath says that a path can't be one below a project's top.
var ErrBadPath = errors.New("not a path below the project's top")

func newPathFilter(paths []string) (*pathFilter, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	for _, p := range paths {
		if p != "." && !fs.ValidPath(p) {
			return nil, fmt.Errorf("%q: %w", p, ErrBadPath)
		}
	}
	return &pathFilter{paths: paths, seen: make([]bool, len(paths))}, nil
}

// wants says whether the entry is one of the paths, below one, or a directory
// on the way to one.
func (f *pathFilter) wants(path string, isDir bool) bool {
	if f == nil {
		return true
	}
	wanted := false
	for i, p := range f.paths {
		switch {
		case p == path || p == "." || isBelow(path, p):
			f.mu.Lock()
			f.seen[i] = true
			f.mu.Unlock()
			wanted = true
		case isDir && isBelow(p, path):
			wanted = true
		}
	}
	return wanted
}

func isBelow(path, dir string) bool {
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// unseen returns a path that nothing answered to.
func (f *pathFilter) unseen() string {
	if f != nil {
		for i, seen := range f.seen {
			if !seen {
				return f.paths[i]
			}
		}
	}
	return ""
}
