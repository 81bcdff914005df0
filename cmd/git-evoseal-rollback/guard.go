package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/job"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

type guardOptions struct {
	reports                           reportFlags
	retries                           int
	timeout                           time.Duration
	onlyTests, force                  bool
	message, baseline, reason, target string
	token                             tokenFlag
}

func (o *guardOptions) addFlags(fs *pflag.FlagSet) {
	o.reports.addFlags(fs)
	fs.IntVar(&o.retries, "retries", 0, "run the command again, at most `number` times, while it fails")
	fs.DurationVar(&o.timeout, "timeout", 0, "end the command after `duration`, such as 90s or 10m; it then failed")
	fs.BoolVar(&o.onlyTests, "only-tests", false, "the command only tests: judge the checkpoint before it, whatever files it leaves behind")
	fs.StringVarP(&o.message, "message", "m", "", "the checkpoint's message is `text`")
	fs.StringVar(&o.baseline, "baseline", "", "compare metrics with `version`, not with the last one that was verified good")
	fs.StringVar(&o.reason, "reason", "", "say why, for the record of a rollback, in `text`")
	fs.StringVar(&o.target, "target", "", "fill the directory `dir`, not .evoseal/rollback_target")
	fs.BoolVar(&o.force, "force", false, "roll back also where a check or the limit of attempts would stop it")
	o.token.addFlags(fs)
}

// guardGrace is how long a command may take to end when it is asked to.
const guardGrace = 10 * time.Second

// exitGuard is for a guard that itself went wrong, as for env(1) and timeout(1).
const exitGuard = 125

// guardError is what went wrong with the guard and not with its command.
type guardError struct{ err error }

func (e *guardError) Error() string { return e.err.Error() }

func (e *guardError) Unwrap() error { return e.err }

// commandError carries a command's exit code; what there is to say was said.
type commandError struct{ exit int }

func (e *commandError) Error() string { return fmt.Sprintf("the command ended with code %d", e.exit) }

func (e *commandError) code() int { return e.exit }

func (o *guardOptions) run(ctx context.Context, c *call) error {
	req, err := o.request(c)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx)
	if err != nil {
		return &guardError{err}
	}
	defer m.Close()
	// While the command runs, signals are its own affair.
	signals := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(signals))
	defer cancel()
	var running atomic.Bool
	defer context.AfterFunc(signals, func() {
		if !running.Load() {
			cancel()
		}
	})()
	tell, done := c.progress("recording")
	req.Progress = tell
	req.Started = func(before *manager.CheckpointResult) {
		done()
		running.Store(true)
		c.say("guard: %s holds the project as it is now; running: %s", before.Version, shellJoin(req.Command.Args))
	}
	req.Ended = func(manager.TrialRun) { running.Store(false) }
	res, err := m.Guard(ctx, req)
	done()
	return o.finish(c, m, res, err)
}

func (o *guardOptions) request(c *call) (manager.GuardRequest, error) {
	req := manager.GuardRequest{
		Version: c.version(""), Message: o.message, OnlyTests: o.onlyTests, Target: o.target, Force: o.force,
	}
	if len(c.paths) == 0 {
		return req, &usageError{msg: "guard needs a command after --", hint: "such as: git evoseal-rollback guard -- make test", cmd: c.cmd}
	}
	if o.retries < 0 || o.timeout < 0 {
		return req, &usageError{msg: "--retries and --timeout are not negative", cmd: c.cmd}
	}
	tests, metrics, err := o.reports.sources(c)
	if err != nil {
		return req, err
	}
	if readsStdin(tests, metrics) > 0 || o.token.file == "-" {
		return req, &usageError{msg: "standard input belongs to the command", hint: "name a file", cmd: c.cmd}
	}
	if req.Token, err = o.token.read(c); err != nil {
		return req, err
	}
	dir, err := c.getwd()
	if err != nil {
		return req, err
	}
	req.Trial = manager.Trial{
		Command: job.Command{Args: c.paths, Dir: dir, Grace: guardGrace, Timeout: o.timeout, Stdin: c.stdin, Stdout: c.stdout, Stderr: c.stderr},
		Retries: o.retries, Tests: tests, Metrics: metrics, Baseline: o.baseline, Reason: o.reason,
	}
	return req, nil
}

// finish says what came of it and passes the command's code on. A command that
// claims to have done well while its reports say otherwise doesn't get a 0.
func (o *guardOptions) finish(c *call, m *manager.Manager, res *manager.GuardResult, err error) error {
	var interrupted *manager.InterruptedError
	switch {
	case errors.As(err, &interrupted):
		c.say("guard: %v; %s holds the project as it was before", err, res.Before.Version)
		c.say("       %s compares, %s brings it back", c.shown("diff "+shellQuote(res.Before.Version)), c.shown("rollback "+shellQuote(res.Before.Version)))
		if c.json {
			if err := c.out.object(newGuardJSON(res, c.errorObject(err))); err != nil {
				return err
			}
		}
		return &commandError{res.Run.Code}
	case errors.Is(err, gitstore.ErrExists):
		return &guardError{&hintedError{err, "name another version, or none"}}
	case res == nil || res.Auto == nil:
		return &guardError{err}
	}
	if c.json {
		if printing := c.out.object(newGuardJSON(res, c.errorObject(err))); printing != nil {
			return printing
		}
	}
	o.tell(c, m, res, err)
	if err != nil {
		// The command's code stands: what it did is done.
		c.say("guard: %s", oneLine(err))
		if hint := c.judge(err).hint; hint != "" {
			c.say("hint: %s", hint)
		}
	}
	code := res.Run.Code
	if code == 0 && (res.Auto.Verdict.Outcome == verdict.Fail || res.Auto.Verdict.Outcome == verdict.Error) {
		code = exitFailed
	}
	if code == 0 {
		return nil
	}
	return &commandError{code}
}

// tell says what happened, where the good tree lies, how to take it, and how to
// undo, in as many lines.
func (o *guardOptions) tell(c *call, m *manager.Manager, res *manager.GuardResult, failed error) {
	v, before := res.Auto.Verdict, shellQuote(res.Before.Version)
	judged := res.Before.Version
	if res.After != nil {
		judged = res.After.Version
	}
	c.say("guard: %s: %s", c.paintVerdict(v.Outcome), printable(reasonOf(v)))
	for _, w := range v.Warnings {
		c.say("warning: %s", printable(w))
	}
	switch {
	case v.Outcome == verdict.Pass && res.After != nil:
		c.say("       what the command left is %s, verified good; %s shows what it changed", judged, c.shown("diff "+before+" "+shellQuote(judged)))
	case v.Outcome == verdict.Pass:
		c.say("       %s was verified good", judged)
	case res.Auto.Rollback == nil:
		if v.Outcome == verdict.Fail && failed == nil {
			c.say("       nothing was rolled back: %s", printable(res.Auto.Why))
		}
		if res.After != nil {
			c.say("       %s holds the project as it was before: %s brings it back", res.Before.Version, c.shown("rollback "+before))
		}
	default:
		o.tellWayBack(c, m, res)
	}
}

// reasonOf is a verdict's reason, and of a pass what was looked at.
func reasonOf(v verdict.Verdict) string {
	if v.Outcome != verdict.Pass {
		return v.Reason
	}
	var all []string
	for _, f := range v.Findings {
		if f.Outcome == verdict.Pass && !f.DryRun {
			all = append(all, f.Reason)
		}
	}
	if n := len(all) - fewPaths; n > 0 {
		all = append(all[:fewPaths], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(all, "; ")
}

func (o *guardOptions) tellWayBack(c *call, m *manager.Manager, res *manager.GuardResult) {
	to := shellQuote(res.Auto.RolledBack)
	target := res.Auto.Rollback.Record.Target
	if rel, err := filepath.Rel(m.Project().Root, target); err == nil && filepath.IsLocal(rel) {
		target = rel
	}
	c.say("back:  %s holds %s, %s; your own files are as the command left them", quotePath(target), res.Auto.RolledBack, printable(res.Auto.Why))
	take := c.shown("diff " + to)
	// The command may have removed it.
	if _, err := os.Stat(m.Project().GitDir); err == nil {
		take += ", or as a branch: " + c.shown("rollback "+to+" --branch back-to-"+to) + " and `git stash -u && git switch back-to-" + to + "`"
	}
	c.say("take:  %s", take)
	if res.Auto.Rollback.HasPrevious {
		c.say("undo:  %s", c.shown("undo"))
	}
}

type guardJSON struct {
	Schema      int         `json:"schema"`
	Version     string      `json:"version"`
	Commit      gitstore.ID `json:"commit"`
	After       string      `json:"after,omitempty"`
	AfterCommit gitstore.ID `json:"after_commit,omitzero"`
	Code        int         `json:"code"`
	Runs        int         `json:"runs"`
	TimedOut    bool        `json:"timed_out"`
	Interrupted bool        `json:"interrupted"`
	Left        int         `json:"left_processes"`
	DurationMS  int64       `json:"duration_ms"`
	CPUMS       int64       `json:"cpu_ms"`
	PeakMemory  int64       `json:"peak_memory_bytes"`
	Auto        *autoJSON   `json:"auto"`
	Error       *errorJSON  `json:"error,omitempty"`
}

func newGuardJSON(res *manager.GuardResult, failed *errorJSON) guardJSON {
	run := res.Run
	out := guardJSON{
		Schema: schema, Version: res.Before.Version, Commit: res.Before.Commit, Code: run.Code, Runs: run.Runs,
		TimedOut: run.TimedOut, Interrupted: run.Interrupted != 0, Left: run.Left, DurationMS: run.Total.Milliseconds(),
		CPUMS: (run.UserTime + run.SystemTime).Milliseconds(), PeakMemory: run.MaxRSS, Error: failed,
	}
	if res.After != nil {
		out.After, out.AfterCommit = res.After.Version, res.After.Commit
	}
	if res.Auto != nil {
		auto := newAutoJSON(res.Auto, nil)
		out.Auto = &auto
	}
	return out
}

// say writes a line for people, who see the command's own output as well.
func (c *call) say(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintf(c.screen, format+"\n", args...)
	}
}
