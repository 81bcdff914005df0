package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

// errReplay says that a verdict doesn't follow from its evidence.
var errReplay = errors.New("the verdict was changed, or was reached by other rules")

type verdictShowOptions struct{}

func (o *verdictShowOptions) addFlags(*pflag.FlagSet) {}

func (o *verdictShowOptions) run(ctx context.Context, c *call) error {
	cp, lines, err := c.verdictLines(ctx)
	if err != nil {
		return err
	}
	entries, _ := verdict.DecodeEntries(bytes.Join(lines, []byte("\n")))
	if c.json {
		for _, e := range entries {
			line, err := e.Line()
			if err != nil {
				return err
			}
			c.out.Write(append(line, '\n'))
		}
		return nil
	}
	if len(entries) == 0 {
		c.out.printf("nothing was said of %s yet: %s judges it\n", cp.Version, c.shown("auto "+shellQuote(cp.Version)))
		return nil
	}
	for i, e := range entries {
		if i > 0 {
			c.out.println("")
		}
		c.tellEntry(e)
	}
	standing := verdict.Latest(entries)
	c.out.printf("\n%s is %s\n", c.out.paint(bold, cp.Version), standing.State)
	return nil
}

func (c *call) tellEntry(e verdict.Entry) {
	c.out.printf("%s %s by %s\n", c.out.paint(yellow, string(e.Kind)+" "+e.ID), clock(e.Time), printable(e.Actor))
	switch e.Kind {
	case verdict.EntryVerdict:
		baseline := ""
		if e.Input.Baseline != nil {
			baseline = e.Input.Baseline.Version
		}
		c.tellVerdict(e.Version, baseline, e.Verdict)
	case verdict.EntryMark:
		c.out.printf("marked %s%s\n", e.Mark, because(e.Reason))
	case verdict.EntryReport:
		c.out.printf("recorded %s\n", count(int64(len(e.Report.Metrics)), "metric"))
	}
}

type verdictReplayOptions struct{}

func (o *verdictReplayOptions) addFlags(*pflag.FlagSet) {}

type replayJSON struct {
	Schema  int             `json:"schema"`
	ID      string          `json:"id"`
	Version string          `json:"version"`
	Same    bool            `json:"same"`
	Stored  verdict.Verdict `json:"stored"`
	Again   verdict.Verdict `json:"again"`
}

// run reaches the last verdict of a version again.
func (o *verdictReplayOptions) run(ctx context.Context, c *call) error {
	cp, lines, err := c.verdictLines(ctx)
	if err != nil {
		return err
	}
	for i := len(lines) - 1; i >= 0; i-- {
		e, err := verdict.DecodeEntry(lines[i])
		if err != nil || e.Kind != verdict.EntryVerdict {
			continue
		}
		stored, again, same, err := verdict.Replay(lines[i])
		if err != nil {
			return err
		}
		if c.json {
			if err := c.out.object(replayJSON{schema, e.ID, cp.Version, same, stored, again}); err != nil {
				return err
			}
		} else if same {
			c.tellVerdict(cp.Version, "", again)
			c.out.printf("the same as on %s: every byte of the verdict follows from its evidence\n", clock(e.Time))
		}
		if !same {
			err := fmt.Errorf("%w: the evidence of %s leads to %s, not to the %s that is kept", errReplay, e.ID, again.Outcome, stored.Outcome)
			if c.json {
				return &printedError{err}
			}
			return err
		}
		return nil
	}
	return &hintedError{fmt.Errorf("no verdict on %s: %w", cp.Version, gitstore.ErrNotFound), c.shown("auto "+shellQuote(cp.Version)) + " judges it"}
}

// verdictLines are the lines of a version's note.
func (c *call) verdictLines(ctx context.Context) (gitstore.Checkpoint, [][]byte, error) {
	m, s, err := c.store(ctx)
	if err != nil {
		return gitstore.Checkpoint{}, nil, err
	}
	defer m.Close()
	cp, err := s.Resolve(ctx, c.version(gitstore.Latest))
	if err != nil {
		return cp, nil, err
	}
	note, err := s.ReadNote(gitstore.Verdicts, cp.Commit)
	if err != nil {
		return cp, nil, err
	}
	var lines [][]byte
	for line := range bytes.Lines(note) {
		lines = append(lines, bytes.TrimSpace(line))
	}
	return cp, lines, nil
}
