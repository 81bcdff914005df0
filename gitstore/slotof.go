package gitstore

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// SlotOf returns the slot that an open directory is, nil when this store made
// no such directory. The .git file alone is not believed: the slot that it names
// must know this very directory, or the place that it is at.
//
// A directory whose slot has lost its file is told by its place and by its .git
// file, which must name this store; the slot is Damaged then.
func (s *Store) SlotOf(dir *os.File) (*Slot, error) {
	dev, ino, born, err := dirIdentity(dir)
	if err != nil {
		return nil, err
	}
	all, err := s.slots()
	if err != nil {
		return nil, err
	}
	target := gitFileTarget(dir)
	link := slotName(target)
	known := false
	for _, slot := range all {
		same := slot.Ino == ino && slot.Born == born && slot.Dev == dev
		if same && (link == "" || link == slot.id) || link == slot.id && placeOf(dir, append(s.ownPlaces(), slot.Path)) != "" {
			return slot, nil
		}
		known = known || link == slot.id
	}
	if link == "" || known {
		return nil, nil
	}
	places := s.ownPlaces()
	if data, err := durable.ReadFile(filepath.Join(s.slotDir(link), "gitdir")); err == nil {
		places = append(places, filepath.Dir(strings.TrimSpace(string(data))))
	}
	place := placeOf(dir, places)
	if place == "" || !s.owns(place, target) {
		return nil, nil
	}
	return &Slot{Path: place, Damaged: true, id: link}, nil
}

// ownPlaces are where the project's own targets are: a project that was copied to
// another disk keeps its links but not its inodes.
func (s *Store) ownPlaces() []string {
	own := filepath.Join(s.project.Root, Dir, "rollback_target")
	return []string{own, own + ".previous"}
}

// placeOf returns the path among those that an open directory is at, empty when
// it is somewhere else: somebody's copy of a target is theirs.
func placeOf(dir *os.File, paths []string) string {
	here, err := dir.Stat()
	if err != nil {
		return ""
	}
	for _, path := range paths {
		if fi, err := os.Lstat(path); err == nil && os.SameFile(fi, here) {
			return path
		}
	}
	return ""
}

// owns says whether a .git file in the directory at place that names target names
// a linked worktree of this store, which may be gone.
func (s *Store) owns(place, target string) bool {
	if !filepath.IsAbs(target) {
		target = filepath.Join(place, target)
	}
	named, err := os.Stat(filepath.Dir(filepath.Dir(target)))
	if err != nil {
		return false
	}
	store, err := os.Stat(s.dir)
	return err == nil && os.SameFile(named, store)
}

// gitFileTarget reads what the directory's .git file names.
func gitFileTarget(dir *os.File) string {
	fd, err := dirfd.OpenFile(int(dir.Fd()), ".git")
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, err := dirfd.ReadFull(fd, buf)
	if err != nil {
		return ""
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(string(buf[:n])), "gitdir: ")
	if !ok {
		return ""
	}
	return target
}

// slotName is the slot whose directory a .git file names, empty when it names
// something else.
func slotName(target string) string {
	name := filepath.Base(target)
	if filepath.Base(filepath.Dir(target)) != "worktrees" || !strings.HasPrefix(name, slotPrefix) {
		return ""
	}
	return name
}
