//go:build linux && (amd64 || arm64)

package crash

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tree is what a directory holds: a line of kind, permissions and content for each path.
type tree map[string]string

// look is how a tree is read.
type look struct {
	// skip leaves a path, and all below it, out.
	skip func(path string) bool
	// times adds when files were changed.
	times bool
}

// readTree reads a directory; one that isn't there is nil.
func readTree(dir string, l look) (tree, error) {
	t := make(tree)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if l.skip != nil && l.skip(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		t[rel], err = lineOf(path, d, l.times)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return t, err
}

func lineOf(path string, d fs.DirEntry, times bool) (string, error) {
	fi, err := d.Info()
	if err != nil {
		return "", err
	}
	line := fi.Mode().String()
	switch {
	case fi.Mode().IsRegular():
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" %d %x", len(data), sha256.Sum256(data))
	case fi.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		line += " " + to
	}
	if times && !fi.IsDir() {
		line += fmt.Sprintf(" %d", fi.ModTime().UnixNano())
	}
	return line, nil
}

// sum is the same for equal trees only, and empty for none.
func (t tree) sum() string {
	if t == nil {
		return ""
	}
	var lines []string
	for path, line := range t {
		lines = append(lines, path+"\x00"+line)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))[:12]
}

// projectTree is what a checkpoint of the world's project must hold.
func (w world) projectTree() (tree, error) {
	t, err := readTree(w.project(), look{skip: func(path string) bool {
		return path == ".git" || path == ".evoseal" || path == ".aside/.git" || strings.HasSuffix(path, ".log")
	}})
	delete(t, ".")
	return t, err
}

// slotTree is what a target, or the tree kept beside it, holds.
func slotTree(dir string) (tree, error) {
	t, err := readTree(dir, look{skip: func(path string) bool { return path == ".git" }})
	delete(t, ".")
	return t, err
}

// liveTree is all of the project that isn't the engine's.
func (w world) liveTree() (tree, error) {
	return readTree(w.project(), look{times: true, skip: func(path string) bool { return path == ".evoseal" || strings.HasPrefix(path, ".aside/") }})
}
