package main

import (
	"context"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
)

// noRecords says on stderr why a history shows nothing: nothing was recorded,
// nothing is like what was asked for, or it lies in an archive.
func (c *call) noRecords(ctx context.Context, m *manager.Manager, filtered bool) error {
	if filtered {
		any, err := m.History(ctx, manager.HistoryFilter{Limit: 1})
		if err != nil {
			return err
		}
		if len(any) > 0 {
			c.note("no record matches")
			return nil
		}
	}
	s, err := m.Store(ctx)
	if err != nil {
		return err
	}
	archives, err := s.Archives(gitstore.History)
	if err != nil || len(archives) == 0 {
		c.note("no records yet")
		return err
	}
	newest := archives[len(archives)-1]
	c.note("no records since the history was archived, " + times(len(archives)) + "; `" +
		"git --git-dir=" + c.shownPath(s.Dir()) + " log -p --format=%s " + newest.Ref + "` shows the newest archive")
	return nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return count(int64(n), "time")
}
