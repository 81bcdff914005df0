package gitstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// shallowFile lists the commits that git, and what here walks the commits, takes
// for having no parents: see gitrepository-layout(5). Without it a checkpoint that
// stays would hold on to all that it follows, and pruning would free nothing.
const shallowFile = "shallow"

// shallow reads it. What isn't a commit's name is passed over, as a store without
// the file is one without such commits.
func (s *Store) shallow() (map[ID]bool, error) {
	data, err := durable.ReadFile(filepath.Join(s.dir, shallowFile))
	if err != nil && !isNotExist(err) {
		return nil, err
	}
	return parseShallow(data), nil
}

func parseShallow(data []byte) map[ID]bool {
	all := make(map[ID]bool)
	for line := range strings.Lines(string(data)) {
		if id, err := ParseID(strings.TrimSpace(line)); err == nil {
			all[id] = true
		}
	}
	return all
}

func encodeShallow(all map[ID]bool) []byte {
	var lines []string
	for id := range all {
		lines = append(lines, id.String()+"\n")
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}

// setShallow cuts the commits that stay off their parents that go. Leaving are the
// refs that are about to be deleted, gone the checkpoints that they name, beside
// those that went before.
//
// Commits that are listed already stay so, unless all their parents have refs
// again: somebody may have made the store with `git clone --depth`.
func (s *Store) setShallow(ctx context.Context, leaving map[string]bool, gone map[ID]bool) error {
	before, err := s.gone(ctx)
	if err != nil {
		return err
	}
	if len(gone)+len(before) == 0 {
		return nil
	}
	tips, err := s.tips(leaving)
	if err != nil {
		return err
	}
	c := &cutting{s: s, tips: make(map[ID]bool), gone: make(map[ID]bool), cut: make(map[ID]bool)}
	for _, id := range tips {
		c.tips[id] = true
	}
	for id := range before {
		c.gone[id] = !c.tips[id]
	}
	for id := range gone {
		c.gone[id] = !c.tips[id]
	}
	err = s.refs.Edit(ctx, shallowFile, func(old []byte) ([]byte, error) {
		c.listed = parseShallow(old)
		if err := c.walk(ctx, tips); err != nil {
			return nil, err
		}
		content := encodeShallow(c.cut)
		if bytes.Equal(content, old) {
			return old, nil
		}
		return content, nil
	})
	if err != nil {
		return refError(err)
	}
	return s.dropCommitGraph()
}

// dropCommitGraph removes git's cache of who follows whom, which knows of no cuts:
// `git fsck` would find the two at odds. Git makes none anew beside the list, and
// needs none.
func (s *Store) dropCommitGraph() error {
	info := filepath.Join(s.db.Dir(), "info")
	return errors.Join(os.RemoveAll(filepath.Join(info, "commit-graph")), os.RemoveAll(filepath.Join(info, "commit-graphs")))
}

// tips are the commits that refs of checkpoints and branches name.
func (s *Store) tips(leaving map[string]bool) ([]ID, error) {
	list, err := s.refs.List("refs/")
	if err != nil {
		return nil, refError(err)
	}
	var tips []ID
	for _, r := range list {
		if leaving[r.Name] || strings.HasPrefix(r.Name, "refs/notes/") || strings.HasPrefix(r.Name, policyRef) || strings.HasPrefix(r.Name, archivePrefix) {
			continue
		}
		// What is damaged or no commit has no parents that could be cut off.
		if id, _, err := s.readCommit(r.ID); err == nil {
			tips = append(tips, id)
		}
	}
	return tips, nil
}

// cutting finds out which commits are to be cut off their parents.
type cutting struct {
	s *Store
	// tips have refs, gone are to be reached no more, listed are cut off already.
	tips, gone, listed map[ID]bool
	cut                map[ID]bool
}

func (c *cutting) walk(ctx context.Context, from []ID) error {
	seen := make(map[ID]bool)
	for todo := slices.Clone(from); len(todo) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		_, commit, err := c.s.readCommit(id)
		if err != nil {
			// `verify` tells of damage; here it only ends a line.
			c.s.log.Warn("a commit can't be read", "commit", id, "error", err)
			c.cut[id] = c.listed[id]
		} else if c.cuts(id, commit.Parents) {
			c.cut[id] = true
		} else {
			todo = append(todo, commit.Parents...)
		}
		if !c.cut[id] {
			delete(c.cut, id)
		}
	}
	return nil
}

// cuts says that a commit is to have no parents. One with several, which is none
// of ours, is cut off when all of them go: git can't cut single ones.
func (c *cutting) cuts(id ID, parents []ID) bool {
	going, named := 0, 0
	for _, p := range parents {
		switch {
		case c.gone[p]:
			going++
		case c.tips[p]:
			named++
		}
	}
	return len(parents) > 0 && (going == len(parents) || c.listed[id] && named < len(parents))
}
