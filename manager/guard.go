package manager

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/report"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// GuardRequest has a command run in the live project between two looks at it. It
// runs in Command.Dir, which is the project's top where that is empty.
type GuardRequest struct {
	Trial
	// Version names the checkpoint that is made before; without one, the newest is
	// taken where nothing was changed since, and else a name is made.
	Version, Message string
	// OnlyTests says that the command tests and makes nothing of meaning: the
	// verdict is on the checkpoint before it, whatever it leaves behind.
	OnlyTests bool
	Target    string
	// Force is as in [AutoRequest].
	Force bool
	Token auth.Secret
	// Started is told of the checkpoint when the command is about to run, Ended when
	// it is done; either may be nil.
	Started func(*CheckpointResult)
	Ended   func(TrialRun)
	// Progress is told how far checkpoints and rollback are.
	Progress func(gitstore.Progress)
}

// GuardResult is what came of a command.
type GuardResult struct {
	// Before is the project as it was, After as the command left it; After is nil
	// where it changed nothing, and where nothing was judged.
	Before, After *CheckpointResult
	Run           TrialRun
	// Auto is the verdict and what followed from it; nil where nothing was judged.
	Auto *AutoResult
}

// Guard records the project, runs a command in it, and judges what came of it:
// by the exit code, and by the reports that the command wrote. Where the command
// changed the project, that is recorded as well and judged, and if it fails the
// checkpoint before is rolled back to: it is the state that the command began
// with. Where it changed nothing, the verdict is on the checkpoint, and if it
// fails, the last version verified good is rolled back to. The live project stays
// as the command left it.
//
// Cancelling the context ends the command. One that a signal interrupts isn't
// judged: the error is an [InterruptedError]. Results hold what is known also when
// there is an error.
func (m *Manager) Guard(ctx context.Context, req GuardRequest) (*GuardResult, error) {
	if m.project.Bare {
		return nil, gitstore.ErrBareRepository
	}
	s, err := m.storeOrInit(ctx)
	if err != nil {
		return nil, err
	}
	// Asked before the command runs, which may take hours.
	grant, err := m.mayGuard(ctx, s, req)
	if err != nil {
		return nil, err
	}
	out := &GuardResult{}
	name := commandLine(req.Command.Args)
	out.Before, err = m.Checkpoint(ctx, CheckpointRequest{
		Version: req.Version, Message: cmp.Or(req.Message, "before: "+name), Reuse: true, Progress: req.Progress,
	})
	if err != nil {
		return out, err
	}
	release, err := m.hold(ctx, s, out.Before.Commit, req.Baseline)
	if err != nil {
		return out, err
	}
	defer release()
	if req.Started != nil {
		req.Started(out.Before)
	}
	var rep verdict.Report
	out.Run, rep, err = m.try(ctx, req.Trial, cmp.Or(req.Command.Dir, m.project.Root), out.Before.Version)
	if req.Ended != nil {
		req.Ended(out.Run)
	}
	if err == nil {
		err = s.CheckThere()
	}
	if err != nil {
		return out, err
	}
	if out.Run.NotStarted == "" && !req.OnlyTests {
		if err := m.recordAfter(ctx, out, name, req.Progress); err != nil {
			return out, err
		}
	}
	j := &judgement{m: m, s: s, grant: grant, dir: m.project.Root, req: AutoRequest{
		Version: out.Before.Commit.String(), Report: rep, Baseline: req.Baseline, Reason: req.Reason, Target: req.Target,
		Force: req.Force, Progress: req.Progress,
	}}
	if out.After != nil {
		j.req.Version = out.After.Commit.String()
		j.prefer = &out.Before.Checkpoint
	}
	j.take(req.Trial, out.Run)
	out.Auto, err = j.run(ctx)
	return out, err
}

// mayGuard makes sure, before the command runs, that what comes after can be done.
func (m *Manager) mayGuard(ctx context.Context, s *gitstore.Store, req GuardRequest) (*Record, error) {
	if req.Baseline != "" {
		if _, err := s.Resolve(ctx, req.Baseline); err != nil {
			return nil, err
		}
	}
	if err := report.Check(req.Tests, req.Metrics); err != nil {
		return nil, err
	}
	decision, err := m.choose(s, RollbackRequest{Target: req.Target})
	if err != nil {
		return nil, err
	}
	decision.Target.Close()
	return m.mayJudge(ctx, s, req.Token, req.Force, req.Version, req.Reason)
}

// commandLine is a command as a message shows it.
func commandLine(args []string) string {
	const most = 60
	line := strings.ToValidUTF8(strings.Join(strings.Fields(strings.Join(args, " ")), " "), "�")
	if runes := []rune(line); len(runes) > most {
		line = string(runes[:most-1]) + "…"
	}
	return line
}

// recordAfter records what the command left, if that is something else. What can't
// be read of it is no reason to judge nothing: this checkpoint is evidence and not
// the way back.
func (m *Manager) recordAfter(ctx context.Context, out *GuardResult, name string, progress func(gitstore.Progress)) error {
	after, err := m.Checkpoint(ctx, CheckpointRequest{
		Message: "after: " + name, Parent: out.Before.Commit.String(), Reuse: true, AllowPartial: true, Progress: progress,
	})
	if err != nil {
		return fmt.Errorf("what the command left can't be recorded: %w", err)
	}
	if !after.Known {
		out.After = after
	}
	return nil
}
