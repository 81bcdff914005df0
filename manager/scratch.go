package manager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// scratchName is the directory, below the engine's own, beside which versions are
// written to be tried. It never exists itself.
const scratchName = "trial"

// scratch writes a checkpoint into a directory of its own, with links to what it
// shares with the live project, which the returned function removes with all that
// was done to it. What a dead process left of one goes when the next is made.
func (m *Manager) scratch(ctx context.Context, s *gitstore.Store, c gitstore.Checkpoint, shared []string, progress func(gitstore.Progress)) (dir string, remove func(), err error) {
	guard, err := m.guard(s.Dir(), nil)
	if err != nil {
		return "", nil, err
	}
	decision, err := guard.Choose(safety.Request{Path: filepath.Join(m.project.Root, gitstore.Dir, scratchName)})
	if err != nil {
		return "", nil, err
	}
	pending, err := m.pending(ctx, s, decision.Target)
	if err != nil {
		decision.Target.Close()
		return "", nil, err
	}
	remove = func() {
		if err := pending.Cleanup(); err != nil {
			m.log.Warn("a directory in which a version was tried can't be removed", "path", pending.Path(), "error", err)
		}
		decision.Target.Close()
	}
	done, err := s.Materialise(ctx, gitstore.MaterialiseRequest{Checkpoint: c, Sink: pending, Progress: progress})
	if err == nil {
		err = pending.Dir().Chmod(fs.FileMode(done.RootPerm) | 0o700)
	}
	if err == nil {
		err = m.share(pending, shared)
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("%s can't be written to be tried: %w", c.Version, err)
	}
	return pending.Path(), remove, nil
}

// pending clears away what dead processes left, which the target's lock guards.
func (m *Manager) pending(ctx context.Context, s *gitstore.Store, t *safety.Target) (*safety.Pending, error) {
	unlock, err := s.LockTarget(ctx, "trial")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := m.sweep(t); err != nil {
		return nil, err
	}
	return t.Pending()
}

// share links paths of the live project into a directory.
func (m *Manager) share(pending *safety.Pending, paths []string) error {
	root, err := pending.Root()
	if err != nil {
		return err
	}
	defer root.Close()
	for _, p := range paths {
		p = strings.TrimSuffix(filepath.ToSlash(p), "/")
		if p == "." || !fs.ValidPath(p) {
			return fmt.Errorf("%q: %w", p, gitstore.ErrBadPath)
		}
		live := filepath.Join(m.project.Root, filepath.FromSlash(p))
		if _, err := os.Lstat(live); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if _, err := root.Lstat(p); err == nil {
			continue
		}
		if err := root.MkdirAll(path.Dir(p), 0o755); err != nil {
			return err
		}
		if err := root.Symlink(live, p); err != nil {
			return err
		}
	}
	return nil
}
