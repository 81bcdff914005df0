package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
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

// Init makes the project's store if it isn't there and opens it.
func Init(ctx context.Context, p *Project, opts Options) (*Store, error) {
	if _, err := os.Stat(filepath.Join(p.StoreDir(), "HEAD")); err == nil {
		return Open(ctx, p, opts)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, err := p.Exclude(); err != nil {
		return nil, fmt.Errorf("can't exclude %s from the project's own repository: %w", Dir, err)
	}
	if err := create(ctx, p, opts); err != nil {
		return nil, fmt.Errorf("can't make the store: %w", err)
	}
	return Open(ctx, p, opts)
}

// create builds the store under another name, so that a half-made one is never
// taken for a store.
func create(ctx context.Context, p *Project, opts Options) error {
	final := p.StoreDir()
	parent := filepath.Dir(final)
	// Private: the store holds copies of files that may be private themselves.
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, ".init-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, dir := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", "info", cacheDir} {
		if err := os.MkdirAll(filepath.Join(tmp, dir), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{
		"HEAD":            "ref: " + latestRef + "\n",
		"config":          storeConfig,
		"info/attributes": storeAttributes,
	}
	for name, content := range files {
		if err := durable.WriteFile(filepath.Join(tmp, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	s, err := openAt(tmp, p, opts)
	if err != nil {
		return err
	}
	err = errors.Join(s.initPolicy(ctx), s.Close())
	if err != nil {
		return err
	}
	err = os.Rename(tmp, final)
	if errors.Is(err, fs.ErrExist) {
		// Another process was first.
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(durable.SyncDir(parent), durable.SyncDir(filepath.Dir(parent)))
}

// initPolicy gives the policy its first version, which also is what records
// are attached to while there is no checkpoint.
func (s *Store) initPolicy(ctx context.Context) error {
	blob, err := s.db.WriteLoose(odb.Blob, []byte(initialPolicy))
	if err != nil {
		return err
	}
	tree, err := s.db.WriteLoose(odb.Tree, odb.AppendTreeEntry(nil, odb.TreeEntry{Mode: 0o100644, Name: "policy", ID: blob}))
	if err != nil {
		return err
	}
	commit, err := encodeCommit(commitData{Tree: tree, Who: s.identity(), When: s.now(), Message: "policy: the defaults\n"})
	if err != nil {
		return err
	}
	id, err := s.db.WriteLoose(odb.Commit, commit)
	if err != nil {
		return err
	}
	none := [20]byte{}
	return s.refs.Update(ctx, refs.Update{Name: policyRef, Old: &none, New: id, Reason: "init"})
}

// Open opens the project's store; [ErrNoStore] when there is none.
func Open(_ context.Context, p *Project, opts Options) (*Store, error) {
	dir := p.StoreDir()
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", p.Root, ErrNoStore)
		}
		return nil, err
	}
	// A cache that was deleted is made again.
	if err := os.MkdirAll(filepath.Join(dir, cacheDir), 0o755); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	return openAt(dir, p, opts)
}

func openAt(dir string, p *Project, opts Options) (*Store, error) {
	db, err := odb.Open(filepath.Join(dir, "objects"))
	if err != nil {
		return nil, fmt.Errorf("the store at %s is damaged: %w", dir, err)
	}
	s := &Store{dir: dir, project: p, opts: opts, log: opts.Logger, db: db}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	s.refs = refs.Open(dir, refs.Options{
		Ident:       s.reflogIdent,
		JournalDir:  filepath.Join(dir, cacheDir),
		Log:         s.log,
		LockTimeout: opts.LockTimeout,
	})
	return s, nil
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
	a, err := s.db.Sweep()
	b, err2 := durable.Sweep(filepath.Join(s.dir, cacheDir), statcache.Temp)
	return a + b, errors.Join(err, err2)
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
