package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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
	fs.IntVarP(&o.limit, "limit", "n", 0, "show only the newest `number`; 0 is all of them")
	o.filter.addFlags(fs)
	fs.BoolVar(&o.oneline, "oneline", false, "one line a record")
}

func (o *historyOptions) run(ctx context.Context, c *call) error {
	if err := c.checkLimit(o.limit); err != nil {
		return err
	}
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
	if len(records) == 0 {
		return c.noRecords(ctx, m, filter != manager.HistoryFilter{Limit: o.limit})
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
		c.historyLines(records)
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
	c.out.printf("%s %s %s\n", c.out.paint(yellow, subject(r)), c.outcomeOf(r), r.ID)
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
		if !cancelled(r) {
			row("Error", r.Error)
		}
		row("Trigger", r.Trigger)
		row("Verdict", r.Verdict)
		row("Chain", chainOf(r))
		row("Incident", r.Incident)
		row(fromLabel(r), r.FromVersion)
		row("Target", quoteNonEmpty(r.Target))
		if r.TargetRequested != r.Target {
			row("Requested", quoteNonEmpty(r.TargetRequested))
		}
		row("Safety", r.Safety)
		if r.Outcome == manager.Completed && r.Target != "" && r.Action != manager.ActionDrill {
			row("Verified", map[bool]string{true: "yes", false: "no"}[r.Verified])
		}
		row("Branch", r.Branch)
		row("Pruned", strings.Join(r.Pruned, " "))
		if r.Until != nil {
			row("Until", clock(*r.Until))
		}
		row("Gone", strings.Join(r.Expired, " "))
		for _, p := range r.Paths {
			row("Path", quotePath(string(p)))
		}
		if r.Files > 0 {
			row("Content", count(r.Files, "file")+", "+size(r.Bytes))
		}
		row("Took", millis(r.DurationMS))
	})
}

// subject is what a record is about; some actions are about no version.
func subject(r manager.Record) string {
	return strings.TrimSpace(string(r.Action) + " " + printable(r.Version))
}

// historyLines shows one line a record.
func (c *call) historyLines(records []manager.Record) {
	c.out.table(func(w io.Writer) {
		for _, r := range records {
			why := firstLine(r.Reason)
			if r.Error != "" && !cancelled(r) {
				why = strings.TrimPrefix(why+"; ", "; ") + firstLine(r.Error)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", clock(r.Time), r.Action, printable(r.Version), outcomeWord(r), printable(r.Actor), why)
		}
	})
}

// fromLabel says what the version is that a record comes from: it was replaced
// only where something was.
func fromLabel(r manager.Record) string {
	switch {
	case r.Action == manager.ActionCascade:
		return "Away from"
	case r.Outcome == manager.Completed && r.Action != manager.ActionDrill && !r.InPlace:
		return "Replaced"
	}
	return "Still held"
}

// cancelled says that somebody stopped it, which is a failure of nothing.
func cancelled(r manager.Record) bool {
	return r.Outcome == manager.Failed && strings.HasSuffix(r.Error, context.Canceled.Error())
}

func outcomeWord(r manager.Record) string {
	if cancelled(r) {
		return "cancelled"
	}
	return string(r.Outcome)
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

// outcomeOf is an outcome in its colour.
func (c *call) outcomeOf(r manager.Record) string {
	color := red
	switch {
	case r.Outcome == manager.Completed:
		color = green
	case r.Outcome == manager.Started || cancelled(r):
		color = yellow
	}
	return c.out.paint(color, outcomeWord(r))
}
