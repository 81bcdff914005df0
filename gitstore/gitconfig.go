package gitstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// Config is what Git's configuration files say, in the order in which Git reads
// them: system, global, repository, work tree. Files named by include.path are
// read where they are named; conditional includes are followed for gitdir
// conditions.
//
// Nothing here is ever executed: core.fsmonitor, filters, hooks and aliases are
// values like any other.
type Config struct {
	values []ConfigEntry
}

const (
	// maxIncludes is git's own bound on the depth of includes.
	maxIncludes = 10
	// maxConfigSize is more than people, and programs on their behalf, come to write.
	maxConfigSize = 16 << 20
)

// Get returns the last value of section.key; the second result says whether
// there is one.
func (c *Config) Get(section, key string) (string, bool) {
	e, ok := c.last(section, key)
	return e.Value, ok
}

func (c *Config) last(section, key string) (last ConfigEntry, ok bool) {
	for _, v := range c.values {
		if v.is(section, key) {
			last, ok = v, true
		}
	}
	return last, ok
}

// All returns every value of section.key, in order.
func (c *Config) All(section, key string) []string {
	var all []string
	for _, v := range c.values {
		if v.is(section, key) {
			all = append(all, v.Value)
		}
	}
	return all
}

func (e *ConfigEntry) is(section, key string) bool {
	return e.Subsection == "" && strings.EqualFold(e.Section, section) && strings.EqualFold(e.Key, key)
}

// Bool returns section.key as Git reads a boolean, or def.
func (c *Config) Bool(section, key string, def bool) bool {
	e, ok := c.last(section, key)
	if !ok {
		return def
	}
	v := e.Value
	if e.Bare {
		v = "true"
	}
	switch strings.ToLower(v) {
	case "true", "yes", "on", "1":
		return true
	case "false", "no", "off", "0", "":
		return false
	}
	if n, err := strconv.Atoi(v); err == nil {
		return n != 0
	}
	return def
}

// Path returns section.key with a leading ~ or ~user replaced.
func (c *Config) Path(section, key string) (string, bool) {
	v, ok := c.Get(section, key)
	if !ok {
		return "", false
	}
	return expandHome(v), true
}

func expandHome(p string) string {
	if !strings.HasPrefix(p, "~") {
		return p
	}
	name, rest, _ := strings.Cut(p[1:], "/")
	if name == "" {
		if home := os.Getenv("HOME"); home != "" {
			return filepath.Join(home, rest)
		}
		return p
	}
	if u, err := user.Lookup(name); err == nil {
		return filepath.Join(u.HomeDir, rest)
	}
	return p
}

// UserConfig is what the system's and the user's configuration say, which nobody
// else can write, without any repository's.
func UserConfig() *Config { return readConfig("", "") }

// readConfig reads the files that hold for a repository; both directories are
// empty outside one.
func readConfig(gitDir, commonDir string) *Config {
	c := &Config{}
	if v := os.Getenv("GIT_CONFIG_NOSYSTEM"); v == "" || v == "0" || v == "false" {
		system := "/etc/gitconfig"
		if v := os.Getenv("GIT_CONFIG_SYSTEM"); v != "" {
			system = v
		}
		c.readFile(system, gitDir, 0)
	}
	if v, ok := os.LookupEnv("GIT_CONFIG_GLOBAL"); ok {
		c.readFile(v, gitDir, 0)
	} else {
		if dir := userConfigDir(); dir != "" {
			c.readFile(filepath.Join(dir, "config"), gitDir, 0)
		}
		if home := os.Getenv("HOME"); home != "" {
			c.readFile(filepath.Join(home, ".gitconfig"), gitDir, 0)
		}
	}
	if commonDir != "" {
		c.readFile(filepath.Join(commonDir, "config"), gitDir, 0)
		if c.Bool("extensions", "worktreeConfig", false) {
			c.readFile(filepath.Join(gitDir, "config.worktree"), gitDir, 0)
		}
	}
	return c
}

// userConfigDir is $XDG_CONFIG_HOME/git or ~/.config/git; empty when neither is
// known.
func userConfigDir() string {
	if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "git")
	}
	if home := os.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "git")
	}
	return ""
}

// readFile adds a file's values. One that is missing or malformed adds nothing:
// a broken global configuration must not stand between a user and a rollback.
func (c *Config) readFile(path, gitDir string, depth int) {
	if path == "" || depth > maxIncludes {
		return
	}
	data, err := readConfigFile(path)
	if err != nil {
		return
	}
	file := &Config{}
	if file.decode(data) != nil {
		return
	}
	for _, v := range file.values {
		c.add(v, path, gitDir, depth)
	}
}

// readConfigFile reads a file that anybody may have named, in an include.
func readConfigFile(path string) ([]byte, error) {
	f, err := durable.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigSize+1))
	if len(data) > maxConfigSize {
		err = fmt.Errorf("%s is no configuration: it has more than %d bytes", path, maxConfigSize)
	}
	return data, err
}

// decode adds what a file in Git's configuration syntax says, without following
// includes.
func (c *Config) decode(data []byte) error {
	entries, err := ParseConfig(data)
	c.values = append(c.values, entries...)
	return err
}

func (c *Config) add(v ConfigEntry, file, gitDir string, depth int) {
	c.values = append(c.values, v)
	if !strings.EqualFold(v.Key, "path") {
		return
	}
	included := strings.EqualFold(v.Section, "include") && v.Subsection == "" ||
		strings.EqualFold(v.Section, "includeIf") && includeHolds(v.Subsection, file, gitDir)
	if !included {
		return
	}
	path := expandHome(v.Value)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	c.readFile(path, gitDir, depth+1)
}

// includeHolds judges "gitdir:" and "gitdir/i:" conditions, with patterns that
// end in a slash or name the directory itself.
func includeHolds(condition, file, gitDir string) bool {
	kind, pattern, _ := strings.Cut(condition, ":")
	if gitDir == "" || kind != "gitdir" && kind != "gitdir/i" {
		return false
	}
	if rest, ok := strings.CutPrefix(pattern, "./"); ok {
		pattern = filepath.Join(filepath.Dir(file), rest) + trailingSlash(rest)
	}
	pattern = expandHome(pattern) + trailingSlash(pattern)
	pattern = strings.ReplaceAll(pattern, "//", "/")
	dir := gitDir
	if kind == "gitdir/i" {
		pattern, dir = strings.ToLower(pattern), strings.ToLower(dir)
	}
	if !filepath.IsAbs(pattern) {
		pattern = "**/" + pattern
	}
	return matchDir(pattern, dir)
}

func trailingSlash(p string) string {
	if strings.HasSuffix(p, "/") {
		return "/"
	}
	return ""
}

func matchDir(pattern, dir string) bool {
	if rest, ok := strings.CutPrefix(pattern, "**/"); ok {
		return strings.Contains(dir+"/", "/"+strings.TrimSuffix(rest, "**"))
	}
	if prefix, ok := strings.CutSuffix(pattern, "/"); ok {
		if real, err := filepath.EvalSymlinks(prefix); err == nil {
			prefix = real
		}
		return strings.HasPrefix(dir+"/", prefix+"/")
	}
	ok, err := filepath.Match(pattern, dir)
	return err == nil && ok
}

// globalExcludes returns the content of the file of ignore rules that holds for
// all of the user's repositories.
func (c *Config) globalExcludes() ([]byte, error) {
	path, set := c.Path("core", "excludesFile")
	if !set {
		dir := userConfigDir()
		if dir == "" {
			return nil, nil
		}
		path = filepath.Join(dir, "ignore")
	}
	rules, err := readRules(path)
	if err != nil {
		return nil, fmt.Errorf("core.excludesFile: %w", err)
	}
	return rules, nil
}

// readRules reads a file of ignore rules; none is no rules.
func readRules(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	data, err := durable.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	return data, err
}
