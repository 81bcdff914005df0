package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
)

// The kinds of lines that prune prints as JSON.
const (
	pruneLineCheckpoint = "checkpoint"
	pruneLineExpired    = "expired"
	pruneLineSummary    = "summary"
)

// prunedJSON is one checkpoint that was decided of, or that went for good.
type prunedJSON struct {
	Schema  int         `json:"schema"`
	Type    string      `json:"type"`
	Version string      `json:"version"`
	Commit  gitstore.ID `json:"commit"`
	Time    time.Time   `json:"time"`
	Keep    bool        `json:"keep"`
	Reasons []string    `json:"reasons"`
	// Until is null for what stays, for what went for good, and in a dry run.
	Until *time.Time `json:"until"`
}

// pruneSummaryJSON is the last line.
type pruneSummaryJSON struct {
	Schema int    `json:"schema"`
	Type   string `json:"type"`
	DryRun bool   `json:"dry_run"`
	// Rules is false where no rule is set, so that all stay.
	Rules        bool     `json:"rules"`
	Kept         int      `json:"kept"`
	Removed      int      `json:"removed"`
	Expired      int      `json:"expired"`
	ContentBytes *int64   `json:"content_bytes"`
	Waiting      []string `json:"not_expired"`
}

// tellPrunePlan says what prune would do.
func (c *call) tellPrunePlan(plan *manager.PrunePlan) error {
	going := len(plan.Going())
	if c.json {
		if err := c.pruneLines(plan, nil); err != nil {
			return err
		}
		if err := c.expiredLines(plan.Due); err != nil {
			return err
		}
		return c.out.object(pruneSummaryJSON{
			Schema: schema, Type: pruneLineSummary, DryRun: true, Rules: !plan.Rules.None(), Kept: len(plan.Decisions) - going, Removed: going,
			Expired: len(plan.Due), ContentBytes: plan.Content, Waiting: []string{},
		})
	}
	if plan.Rules.None() {
		c.noRules()
	} else {
		c.planTable(plan)
		c.out.printf("%s would go, %s would stay", count(int64(going), "checkpoint"), count(int64(len(plan.Decisions)-going), "checkpoint"))
		if going > 0 && plan.Content != nil {
			c.out.printf("; %s of files, before compression, are only in what would go", size(*plan.Content))
		}
		c.out.println("")
	}
	if n := len(plan.Due); n > 0 {
		c.out.printf("%s pruned before would go for good: %s\n", count(int64(n), "checkpoint"), versionsOf(plan.Due))
	}
	return nil
}

func (c *call) planTable(plan *manager.PrunePlan) {
	c.out.table(func(w io.Writer) {
		fmt.Fprintln(w, "PLAN\tVERSION\tAGE\tREASONS")
		for _, d := range plan.Decisions {
			word := "KEEP"
			if !d.Keep {
				word = "REMOVE"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", word, d.Version, c.age(d.Time), strings.Join(d.Reasons, ", "))
		}
	})
}

// noRules says why nothing is pruned, and what would change that.
func (c *call) noRules() {
	c.note("nothing is pruned, because no rule says what to keep: " + c.shown("policy set retention.keepLast 50") + " sets one, " +
		c.shown("prune --dry-run --keep-last 50") + " tries it")
}

// tellPruned says what prune did.
func (c *call) tellPruned(res *manager.PruneResult) error {
	if c.json {
		return c.prunedLines(res)
	}
	if res.Plan.Rules.None() {
		c.noRules()
	} else {
		c.out.printf("%s pruned, %s stay\n", count(int64(len(res.Pruned)), "checkpoint"), count(int64(len(res.Plan.Decisions)-len(res.Pruned)), "checkpoint"))
	}
	if res.Waits() {
		c.out.printf("until %s they can be brought back: %s shows them\n", clock(res.Until), c.shown("prune list"))
	}
	if res.Expiry == nil {
		return nil
	}
	if n := len(res.Expiry.Gone); n > 0 {
		c.out.printf("%s gone for good: %s\n", count(int64(n), "checkpoint"), versionsOf(res.Expiry.Gone))
		c.nextStep("`git evoseal-rollback gc --prune=now` frees their room")
	}
	for _, p := range res.Expiry.Needed {
		c.out.printf("%s would be gone for good, but %s\n", p.Version, p.Why)
	}
	return nil
}

func (c *call) prunedLines(res *manager.PruneResult) error {
	until := make(map[string]time.Time, len(res.Pruned))
	for _, p := range res.Pruned {
		until[p.Version] = res.Until
	}
	if err := c.pruneLines(res.Plan, until); err != nil {
		return err
	}
	sum := pruneSummaryJSON{
		Schema: schema, Type: pruneLineSummary, Rules: !res.Plan.Rules.None(), Kept: len(res.Plan.Decisions) - len(res.Pruned),
		Removed: len(res.Pruned), Waiting: []string{},
	}
	if res.Expiry != nil {
		if err := c.expiredLines(res.Expiry.Gone); err != nil {
			return err
		}
		sum.Expired = len(res.Expiry.Gone)
		for _, p := range res.Expiry.Needed {
			sum.Waiting = append(sum.Waiting, p.Version)
		}
	}
	return c.out.object(sum)
}

func (c *call) pruneLines(plan *manager.PrunePlan, until map[string]time.Time) error {
	for _, d := range plan.Decisions {
		err := c.out.object(prunedJSON{
			schema, pruneLineCheckpoint, d.Version, d.Commit, d.Time.UTC(), d.Keep, append([]string{}, d.Reasons...), momentJSON(until[d.Version]),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *call) expiredLines(list []gitstore.Pruned) error {
	for _, p := range list {
		why := []string{"pruned at " + p.At.Format(time.RFC3339) + ", and its grace is over"}
		if err := c.out.object(prunedJSON{schema, pruneLineExpired, p.Version, p.Commit, p.Time.UTC(), false, why, nil}); err != nil {
			return err
		}
	}
	return nil
}

// versionsOf names a few of them.
func versionsOf(list []gitstore.Pruned) string {
	var names []string
	for _, p := range list[:min(fewPaths, len(list))] {
		names = append(names, p.Version)
	}
	s := strings.Join(names, ", ")
	if n := len(list) - fewPaths; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

// waitingJSON is a pruned checkpoint that can be brought back.
type waitingJSON struct {
	checkpointJSON
	Pruned time.Time `json:"pruned"`
	Until  time.Time `json:"until"`
}

func (c *call) tellWaiting(list []manager.Waiting) error {
	if c.json {
		for _, p := range list {
			if err := c.out.object(waitingJSON{newCheckpointJSON(p.Checkpoint), p.At.UTC(), p.Until.UTC()}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		c.note("no pruned checkpoint waits")
		return nil
	}
	c.out.table(func(w io.Writer) {
		fmt.Fprintln(w, "VERSION\tCOMMIT\tAGE\tPRUNED\tUNTIL\tSIZE\tMESSAGE")
		for _, p := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Version, short(p.Commit), c.age(p.Time), clock(p.At), clock(p.Until), size(p.Bytes), firstLine(p.Message))
		}
	})
	return nil
}
