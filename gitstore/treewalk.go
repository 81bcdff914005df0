package gitstore

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// walkTree calls f for every entry of a checkpoint that isn't a directory, in Git's
// order.
func (s *Store) walkTree(c Checkpoint, f func(path string, mode uint32, id ID) error) error {
	return s.walkBelow(c.Tree, "", newEntryLimit(c), f)
}

func (s *Store) walkBelow(tree ID, path string, limit *entryLimit, f func(path string, mode uint32, id ID) error) error {
	list, err := s.db.ReadTree(tree)
	if err != nil {
		return err
	}
	if err := limit.take(len(list)); err != nil {
		return err
	}
	for _, e := range list {
		p := joinPath(path, e.Name)
		if e.Mode == scan.ModeDir {
			err = s.walkBelow(e.ID, p, limit, f)
		} else {
			err = f(p, e.Mode, e.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// HasPaths says whether the checkpoint holds something under each of the paths;
// the error is [ErrNoPath] or [ErrBadPath].
func (s *Store) HasPaths(c Checkpoint, paths []string) error {
	if _, err := newPathFilter(paths); err != nil {
		return err
	}
	for _, p := range paths {
		if p == "." {
			continue
		}
		found, err := s.hasPath(c, p)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%q: %w", p, ErrNoPath)
		}
	}
	return nil
}

// Extent counts the files, and their bytes, that [Store.Materialise] would write
// for these paths of the checkpoint; none is all. Of a whole checkpoint it is what
// the commit says, if it does.
func (s *Store) Extent(c Checkpoint, paths []string) (files, bytes int64, err error) {
	if len(paths) == 0 && c.Files > 0 {
		return c.Files, c.Bytes, nil
	}
	filter, err := newPathFilter(paths)
	if err != nil {
		return 0, 0, err
	}
	err = s.walkTree(c, func(path string, _ uint32, id ID) error {
		if !filter.wants(path, false) {
			return nil
		}
		_, size, err := s.db.Size(id)
		files++
		if bytes += size; bytes < 0 {
			bytes = math.MaxInt64
		}
		return err
	})
	return files, bytes, err
}

func (s *Store) hasPath(c Checkpoint, path string) (bool, error) {
	tree := c.Tree
	parts := strings.Split(path, "/")
	for i, name := range parts {
		list, err := s.db.ReadTree(tree)
		if err != nil {
			return false, err
		}
		at := slices.IndexFunc(list, func(e odb.TreeEntry) bool { return e.Name == name })
		switch {
		case at < 0:
			return s.hasEmptyDir(c, path)
		case i == len(parts)-1:
			return true, nil
		case list[at].Mode != scan.ModeDir:
			return false, nil
		}
		tree = list[at].ID
	}
	return false, nil
}

func (s *Store) hasEmptyDir(c Checkpoint, path string) (bool, error) {
	meta, err := s.Meta(c)
	return slices.ContainsFunc(meta.EmptyDirs, func(p Path) bool {
		return string(p) == path || isBelow(string(p), path)
	}), err
}

// sortIndex puts entries into the order of Git's index.
func sortIndex(entries []gitindex.Entry) {
	slices.SortFunc(entries, func(a, b gitindex.Entry) int { return strings.Compare(a.Name, b.Name) })
}
