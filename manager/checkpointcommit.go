package manager

import (
	"context"
	"errors"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
)

// CheckpointCommit records a commit of the project's own repository, straight
// from its objects, and makes the store if there is none. See
// [gitstore.Store.RecordCommit]. One that was recorded before is returned as it
// is.
func (m *Manager) CheckpointCommit(ctx context.Context, req gitstore.RecordCommitRequest) (*CheckpointResult, error) {
	start := time.Now()
	s, err := m.storeOrInit(ctx)
	if err != nil {
		return nil, err
	}
	rec, err := s.RecordCommit(ctx, req)
	if err != nil {
		return nil, err
	}
	return m.recorded(ctx, s, rec, start), nil
}

func (m *Manager) storeOrInit(ctx context.Context) (*gitstore.Store, error) {
	s, err := m.Store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		s, err = m.Init(ctx)
	}
	return s, err
}

// recorded tells of a checkpoint, unless it was there before.
func (m *Manager) recorded(ctx context.Context, s *gitstore.Store, rec gitstore.Recorded, start time.Time) *CheckpointResult {
	out := &CheckpointResult{Recorded: rec, Duration: time.Since(start)}
	if !rec.Known {
		m.publish(ctx, s, event.CheckpointCreated, rec.Version, event.CheckpointData{
			Version: rec.Version, Commit: rec.Commit.String(), Files: rec.Files, Bytes: rec.Bytes,
			Partial: rec.Partial, DurationMS: out.Duration.Milliseconds(),
		})
	}
	return out
}
