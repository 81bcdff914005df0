package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

type listOptions struct {
	limit     int
	good, bad bool
}

func (o *listOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVarP(&o.limit, "limit", "n", 0, "show only the newest `number`; 0 is all of them")
	fs.BoolVar(&o.good, "good", false, "list only versions that were verified good")
	fs.BoolVar(&o.bad, "bad", false, "list only versions that are known to be bad")
}

func (o *listOptions) run(ctx context.Context, c *call) error {
	if err := c.checkLimit(o.limit); err != nil {
		return err
	}
	if o.good && o.bad {
		return &usageError{msg: "--good and --bad exclude each other", hint: "leave both out to list everything", cmd: c.cmd}
	}
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	if o.limit == 0 && !c.json && c.collectLater != nil {
		// The table is printed when all of it is there, and there may be ten thousand lines.
		c.collectLater()
	}
	held := c.held(ctx, m)
	var seen, shown int
	if c.json {
		seen, shown, err = o.each(ctx, m, func(t *manager.RollbackTarget) error {
			return c.out.object(listedJSON{newCheckpointJSON(t.Checkpoint), t.Commit == held.Commit, t.Standing})
		})
	} else {
		c.out.table(func(w io.Writer) {
			rows := newRowWriter(w, "VERSION\tCOMMIT\tSTATE\tAGE\tTIME\tFILES\tSIZE\tMESSAGE\n", func(row []byte, t *manager.RollbackTarget) []byte {
				return c.appendRow(row, t, held)
			})
			seen, shown, err = o.each(ctx, m, rows.add)
			rows.flush()
		})
	}
	switch {
	case errors.Is(err, gitstore.ErrNoStore), err == nil && seen == 0:
		return c.nothingYet()
	case err == nil && shown == 0:
		c.note("no version is known to be " + map[bool]string{true: "good", false: "bad"}[o.good] + " yet")
	}
	return err
}

// each shows the newest of those that are wanted, and returns how many it has seen and
// shown.
func (o *listOptions) each(ctx context.Context, m *manager.Manager, show func(*manager.RollbackTarget) error) (seen, shown int, err error) {
	// One for all, of which there may be ten thousand.
	var t manager.RollbackTarget
	for next, err := range m.NewestTargets(ctx) {
		if err != nil {
			return seen, shown, err
		}
		seen++
		t = next
		if o.good && t.Standing.State != verdict.Good || o.bad && t.Standing.State != verdict.Bad {
			continue
		}
		if err := show(&t); err != nil {
			return seen, shown, err
		}
		if shown++; shown == o.limit {
			break
		}
	}
	return seen, shown, nil
}

// appendRow appends a line of the table.
func (c *call) appendRow(row []byte, t *manager.RollbackTarget, held manager.TargetStatus) []byte {
	cell := func(s string) { row = append(append(row, s...), '\t') }
	cell(t.Version)
	cell(short(t.Commit))
	cell(stateWord(t.Standing))
	cell(c.age(t.Time))
	row = append(t.Time.Local().AppendFormat(row, clockFormat), '\t')
	cell(humanize.Comma(t.Files))
	cell(size(t.Bytes))
	row = append(row, c.marks(&t.Checkpoint, held)...)
	row = append(row, firstLine(t.Message)...)
	return append(row, '\n')
}

// stateWord is what is held of a version; of most, nothing is.
func stateWord(s verdict.Standing) string {
	if s.State == verdict.Unknown {
		return ""
	}
	return string(s.State)
}

// checkLimit refuses a negative number of things to show.
func (c *call) checkLimit(n int) error {
	if n < 0 {
		return &usageError{msg: fmt.Sprintf("-n takes a number from 1, or 0 for all, not %d", n), cmd: c.cmd}
	}
	return nil
}

type listedJSON struct {
	checkpointJSON
	InTarget bool             `json:"in_target"`
	Standing verdict.Standing `json:"standing"`
}

// note says on stderr why there is no result.
func (c *call) note(s string) {
	if !c.json {
		c.say("%s", s)
	}
}

// nothingYet says on stderr why there is no result.
func (c *call) nothingYet() error {
	c.note("no checkpoints yet: " + c.shown("checkpoint") + " records the project")
	return nil
}

// held is what the target holds. What can't be told doesn't stop a list.
func (c *call) held(ctx context.Context, m *manager.Manager) manager.TargetStatus {
	target, err := m.Target(ctx)
	if err != nil {
		c.log.Debug("the target can't be looked at", "error", err)
	}
	return target
}

func (c *call) marks(cp *gitstore.Checkpoint, held manager.TargetStatus) string {
	s := ""
	if cp.Partial {
		s += c.out.paint(yellow, "[partial]") + " "
	}
	switch {
	case cp.Commit != held.Commit:
	case len(held.Paths) > 0:
		s += c.out.paint(green, "["+count(int64(len(held.Paths)), "path")+" in target]") + " "
	default:
		s += c.out.paint(green, "[in target]") + " "
	}
	return s
}
