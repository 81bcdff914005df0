package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/report"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

type autoOptions struct {
	reports                  reportFlags
	baseline, reason, target string
	force                    bool
	token                    tokenFlag
}

func (o *autoOptions) addFlags(fs *pflag.FlagSet) {
	o.reports.addFlags(fs)
	fs.StringVar(&o.baseline, "baseline", "", "compare with `version`, not with the last one that was verified good")
	fs.StringVar(&o.reason, "reason", "", "say why, for the record of a rollback, in `text`")
	fs.StringVar(&o.target, "target", "", "fill the directory `dir`, not .evoseal/rollback_target")
	fs.BoolVar(&o.force, "force", false, "roll back where a check or the limit of attempts would stop it")
	o.token.addFlags(fs)
}

func (o *autoOptions) run(ctx context.Context, c *call) error {
	req, err := o.request(ctx, c)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	tell, done := c.progress("rolling back")
	req.Progress = tell
	res, err := m.AutoRollback(ctx, req)
	done()
	if res == nil || res.Verdict.Outcome == "" {
		return err
	}
	if c.json {
		if printing := c.out.object(newAutoJSON(res, c.errorObject(err))); printing != nil {
			return printing
		}
		if err != nil {
			return &printedError{err}
		}
		return judged(res)
	}
	c.tellVerdict(res.Checkpoint.Version, res.Baseline, res.Verdict)
	if err != nil {
		return err
	}
	c.tellFollowed(m, res, o.target)
	return judged(res)
}

func (o *autoOptions) request(ctx context.Context, c *call) (manager.AutoRequest, error) {
	req := manager.AutoRequest{Version: c.version(""), Baseline: o.baseline, Reason: o.reason, Target: o.target, Force: o.force}
	tests, metrics, err := o.reports.sources(c)
	if err != nil {
		return req, err
	}
	if n := readsStdin(tests, metrics); n > 1 || n > 0 && o.token.file == "-" {
		return req, &usageError{msg: "standard input can be read only once", hint: "name files for all but one", cmd: c.cmd}
	}
	if req.Token, err = o.token.read(c); err != nil {
		return req, err
	}
	req.Report, err = report.Read(ctx, ".", tests, metrics, time.Time{}, c.stdin, report.Limits{})
	return req, err
}

// verdictError carries a verdict that isn't a pass to the exit code; what there
// is to say of it was said.
type verdictError struct{ outcome verdict.Outcome }

func (e *verdictError) Error() string { return "the verdict is " + string(e.outcome) }

func judged(res *manager.AutoResult) error {
	if res.Verdict.Outcome == verdict.Pass {
		return nil
	}
	return &verdictError{res.Verdict.Outcome}
}

type autoJSON struct {
	Schema     int                  `json:"schema"`
	ID         string               `json:"id"`
	Version    string               `json:"version"`
	Commit     gitstore.ID          `json:"commit"`
	Baseline   string               `json:"baseline"`
	Verdict    verdict.Verdict      `json:"verdict"`
	FirstGood  bool                 `json:"first_good"`
	RolledBack string               `json:"rolled_back"`
	Why        string               `json:"why"`
	Rollback   *rollbackJSON        `json:"rollback"`
	Chain      string               `json:"chain,omitempty"`
	Considered []manager.Considered `json:"considered,omitempty"`
	Error      *errorJSON           `json:"error,omitempty"`
}

func newAutoJSON(res *manager.AutoResult, failed *errorJSON) autoJSON {
	out := autoJSON{
		Schema: schema, ID: res.ID, Version: res.Checkpoint.Version, Commit: res.Checkpoint.Commit, Baseline: res.Baseline,
		Verdict: res.Verdict, FirstGood: res.FirstGood, RolledBack: res.RolledBack, Why: res.Why, Error: failed,
	}
	if res.Rollback != nil {
		rollback := newRollbackJSON(res.Rollback)
		out.Rollback = &rollback
	}
	if res.Recovery != nil {
		out.Chain, out.Considered = res.Recovery.Chain, res.Recovery.Considered
	}
	return out
}

// tellVerdict says what was found, the decisive first.
func (c *call) tellVerdict(version, baseline string, v verdict.Verdict) {
	against := ""
	if baseline != "" {
		against = " against " + baseline
	}
	c.out.printf("%s%s: %s\n", c.out.paint(bold, version), against, c.paintVerdict(v.Outcome))
	if len(v.Findings) == 0 {
		c.out.printf("  %s\n", printable(v.Reason))
	}
	for _, f := range v.Findings {
		dry := ""
		if f.DryRun {
			dry = " (dry run)"
		}
		c.out.printf("  %-12s %s%s\n", f.Outcome, printable(strings.TrimPrefix(f.Trigger+": "+f.Reason, ": ")), dry)
		if f.Hint != "" {
			c.out.printf("  %-12s hint: %s\n", "", printable(c.rooted(f.Hint)))
		}
		if len(f.Tests) == 1 {
			// The reason names it.
			continue
		}
		for _, name := range f.Tests[:min(fewPaths, len(f.Tests))] {
			c.out.printf("  %-12s - %s\n", "", printable(name))
		}
		if n := len(f.Tests) - fewPaths; n > 0 {
			c.out.printf("  %-12s and %d more\n", "", n)
		}
	}
	if !c.quiet {
		for _, w := range v.Warnings {
			if strings.HasPrefix(w, "dry run: ") {
				// The finding says so.
				continue
			}
			fmt.Fprintf(c.screen, "warning: %s\n", printable(w))
		}
	}
}

func (c *call) paintVerdict(o verdict.Outcome) string {
	color := yellow
	switch o {
	case verdict.Pass:
		color = green
	case verdict.Fail:
		color = red
	}
	return c.out.paint(color, string(o))
}

// tellFollowed says what the verdict led to.
func (c *call) tellFollowed(m *manager.Manager, res *manager.AutoResult, target string) {
	version := shellQuote(res.Checkpoint.Version)
	switch res.Verdict.Outcome {
	case verdict.Pass:
		if res.FirstGood {
			c.out.println("it is the first that was verified good: later versions are compared with it")
		} else {
			c.out.println("it was verified good")
		}
		return
	case verdict.Inconclusive, verdict.Error:
		c.out.println("nothing was rolled back; " + c.shown("mark "+version+" good") + " or " + c.shown("mark "+version+" bad") + " settles it by hand")
		return
	}
	if res.Rollback == nil {
		c.out.printf("nothing was rolled back: %s\n", printable(res.Why))
		return
	}
	c.out.printf("rolled back to %s: %s\n", c.out.paint(bold, res.RolledBack), printable(res.Why))
	c.tellRollback(m, res.Rollback, target)
}

type markOptions struct {
	reason string
	token  tokenFlag
}

func (o *markOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, in `text`")
	o.token.addFlags(fs)
}

func (o *markOptions) run(ctx context.Context, c *call) error {
	mark := verdict.Mark(c.args[1])
	if mark != verdict.MarkGood && mark != verdict.MarkBad {
		return &usageError{msg: fmt.Sprintf("a version is marked good or bad, not %q", c.args[1]), cmd: c.cmd}
	}
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	target, err := m.Mark(ctx, manager.MarkRequest{Version: c.args[0], Mark: mark, Reason: o.reason, Token: token})
	if err != nil {
		return err
	}
	if c.json {
		return c.out.object(struct {
			Schema   int              `json:"schema"`
			Version  string           `json:"version"`
			Commit   gitstore.ID      `json:"commit"`
			Standing verdict.Standing `json:"standing"`
		}{schema, target.Version, target.Commit, target.Standing})
	}
	c.out.printf("%s is marked %s\n", c.out.paint(bold, target.Version), mark)
	return nil
}
