package manager

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/retention"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// hold keeps a checkpoint, and the baseline if one is named, from being pruned while
// this process works with them.
func (m *Manager) hold(ctx context.Context, s *gitstore.Store, commit gitstore.ID, baseline string) (release func(), err error) {
	held := []gitstore.ID{commit}
	if baseline != "" {
		c, err := s.Resolve(ctx, baseline)
		if err != nil {
			return nil, err
		}
		held = append(held, c.Commit)
	}
	return m.holdAll(s, held...)
}

// holdAll is hold for commits. Where the store can't be written to, nobody else
// prunes it either.
func (m *Manager) holdAll(s *gitstore.Store, commits ...gitstore.ID) (release func(), err error) {
	release, err = s.Hold(commits...)
	if errors.Is(err, fs.ErrPermission) {
		return func() {}, nil
	}
	return release, err
}

// itemID names a checkpoint to the package that decides. Two versions may name one
// commit, so that the commit isn't enough.
func itemID(c gitstore.Checkpoint) string { return c.Version }

// items are the checkpoints as far as the rules look at them.
func items(l *lineage, needs map[gitstore.ID][]string) []retention.Item {
	versions := make(map[gitstore.ID]string, len(l.all))
	for _, c := range l.all {
		versions[c.Commit] = c.Version
	}
	list := make([]retention.Item, len(l.all))
	for i, c := range l.all {
		list[i] = retention.Item{
			ID: itemID(c), Follows: versions[l.follows[c.Commit].Commit], Between: l.follows[c.Commit].Pruned, Version: c.Version, Time: c.Time,
			Good: l.state(c) == verdict.Good, Generated: gitstore.IsGenerated(c.Version), Needed: needs[c.Commit],
		}
	}
	return list
}

// needs are the reasons for which checkpoints stay whatever the rules say, beside
// those that [retention.Decide] knows by itself.
func (m *Manager) needs(ctx context.Context, s *gitstore.Store, l *lineage) (map[gitstore.ID][]string, error) {
	n := &needs{l: l, byCommit: make(map[gitstore.ID][]string)}
	held, err := s.Needed(ctx)
	if err != nil {
		return nil, err
	}
	for id, why := range held {
		n.add(id, why)
	}
	list, err := m.emergencyCandidates(ctx, s, "")
	if err != nil && !errors.Is(err, ErrNoCandidate) {
		return nil, err
	}
	if at := slices.IndexFunc(list, func(c candidate) bool { return c.skip == "" }); at >= 0 {
		n.add(list[at].Commit, "an emergency would bring it back")
	}
	if len(l.all) > 0 {
		if good, ok := l.lastGood(l.all[0]); ok {
			n.add(good.Commit, "the newest is compared with it")
		}
	}
	records, err := m.history(ctx, s, HistoryFilter{})
	if err != nil {
		return nil, err
	}
	n.incidents(records)
	n.chains(records)
	return n.byCommit, nil
}

type needs struct {
	l        *lineage
	byCommit map[gitstore.ID][]string
}

func (n *needs) add(id gitstore.ID, why string) {
	if !slices.Contains(n.byCommit[id], why) {
		n.byCommit[id] = append(n.byCommit[id], why)
	}
}

// named adds a version as records name one: by its name or its commit.
func (n *needs) named(version, why string) {
	for _, c := range n.l.all {
		if version != "" && (c.Version == version || c.Commit.String() == version) {
			n.add(c.Commit, why)
		}
	}
}

func (n *needs) incidents(records []Record) {
	open := make(map[string]bool)
	for _, i := range incidentsOf(records) {
		open[i.ID] = i.Closed.IsZero()
	}
	for _, r := range records {
		if open[r.Incident] {
			why := "incident " + r.Incident + " is open"
			n.named(r.Version, why)
			n.named(r.FromVersion, why)
		}
	}
}

// chains keeps what a cascade that was broken off leads away from, and where it may
// yet lead to.
func (n *needs) chains(records []Record) {
	for _, c := range unfinishedOf(records) {
		why := "the cascade from " + c.Failed + " is to be gone on with"
		n.named(c.Failed, why)
		for _, at := range c.open.Considered {
			if at.Chosen {
				n.named(at.Version, why)
			}
		}
	}
}
