package manager

import (
	"context"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// Waiting is a pruned checkpoint that can be brought back. Until is when its grace
// is over by the policy in force; from then on the next prune drops it.
type Waiting struct {
	gitstore.Pruned
	Until time.Time
}

// Waiting lists the pruned checkpoints that can be brought back, the last pruned
// first.
func (m *Manager) Waiting(ctx context.Context) ([]Waiting, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	r, err := m.standingRules(s)
	if err != nil {
		return nil, err
	}
	pruned, err := s.Pruned(ctx)
	list := make([]Waiting, len(pruned))
	for i, p := range pruned {
		list[i] = Waiting{p, p.At.Add(r.Policy.Grace)}
	}
	return list, err
}

// RestorePrunedRequest names pruned checkpoints by their versions or by their
// commits' whole ids.
type RestorePrunedRequest struct {
	Versions []string
	Reason   string
	Token    auth.Secret
}

// RestorePruned brings pruned checkpoints back, all of them or none. It needs what
// [Manager.Prune] needs, and is recorded.
func (m *Manager) RestorePruned(ctx context.Context, req RestorePrunedRequest) ([]gitstore.Checkpoint, error) {
	start := time.Now()
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	rec := m.newRecord(ActionUnprune, strings.Join(req.Versions, " "), req.Reason)
	if err := m.authorizeRecorded(ctx, s, auth.Prune, req.Token, rec); err != nil {
		return nil, err
	}
	back, err := s.RestorePruned(ctx, req.Versions...)
	on := gitstore.ID{}
	if rec.Outcome = Completed; err != nil {
		rec.Outcome, rec.Error = outcomeOf(err), err.Error()
	} else if len(back) == 1 {
		on = back[0].Commit
	}
	return back, errRecord(err, m.save(ctx, s, rec, on, start))
}
