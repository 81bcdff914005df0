package manager

import (
	"context"
	"errors"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// RecordSkip keeps that somebody switched a hook off. Without a store there is no
// history to keep it in, and nothing is made for it.
func (m *Manager) RecordSkip(ctx context.Context, hook string) error {
	start := time.Now()
	s, err := m.Store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		return nil
	}
	if err != nil {
		return err
	}
	rec := m.newRecord(ActionSkip, "", hook+" was switched off")
	rec.Outcome = Completed
	return m.save(ctx, s, rec, gitstore.ID{}, start)
}
