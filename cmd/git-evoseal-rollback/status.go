package main

import (
	"context"
	"fmt"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

type statusOptions struct{ all bool }

func (o *statusOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.all, "all", false, "also show the integration points that are well")
}

func (o *statusOptions) run(ctx context.Context, c *call) error {
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	st, err := m.Status(ctx)
	if err != nil {
		return err
	}
	points, err := m.IntegrationPoints(ctx)
	if err != nil {
		return err
	}
	how, err := c.lookAround(ctx, m, st, points)
	if err != nil {
		return err
	}
	if c.json {
		out := c.newStatusJSON(st, how)
		return c.out.object(out)
	}
	c.tellStatus(st, how.newest)
	c.tellPoints(points, o.all)
	c.out.println("next     " + c.next(st, how))
	return nil
}

// tellPoints shows what is wrong or open, or everything. The project has a line of
// its own already.
func (c *call) tellPoints(points []manager.IntegrationPoint, all bool) {
	var shown []manager.IntegrationPoint
	width := 8
	for _, p := range points {
		bad := p.State == manager.PointWarning || p.State == manager.PointError
		if p.Name == "project" || !all && (!bad || p.Name == "tokens" && p.State == manager.PointWarning) {
			continue
		}
		shown = append(shown, p)
		width = max(width, len([]rune(p.Name)))
	}
	for _, p := range shown {
		state := string(p.State)
		switch p.State {
		case manager.PointWarning:
			state = c.out.paint(yellow, state)
		case manager.PointError:
			state = c.out.paint(red, state)
		}
		c.out.printf("%-*s %s: %s\n", width, printable(p.Name), state, printable(p.Detail))
		if p.Hint != "" {
			c.out.printf("%-*s %s\n", width, "", printable(c.rooted(p.Hint)))
		}
	}
}

type statusJSON struct {
	Schema      int             `json:"schema"`
	Project     gitstore.Path   `json:"project"`
	Store       gitstore.Path   `json:"store"`
	Head        headJSON        `json:"head"`
	Checkpoints int             `json:"checkpoints"`
	Latest      *checkpointJSON `json:"latest"`
	// LatestStanding is what is held of it.
	LatestStanding verdict.Standing `json:"latest_standing"`
	Target         targetJSON       `json:"target"`
	Last           *recordJSON      `json:"last"`
	Next           string           `json:"next"`

	Integration []manager.IntegrationPoint `json:"integration"`
}

type headJSON struct {
	Commit string `json:"commit"`
	Branch string `json:"branch"`
}

type targetJSON struct {
	Path        gitstore.Path    `json:"path"`
	Version     string           `json:"version"`
	Since       *time.Time       `json:"since,omitempty"`
	Paths       []gitstore.Path  `json:"paths,omitempty"`
	Differences []differenceJSON `json:"differences"`
	Previous    string           `json:"previous"`
}

func (c *call) newStatusJSON(st *manager.Status, how surroundings) statusJSON {
	out := statusJSON{
		Schema: schema, Project: gitstore.Path(st.Project), Store: gitstore.Path(st.Store),
		Head: headJSON{st.Head.Commit, st.Head.Branch}, Checkpoints: st.Checkpoints, Next: c.next(st, how), Integration: how.points, LatestStanding: how.newest,
		Target: targetJSON{
			Path: gitstore.Path(st.Target.Path), Version: st.Target.Version, Paths: newPathsJSON(st.Target.Paths),
			Differences: newDifferencesJSON(st.Target.Differences), Previous: st.Target.Previous,
		},
	}
	if st.Latest != nil {
		latest := newCheckpointJSON(*st.Latest)
		out.Latest = &latest
	}
	if st.LastRecord != nil {
		last := newRecordJSON(*st.LastRecord)
		out.Last = &last
	}
	if !st.Target.Since.IsZero() {
		since := st.Target.Since.UTC()
		out.Target.Since = &since
	}
	return out
}

func (c *call) tellStatus(st *manager.Status, newest verdict.Standing) {
	c.out.printf("project  %s%s\n", quotePath(st.Project), describeHead(st.Head))
	if st.Latest == nil {
		c.out.println("latest   no checkpoints yet")
	} else {
		c.out.printf("latest   %s, %s: %s (%s in all)\n", c.out.paint(bold, st.Latest.Version), c.age(st.Latest.Time),
			firstLine(st.Latest.Message), count(int64(st.Checkpoints), "checkpoint"))
	}
	switch newest.State {
	case verdict.Bad:
		c.out.printf("         it is %s%s\n", c.out.paint(red, "bad"), because(newest.Reason))
	case verdict.Good:
		c.out.printf("         it is %s%s\n", c.out.paint(green, "good"), because(newest.Reason))
	}
	if st.Store != "" && st.Target.Path == "" {
		c.out.println("target   can't be looked at from inside it: leave the directory")
	}
	c.tellTarget(st.Target)
	if r := st.LastRecord; r != nil {
		c.out.printf("last     %s %s, %s\n", subject(*r), c.outcomeOf(*r), c.age(r.Time))
	}
}

func describeHead(h gitstore.Head) string {
	commit := h.Commit[:min(10, len(h.Commit))]
	switch {
	case h.Branch != "" && commit == "":
		return fmt.Sprintf(" (on %s, no commit yet)", printable(h.Branch))
	case h.Branch != "":
		return fmt.Sprintf(" (on %s, %s)", printable(h.Branch), commit)
	case commit != "":
		return fmt.Sprintf(" (detached at %s)", commit)
	}
	return " (no Git repository)"
}

func (c *call) tellTarget(t manager.TargetStatus) {
	if t.Path == "" {
		return
	}
	if t.Version == "" {
		c.out.printf("target   %s holds no rollback\n", quotePath(t.Path))
	} else {
		part := ""
		if len(t.Paths) > 0 {
			part = count(int64(len(t.Paths)), "path") + " of "
		}
		c.out.printf("target   %s holds %s%s, %s\n", quotePath(t.Path), part, c.out.paint(bold, t.Version), c.age(t.Since))
	}
	c.tellDifferences(t.Differences, "changed in the target since")
	if t.Previous != "" {
		c.out.printf("before   %s, which undo brings back\n", t.Previous)
	}
}
