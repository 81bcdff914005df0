package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// projectPaths turns paths as they were typed, relative to the working
// directory, into slash paths below the project's top. They need not exist: a
// checkpoint may hold what is gone.
func (c *call) projectPaths(root string) ([]string, error) {
	if len(c.paths) == 0 {
		return nil, nil
	}
	wd, err := c.getwd()
	if err != nil {
		return nil, err
	}
	if wd, err = filepath.EvalSymlinks(wd); err != nil {
		return nil, err
	}
	out := make([]string, 0, len(c.paths))
	for _, p := range c.paths {
		rel, ok := relativeTo(root, wd, p)
		if !ok {
			return nil, &usageError{msg: fmt.Sprintf("the path %q is outside the project %s", p, root), cmd: c.cmd,
				hint: "name files and directories of the project, as seen from the working directory"}
		}
		out = append(out, rel)
	}
	return out, nil
}

func relativeTo(root, wd, path string) (string, bool) {
	if path == "" {
		return "", false
	}
	abs := path
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(wd, abs)
	}
	rel, ok := below(root, abs)
	if !ok {
		// An absolute path may lead to the project through a symbolic link.
		// The last element stays as it is: it may be a link that was recorded.
		if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
			rel, ok = below(root, filepath.Join(dir, filepath.Base(abs)))
		}
	}
	return filepath.ToSlash(rel), ok
}

func below(root, abs string) (string, bool) {
	rel, err := filepath.Rel(root, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	return rel, true
}
