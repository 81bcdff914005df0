package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"golang.org/x/sys/unix"
)

// slots mends what the store knows of the directories that rollbacks filled.
func (r *rebuild) slots() error {
	entries, err := os.ReadDir(filepath.Join(r.s.dir, "worktrees"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	unlock := func() {}
	if !r.req.DryRun {
		if unlock, err = r.s.LockTarget(r.ctx, "repair"); err != nil {
			return err
		}
	}
	defer unlock()
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), slotPrefix) {
			r.slot(e.Name())
		}
	}
	return nil
}

func (r *rebuild) slot(id string) {
	dir, path := r.s.slotPlace(id)
	if dir == nil {
		// Nothing is there that it could be about; the next rollback forgets it.
		return
	}
	defer dir.Close()
	slot, why := r.s.slotSound(id, path)
	if why == nil {
		return
	}
	m := Mend{Kind: "slot", What: "worktrees/" + id, Why: damaged("what the store knows of "+path, why), How: "made anew from the directory, all of which was hashed", Trivial: true}
	anew, entries, err := r.s.slotAnew(dir, id, path, slot)
	if err != nil {
		m.State, m.How = Lost, err.Error()+"; a rollback writes the target anew"
		r.add(m)
		return
	}
	r.do(m, func() error { return r.s.writeSlot(anew, entries) })
}

// slotPlace finds the directory that a slot is about, by its link: nil when there is
// none.
func (s *Store) slotPlace(id string) (*os.File, string) {
	places := s.ownPlaces()
	if slot, err := s.readSlotFile(id); err == nil {
		places = append(places, slot.Path)
	}
	if data, err := durable.ReadFile(filepath.Join(s.slotDir(id), "gitdir")); err == nil {
		places = append(places, filepath.Dir(strings.TrimSpace(string(data))))
	}
	for _, path := range places {
		dir, err := os.Open(path)
		if err != nil {
			continue
		}
		slot, err := s.SlotOf(dir)
		if err == nil && slot != nil && slot.id == id {
			return dir, path
		}
		dir.Close()
	}
	return nil, ""
}

// slotSound says what is wrong with a slot's files. The slot is nil when its own
// record is.
func (s *Store) slotSound(id, path string) (*Slot, error) {
	slot, err := s.readSlotFile(id)
	if err != nil {
		return nil, err
	}
	for _, f := range slotFiles(slot) {
		data, err := durable.ReadFile(filepath.Join(s.slotDir(id), f.name))
		switch {
		case err != nil:
			return slot, damaged(f.name, err)
		case f.name == "gitdir" && strings.TrimSpace(string(data)) == filepath.Join(path, ".git"):
		case string(data) != string(f.content):
			return slot, malformed(f.name + " is not what was written")
		}
	}
	_, c, err := s.readCommit(slot.Commit)
	if err != nil {
		// The checkpoint is what is damaged, or it was pruned.
		return slot, nil
	}
	data, err := durable.ReadFile(filepath.Join(s.slotDir(id), "index"))
	if err != nil {
		return slot, damaged("index", err)
	}
	entries, err := gitindex.Decode(data)
	if err != nil {
		return slot, damaged("index", err)
	}
	if newSlotDir(entries, true).tree != c.Tree {
		return slot, malformed("the index is that of another tree")
	}
	return slot, nil
}

type slotContent struct {
	name    string
	content []byte
}

// slotFiles are those of a linked worktree that hold what the slot's record says.
func slotFiles(slot *Slot) []slotContent {
	return []slotContent{
		{"commondir", []byte("../..\n")},
		{"HEAD", []byte(slot.Commit.String() + "\n")},
		{"gitdir", []byte(filepath.Join(slot.Path, ".git") + "\n")},
		{"locked", []byte("a rollback target of git evoseal-rollback\n")},
	}
}

// slotAnew makes a slot's record and index from the directory and from the commit
// that either the record or HEAD tells.
func (s *Store) slotAnew(dir *os.File, id, path string, old *Slot) (*Slot, []gitindex.Entry, error) {
	slot := &Slot{Path: path, Time: s.now(), id: id}
	if old != nil {
		*slot = *old
		slot.Path = path
	} else {
		head, err := durable.ReadFile(filepath.Join(s.slotDir(id), "HEAD"))
		if err != nil {
			return nil, nil, err
		}
		if slot.Commit, err = ParseID(strings.TrimSpace(string(head))); err != nil {
			return nil, nil, err
		}
	}
	c, err := s.load("", slot.Commit)
	if err != nil {
		return nil, nil, err
	}
	if _, data, err := s.readCommit(slot.Commit); err == nil {
		_, trailers := splitTrailers(data.Message)
		slot.Version = trailers[trailerVersion]
	}
	if slot.Dev, slot.Ino, slot.Born, err = dirIdentity(dir); err != nil {
		return nil, nil, err
	}
	entries, missing, err := s.indexOf(dir, c, slot.Paths)
	if err != nil {
		return nil, nil, err
	}
	if old == nil && missing > 0 {
		// It may have been a part of the checkpoint only, and nothing tells which.
		return nil, nil, fmt.Errorf("%d of its files aren't as they were recorded", missing)
	}
	return slot, entries, nil
}

// indexOf is the index of a directory that should hold a tree. Files that are as the
// tree has them get their stat data; others get none, and so differ. They are counted.
func (s *Store) indexOf(dir *os.File, c Checkpoint, paths []string) ([]gitindex.Entry, int, error) {
	filter, err := newPathFilter(paths)
	if err != nil {
		return nil, 0, err
	}
	var all []gitindex.Entry
	missing := 0
	w := newMatWorker()
	err = s.walkTree(c, func(path string, mode uint32, id ID) error {
		e := gitindex.Entry{Name: path, Mode: mode, ID: id}
		switch {
		case !filter.wants(path, false):
			e.SkipWorktree = true
		case !s.fillEntry(dir, &e, w):
			missing++
		}
		all = append(all, e)
		return nil
	})
	sortIndex(all)
	return all, missing, err
}

// fillEntry takes the stat data of a file that has the right bytes. It follows no
// link on its way there.
func (s *Store) fillEntry(dir *os.File, e *gitindex.Entry, w *matWorker) bool {
	fd, err := dirfd.OpenDir(int(dir.Fd()), ".")
	if err != nil {
		return false
	}
	defer func() { unix.Close(fd) }()
	parts := strings.Split(e.Name, "/")
	for _, part := range parts[:len(parts)-1] {
		next, err := dirfd.OpenDir(fd, part)
		if err != nil {
			return false
		}
		unix.Close(fd)
		fd = next
	}
	name := parts[len(parts)-1]
	st, err := dirfd.Lstat(fd, name)
	it := &slotItem{name: name, file: e}
	if err != nil || !sameKind(e, st) || !sameContent(w, func() bool { return false }, fd, it, st) {
		return false
	}
	*e = indexEntry(e.Name, e.Mode, e.ID, st)
	return true
}

// repairTemp begins the names of files in the making.
const repairTemp = "repair_index_"

// writeSlot writes all of a slot's files.
func (s *Store) writeSlot(slot *Slot, entries []gitindex.Entry) error {
	admin := s.slotDir(slot.id)
	tmp, err := durable.Create(filepath.Join(s.dir, cacheDir), repairTemp, 0o644)
	if err != nil {
		return err
	}
	defer tmp.Discard()
	if err := gitindex.Encode(tmp, gitindex.Pointers(entries)); err != nil {
		return err
	}
	if err := tmp.Publish(filepath.Join(admin, "index")); err != nil {
		return err
	}
	for _, f := range slotFiles(slot) {
		if err := durable.WriteFile(filepath.Join(admin, f.name), f.content, 0o644); err != nil {
			return err
		}
	}
	return s.saveSlot(slot)
}
