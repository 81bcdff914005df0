package gitstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// roots are what keeps objects from being collected, as git-gc(1) has it: refs,
// HEADs, reflogs and indexes, also those of linked worktrees.
type roots struct {
	// firm must be whole, or nothing is collected.
	firm []ID
	// loose may name what is gone: reflogs, ORIG_HEAD and its like, an index.
	loose []ID
}

// errRoots says that what the store needs can't be told.
const errRoots malformed = "it can't be told what the store needs"

// roots lists them anew.
func (s *Store) roots() (roots, error) {
	var r roots
	list, damage := s.listRefs()
	if len(damage) > 0 {
		return r, fmt.Errorf("%w: %w", errRoots, damage[0].Err)
	}
	for _, ref := range list {
		r.firm = append(r.firm, ref.ID)
	}
	aside, _ := s.refs.List(brokenPrefix)
	for _, ref := range aside {
		r.loose = append(r.loose, ref.ID)
	}
	dirs := []string{s.dir}
	worktrees, err := os.ReadDir(filepath.Join(s.dir, "worktrees"))
	if err != nil && !isNotExist(err) {
		return r, err
	}
	for _, w := range worktrees {
		dirs = append(dirs, filepath.Join(s.dir, "worktrees", w.Name()))
	}
	for _, dir := range dirs {
		if err := r.addDir(dir); err != nil {
			return r, fmt.Errorf("%w: %w", errRoots, err)
		}
	}
	return r, nil
}

// addDir adds what the files of a repository, or of a linked worktree, name. Of its
// refs, those that only the worktree has.
func (r *roots) addDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ignoreNotExist(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Name() == "logs", e.Name() == "refs":
			err = r.addFiles(path)
		case e.Name() == "index":
			err = r.addIndex(path)
		case e.Type().IsRegular() && isPseudoRef(e.Name()):
			err = r.addFile(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isPseudoRef says whether a file at the top of a repository is of the kind of HEAD.
func isPseudoRef(name string) bool {
	return strings.HasSuffix(name, "HEAD") && strings.ToUpper(name) == name || name == "AUTO_MERGE"
}

func (r *roots) addFiles(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return ignoreNotExist(err)
		}
		return r.addFile(path)
	})
}

// addFile adds every object's name in a file.
func (r *roots) addFile(path string) error {
	data, err := durable.ReadFile(path)
	if err != nil {
		return ignoreNotExist(err)
	}
	seen := make(map[ID]bool)
	for line := range bytes.Lines(data) {
		// A message may hold names of its own, which keep nothing.
		line, _, _ = bytes.Cut(line, []byte("\t"))
		for _, field := range bytes.Fields(line) {
			var id ID
			if len(field) != 2*len(id) {
				continue
			}
			if _, err := hex.Decode(id[:], field); err == nil && !id.IsZero() && !seen[id] {
				seen[id] = true
				r.loose = append(r.loose, id)
			}
		}
	}
	return nil
}

// addIndex adds what an index names: files, trees that it has cached, and the sides
// of conflicts.
func (r *roots) addIndex(path string) error {
	f, err := durable.Open(path)
	if err != nil {
		return ignoreNotExist(err)
	}
	defer f.Close()
	var x index.Index
	if err := index.NewDecoder(f).Decode(&x); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, e := range x.Entries {
		r.loose = append(r.loose, ID(e.Hash))
	}
	if x.Cache != nil {
		for _, e := range x.Cache.Entries {
			if e.Entries >= 0 {
				r.loose = append(r.loose, ID(e.Hash))
			}
		}
	}
	if x.ResolveUndo != nil {
		for _, e := range x.ResolveUndo.Entries {
			for _, hash := range e.Stages {
				r.loose = append(r.loose, ID(hash))
			}
		}
	}
	return nil
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// reachFirm walks from what must be whole.
func (s *Store) reachFirm(ctx context.Context, r *odb.Reach, from roots) error {
	r.Forgiving = false
	return r.Walk(ctx, from.firm)
}

// reachLoose walks from what may be gone.
func (s *Store) reachLoose(ctx context.Context, r *odb.Reach, from roots) error {
	r.Forgiving = true
	defer func() { r.Forgiving = false }()
	return r.Walk(ctx, from.loose)
}
