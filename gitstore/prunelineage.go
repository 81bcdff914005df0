package gitstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// lineageBook keeps what is told of checkpoints that are gone for good: which one
// each followed, so that the lineage of those that stay can be told across it.
const lineageBook Notebook = "lineage"

// goneLine is one line of it. Its JSON form is stable.
type goneLine struct {
	Schema  int       `json:"schema"`
	Version string    `json:"version"`
	Commit  string    `json:"commit"`
	Parent  string    `json:"parent,omitempty"`
	Time    time.Time `json:"time"`
	Pruned  time.Time `json:"pruned"`
	Expired time.Time `json:"expired"`
}

// gone are the checkpoints that expired, by commit.
func (s *Store) gone(ctx context.Context) (map[ID]goneLine, error) {
	lines, err := s.NoteLines(ctx, lineageBook)
	if err != nil {
		return nil, err
	}
	all := make(map[ID]goneLine, len(lines))
	for _, l := range lines {
		var g goneLine
		if json.Unmarshal(l.Line, &g) != nil {
			continue
		}
		if id, err := ParseID(g.Commit); err == nil {
			all[id] = g
		}
	}
	return all, nil
}

// linesAtOnce bounds a note that is added in one go.
const linesAtOnce = 200

// rememberGone adds checkpoints that are about to expire, but for those that are
// there already after a crash.
func (s *Store) rememberGone(ctx context.Context, list []Pruned) error {
	have, err := s.gone(ctx)
	if err != nil {
		return err
	}
	var lines [][]byte
	for _, p := range list {
		if _, known := have[p.Commit]; known {
			continue
		}
		g := goneLine{
			Schema: 1, Version: p.Version, Commit: p.Commit.String(), Time: p.Time.UTC(), Pruned: p.At, Expired: s.now().Truncate(time.Second),
		}
		if !p.Parent.IsZero() {
			g.Parent = p.Parent.String()
		}
		line, err := json.Marshal(g)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	on, err := s.Genesis()
	if err != nil {
		return err
	}
	for len(lines) > 0 {
		n := min(linesAtOnce, len(lines))
		summary := fmt.Sprintf("lineage: %d pruned checkpoints expired", n)
		if err := s.AppendNote(ctx, lineageBook, on, bytes.Join(lines[:n], []byte("\n")), summary); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

// Lineage tells which checkpoint each one follows, also where those between the two
// were pruned. It is for one goroutine.
type Lineage struct {
	s     *Store
	there map[ID]bool
	// parents are those of pruned checkpoints, read when they are first needed.
	parents map[ID]ID
}

// Lineage is that of these checkpoints, as [Store.Checkpoints] lists them.
func (s *Store) Lineage(all []Checkpoint) *Lineage {
	l := &Lineage{s: s, there: make(map[ID]bool, len(all))}
	for _, c := range all {
		l.there[c.Commit] = true
	}
	return l
}

// Parent is the commit of the nearest checkpoint that c follows and that wasn't
// pruned, and how many pruned ones lie between. It is null at the beginning of a
// line. As [Checkpoint.Parent] does, it may name a commit that is no version any
// more for another reason.
func (l *Lineage) Parent(ctx context.Context, c Checkpoint) (parent ID, pruned int, err error) {
	at := c.Parent
	for !at.IsZero() && !l.there[at] {
		if l.parents == nil {
			if l.parents, err = l.s.prunedParents(ctx); err != nil {
				return ID{}, 0, err
			}
		}
		next, gone := l.parents[at]
		if !gone || pruned > len(l.parents) {
			break
		}
		at = next
		pruned++
	}
	return at, pruned, nil
}

func (s *Store) prunedParents(ctx context.Context) (map[ID]ID, error) {
	waiting, err := s.Pruned(ctx)
	if err != nil {
		return nil, err
	}
	gone, err := s.gone(ctx)
	if err != nil {
		return nil, err
	}
	parents := make(map[ID]ID, len(gone)+len(waiting))
	for id, g := range gone {
		parents[id] = ID{}
		if p, err := ParseID(g.Parent); err == nil {
			parents[id] = p
		}
	}
	for _, p := range waiting {
		parents[p.Commit] = p.Parent
	}
	return parents, nil
}

// ParentOf is the nearest checkpoint that c follows and that wasn't pruned. The
// error matches [ErrNotFound] when there is none.
func (s *Store) ParentOf(ctx context.Context, c Checkpoint) (Checkpoint, error) {
	return s.parentOf(ctx, c, c.Version+"~", "it is the first")
}

// parentOf is ParentOf for whoever asked for rev; first is what to say of the first.
func (s *Store) parentOf(ctx context.Context, c Checkpoint, rev, first string) (Checkpoint, error) {
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	parent, pruned, err := s.Lineage(all).Parent(ctx, c)
	switch {
	case err != nil:
		return Checkpoint{}, err
	case parent.IsZero() && pruned > 0:
		return Checkpoint{}, &NotFoundError{Rev: rev, Detail: fmt.Sprintf("%s; %d more were pruned", first, pruned)}
	case parent.IsZero():
		return Checkpoint{}, &NotFoundError{Rev: rev, Detail: first}
	}
	return s.byCommit(ctx, parent, rev)
}
