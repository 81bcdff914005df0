package manager

import (
	"context"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// GC consolidates the store and removes what nothing leads to, as
// [gitstore.Store.GC] says. No checkpoint is ever removed by it, so it asks for no
// token.
func (m *Manager) GC(ctx context.Context, req gitstore.GCRequest) (gitstore.Collected, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return gitstore.Collected{}, err
	}
	return s.GC(ctx, req)
}
