package gitstoretest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Snapshot fingerprints everything below dir, Git directories and ignored files
// with it: kind, permission bits, time of the last change, and size and SHA-256
// or destination, by path. Two that are equal prove that nothing was touched.
//
// Left out is what the engine may write in a project: .evoseal, the file
// info/exclude of a Git directory, and the times of the directories that those
// appear in.
func Snapshot(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.Name() == ".evoseal" && e.IsDir() {
			return filepath.SkipDir
		}
		info := e.Name() == "info" && exists(filepath.Join(path, "..", "HEAD"))
		if e.Name() == "exclude" && exists(filepath.Join(path, "..", "..", "HEAD")) {
			return nil
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		line := fi.Mode().String()
		if rel != "." && !info {
			line += " " + fi.ModTime().UTC().Format("2006-01-02T15:04:05.000000000")
		}
		content, err := fingerprint(path, fi)
		out[rel] = line + content
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// Snapshot fingerprints all that the fixture made: the project, the repositories
// beside it, HOME, and the directory that shows whether a hostile program ran.
// Paths are below Base.
func (p Project) Snapshot(tb testing.TB) map[string]string {
	tb.Helper()
	tops, err := os.ReadDir(p.Base)
	if err != nil {
		tb.Fatal(err)
	}
	out := make(map[string]string)
	for _, top := range tops {
		for path, line := range Snapshot(tb, filepath.Join(p.Base, top.Name())) {
			out[filepath.Join(top.Name(), path)] = line
		}
	}
	return out
}

// DiffSnapshots lists what differs between two snapshots, in order.
func DiffSnapshots(before, after map[string]string) []string {
	var out []string
	for path, was := range before {
		if is, ok := after[path]; !ok {
			out = append(out, fmt.Sprintf("%q is gone", path))
		} else if is != was {
			out = append(out, fmt.Sprintf("%q was %s, is %s", path, was, is))
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			out = append(out, fmt.Sprintf("%q is new", path))
		}
	}
	slices.Sort(out)
	return out
}

func fingerprint(path string, fi fs.FileInfo) (string, error) {
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		dest, err := os.Readlink(path)
		return fmt.Sprintf(" -> %q", dest), err
	case !fi.Mode().IsRegular():
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return fmt.Sprintf(" %d %x", fi.Size(), sum.Sum(nil)), err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// missing says that a path isn't there, also because what should be a directory
// on the way is none.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// OnlyInFirst returns the paths that [DiffTrees] found in the first directory
// only, and the other differences.
func OnlyInFirst(differences []string) (paths, rest []string) {
	for _, d := range differences {
		if path, ok := strings.CutPrefix(d, onlyInFirst); ok {
			paths = append(paths, path)
		} else {
			rest = append(rest, d)
		}
	}
	return paths, rest
}
