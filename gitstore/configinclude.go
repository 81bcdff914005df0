package gitstore

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/ignore"
	"golang.org/x/sys/unix"
)

const (
	// maxIncludes is git's own bound on the depth of includes.
	maxIncludes = 10
	// maxConfigSize is more than people, and programs on their behalf, come to write, in
	// a file and all that it includes. The room that an included file takes is never less than
	// minConfigSize, so that small ones can't be read for ever.
	maxConfigSize = 16 << 20
	minConfigSize = 4 << 10
)

// read adds what a file says, and those that it includes.
func (c *Config) read(path, gitDir string) {
	c.room = maxConfigSize
	c.readFile(path, gitDir, 0)
}

// readFile adds a file's values. One that is missing or malformed adds nothing, and the
// latter is a problem to be told:
// a broken global configuration must not stand between a user and a rollback. At
// includes that lead too deep, as where a file includes itself, git gives up; nothing
// more is included then.
func (c *Config) readFile(path, gitDir string, depth int) {
	if path == "" {
		return
	}
	if depth > maxIncludes && c.room > 0 {
		c.room = 0
		c.problem(path, errTooMany)
	}
	data, err := c.take(path)
	var entries []ConfigEntry
	if err == nil {
		entries, err = ParseConfig(data)
	}
	switch {
	case err == nil:
		c.add(entries, path, gitDir, depth)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
	case errors.Is(err, fs.ErrPermission) && c.gently && depth == 0:
	default:
		c.problem(path, err)
	}
}

var (
	errTooMany           = errors.New("there are too many includes, or too long ones")
	errNowhere           = errors.New("an include has no path that leads anywhere")
	errMalformedVariable = errors.New("the variable is malformed")
)

func (c *Config) problem(path string, err error) {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	c.problems = append(c.problems, fmt.Errorf("%s: %w", path, err))
}

// add adds what a file says, and those that it includes; without a file, only those that
// have an absolute name.
func (c *Config) add(entries []ConfigEntry, path, gitDir string, depth int) {
	for _, e := range entries {
		c.values = append(c.values, e)
		if !strings.EqualFold(e.Key, "path") {
			continue
		}
		included := strings.EqualFold(e.Section, "include") && e.Subsection == "" ||
			strings.EqualFold(e.Section, "includeIf") && c.includeHolds(e.Subsection, path, gitDir)
		if !included {
			continue
		}
		next := expandHome(e.Value)
		if next == "" || strings.HasPrefix(next, "~") || path == "" && !filepath.IsAbs(next) {
			c.problem(cmp.Or(path, "the environment"), errNowhere)
			continue
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		c.readFile(next, gitDir, depth+1)
	}
}

// take reads a file that anybody may have named, in an include. Where there is no room
// left for it, it is as if there were none.
func (c *Config) take(path string) ([]byte, error) {
	if c.room <= 0 {
		return nil, fs.ErrNotExist
	}
	f, err := durable.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, c.room+1))
	c.room -= max(int64(len(data)), minConfigSize)
	if err == nil && c.room <= 0 {
		err = errTooMany
	}
	return data, err
}

// includeHolds judges the conditions of git-config(1): where a repository is, what is
// checked out, and whether there is such a remote; others don't hold.
func (c *Config) includeHolds(condition, file, gitDir string) bool {
	if pattern, ok := strings.CutPrefix(condition, "hasconfig:remote.*.url:"); ok {
		c.ofRemotes = true
		return slices.ContainsFunc(c.remotes, func(url string) bool { return ignore.Match(pattern, url, false) })
	}
	kind, pattern, _ := strings.Cut(condition, ":")
	if gitDir == "" {
		return false
	}
	switch kind {
	case "gitdir", "gitdir/i":
		return gitDirMatches(pattern, file, gitDir, kind == "gitdir/i")
	case "onbranch":
		ref, symbolic := headOf(gitDir)
		branch, ok := strings.CutPrefix(ref, "refs/heads/")
		return symbolic && ok && ignore.Match(pattern+anyBelow(pattern), branch, false)
	}
	return false
}

// gitDirMatches compares a pattern with the repository's directory, by its real path
// and by the one that the shell knows.
func gitDirMatches(pattern, file, gitDir string, fold bool) bool {
	exact := ""
	switch {
	case strings.HasPrefix(pattern, "./"):
		if file == "" {
			return false
		}
		real, err := filepath.EvalSymlinks(file)
		if err != nil {
			return false
		}
		exact, pattern = strings.TrimSuffix(filepath.Dir(real), "/")+"/", pattern[2:]
	case strings.HasPrefix(pattern, "~"):
		pattern = expandRealHome(pattern)
	case !filepath.IsAbs(pattern):
		pattern = "**/" + pattern
	}
	pattern += anyBelow(pattern)
	if real, err := filepath.EvalSymlinks(gitDir); err == nil {
		gitDir = real
	}
	for _, path := range []string{gitDir, asTyped(gitDir)} {
		if len(path) < len(exact) {
			continue
		}
		begin, rest := path[:len(exact)], path[len(exact):]
		if (begin == exact || fold && strings.EqualFold(begin, exact)) && ignore.Match(pattern, rest, fold) {
			return true
		}
	}
	return false
}

// anyBelow completes a pattern for a directory.
func anyBelow(pattern string) string {
	if strings.HasSuffix(pattern, "/") {
		return "**"
	}
	return ""
}

// expandRealHome is expandHome with the user's own directory by its real path.
func expandRealHome(pattern string) string {
	rest, own := strings.CutPrefix(pattern, "~/")
	if home, err := filepath.EvalSymlinks(os.Getenv("HOME")); own && err == nil && filepath.IsAbs(home) {
		return filepath.Join(home, ".") + "/" + rest
	}
	return expandHome(pattern)
}

// asTyped is a real path below the working directory as it is called after the links by
// which the shell came there.
func asTyped(path string) string {
	pwd := os.Getenv("PWD")
	real, err := filepath.EvalSymlinks(pwd)
	if err != nil || !filepath.IsAbs(pwd) {
		return path
	}
	here, err := os.Stat(".")
	there, err2 := os.Stat(pwd)
	if rest, below := strings.CutPrefix(path, real+"/"); below && errors.Join(err, err2) == nil && os.SameFile(here, there) {
		return pwd + "/" + rest
	}
	return path
}

// headOf is what a repository's HEAD says: the name of a ref, or an object's.
func headOf(gitDir string) (name string, symbolic bool) {
	data, err := durable.ReadFile(filepath.Join(gitDir, "HEAD"))
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(strings.TrimSpace(string(data)), "ref: ")
}
