package manager

import (
	"context"
	"fmt"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// CheckpointRequest says what to record. The zero value records the project
// under a name made from the time, as a child of the newest checkpoint.
type CheckpointRequest struct {
	// These are as [gitstore.RecordRequest] has them.
	Version, Message, Reason, Parent    string
	IncludeIgnored, AllowPartial, Force bool
	Reuse                               bool
	Progress                            func(gitstore.Progress)
	// Metrics are kept with the checkpoint, for a later verdict on it.
	Metrics map[string]verdict.Samples
}

// CheckpointResult is what was recorded, and how long that took.
type CheckpointResult struct {
	gitstore.Recorded
	Duration time.Duration
}

// Checkpoint records the project, and makes the store if there is none. When the
// metrics can't be kept the checkpoint exists all the same, and is returned with
// the error.
func (m *Manager) Checkpoint(ctx context.Context, req CheckpointRequest) (*CheckpointResult, error) {
	start := time.Now()
	if m.project.Bare {
		return nil, gitstore.ErrBareRepository
	}
	s, err := m.storeOrInit(ctx)
	if err != nil {
		return nil, err
	}
	rec, err := s.Record(ctx, gitstore.RecordRequest{
		Version: req.Version, Message: req.Message, Reason: req.Reason, Parent: req.Parent,
		IncludeIgnored: req.IncludeIgnored, AllowPartial: req.AllowPartial, Force: req.Force, Reuse: req.Reuse, Progress: req.Progress,
	})
	if err != nil {
		return nil, err
	}
	if len(req.Metrics) > 0 {
		now := m.now()
		entry := verdict.NewReport(newID(now), now, m.actor(), rec.Version, rec.Commit.String(), verdict.Report{Metrics: req.Metrics})
		if err = m.append(ctx, s, rec.Commit, entry, "metrics of "+rec.Version); err != nil {
			err = fmt.Errorf("%s is recorded, but its metrics are not: %w", rec.Version, err)
		}
	}
	return m.recorded(ctx, s, rec, start), err
}
