package gitstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
)

// Slot is a directory that a rollback filled: a linked worktree of the store,
// so that plain git can tell what changed in it since.
type Slot struct {
	Version string `json:"version"`
	Commit  ID     `json:"commit"`
	// Path is where the directory was last known to be.
	Path string    `json:"path"`
	Time time.Time `json:"time"`
	// Paths are those that were asked for; empty for a whole checkpoint.
	Paths []string `json:"paths,omitempty"`
	// Before is the checkpoint that lay in its place until then, null for none, or for
	// a part of one.
	Before ID `json:"before,omitzero"`
	// Dev, Ino and Born tell the directory from any other, also when it has no
	// .git file.
	Dev  uint64 `json:"dev"`
	Ino  uint64 `json:"ino"`
	Born int64  `json:"born,omitempty"`
	// Settled is when all was written, in nanoseconds since the Unix epoch by the clock of
	// the directory's file system. A file that was changed then, or later, may have been
	// changed again without its stat data showing it.
	Settled int64 `json:"settled,omitempty"`
	// Damaged says that the store has lost what it knew of the directory, and the
	// fields above but Path are empty: the directory is the engine's to replace,
	// and nothing tells what it holds.
	Damaged bool `json:"-"`

	id string
}

const (
	slotPrefix = "target-"
	slotFile   = "evoseal.json"
	// slotMaking is the cache's directory that becomes a slot's.
	slotMaking = "slot.making"
)

func (s *Store) slotDir(id string) string { return filepath.Join(s.dir, "worktrees", id) }

// SlotRequest says what a directory is to be a slot of.
type SlotRequest struct {
	// Path is where the directory is about to be.
	Path       string
	Checkpoint Checkpoint
	// Written is what Materialise did to the directory.
	Written *Materialised
	// Before is as in [Slot].
	Before ID
	// GitFile leaves the .git file in the directory.
	GitFile bool
}

// LinkSlot makes dir, which Materialise has filled, a linked worktree of the store.
func (s *Store) LinkSlot(dir *os.File, req SlotRequest) (*Slot, error) {
	slot := &Slot{
		Version: req.Checkpoint.Version, Commit: req.Checkpoint.Commit, Path: req.Path, Time: s.now(),
		Paths: req.Written.paths, Before: req.Before,
	}
	var err error
	if slot.Dev, slot.Ino, slot.Born, err = dirIdentity(dir); err != nil {
		return nil, err
	}
	if slot.Settled, err = dirfd.Now(int(dir.Fd())); err != nil {
		s.log.Debug("the target's file system doesn't tell the time", "error", err)
	}
	slot.id = fmt.Sprintf("%s%08x", slotPrefix, rand.Uint32())
	admin := s.slotDir(slot.id)
	if err := s.makeSlotDir(admin); err != nil {
		return nil, err
	}
	if err := s.writeSlotIndex(slot, req); err != nil {
		return nil, err
	}
	files := []struct {
		name    string
		content []byte
	}{
		{"commondir", []byte("../..\n")},
		{"HEAD", []byte(slot.Commit.String() + "\n")},
		{"gitdir", []byte(filepath.Join(slot.Path, ".git") + "\n")},
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(admin, f.name), f.content, 0o644); err != nil {
			return nil, err
		}
	}
	if err := s.saveSlot(slot); err != nil {
		return nil, err
	}
	req.Written.slot = slot
	if req.GitFile {
		return slot, s.writeGitFile(dir, slot.Path, admin)
	}
	return slot, nil
}

// makeSlotDir makes a slot's directory appear with its lock in it: `git worktree
// prune` removes at once what isn't locked and leads nowhere, as this does until the
// rollback is done. The caller holds the target's lock, so that what is there of that
// kind is a dead process's.
func (s *Store) makeSlotDir(admin string) error {
	making := s.cachePath(slotMaking)
	if err := os.RemoveAll(making); err != nil {
		return err
	}
	if err := os.MkdirAll(making, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(making, "locked"), []byte("a rollback target of git evoseal-rollback\n"), 0o644); err != nil {
		return err
	}
	const tries = 100
	for try := 1; ; try++ {
		if err := os.MkdirAll(filepath.Dir(admin), 0o755); err != nil {
			return err
		}
		err := os.Rename(making, admin)
		// git removes the directory above when nothing is in it.
		if !errors.Is(err, fs.ErrNotExist) || try == tries {
			return err
		}
	}
}

func (s *Store) writeSlotIndex(slot *Slot, req SlotRequest) error {
	entries, err := s.withUnwritten(req.Checkpoint, req.Written)
	if err != nil {
		return err
	}
	// Half of one would keep gc, git's as well, from telling what is needed. What syncs the
	// directory that is about to be exchanged syncs this.
	path := filepath.Join(s.slotDir(slot.id), "index")
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(gitindex.Encode(f, entries), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// withUnwritten adds what was not asked for to the index, as Git keeps files
// that a sparse checkout leaves out: otherwise they would look deleted.
func (s *Store) withUnwritten(c Checkpoint, m *Materialised) ([]*gitindex.Entry, error) {
	if len(m.paths) == 0 {
		return m.index, nil
	}
	written := make(map[string]*gitindex.Entry, len(m.index))
	for _, e := range m.index {
		written[e.Name] = e
	}
	var all []*gitindex.Entry
	err := s.walkTree(c, func(path string, mode uint32, id ID) error {
		e, ok := written[path]
		if !ok {
			e = &gitindex.Entry{Name: path, Mode: mode, ID: id, SkipWorktree: true}
		}
		all = append(all, e)
		return nil
	})
	slices.SortFunc(all, func(a, b *gitindex.Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// writeGitFile leaves the relative link by which git in the directory finds the
// store, wherever the project is moved to.
func (s *Store) writeGitFile(dir *os.File, path, admin string) error {
	link, err := filepath.Rel(path, admin)
	if err != nil || s.elsewhere() {
		link = admin
	}
	fd, err := dirfd.Create(int(dir.Fd()), ".git", 0o644)
	if err != nil {
		return &fs.PathError{Op: "create", Path: ".git", Err: err}
	}
	f := os.NewFile(uintptr(fd), ".git")
	_, err = fmt.Fprintf(f, "gitdir: %s\n", filepath.ToSlash(link))
	return errors.Join(err, f.Close())
}

// elsewhere says that the store doesn't move along with the project.
func (s *Store) elsewhere() bool {
	return s.dir != filepath.Join(s.project.Root, Dir, ".git")
}

func (s *Store) saveSlot(slot *Slot) error {
	data, err := json.Marshal(slot)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(s.slotDir(slot.id), slotFile), sealSlot(slot.id, data), 0o644)
}

// slots reads all of them. One without its file is half made, or has lost it, and
// is left out.
func (s *Store) slots() ([]*Slot, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "worktrees"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*Slot
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), slotPrefix) {
			continue
		}
		if slot, err := s.readSlotFile(e.Name()); err == nil {
			all = append(all, slot)
		}
	}
	return all, nil
}

// MendSlots brings the slots' back pointers up to date, given the directories
// that a target and the one before it may be at, and forgets slots whose
// directory is gone. The caller holds the target's lock.
func (s *Store) MendSlots(paths ...string) error {
	all, err := s.slots()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(s.cachePath(slotMaking)); err != nil {
		return err
	}
	at := make(map[string]string)
	for _, slot := range all {
		paths = append(paths, slot.Path)
	}
	for _, path := range paths {
		dir, err := os.Open(path)
		if err != nil {
			continue
		}
		slot, err := s.SlotOf(dir)
		dir.Close()
		if err == nil && slot != nil {
			at[slot.id] = path
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "worktrees"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range entries {
		if _, alive := at[e.Name()]; !alive && strings.HasPrefix(e.Name(), slotPrefix) {
			errs = append(errs, os.RemoveAll(s.slotDir(e.Name())))
		}
	}
	for _, slot := range all {
		path, alive := at[slot.id]
		if !alive {
			continue
		}
		if _, err := durable.Sweep(s.slotDir(slot.id), durable.Temp("gitdir"), durable.Temp(slotFile)); err != nil {
			errs = append(errs, err)
		}
		if path != slot.Path {
			errs = append(errs, s.moveSlot(slot, path))
		}
	}
	return errors.Join(errs...)
}

func (s *Store) moveSlot(slot *Slot, path string) error {
	slot.Path = path
	if err := durable.WriteFile(filepath.Join(s.slotDir(slot.id), "gitdir"), []byte(filepath.Join(path, ".git")+"\n"), 0o644); err != nil {
		return err
	}
	return s.saveSlot(slot)
}

// DropSlot forgets a slot whose directory never came to be.
func (s *Store) DropSlot(slot *Slot) error { return os.RemoveAll(s.slotDir(slot.id)) }
