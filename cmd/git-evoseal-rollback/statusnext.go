package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// surroundings are what the next step depends on, beside the status itself.
type surroundings struct {
	// newest is what is held of the newest checkpoint.
	newest verdict.Standing
	points []manager.IntegrationPoint
	// refused says that a checkpoint would be refused here.
	refused bool
	// bare says that the project has no files to compare with.
	bare bool
}

func (c *call) lookAround(ctx context.Context, m *manager.Manager, st *manager.Status, points []manager.IntegrationPoint) (surroundings, error) {
	how := surroundings{newest: verdict.Standing{State: verdict.Unknown}, points: points, bare: m.Project().Bare}
	if st.Latest == nil {
		allowed := m.Project().Config.All("evoseal", "allowProject")
		how.refused = (st.Project == "/" || st.Project == c.getenv("HOME")) && !slices.Contains(allowed, st.Project)
		return how, nil
	}
	s, err := m.Store(ctx)
	if err != nil {
		return how, err
	}
	standing, _, err := said(s, *st.Latest)
	if errors.Is(err, gitstore.ErrCorrupt) {
		// Status is looked at when something is wrong; doctor tells of this.
		return how, nil
	}
	how.newest = standing
	return how, err
}

// next is the command that most people want now. What is open comes first.
func (c *call) next(st *manager.Status, how surroundings) string {
	for _, p := range how.points {
		if p.Name != "incidents" || p.State != manager.PointWarning {
			continue
		}
		_, command, _ := strings.Cut(p.Hint, "`git evoseal-rollback ")
		command, _, _ = strings.Cut(command, "`")
		return c.command(command)
	}
	switch {
	case how.refused:
		return "go to a project, or name one with -C: a checkpoint of this directory would be refused"
	case st.Latest == nil && !how.bare:
		return c.command("checkpoint")
	case how.newest.State == verdict.Bad && st.Target.Version == "" && st.Checkpoints > 1:
		return c.command("cascade " + shellQuote(st.Latest.Version))
	case how.bare:
		return c.command("list")
	case st.Target.Version != "":
		return c.compareLines(st.Project, st.Target.Path, newPathsJSON(st.Target.Paths))[0]
	}
	return c.command("diff " + shellQuote(st.Latest.Version) + " --stat")
}
