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
	// pruned are the pruned checkpoints, read when they are first needed.
	pruned map[ID]prunedLink
}

// prunedLink is what is known of a pruned checkpoint.
type prunedLink struct {
	parent ID
	time   time.Time
}

// Followed is what a checkpoint follows.
type Followed struct {
	// Commit is that of the nearest checkpoint that wasn't pruned, null at the
	// beginning of a line. As [Checkpoint.Parent] does, it may name a commit that is
	// no version any more for another reason.
	Commit ID
	// Pruned are the times of those that lie between the two, the nearest first.
	Pruned []time.Time
}

// Lineage is that of these checkpoints, as [Store.Checkpoints] lists them.
func (s *Store) Lineage(all []Checkpoint) *Lineage {
	l := &Lineage{s: s, there: make(map[ID]bool, len(all))}
	for _, c := range all {
		l.there[c.Commit] = true
	}
	return l
}

// Parent tells what c follows.
func (l *Lineage) Parent(ctx context.Context, c Checkpoint) (f Followed, err error) {
	f.Commit = c.Parent
	for !f.Commit.IsZero() && !l.there[f.Commit] {
		if l.pruned == nil {
			if l.pruned, err = l.s.prunedLinks(ctx); err != nil {
				return Followed{Commit: c.Parent}, err
			}
		}
		link, gone := l.pruned[f.Commit]
		if !gone || len(f.Pruned) > len(l.pruned) {
			break
		}
		f.Commit, f.Pruned = link.parent, append(f.Pruned, link.time)
	}
	return f, nil
}

func (s *Store) prunedLinks(ctx context.Context) (map[ID]prunedLink, error) {
	waiting, err := s.Pruned(ctx)
	if err != nil {
		return nil, err
	}
	gone, err := s.gone(ctx)
	if err != nil {
		return nil, err
	}
	links := make(map[ID]prunedLink, len(gone)+len(waiting))
	for id, g := range gone {
		link := prunedLink{time: g.Time}
		if p, err := ParseID(g.Parent); err == nil {
			link.parent = p
		}
		links[id] = link
	}
	for _, p := range waiting {
		links[p.Commit] = prunedLink{p.Parent, p.Time}
	}
	return links, nil
}

// pastPruned tells what those follow whose parents were pruned, or lost their tags
// otherwise, as far as it matters for the order of the list: where several have the same
// time.
func (s *Store) pastPruned(ctx context.Context, all []Checkpoint) map[ID]ID {
	at := make(map[time.Time]int, len(all))
	for _, c := range all {
		at[c.Time]++
	}
	var l *Lineage
	past := make(map[ID]ID)
	for _, c := range all {
		if at[c.Time] < 2 || c.Parent.IsZero() {
			continue
		}
		if l == nil {
			l = s.Lineage(all)
		}
		f, err := l.Parent(ctx, c)
		if err != nil {
			s.log.Warn("what pruned checkpoints followed can't be read", "error", err)
			return past
		}
		if before := l.pastForgotten(f.Commit, c.Time); before != c.Parent {
			past[c.Commit] = before
		}
	}
	return past
}

// pastForgotten goes on from a commit that is no version any more, as where git has
// removed its tag, through others of that time to one that is.
func (l *Lineage) pastForgotten(id ID, at time.Time) ID {
	next := id
	for !next.IsZero() && !l.there[next] {
		_, c, err := l.s.readCommit(next)
		if err != nil || !c.When.Equal(at) || len(c.Parents) == 0 {
			return id
		}
		next = c.Parents[0]
	}
	return next
}

// ParentOf is the nearest checkpoint that c follows and that wasn't pruned. The
// error matches [ErrNotFound] when there is none.
func (s *Store) ParentOf(ctx context.Context, c Checkpoint) (Checkpoint, error) {
	return s.parentOf(ctx, c, c.Version+"~", "it is the first")
}

// parentOf is ParentOf for whoever asked for rev; first is what to say of the first.
func (s *Store) parentOf(ctx context.Context, c Checkpoint, rev, first string) (Checkpoint, error) {
	if parent, ok := s.byOwnName(c.Parent); ok {
		return parent, nil
	}
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	parent, err := s.Lineage(all).Parent(ctx, c)
	switch {
	case err != nil:
		return Checkpoint{}, err
	case parent.Commit.IsZero() && len(parent.Pruned) > 0:
		return Checkpoint{}, &NotFoundError{Rev: rev, Detail: fmt.Sprintf("%s; %d more were pruned", first, len(parent.Pruned))}
	case parent.Commit.IsZero():
		return Checkpoint{}, &NotFoundError{Rev: rev, Detail: first}
	}
	return s.byCommit(ctx, parent.Commit, rev)
}
