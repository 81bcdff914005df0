package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type historyOptions struct {
	filter  filterFlags
	limit   int
	oneline bool
}

func (o *historyOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVarP(&o.limit, "limit", "n", 0, "show only the newest `number`")
	o.filter.addFlags(fs)
	fs.BoolVar(&o.oneline, "oneline", false, "one line a record")
}

func (o *historyOptions) run(ctx context.Context, c *call) error {
	filter, err := o.filter.filter(c)
	if err != nil {
		return err
	}
	filter.Limit = o.limit
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	records, err := m.History(ctx, filter)
	if errors.Is(err, gitstore.ErrNoStore) {
		return c.nothingYet()
	}
	if err != nil {
		return err
	}
	if c.json {
		for _, r := range records {
			if err := c.out.object(newRecordJSON(r)); err != nil {
				return err
			}
		}
		return nil
	}
	if o.oneline {
		c.out.table(func(w io.Writer) {
			for _, r := range records {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", clock(r.Time), r.Action, printable(r.Version), r.Outcome, firstLine(r.Reason))
			}
		})
		return nil
	}
	for i, r := range records {
		if i > 0 {
			c.out.println("")
		}
		c.historyEntry(r)
	}
	return nil
}

// recordJSON is a record with every field that programs may rely on, also where
// it is empty, which the stored form leaves out.
type recordJSON struct {
	manager.Record
	FromVersion     string        `json:"from_version"`
	Role            string        `json:"role"`
	Reason          string        `json:"reason"`
	Error           string        `json:"error"`
	Target          gitstore.Path `json:"target"`
	TargetRequested gitstore.Path `json:"target_requested"`
	Trigger         string        `json:"trigger"`
	Verdict         string        `json:"verdict"`
	Chain           string        `json:"chain"`
}

func newRecordJSON(r manager.Record) recordJSON {
	r.Time = r.Time.UTC()
	return recordJSON{
		Record: r, FromVersion: r.FromVersion, Role: r.Role, Reason: r.Reason, Error: r.Error,
		Target: gitstore.Path(r.Target), TargetRequested: gitstore.Path(r.TargetRequested),
		Trigger: r.Trigger, Verdict: r.Verdict, Chain: r.Chain,
	}
}

func (c *call) historyEntry(r manager.Record) {
	c.out.printf("%s %s %s\n", c.out.paint(yellow, string(r.Action)+" "+printable(r.Version)), c.outcome(r.Outcome), r.ID)
	c.out.table(func(w io.Writer) {
		row := func(name, value string) {
			if value != "" {
				fmt.Fprintf(w, "  %s:\t%s\n", name, printable(value))
			}
		}
		row("Time", clock(r.Time)+" ("+c.age(r.Time)+")")
		row("Actor", r.Actor)
		row("Role", r.Role)
		row("Token", r.AuthorizedBy)
		row("Reason", r.Reason)
		row("Error", r.Error)
		row("Trigger", r.Trigger)
		row("Verdict", r.Verdict)
		row("Chain", chainOf(r))
		row("Incident", r.Incident)
		row("Replaced", r.FromVersion)
		row("Target", quoteNonEmpty(r.Target))
		if r.TargetRequested != r.Target {
			row("Requested", quoteNonEmpty(r.TargetRequested))
		}
		row("Safety", r.Safety)
		if r.Outcome == manager.Completed && r.Target != "" && r.Action != manager.ActionDrill {
			row("Verified", map[bool]string{true: "yes", false: "no"}[r.Verified])
		}
		row("Branch", r.Branch)
		for _, p := range r.Paths {
			row("Path", quotePath(string(p)))
		}
		if r.Files > 0 {
			row("Content", count(r.Files, "file")+", "+size(r.Bytes))
		}
		row("Took", millis(r.DurationMS))
	})
}

func chainOf(r manager.Record) string {
	if r.Chain == "" || r.Step == 0 {
		return r.Chain
	}
	return fmt.Sprintf("%s, step %d", r.Chain, r.Step)
}

func quoteNonEmpty(path string) string {
	if path == "" {
		return ""
	}
	return quotePath(path)
}

func (c *call) outcome(o manager.Outcome) string {
	if o == manager.Completed {
		return c.out.paint(green, string(o))
	}
	return c.out.paint(red, string(o))
}
