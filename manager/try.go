package manager

import (
	"context"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// TryRequest has a version tried and judged.
type TryRequest struct {
	Trial
	// Version is any name that [gitstore.Store.Resolve] knows; empty is the newest.
	Version string
	// Dir is where the command runs; whoever names one knows that the version lies
	// there. Empty is a directory of its own with just the version's files, which is
	// removed afterwards.
	Dir string
	// Share are paths below the project's top that are linked into a directory of its
	// own, as far as the project has them and the version doesn't.
	Share []string
	// Target, Force, JudgeOnly and Token are as in [AutoRequest].
	Target           string
	Force, JudgeOnly bool
	Token            auth.Secret
	// Progress is told how far writing the version and rolling back are.
	Progress func(gitstore.Progress)
}

// TryResult is what came of it.
type TryResult struct {
	Checkpoint gitstore.Checkpoint
	Run        TrialRun
	// Auto is the verdict and what followed from it; nil where nothing was judged.
	Auto *AutoResult
}

// Try runs a command on a version that is recorded already, and judges the version
// by what came of it, as [Manager.Guard] does. Results hold what is known also when
// there is an error.
func (m *Manager) Try(ctx context.Context, req TryRequest) (*TryResult, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	grant, err := m.mayJudge(ctx, s, req.Token, req.Force, req.Version, req.Reason)
	if err != nil {
		return nil, err
	}
	if req.Version == "" {
		req.Version = gitstore.Latest
	}
	out := &TryResult{}
	if out.Checkpoint, err = s.Resolve(ctx, req.Version); err != nil {
		return out, err
	}
	if req.Dir == "" {
		dir, remove, err := m.scratch(ctx, s, out.Checkpoint, req.Share, req.Progress)
		if err != nil {
			return out, err
		}
		defer remove()
		req.Dir = dir
	}
	j := &judgement{m: m, s: s, grant: grant, dir: req.Dir, req: AutoRequest{
		Version: out.Checkpoint.Commit.String(), Baseline: req.Baseline, Reason: req.Reason, Target: req.Target,
		Force: req.Force, JudgeOnly: req.JudgeOnly, Progress: req.Progress,
	}}
	if out.Run, j.req.Report, err = m.try(ctx, req.Trial, req.Dir, out.Checkpoint.Version); err != nil {
		return out, err
	}
	j.take(req.Trial, out.Run)
	out.Auto, err = j.run(ctx)
	return out, err
}
