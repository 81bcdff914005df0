package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

const holdPrefix = "inuse_"

// Hold keeps commits from being pruned, and pruned ones from expiring, until
// release is called or the process dies. It doesn't look whether they are there.
func (s *Store) Hold(commits ...ID) (release func(), err error) {
	// The file is locked while its maker lives, which is all that counts of it.
	f, err := durable.Create(filepath.Join(s.dir, cacheDir), holdPrefix, 0o644)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, id := range commits {
		fmt.Fprintln(&b, id)
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		f.Discard()
		return nil, err
	}
	return f.Discard, nil
}

// Needed are the commits that must stay whatever anybody decides, and why: what
// the store's slots and other linked work trees hold, what plain git checks out,
// and what running processes hold by [Store.Hold].
func (s *Store) Needed(ctx context.Context) (map[ID]string, error) {
	needed := make(map[ID]string)
	if id, err := s.refs.Read(latestRef); err == nil {
		needed[id] = "it was recorded last"
	} else if !isNotExist(err) {
		return nil, refError(err)
	}
	if err := s.heldByProcesses(ctx, needed); err != nil {
		return nil, err
	}
	return needed, s.heldByWorktrees(needed)
}

// heldByWorktrees reads what each linked work tree has checked out. Git takes
// these for beginnings as it does refs.
func (s *Store) heldByWorktrees(needed map[ID]string) error {
	slots, err := s.slots()
	if err != nil {
		return err
	}
	for _, slot := range slots {
		path := slot.Path
		if rel, err := filepath.Rel(s.project.Root, path); err == nil && filepath.IsLocal(rel) {
			path = rel
		}
		needed[slot.Commit] = path + " holds it"
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "worktrees"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		data, err := durable.ReadFile(filepath.Join(s.slotDir(e.Name()), "HEAD"))
		if err != nil {
			// Half made, or being removed: git sees no work tree there either.
			continue
		}
		head := strings.TrimSpace(string(data))
		id, err := ParseID(head)
		if ref, symbolic := strings.CutPrefix(head, "ref: "); symbolic {
			id, err = s.refs.Read(ref)
		}
		if err == nil && needed[id] == "" {
			needed[id] = "the work tree " + e.Name() + " has it checked out"
		}
	}
	return nil
}

// heldByProcesses reads what living processes hold and sweeps up after dead ones.
func (s *Store) heldByProcesses(ctx context.Context, needed map[ID]string) error {
	dir := filepath.Join(s.dir, cacheDir)
	if _, err := durable.Sweep(dir, holdPrefix); err != nil {
		s.log.Debug("holds of dead processes can't be swept up", "error", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !strings.HasPrefix(e.Name(), holdPrefix) {
			continue
		}
		data, err := livingHold(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		for line := range strings.FieldsSeq(string(data)) {
			if id, err := ParseID(line); err == nil {
				needed[id] = "a running process works with it"
			}
		}
	}
	return nil
}

// livingHold reads a hold, nothing of one whose maker is dead.
func livingHold(path string) ([]byte, error) {
	f, err := durable.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return nil, nil
	}
	return durable.ReadFile(path)
}
