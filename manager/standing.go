package manager

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// append adds an entry to the verdicts of a checkpoint.
func (m *Manager) append(ctx context.Context, s *gitstore.Store, on gitstore.ID, e verdict.Entry, summary string) error {
	line, err := e.Line()
	if err != nil {
		return err
	}
	return s.AppendNote(context.WithoutCancel(ctx), gitstore.Verdicts, on, line, summary)
}

// standing is what is held of one checkpoint.
func (m *Manager) standing(s *gitstore.Store, commit gitstore.ID) (verdict.Standing, error) {
	note, err := s.ReadNote(gitstore.Verdicts, commit)
	if err != nil {
		return verdict.Standing{}, err
	}
	entries, _ := verdict.DecodeEntries(note)
	return verdict.Latest(entries), nil
}

// standings are those of all checkpoints that anything was said of.
func (m *Manager) standings(ctx context.Context, s *gitstore.Store) (map[gitstore.ID]verdict.Standing, error) {
	lines, err := s.NoteLines(ctx, gitstore.Verdicts)
	if err != nil {
		return nil, err
	}
	notes := make(map[gitstore.ID]*bytes.Buffer)
	for _, l := range lines {
		if notes[l.Object] == nil {
			notes[l.Object] = &bytes.Buffer{}
		}
		notes[l.Object].Write(l.Line)
		notes[l.Object].WriteByte('\n')
	}
	all := make(map[gitstore.ID]verdict.Standing, len(notes))
	for id, note := range notes {
		entries, _ := verdict.DecodeEntries(note.Bytes())
		all[id] = verdict.Latest(entries)
	}
	return all, nil
}

// Standing is what is held of a version, by any name that
// [gitstore.Store.Resolve] knows; its State is [verdict.Unknown] for one that
// nothing was said of.
func (m *Manager) Standing(ctx context.Context, version string) (verdict.Standing, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return verdict.Standing{}, err
	}
	c, err := s.Resolve(ctx, version)
	if err != nil {
		return verdict.Standing{}, err
	}
	return m.standing(s, c.Commit)
}

// RollbackTarget is a checkpoint that a rollback could bring back, and what is
// held of it.
type RollbackTarget struct {
	gitstore.Checkpoint
	Standing verdict.Standing
}

// Targets lists the checkpoints, newest first, with what is held of each.
func (m *Manager) Targets(ctx context.Context) ([]RollbackTarget, error) {
	var all []RollbackTarget
	for t, err := range m.NewestTargets(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// NewestTargets yields what Targets lists, one by one. The first few cost the same
// however many there are, but for the verdicts, all of which are read. After an error
// nothing more comes.
func (m *Manager) NewestTargets(ctx context.Context) iter.Seq2[RollbackTarget, error] {
	return func(yield func(RollbackTarget, error) bool) {
		s, err := m.Store(ctx)
		if err != nil {
			yield(RollbackTarget{}, err)
			return
		}
		var standings map[gitstore.ID]verdict.Standing
		for c, err := range s.Newest(ctx) {
			if err == nil && standings == nil {
				standings, err = m.standings(ctx, s)
			}
			if err != nil {
				yield(RollbackTarget{}, err)
				return
			}
			t := RollbackTarget{c, standings[c.Commit]}
			if t.Standing.State == "" {
				t.Standing.State = verdict.Unknown
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// MarkRequest declares what a version is worth.
type MarkRequest struct {
	Version string
	Mark    verdict.Mark
	Reason  string
	Token   auth.Secret
}

// Mark declares a version good or bad, whatever was found of it before. Where the
// policy requires tokens it needs one.
func (m *Manager) Mark(ctx context.Context, req MarkRequest) (*RollbackTarget, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	if req.Mark != verdict.MarkGood && req.Mark != verdict.MarkBad {
		return nil, fmt.Errorf("a version is marked good or bad, not %q", req.Mark)
	}
	rec := m.newRecord(ActionJudge, req.Version, req.Reason)
	if err := m.authorizeRecorded(ctx, s, auth.Judge, req.Token, rec); err != nil {
		return nil, err
	}
	c, err := s.Resolve(ctx, req.Version)
	if err != nil {
		return nil, err
	}
	first, err := m.isFirstGood(ctx, s)
	if err != nil {
		return nil, err
	}
	now := m.now()
	entry := verdict.NewMark(newID(now), now, rec.Actor, c.Version, c.Commit.String(), req.Mark, req.Reason)
	if err := m.append(ctx, s, c.Commit, entry, fmt.Sprintf("%s marked %s", c.Version, req.Mark)); err != nil {
		return nil, err
	}
	if first && req.Mark == verdict.MarkGood {
		m.publish(ctx, s, event.BaselineEstablished, c.Version, event.VerdictData{VerdictID: entry.ID, Version: c.Version, Commit: c.Commit.String(), Outcome: "good", Reason: req.Reason})
	}
	standing, err := m.standing(s, c.Commit)
	return &RollbackTarget{c, standing}, err
}

// isFirstGood says that no version is good yet.
func (m *Manager) isFirstGood(ctx context.Context, s *gitstore.Store) (bool, error) {
	all, err := m.standings(ctx, s)
	if err != nil {
		return false, err
	}
	for _, st := range all {
		if st.State == verdict.Good {
			return false, nil
		}
	}
	return true, nil
}

// lineage knows the checkpoints and what is held of them.
type lineage struct {
	all      []gitstore.Checkpoint
	byCommit map[gitstore.ID]gitstore.Checkpoint
	// follows leads past pruned checkpoints.
	follows   map[gitstore.ID]gitstore.Followed
	standings map[gitstore.ID]verdict.Standing
}

func (m *Manager) lineage(ctx context.Context, s *gitstore.Store) (*lineage, error) {
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	l := &lineage{all: all, byCommit: make(map[gitstore.ID]gitstore.Checkpoint, len(all)), follows: make(map[gitstore.ID]gitstore.Followed, len(all))}
	across := s.Lineage(all)
	for _, c := range all {
		l.byCommit[c.Commit] = c
		if l.follows[c.Commit], err = across.Parent(ctx, c); err != nil {
			m.log.Warn("what pruned checkpoints followed can't be read", "error", err)
		}
	}
	l.standings, err = m.standings(ctx, s)
	return l, err
}

// ancestors are the checkpoints that c follows, nearest first.
func (l *lineage) ancestors(c gitstore.Checkpoint) []gitstore.Checkpoint {
	var list []gitstore.Checkpoint
	for {
		parent, ok := l.byCommit[l.follows[c.Commit].Commit]
		if !ok || len(list) > len(l.all) {
			return list
		}
		list = append(list, parent)
		c = parent
	}
}

func (l *lineage) state(c gitstore.Checkpoint) verdict.State {
	if st, ok := l.standings[c.Commit]; ok {
		return st.State
	}
	return verdict.Unknown
}

// lastGood is the nearest ancestor that was verified good or, without one, the
// newest other version that was.
func (l *lineage) lastGood(c gitstore.Checkpoint) (gitstore.Checkpoint, bool) {
	for _, list := range [][]gitstore.Checkpoint{l.ancestors(c), l.all} {
		for _, a := range list {
			if a.Commit != c.Commit && l.state(a) == verdict.Good {
				return a, true
			}
		}
	}
	return gitstore.Checkpoint{}, false
}
