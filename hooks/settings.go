package hooks

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/report"
)

// Settings are what the repository's configuration says under evoseal. They are
// read from Git's own configuration files, never from a tree that is pushed.
type Settings struct {
	// TestCommand is run by the shell to try a version; empty tries nothing.
	TestCommand string
	// TestTimeout bounds one run of it; zero is no bound.
	TestTimeout time.Duration
	// TestRetries is how often it is run again while it fails.
	TestRetries int
	// TestIn is where it runs.
	TestIn Place
	// TestShare are paths below the project's top that are linked into a directory of
	// a version's own, for what git ignores and tests need.
	TestShare []string
	// TestReports and MetricsReports are files that it writes, as format:path or path.
	TestReports, MetricsReports []report.Source
	// TestRefs are patterns of refs whose commits are tried.
	TestRefs []string
	// DeployBranch is the branch that post-receive brings into the target; empty is
	// none.
	DeployBranch string
	// TokenFile holds the token that the policy may require.
	TokenFile string
}

// Place is where a version is tried.
type Place string

// The places.
const (
	// Auto is the work tree where that is just what was recorded, and else a
	// directory of the version's own.
	Auto     Place = "auto"
	WorkTree Place = "worktree"
	Checkout Place = "checkout"
)

// SettingError says which setting can't be used.
type SettingError struct{ Key, Value, Want string }

func (e *SettingError) Error() string {
	return fmt.Sprintf("the setting %s is %q, and takes %s", e.Key, e.Value, e.Want)
}

// ReadSettings reads them.
func ReadSettings(c *gitstore.Config) (Settings, error) {
	s := Settings{TestIn: Auto, TestRefs: []string{"refs/heads/*", "refs/tags/*", "refs/for/*"}}
	s.TestCommand, _ = c.Get("evoseal", "testCommand")
	s.DeployBranch, _ = c.Get("evoseal", "deployBranch")
	s.DeployBranch = strings.TrimPrefix(s.DeployBranch, "refs/heads/")
	s.TokenFile, _ = c.Path("evoseal", "tokenFile")
	s.TestShare = c.All("evoseal", "testShare")
	if refs := c.All("evoseal", "testRefs"); len(refs) > 0 {
		s.TestRefs = refs
	}
	for _, r := range s.TestRefs {
		if _, err := path.Match(r, ""); err != nil {
			return s, &SettingError{"evoseal.testRefs", r, "patterns such as refs/heads/*"}
		}
	}
	var err error
	if v, ok := c.Get("evoseal", "testTimeout"); ok {
		if s.TestTimeout, err = time.ParseDuration(v); err != nil || s.TestTimeout < 0 {
			return s, &SettingError{"evoseal.testTimeout", v, "a duration such as 90s or 10m"}
		}
	}
	if v, ok := c.Get("evoseal", "testRetries"); ok {
		if s.TestRetries, err = strconv.Atoi(v); err != nil || s.TestRetries < 0 || s.TestRetries > 100 {
			return s, &SettingError{"evoseal.testRetries", v, "a number from 0 to 100"}
		}
	}
	if v, ok := c.Get("evoseal", "testIn"); ok {
		s.TestIn = Place(v)
		if s.TestIn != Auto && s.TestIn != WorkTree && s.TestIn != Checkout {
			return s, &SettingError{"evoseal.testIn", v, "auto, worktree or checkout"}
		}
	}
	if s.TestReports, err = sources(c, "testReport"); err != nil {
		return s, err
	}
	s.MetricsReports, err = sources(c, "metricsReport")
	return s, err
}

// sources reads format:path; without a format it is told from the content.
func sources(c *gitstore.Config, key string) ([]report.Source, error) {
	var all []report.Source
	for _, v := range c.All("evoseal", key) {
		src, err := report.ParseSource(v)
		if err != nil {
			return nil, &SettingError{"evoseal." + key, v, "format:path or path, such as junit:build/*.xml"}
		}
		all = append(all, src)
	}
	return all, nil
}

// tries says whether commits of a ref are to be tried. A pattern that ends in /*
// takes everything below.
func (s *Settings) tries(ref string) bool {
	for _, pattern := range s.TestRefs {
		if base, ok := strings.CutSuffix(pattern, "/*"); ok && strings.HasPrefix(ref, base+"/") {
			return true
		}
		if ok, err := path.Match(pattern, ref); ok && err == nil {
			return true
		}
	}
	return false
}
