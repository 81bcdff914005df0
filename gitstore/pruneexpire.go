package gitstore

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"golang.org/x/sys/unix"
)

// Expiry is what [Store.ExpirePruned] did.
type Expiry struct {
	// Gone are the checkpoints that nothing brings back any more.
	Gone []Pruned
	// Needed would have gone too, but for the reason beside each.
	Needed []NeededPruned
}

// NeededPruned is a pruned checkpoint that something needs.
type NeededPruned struct {
	Pruned
	Why string
}

// ExpirePruned drops the refs of checkpoints that were pruned at a moment or before,
// and cuts those that stay off them, so that git's gc and ours remove their objects. Of
// each it stays known what it followed. Ones that [Store.Needed] tells are left
// for the next time.
//
// It takes the lock on objects alone, because a checkpoint that is being recorded
// may be about to follow one of them; the error matches [ErrBusy] when that can't
// be had. After a crash at any point the next call goes on.
func (s *Store) ExpirePruned(ctx context.Context, before time.Time) (*Expiry, error) {
	out := &Expiry{}
	if due, err := s.due(ctx, before); err != nil || len(due) == 0 {
		return out, err
	}
	unlock, err := s.lockPrune(ctx, "prune")
	if err != nil {
		return nil, err
	}
	defer unlock()
	unlockObjects, err := s.lockObjects(ctx, unix.LOCK_EX, "prune")
	if err != nil {
		return nil, err
	}
	defer unlockObjects()
	if _, err := s.settlePruned(ctx); err != nil {
		return nil, err
	}
	due, err := s.due(ctx, before)
	if err != nil {
		return nil, err
	}
	needed, err := s.Needed(ctx)
	if err != nil {
		return nil, err
	}
	var going []Pruned
	for _, p := range due {
		if why := needed[p.Commit]; why != "" {
			out.Needed = append(out.Needed, NeededPruned{p, why})
			continue
		}
		going = append(going, p)
	}
	out.Gone, err = s.expire(ctx, going)
	return out, err
}

func (s *Store) due(ctx context.Context, before time.Time) ([]Pruned, error) {
	waiting, err := s.Pruned(ctx)
	var due []Pruned
	for _, p := range waiting {
		if !p.At.After(before) {
			due = append(due, p)
		}
	}
	return due, err
}

// expire makes sure of all that must hold without the refs before it drops them.
func (s *Store) expire(ctx context.Context, list []Pruned) ([]Pruned, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.rememberGone(ctx, list); err != nil {
		return nil, err
	}
	leaving, gone := make(map[string]bool), make(map[ID]bool)
	byRef := make(map[string]Pruned)
	renames := make([]refs.Rename, len(list))
	for i, p := range list {
		leaving[p.ref], gone[p.Commit], byRef[p.ref] = true, true, p
		renames[i] = refs.Rename{From: p.ref, ID: p.Tag}
	}
	if err := s.setShallow(ctx, leaving, gone); err != nil {
		return nil, err
	}
	if err := s.forgetLogged(ctx, gone); err != nil {
		return nil, err
	}
	done, err := s.refs.Rename(ctx, renames)
	var out []Pruned
	for _, r := range done {
		out = append(out, byRef[r.From])
	}
	return out, refError(err)
}

// forgetLogged takes commits out of the log of the branch that follows the newest
// checkpoint: git keeps for months what a log names.
func (s *Store) forgetLogged(ctx context.Context, gone map[ID]bool) error {
	for _, name := range []string{latestRef, "HEAD"} {
		path := filepath.Join(s.dir, "logs", filepath.FromSlash(name))
		if _, err := durable.Sweep(filepath.Dir(path), durable.Temp(path)); err != nil {
			return err
		}
		data, err := durable.ReadFile(path)
		if isNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if bytes.Equal(withoutLogged(data, gone), data) {
			continue
		}
		if err := s.rewriteLog(ctx, path, gone); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) rewriteLog(ctx context.Context, path string, gone map[ID]bool) error {
	// Whoever moves the branch, also by way of HEAD, holds the branch's lock.
	held, err := s.refs.LockAny(ctx, latestRef)
	if err != nil {
		return refError(err)
	}
	defer held.Release()
	data, err := durable.ReadFile(path)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, withoutLogged(data, gone), 0o644)
}

// withoutLogged leaves out the entries that lead to one of the commits, and lets
// each other follow the one before it, as `git reflog expire --rewrite` does.
func withoutLogged(data []byte, gone map[ID]bool) []byte {
	var out bytes.Buffer
	last, skipped := ID{}, false
	for line := range strings.Lines(string(data)) {
		from, rest, ok := strings.Cut(line, " ")
		to, _, _ := strings.Cut(rest, " ")
		a, err := ParseID(from)
		b, err2 := ParseID(to)
		if !ok || err != nil || err2 != nil {
			out.WriteString(line)
			continue
		}
		if gone[b] {
			skipped = true
			continue
		}
		if skipped || gone[a] {
			line = last.String() + " " + rest
		}
		out.WriteString(line)
		last, skipped = b, false
	}
	return out.Bytes()
}
