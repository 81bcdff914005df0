package report

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// errTooManyFiles ends a search that finds more files than are read.
var errTooManyFiles = errors.New("too many files")

// find returns the files that a path names, below dir where it isn't absolute,
// sorted. A path that exists is a file's name even where it has signs of a
// pattern. Directories that match a pattern are left out, and symbolic links to
// directories aren't followed by "**".
func find(ctx context.Context, dir, path string, most int) ([]string, error) {
	if !strings.ContainsAny(path, `*?[{\`) {
		return existing(dir, path)
	}
	if found, err := existing(dir, path); err != nil || len(found) > 0 {
		return found, err
	}
	pattern := filepath.ToSlash(path)
	if !doublestar.ValidatePattern(pattern) {
		return nil, fmt.Errorf("pattern %s: %w", shown(path), doublestar.ErrBadPattern)
	}
	base, rest := doublestar.SplitPattern(pattern)
	var found []string
	err := doublestar.GlobWalk(os.DirFS(within(dir, base)), rest, func(name string, _ fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(found) == most {
			return errTooManyFiles
		}
		found = append(found, filepath.Join(filepath.FromSlash(base), filepath.FromSlash(name)))
		return nil
	}, doublestar.WithFilesOnly(), doublestar.WithNoFollow(), doublestar.WithFailOnIOErrors())
	slices.Sort(found)
	return found, err
}

func existing(dir, path string) ([]string, error) {
	_, err := os.Lstat(within(dir, path))
	switch {
	case err == nil:
		return []string{path}, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	}
	return nil, err
}

// within is path, below dir where it is relative.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
