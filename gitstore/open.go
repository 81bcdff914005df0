package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// Init makes the project's store if it isn't there and opens it.
func Init(ctx context.Context, p *Project, opts Options) (*Store, error) {
	if s, err := Open(ctx, p, opts); !errors.Is(err, ErrNoStore) {
		return s, err
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
	if err := sweepHalfMade(parent); err != nil && opts.Logger != nil {
		opts.Logger.Warn("a store that a dead process left half made can't be removed", "error", err)
	}
	tmp, done, err := halfMade(parent)
	if err != nil {
		return err
	}
	defer done()
	for _, dir := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", "info", cacheDir} {
		if err := os.MkdirAll(filepath.Join(tmp, dir), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{
		"HEAD":            storeHead,
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

const halfMadePrefix = ".init-"

// halfMade makes the directory of a store in the making, locked as long as its
// maker lives. The function removes it, unless it has another name by then.
func halfMade(parent string) (dir string, done func(), err error) {
	for range 100 {
		if dir, err = os.MkdirTemp(parent, halfMadePrefix); err != nil {
			return "", nil, err
		}
		f, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			// A sweep came between making and locking: take another name.
			continue
		}
		if err != nil {
			return "", nil, errors.Join(err, os.Remove(dir))
		}
		// A file system without locks is one where no sweep finds any to take.
		flocked := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if _, err := os.Lstat(dir); err == nil && !errors.Is(flocked, unix.EWOULDBLOCK) {
			return dir, func() {
				os.RemoveAll(dir)
				f.Close()
			}, nil
		}
		f.Close()
	}
	return "", nil, fmt.Errorf("no free temporary name in %s", parent)
}

// sweepHalfMade removes the stores whose makers died.
func sweepHalfMade(parent string) error {
	entries, err := os.ReadDir(parent)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), halfMadePrefix) {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		f, openErr := os.Open(dir)
		if openErr != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		f.Close()
	}
	return err
}

// initPolicy gives the policy its first version, which also is what records
// are attached to while there is no checkpoint.
func (s *Store) initPolicy(ctx context.Context) error {
	held, err := s.refs.Lock(ctx, policyRef)
	if err != nil {
		return refError(err)
	}
	defer held.Release()
	w := s.newWriting()
	blob, err := w.put(odb.Blob, []byte(initialPolicy))
	if err != nil {
		return err
	}
	tree, err := w.put(odb.Tree, odb.AppendTreeEntry(nil, odb.TreeEntry{Mode: 0o100644, Name: "policy", ID: blob}))
	if err != nil {
		return err
	}
	commit, err := encodeCommit(commitData{Tree: tree, Who: s.identity(), When: s.now(), Message: "policy: the defaults\n"})
	if err != nil {
		return err
	}
	id, err := w.put(odb.Commit, commit)
	if err != nil {
		return err
	}
	return w.commit(held, id, "init")
}

// Open opens the project's store; [ErrNoStore] when there is none, and
// [ErrStorePlace] when it isn't where it must be.
func Open(_ context.Context, p *Project, opts Options) (*Store, error) {
	if err := p.checkPlace(); err != nil {
		return nil, err
	}
	dir := p.StoreDir()
	if err := mendHead(dir, opts.Logger); err != nil {
		if errors.Is(err, ErrNoStore) {
			return nil, fmt.Errorf("%s: %w", p.Root, err)
		}
		return nil, err
	}
	// A cache that was deleted is made again.
	if err := os.MkdirAll(filepath.Join(dir, cacheDir), 0o755); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	return openAt(dir, p, opts)
}

const storeHead = "ref: " + latestRef + "\n"

// mendHead gives a store its HEAD again, without which git, and our own search for
// a store, see none. What else a store must have is never made up.
func mendHead(dir string, log hclog.Logger) error {
	// One handle for all: another process may be about to put its store there, whole,
	// and half of the answers would be from before.
	root, err := os.OpenRoot(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return ErrNoStore
	case err != nil:
		return err
	}
	defer root.Close()
	data, err := durable.ReadFileIn(root, "HEAD")
	for _, ours := range []error{fs.ErrPermission, unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		// This says nothing of HEAD.
		if errors.Is(err, ours) {
			return err
		}
	}
	head := strings.TrimSpace(string(data))
	if _, notID := ParseID(head); notID == nil || strings.HasPrefix(head, "ref: refs/") {
		return nil
	}
	switch has := partsIn(root); {
	case has == 0 && err != nil:
		return ErrNoStore
	case has < 2:
		return malformed("the store at " + dir + " has lost its objects or refs")
	}
	if err := durable.WriteFile(filepath.Join(dir, "HEAD"), []byte(storeHead), 0o644); err != nil {
		return &lost{"the store at " + dir + " has lost its HEAD, and can't be given another", err}
	}
	if log != nil {
		log.Warn("the store had lost its HEAD: made anew", "store", dir)
	}
	return nil
}

// partsOf counts the two directories that every store has.
func partsOf(dir string) (int, error) {
	root, err := os.OpenRoot(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return 0, nil
	case err != nil:
		return 0, err
	}
	defer root.Close()
	return partsIn(root), nil
}

func partsIn(store *os.Root) int {
	n := 0
	for _, name := range []string{"objects", "refs"} {
		if fi, err := store.Stat(name); err == nil && fi.IsDir() {
			n++
		}
	}
	return n
}

func openAt(dir string, p *Project, opts Options) (*Store, error) {
	db, err := odb.OpenStaged(filepath.Join(dir, "objects"), filepath.Join(dir, cacheDir))
	if err != nil {
		return nil, damaged("the store at "+dir, err)
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
