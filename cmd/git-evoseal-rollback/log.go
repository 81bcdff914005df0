package main

import (
	"context"
	"errors"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/spf13/pflag"
)

type logOptions struct{ limit int }

func (o *logOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVarP(&o.limit, "limit", "n", 0, "show at most `number`; 0 is all of them")
}

func (o *logOptions) run(ctx context.Context, c *call) error {
	if err := c.checkLimit(o.limit); err != nil {
		return err
	}
	m, s, err := c.store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) && len(c.args) == 0 {
		return c.nothingYet()
	}
	if err != nil {
		return err
	}
	defer m.Close()
	// The last one's parent is told, too.
	limit := o.limit
	if limit > 0 {
		limit++
	}
	line, err := lineage(ctx, s, c.version(gitstore.Latest), limit)
	if errors.Is(err, gitstore.ErrNotFound) && len(c.args) == 0 {
		return c.nothingYet()
	}
	if err != nil {
		return err
	}
	names := make(map[gitstore.ID]string, len(line))
	for _, cp := range line {
		names[cp.Commit] = cp.Version
	}
	for i, cp := range line {
		if i+1 == limit {
			break
		}
		if c.json {
			err = c.out.object(newCheckpointJSON(cp))
		} else {
			past := ""
			if i+1 < len(line) && line[i+1].Commit != cp.Parent {
				past = line[i+1].Version
			}
			c.logEntry(cp, names, past)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lineage follows first parents. It ends early at a parent that is no
// checkpoint any more.
func lineage(ctx context.Context, s *gitstore.Store, from string, limit int) ([]gitstore.Checkpoint, error) {
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	byCommit := make(map[gitstore.ID]gitstore.Checkpoint, len(all))
	for _, cp := range all {
		byCommit[cp.Commit] = cp
	}
	cp, err := s.Resolve(ctx, from)
	if err != nil {
		return nil, err
	}
	line := []gitstore.Checkpoint{cp}
	across := s.Lineage(all)
	for limit <= 0 || len(line) < limit {
		parent, err := across.Parent(ctx, cp)
		if err != nil {
			return nil, err
		}
		if parent.Commit.IsZero() {
			break
		}
		next, ok := byCommit[parent.Commit]
		if !ok {
			// One that --force put another in the place of is found by its commit.
			if next, err = s.Resolve(ctx, parent.Commit.String()); errors.Is(err, gitstore.ErrNotFound) {
				break
			} else if err != nil {
				return nil, err
			}
		}
		line, cp = append(line, next), next
	}
	return line, nil
}

// logEntry shows one checkpoint. Past is the nearest one before it that is left,
// where its parent was pruned.
func (c *call) logEntry(cp gitstore.Checkpoint, names map[gitstore.ID]string, past string) {
	c.out.printf("%s %s\n", c.out.paint(yellow, "checkpoint "+cp.Version), short(cp.Commit))
	switch name := names[cp.Parent]; {
	case cp.Parent.IsZero():
		c.out.println("Parent: none")
	case name != "":
		c.out.printf("Parent: %s %s\n", name, short(cp.Parent))
	case past != "":
		c.out.printf("Parent: %s, pruned; before it: %s\n", short(cp.Parent), past)
	default:
		c.out.printf("Parent: %s\n", short(cp.Parent))
	}
	c.out.printf("Date:   %s (%s)\n", clock(cp.Time), c.age(cp.Time))
	if cp.Partial {
		c.out.println(c.out.paint(yellow, "Partial: some paths could not be read"))
	}
	c.out.printf("\n%s\n", indent(printable(cp.Message), "    "))
}
