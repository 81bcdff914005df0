package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type listOptions struct{ limit int }

func (o *listOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVarP(&o.limit, "limit", "n", 0, "show only the newest `number`")
}

func (o *listOptions) run(ctx context.Context, c *call) error {
	m, s, err := c.store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		return c.nothingYet()
	}
	if err != nil {
		return err
	}
	defer m.Close()
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return c.nothingYet()
	}
	inTarget := c.inTarget(ctx, m)
	if o.limit > 0 {
		all = all[:min(o.limit, len(all))]
	}
	if c.json {
		for _, cp := range all {
			if err := c.out.object(listedJSON{newCheckpointJSON(cp), cp.Commit == inTarget}); err != nil {
				return err
			}
		}
		return nil
	}
	c.out.table(func(w io.Writer) {
		fmt.Fprintln(w, "VERSION\tCOMMIT\tAGE\tTIME\tFILES\tSIZE\tMESSAGE")
		for _, cp := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s%s\n", cp.Version, short(cp.Commit), c.age(cp.Time), clock(cp.Time),
				humanize.Comma(cp.Files), size(cp.Bytes), c.marks(cp, inTarget), firstLine(cp.Message))
		}
	})
	return nil
}

type listedJSON struct {
	checkpointJSON
	InTarget bool `json:"in_target"`
}

// nothingYet says on stderr why there is no result.
func (c *call) nothingYet() error {
	if !c.quiet && !c.json {
		fmt.Fprintf(c.stderr, "no checkpoints yet: %s records the project\n", c.shown("checkpoint"))
	}
	return nil
}

// inTarget is the commit that the target holds, null for none. What can't be
// told doesn't stop a list.
func (c *call) inTarget(ctx context.Context, m *manager.Manager) gitstore.ID {
	target, err := m.Target(ctx)
	if err != nil {
		c.log.Debug("the target can't be looked at", "error", err)
	}
	return target.Commit
}

func (c *call) marks(cp gitstore.Checkpoint, inTarget gitstore.ID) string {
	s := ""
	if cp.Partial {
		s += c.out.paint(yellow, "[partial]") + " "
	}
	if cp.Commit == inTarget {
		s += c.out.paint(green, "[in target]") + " "
	}
	return s
}
