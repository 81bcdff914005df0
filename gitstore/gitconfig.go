package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// Config is what Git's configuration files say, in the order in which Git reads
// them: system, global, repository, work tree. Files named by include.path are
// read where they are named, and those of includeIf where its condition holds.
//
// Nothing here is ever executed: core.fsmonitor, filters, hooks and aliases are
// values like any other.
type Config struct {
	values []ConfigEntry
	// room is how many bytes more may be read from a file and from what it includes.
	room int64
	// remotes are the URLs of all remotes, and ofRemotes says that a condition has asked
	// for them.
	remotes   []string
	ofRemotes bool

	problems []error
	// gently says that a file which may not be read is like one that isn't there.
	gently bool
}

// Problems is why some of Git's files say nothing here, since they can't be read or
// understood. Git itself refuses to work with those.
func (c *Config) Problems() []error { return c.problems }

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
	if e.Bare {
		return true
	}
	if v, err := ParseConfigBool(e.Value); err == nil {
		return v
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
// empty outside one. Where a condition asks for remotes all is read once more, since
// they may come after it.
func readConfig(gitDir, commonDir string) *Config {
	c := &Config{}
	c.readAll(gitDir, commonDir)
	if c.ofRemotes {
		remotes := c.remoteURLs()
		c = &Config{remotes: remotes}
		c.readAll(gitDir, commonDir)
	}
	return c
}

func (c *Config) remoteURLs() []string {
	var urls []string
	for _, v := range c.values {
		if v.Subsection != "" && strings.EqualFold(v.Section, "remote") && strings.EqualFold(v.Key, "url") {
			urls = append(urls, v.Value)
		}
	}
	return urls
}

func (c *Config) readAll(gitDir, commonDir string) {
	// As git has it, which may run for somebody else than its HOME is of.
	c.gently = true
	if v := os.Getenv("GIT_CONFIG_NOSYSTEM"); v == "" || v == "0" || v == "false" {
		system := "/etc/gitconfig"
		if v := os.Getenv("GIT_CONFIG_SYSTEM"); v != "" {
			system = v
		}
		c.read(system, gitDir)
	}
	if v, ok := os.LookupEnv("GIT_CONFIG_GLOBAL"); ok {
		c.read(v, gitDir)
	} else {
		if dir := userConfigDir(); dir != "" {
			c.read(filepath.Join(dir, "config"), gitDir)
		}
		if home := os.Getenv("HOME"); home != "" {
			c.read(filepath.Join(home, ".gitconfig"), gitDir)
		}
	}
	c.gently = false
	if commonDir != "" {
		c.read(filepath.Join(commonDir, "config"), gitDir)
		if c.Bool("extensions", "worktreeConfig", false) {
			c.read(filepath.Join(gitDir, "config.worktree"), gitDir)
		}
	}
	c.room = maxConfigSize
	values, malformed := environmentConfig()
	c.add(values, "", gitDir, 0)
	for _, name := range malformed {
		c.problem(name, errMalformedVariable)
	}
}

// ReadConfigFile is what one file says, without those that it includes; nothing where
// there is none. It waits for no pipe that somebody put in its place.
func ReadConfigFile(path string) ([]ConfigEntry, error) {
	data, err := durable.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
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

// globalExcludes returns the content of the file of ignore rules that holds for
// all of the user's repositories.
// A relative path starts from the top of the work tree.
func (c *Config) globalExcludes(top string) ([]byte, error) {
	path, set := c.Path("core", "excludesFile")
	if !set {
		dir := userConfigDir()
		if dir == "" {
			return nil, nil
		}
		path = filepath.Join(dir, "ignore")
	}
	if path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(top, path)
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
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	return data, err
}
