package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/job"
	"github.com/evoseal/git-evoseal-rollback/manager/report"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Trial is a command that is run on a version, and what to judge by afterwards.
type Trial struct {
	// Command is what to run. Its Env gets EVOSEAL_VERSION and loses what would lead a
	// git in it elsewhere, as well as tokens.
	Command job.Command
	// Retries is how often the command is run again while it fails.
	Retries int
	// Tests and Metrics are reports that the command writes; relative paths start
	// from the directory in which it runs.
	Tests, Metrics []report.Source
	// Baseline and Reason are as in [AutoRequest].
	Baseline, Reason string
}

// TrialRun is how the command of a [Trial] ended.
type TrialRun struct {
	job.Result
	// Runs is how often it was run, Total how long that took in all.
	Runs  int
	Total time.Duration
	// NotStarted says why it could not be run; the code then is the shell's.
	NotStarted string
}

// ErrInterrupted says that a trial was broken off by a signal, so that nothing
// was judged. See [InterruptedError].
var ErrInterrupted = errors.New("interrupted, so nothing was judged")

// InterruptedError names the version that the interrupted command ran on.
type InterruptedError struct {
	Version string
	Run     TrialRun
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("the command was interrupted (%s), so nothing was judged", e.Run.Interrupted)
}

// Is matches [ErrInterrupted].
func (e *InterruptedError) Is(target error) bool { return target == ErrInterrupted }

// try runs the command, again while it fails and may be, and reads its reports.
func (m *Manager) try(ctx context.Context, t Trial, dir, version string) (TrialRun, verdict.Report, error) {
	var out TrialRun
	command := t.Command
	command.Dir = dir
	if command.Env == nil {
		command.Env = os.Environ()
	}
	command.Env = append(cleanEnv(command.Env, dir), "EVOSEAL_VERSION="+version)
	start := time.Now()
	var last time.Time
	for {
		out.Runs++
		last = time.Now()
		var err error
		out.Result, err = job.Run(ctx, command)
		var notStarted *job.StartError
		switch {
		case errors.As(err, &notStarted):
			out.NotStarted, out.Code = err.Error(), notStarted.Code
		case err != nil:
			return out, verdict.Report{}, err
		}
		if out.Code == 0 || out.Interrupted != 0 || out.NotStarted != "" || out.Runs > t.Retries {
			break
		}
		m.log.Info("the command failed and is run again", "code", out.Code, "run", out.Runs)
	}
	out.Total = time.Since(start)
	if out.Interrupted != 0 {
		return out, verdict.Report{}, &InterruptedError{Version: version, Run: out}
	}
	if out.NotStarted != "" {
		return out, verdict.Report{Checks: []verdict.Check{t.exitCheck(out, verdict.Report{})}}, nil
	}
	rep, err := report.Read(ctx, dir, t.Tests, t.Metrics, last, nil, report.Limits{})
	if err != nil {
		return out, verdict.Report{}, err
	}
	rep.Checks = append(rep.Checks, t.exitCheck(out, rep))
	return out, rep, nil
}

// exitCheck is what the exit code says.
func (t Trial) exitCheck(run TrialRun, rep verdict.Report) verdict.Check {
	c := verdict.Check{Trigger: exitTrigger}
	again := ""
	if run.Runs > 1 {
		again = fmt.Sprintf(" in run %d", run.Runs)
	}
	failed := 0
	for _, test := range rep.Tests {
		if test.Status == verdict.Failed || test.Status == verdict.Errored {
			failed++
		}
	}
	switch {
	case run.NotStarted != "":
		c.Outcome, c.Reason = verdict.Error, run.NotStarted
	case run.TimedOut:
		c.Outcome, c.Reason = verdict.Fail, fmt.Sprintf("the command took longer than the %s that it may%s", t.Command.Timeout, again)
	case run.Signal != 0:
		c.Outcome, c.Reason = verdict.Fail, fmt.Sprintf("the command died of a signal%s: %s", again, run.Signal)
	case run.Code == 126 || run.Code == 127:
		c.Outcome = verdict.Error
		c.Reason = fmt.Sprintf("the command ended with code %d%s, by which shells say that a program isn't there or can't be run", run.Code, again)
	case run.Code != 0:
		c.Outcome, c.Reason = verdict.Fail, fmt.Sprintf("the command ended with code %d%s", run.Code, again)
		if len(rep.Tests) > 0 && failed == 0 {
			c.Reason += ", although no test of its report failed"
		}
	default:
		c.Outcome, c.Reason = verdict.Pass, "the command ended with code 0"+again
		if run.Runs > 1 {
			c.Reason += ", after it had failed before: it is flaky"
		}
	}
	return c
}

// take keeps what a run means for its judgement.
func (j *judgement) take(t Trial, run TrialRun) {
	j.tried = true
	j.ended = run.Code != 0 && run.Signal == 0 && !run.TimedOut && run.NotStarted == ""
	j.tested = len(t.Tests) > 0 && run.NotStarted == ""
}
