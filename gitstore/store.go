package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"github.com/hashicorp/go-hclog"
)

// Names below the store.
const (
	// cacheDir holds caches and locks; deleting it loses nothing.
	cacheDir      = "evoseal"
	statCacheFile = "statcache"
)

// Refs of the store.
const (
	tagPrefix = "refs/tags/"
	// latestRef follows the newest checkpoint, so that a plain clone checks it
	// out. It is a convenience for people with git; nothing here relies on it.
	latestRef   = "refs/heads/latest"
	policyRef   = "refs/evoseal/policy"
	replacedRef = "refs/evoseal/replaced/"
)

// Options of a store. The zero value works.
type Options struct {
	// Logger takes warnings and traces; nil discards them.
	Logger hclog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Identity signs commits, tags and notes; zero fields are filled in from
	// Git's configuration or the system's user.
	Identity Identity
	// ToolVersion is recorded with each checkpoint.
	ToolVersion string
	// CheckName refuses a file name that no tree should hold; nil allows all
	// that the file system does.
	CheckName func(name string) error
	// Workers is how many goroutines do the heavy work; zero is one a processor.
	Workers int
	// LockTimeout is how long to wait for a lock that another process holds;
	// zero is five seconds.
	LockTimeout time.Duration
}

// Identity is a person or program as Git names one.
type Identity struct{ Name, Email string }

// Store is a project's dedicated repository. Its methods may be called by any
// number of goroutines.
type Store struct {
	dir     string
	project *Project
	opts    Options
	log     hclog.Logger
	db      *odb.DB
	refs    *refs.DB
}

// reflogIdent signs the reflog.
func (s *Store) reflogIdent() (name, email string, when time.Time) {
	who := s.identity()
	return who.Name, who.Email, s.now()
}

// Close releases the store's files.
func (s *Store) Close() error { return s.db.Close() }

// Dir is the store's directory, a Git repository.
func (s *Store) Dir() string { return s.dir }

// ErrStoreGone says that somebody deleted the store, or moved it away, while it was
// open.
var ErrStoreGone = errors.New("the store is gone, and all checkpoints with it")

// CheckThere says whether the store still lies where it was opened.
func (s *Store) CheckThere() error {
	// Being short of descriptors is no loss.
	if has, err := partsOf(s.dir); err != nil || has == 2 {
		return err
	}
	return fmt.Errorf("%s: %w", s.dir, ErrStoreGone)
}

// Project is the project that the store belongs to.
func (s *Store) Project() *Project { return s.project }

func (s *Store) now() time.Time {
	if s.opts.Now != nil {
		return s.opts.Now().UTC()
	}
	return time.Now().UTC()
}

func (s *Store) cachePath(name string) string { return filepath.Join(s.dir, cacheDir, name) }

// Sweep removes what dead processes left behind and returns how many bytes that
// freed. It leaves alone what a living one is still working on.
func (s *Store) Sweep() (int64, error) {
	s.refs.Sweep()
	a, err := s.db.Sweep()
	b, err2 := durable.Sweep(filepath.Join(s.dir, cacheDir), durable.AnyTemp, checkpointIndexTemp, repairTemp, tempPid, tempLog, holdPrefix)
	c, err3 := s.sweepProject()
	return a + b + c, errors.Join(err, err2, err3, sweepHalfMade(filepath.Dir(s.dir)))
}

// sweepProject removes what those left in the project's own repository who died while
// they made a branch there.
func (s *Store) sweepProject() (int64, error) {
	if _, err := os.Stat(s.cachePath(branchJournals)); err != nil || s.project.CommonDir == "" {
		return 0, nil
	}
	s.projectRefs().Sweep()
	db, err := odb.Open(filepath.Join(s.project.CommonDir, "objects"))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return db.SweepPacks()
}

func rewrite(path string, data []byte) error {
	perm := fs.FileMode(0o644)
	if fi, err := os.Stat(path); err == nil {
		perm = fi.Mode().Perm()
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return durable.WriteFile(path, data, perm)
}
