package manager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// CustomTrigger judges a version in a way of its own. Check may be called by
// several goroutines at once. An error, and a panic, make the verdict one of
// error; neither is a pass.
type CustomTrigger interface {
	Check(ctx context.Context, in verdict.Input) (verdict.Check, error)
}

// defaultCheckTimeout bounds a command that sets no bound of its own.
const defaultCheckTimeout = time.Minute

// runChecks asks the commands and the custom triggers. What they say becomes part
// of the report, so that the verdict can be reached again without them. Commands
// run in dir, unless the policy that names them isn't trusted.
func (m *Manager) runChecks(ctx context.Context, in verdict.Input, dir string, untrusted error) ([]verdict.Check, error) {
	checks := in.Report.Checks
	said := make(map[string]bool)
	for _, c := range checks {
		said[c.Trigger] = true
	}
	for _, t := range in.Rules.Triggers {
		if t.Disabled || said[t.Name] || t.Kind != verdict.KindCommand && t.Kind != verdict.KindCustom {
			continue
		}
		bound := t.Timeout
		if bound == 0 {
			bound = defaultCheckTimeout
		}
		limited, cancel := context.WithTimeout(ctx, bound)
		var check verdict.Check
		var err error
		if t.Kind == verdict.KindCommand && untrusted != nil {
			err = untrusted
		} else if t.Kind == verdict.KindCommand {
			check, err = runCommand(limited, t, in, dir)
		} else {
			check, err = m.askCustom(limited, t, in)
		}
		cancel()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			check = verdict.Check{Outcome: verdict.Error, Reason: err.Error()}
		}
		check.Trigger = t.Name
		checks = append(checks, check)
	}
	return checks, nil
}

func (m *Manager) askCustom(ctx context.Context, t verdict.Trigger, in verdict.Input) (check verdict.Check, err error) {
	custom := m.opts.Triggers[t.Name]
	if custom == nil {
		return verdict.Check{Outcome: verdict.Inconclusive, Reason: "this program knows no trigger of that name"}, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the trigger panicked: %v", p)
		}
	}()
	return custom.Check(ctx, in)
}

// maxReason bounds what is kept of a command's output.
const maxReason = 1000

// runCommand runs a trigger's command, with the input as JSON on
// its standard input. Exit code 0 is a pass, 1 a fail, 2 inconclusive, and
// anything else an error. The first line that it prints is the reason.
func runCommand(ctx context.Context, t verdict.Trigger, in verdict.Input, dir string) (verdict.Check, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return verdict.Check{}, err
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", t.Command)
	cmd.Dir = dir
	cmd.Env = append(cleanEnv(os.Environ(), dir), "EVOSEAL_TRIGGER="+t.Name)
	cmd.Stdin = bytes.NewReader(data)
	out := &bounded{most: 64 << 10}
	cmd.Stdout, cmd.Stderr = out, out
	// All that it started dies with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err = cmd.Run()
	reason, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
	reason = reason[:min(len(reason), maxReason)]
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return verdict.Check{}, errors.New("the command took longer than it may")
	case err == nil:
		return verdict.Check{Outcome: verdict.Pass, Reason: reason}, nil
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return verdict.Check{Outcome: verdict.Fail, Reason: reason}, nil
	case errors.As(err, &exit) && exit.ExitCode() == 2:
		return verdict.Check{Outcome: verdict.Inconclusive, Reason: reason}, nil
	}
	return verdict.Check{}, fmt.Errorf("the command ended with %w: %s", err, reason)
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.most - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
