package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/retention"
)

// PruneRequest asks for checkpoints to go that no rule keeps. The zero value goes
// by the policy.
type PruneRequest struct {
	// Adjust, unless it is nil, changes the policy's rules for this one time.
	Adjust func(*retention.Rules)
	// Grace, unless it is nil, is in the place of the policy's.
	Grace *time.Duration
	// Location is whose calendar counts; nil is [time.Local].
	Location *time.Location
	Reason   string
	Token    auth.Secret
}

// PrunePlan says what goes, what stays, and why.
type PrunePlan struct {
	Rules retention.Rules
	Grace time.Duration
	// Decisions are the checkpoints, the newest first.
	Decisions []PruneDecision
	// Content is how many bytes of files, before compression, only those hold that
	// go; nil where telling takes too long. They take room until the grace is over.
	Content *int64
	// Due are the pruned ones whose grace is over: they go for good.
	Due []gitstore.Pruned
}

// PruneDecision is what becomes of one checkpoint.
type PruneDecision struct {
	gitstore.Checkpoint
	Keep    bool
	Reasons []string
}

// Going are the checkpoints that don't stay.
func (p *PrunePlan) Going() []gitstore.Checkpoint {
	var list []gitstore.Checkpoint
	for _, d := range p.Decisions {
		if !d.Keep {
			list = append(list, d.Checkpoint)
		}
	}
	return list
}

// PruneResult is what Prune did.
type PruneResult struct {
	Plan *PrunePlan
	// Pruned can be brought back until Until.
	Pruned []gitstore.Pruned
	Until  time.Time
	// Expiry tells which went for good. It is nil where another process kept that
	// from being done now; the next time will do it.
	Expiry *gitstore.Expiry
	// Record is nil where nothing went, and nothing was recorded.
	Record *Record
}

// Waits says that some of what was pruned can be brought back: with no grace at all,
// it went for good at once.
func (r *PruneResult) Waits() bool {
	if r.Expiry == nil {
		return len(r.Pruned) > 0
	}
	gone := make(map[gitstore.ID]bool)
	for _, p := range r.Expiry.Gone {
		gone[p.Tag] = true
	}
	return slices.ContainsFunc(r.Pruned, func(p gitstore.Pruned) bool { return !gone[p.Tag] })
}

// PlanPrune says what [Manager.Prune] would do, and does nothing.
func (m *Manager) PlanPrune(ctx context.Context, req PruneRequest) (*PrunePlan, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := m.planPrune(ctx, s, req)
	if err != nil {
		return nil, err
	}
	return plan, m.measure(ctx, s, plan)
}

// Prune takes the checkpoints out of the list that no rule keeps, and drops those
// for good whose grace is over. Without any rule nothing goes. What goes can be
// brought back by [Manager.RestorePruned] until its grace is over.
//
// Whatever the rules say, these stay: the newest, the last one verified good, what
// targets hold, the baseline of the newest, what an emergency would bring back,
// the versions of incidents that are open and of cascades that were broken off, and
// what running processes work with.
//
// Where there are tokens it takes one, of an operator or an admin. A run by which
// anything goes is recorded.
func (m *Manager) Prune(ctx context.Context, req PruneRequest) (*PruneResult, error) {
	start := time.Now()
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	rec := m.newRecord(ActionPrune, "", req.Reason)
	if err := m.authorizeRecorded(ctx, s, auth.Prune, req.Token, rec); err != nil {
		return nil, err
	}
	out := &PruneResult{}
	err = m.prune(ctx, s, req, out)
	if len(out.Pruned) == 0 && (out.Expiry == nil || len(out.Expiry.Gone) == 0) {
		return out, err
	}
	rec.takePruned(out)
	rec.Outcome = Completed
	if err != nil {
		rec.Outcome, rec.Error = outcomeOf(err), err.Error()
	}
	err = errRecord(err, m.save(ctx, s, rec, gitstore.ID{}, start))
	out.Record = rec
	m.publish(ctx, s, event.CheckpointsPruned, rec.ID, event.PruneData{
		RecordID: rec.ID, Pruned: rec.Pruned, Expired: rec.Expired, Until: rec.Until, Actor: rec.Actor, Reason: rec.Reason, Outcome: string(rec.Outcome),
	})
	return out, err
}

// takePruned keeps what went.
func (r *Record) takePruned(out *PruneResult) {
	for _, p := range out.Pruned {
		r.Pruned = append(r.Pruned, p.Version)
	}
	if out.Waits() {
		r.Until = &out.Until
	}
	if out.Expiry != nil {
		for _, p := range out.Expiry.Gone {
			r.Expired = append(r.Expired, p.Version)
		}
	}
}

// prune holds the locks under which cascades and rollbacks run, so that nothing is
// needed after the decision that wasn't before.
func (m *Manager) prune(ctx context.Context, s *gitstore.Store, req PruneRequest, out *PruneResult) error {
	unlockChain, err := s.LockChain(ctx, "prune")
	if err != nil {
		return err
	}
	defer unlockChain()
	unlock, err := s.LockTarget(ctx, "prune")
	if err != nil {
		return err
	}
	defer unlock()
	if err = m.pruneByPlan(ctx, s, req, out); len(out.Pruned) > 0 {
		out.Until = out.Pruned[0].At.Add(out.Plan.Grace)
	}
	if err != nil {
		return err
	}
	out.Expiry, err = s.ExpirePruned(ctx, m.now().Add(-out.Plan.Grace))
	if errors.Is(err, gitstore.ErrBusy) {
		m.log.Warn("checkpoints whose grace is over go for good next time", "error", err)
		out.Expiry, err = nil, nil
	}
	return err
}

// replans is how often a prune decides anew because a process has taken up meanwhile
// what was to go.
const replans = 10

// pruneByPlan decides, and takes out of the list what is to go. A checkpoint that somebody
// has begun to follow by then stops it; nothing is gone yet, and the next plan keeps it.
func (m *Manager) pruneByPlan(ctx context.Context, s *gitstore.Store, req PruneRequest, out *PruneResult) (err error) {
	for try := 1; ; try++ {
		if out.Plan, err = m.planPrune(ctx, s, req); err != nil {
			return err
		}
		out.Pruned, err = s.Prune(ctx, out.Plan.Going())
		if !errors.Is(err, gitstore.ErrNeeded) || len(out.Pruned) > 0 || try == replans {
			return err
		}
	}
}

// planPrune decides.
func (m *Manager) planPrune(ctx context.Context, s *gitstore.Store, req PruneRequest) (*PrunePlan, error) {
	r, err := m.inForce(s)
	if err != nil {
		return nil, err
	}
	plan := &PrunePlan{Rules: r.Policy.RetentionRules(), Grace: r.Policy.Grace}
	if req.Adjust != nil {
		req.Adjust(&plan.Rules)
	}
	if req.Grace != nil {
		plan.Grace = *req.Grace
	}
	l, err := m.lineage(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("what to keep can't be told: %w", err)
	}
	needs, err := m.needs(ctx, s, l)
	if err != nil {
		return nil, fmt.Errorf("what to keep can't be told: %w", err)
	}
	loc := req.Location
	if loc == nil {
		loc = time.Local
	}
	byID := make(map[string]gitstore.Checkpoint, len(l.all))
	for _, c := range l.all {
		byID[itemID(c)] = c
	}
	for _, d := range retention.Decide(items(l, needs), plan.Rules, m.now(), loc) {
		plan.Decisions = append(plan.Decisions, PruneDecision{byID[d.ID], d.Keep, d.Reasons})
	}
	waiting, err := s.Pruned(ctx)
	for _, p := range waiting {
		if !p.At.Add(plan.Grace).After(m.now()) {
			plan.Due = append(plan.Due, p)
		}
	}
	return plan, err
}

// measured bounds what a plan may look at to tell how much goes.
const measured = 500_000

func (m *Manager) measure(ctx context.Context, s *gitstore.Store, plan *PrunePlan) error {
	var stay []gitstore.Checkpoint
	for _, d := range plan.Decisions {
		if d.Keep {
			stay = append(stay, d.Checkpoint)
		}
	}
	n, known, err := s.OnlyIn(ctx, plan.Going(), stay, measured)
	if known && err == nil {
		plan.Content = &n
	}
	return err
}
