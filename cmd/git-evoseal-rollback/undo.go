package main

import (
	"context"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type undoOptions struct {
	reason, target string
	token          tokenFlag
}

func (o *undoOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the history, in `text`")
	fs.StringVar(&o.target, "target", "", "undo the last rollback of the directory `dir`, not of .evoseal/rollback_target")
	o.token.addFlags(fs)
}

func (o *undoOptions) run(ctx context.Context, c *call) error {
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	before := c.heldPaths(ctx, m, o.target)
	res, err := m.Undo(ctx, manager.UndoRequest{Target: o.target, Reason: o.reason, Token: token})
	if err != nil {
		return err
	}
	if c.json {
		return c.undoJSON(res)
	}
	rec := res.Record
	version := partOf(res.Version, c.heldPaths(ctx, m, o.target))
	if res.Version == "" {
		version = "what was there before the first rollback"
	}
	c.out.printf("%s now holds %s", quotePath(rec.Target), c.out.paint(bold, version))
	if rec.FromVersion != "" {
		c.out.printf("; kept beside it: %s", partOf(rec.FromVersion, before))
	}
	c.out.println("")
	c.tellDifferences(res.Edited, "changed in it since it was brought back")
	if res.HasPrevious {
		c.nextStep(c.shown(undoLine(o.target)) + " exchanges them again")
	}
	return nil
}

func (c *call) undoJSON(res *manager.UndoResult) error {
	rec := res.Record
	return c.out.object(struct {
		Schema          int              `json:"schema"`
		ID              string           `json:"id"`
		Time            time.Time        `json:"time"`
		Version         string           `json:"version"`
		FromVersion     string           `json:"from_version"`
		Target          gitstore.Path    `json:"target"`
		SafetyValidated bool             `json:"safety_validated"`
		Verified        bool             `json:"verified"`
		Edited          []differenceJSON `json:"edited"`
		DurationMS      int64            `json:"duration_ms"`
	}{
		schema, rec.ID, rec.Time.UTC(), res.Version, rec.FromVersion, gitstore.Path(rec.Target),
		rec.SafetyValidated, rec.Verified, newDifferencesJSON(res.Edited), rec.DurationMS,
	})
}

// heldPaths is how many paths the default target holds where it holds a part of a
// version only. Of other targets it isn't known.
func (c *call) heldPaths(ctx context.Context, m *manager.Manager, target string) int {
	if target != "" {
		return 0
	}
	return len(c.held(ctx, m).Paths)
}

// tellDifferences lists paths of a target that are not as they were written.
func (c *call) tellDifferences(list []gitstore.Difference, what string) {
	if len(list) == 0 {
		return
	}
	c.out.println(c.out.paint(yellow, count(int64(len(list)), "path")+" "+what+":"))
	for _, d := range list[:min(fewPaths, len(list))] {
		c.out.printf("  %s %s\n", d.Kind, quotePath(d.Path))
	}
	if n := len(list) - fewPaths; n > 0 {
		c.out.printf("  and %d more\n", n)
	}
}
