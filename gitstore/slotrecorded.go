package gitstore

import (
	"os"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"golang.org/x/sys/unix"
)

// asRecorded makes the entries of a slot's index those of its checkpoint. They are,
// unless somebody ran git in the target, which writes down there what he would commit.
// What git changed has no stat data any more, and so counts as what its bytes are.
func (s *Store) asRecorded(c Checkpoint, slot *Slot, entries []gitindex.Entry) ([]gitindex.Entry, error) {
	filter, err := newPathFilter(slot.Paths)
	if err != nil {
		return nil, err
	}
	as := newSlotDir(entries, true).tree == c.Tree
	for i := range entries {
		as = as && entries[i].SkipWorktree != filter.wants(entries[i].Name, false)
	}
	if as {
		return entries, nil
	}
	known := make(map[string]*gitindex.Entry, len(entries))
	for i := range entries {
		known[entries[i].Name] = &entries[i]
	}
	var all []gitindex.Entry
	err = s.walkTree(c, func(path string, mode uint32, id ID) error {
		e := gitindex.Entry{Name: path, Mode: mode, ID: id}
		if was := known[path]; was != nil && was.ID == e.ID && was.Mode == mode {
			e = *was
		}
		e.SkipWorktree = !filter.wants(path, false)
		all = append(all, e)
		return nil
	})
	sortIndex(all)
	return all, err
}

// within are the paths of a list that a rollback of some paths brings.
func within(list []Path, paths []string) ([]Path, error) {
	filter, err := newPathFilter(paths)
	if err != nil {
		return nil, err
	}
	var out []Path
	for _, p := range list {
		if filter.wants(string(p), true) {
			out = append(out, p)
		}
	}
	return out, nil
}

// isDirBelow says whether there is a directory at a path below an open one.
func isDirBelow(dir *os.File, path string) bool {
	at, err := dirfd.OpenDir(int(dir.Fd()), ".")
	for name := range strings.SplitSeq(path, "/") {
		if err != nil {
			return false
		}
		var next int
		next, err = dirfd.OpenDir(at, name)
		unix.Close(at)
		at = next
	}
	if err == nil {
		unix.Close(at)
	}
	return err == nil
}
