package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// RollbackRequest says which checkpoint to bring back, and where to.
type RollbackRequest struct {
	// Version is any name that [gitstore.Store.Resolve] knows.
	Version string
	// Target is the directory to fill, as a person named it; empty is the
	// configured one or the default.
	Target string
	// Adopt lets Target be a directory that is not empty and that the engine
	// did not make. What it held is kept beside it.
	Adopt  bool
	Reason string
	// Force goes on where a check or a limit would stop it. It takes a right of its
	// own where tokens are required.
	Force bool
	// Token is needed where the policy requires one.
	Token auth.Secret
	// Trigger names what asks, where that isn't a person. Automatic rollbacks are
	// limited by the policy's attempts.
	Trigger string
	// Branch also carries the checkpoint into the project's repository, as a
	// new branch of this name.
	Branch string
	// Paths brings back only these, with slashes, below the project's top.
	Paths []string
	// VerifyFull reads the target again, every byte, after it was written.
	VerifyFull bool
	// Progress is told how far the work is, from another goroutine.
	Progress func(gitstore.Progress)
}

// Severity says what a [Finding] means.
type Severity string

// The severities.
const (
	// Warning is worth knowing, and stops nothing.
	Warning Severity = "warning"
	// Blocking stops a rollback that isn't forced.
	Blocking Severity = "blocking"
	// Fatal can't be overruled.
	Fatal Severity = "error"
)

// Finding is something that a check came upon.
type Finding struct {
	Severity Severity `json:"severity"`
	// Code is one stable word, Message a sentence, Hint what to do next.
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Plan is what a rollback would do.
type Plan struct {
	Checkpoint gitstore.Checkpoint
	Meta       gitstore.Meta
	// FromVersion and FromCommit are what the target holds now, empty for nothing
	// of ours. The version may have gone to another commit since.
	FromVersion string
	FromCommit  gitstore.ID
	// Target is the directory that would be used, Requested the one asked for.
	Target, Requested string
	Fallback          bool
	SafetyValidated   bool
	// FreeBytes is the room on the target's disk, -1 when unknown; NeedBytes
	// what the rollback takes, for so many Files.
	FreeBytes, NeedBytes, Files int64
	// Paths are those that were asked for; none is all.
	Paths    []string
	Findings []Finding

	// same says that the target was filled with this very checkpoint.
	same bool
}

// Err is the reason why the rollback can't go on, nil when it can.
func (p *Plan) Err(force bool) error {
	for _, f := range p.Findings {
		if f.Severity == Blocking && !force {
			return &BlockedError{Finding: f}
		}
	}
	return nil
}

// ErrBlocked says that a check stopped a rollback, which may be forced.
var ErrBlocked = errors.New("rollback stopped by a check")

// BlockedError holds the finding that stopped a rollback.
type BlockedError struct{ Finding Finding }

func (e *BlockedError) Error() string { return e.Finding.Message }

// Is matches [ErrBlocked].
func (e *BlockedError) Is(target error) bool { return target == ErrBlocked }

// Plan makes all of a rollback's checks and changes nothing. An error means
// that the rollback can't be done at all; what might stop it, or is worth
// knowing, is in the plan's Findings. A wrong token leaves a record here as well:
// else tokens could be tried out in silence.
func (m *Manager) Plan(ctx context.Context, req RollbackRequest) (*Plan, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := m.inForce(s)
	if err != nil {
		return nil, err
	}
	if err := m.mayPlan(ctx, s, req); err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		plan, decision, err := m.plan(ctx, s, rules, req, circumstances{})
		if decision.Target != nil {
			decision.Target.Close()
		}
		// No lock is held here, so another rollback may be exchanging the target.
		if n == looks || !errors.Is(err, safety.ErrChanged) {
			return plan, err
		}
	}
}

// Validate says whether a rollback would be let through: the error is nil, or what
// would stop it, with [BlockedError] for a finding that may be forced. The plan is
// [Manager.Plan]'s. Time may pass between asking and doing, so Rollback checks all
// of it again.
func (m *Manager) Validate(ctx context.Context, req RollbackRequest) (*Plan, error) {
	plan, err := m.Plan(ctx, req)
	if err == nil {
		err = plan.Err(req.Force)
	}
	return plan, err
}

func (m *Manager) mayPlan(ctx context.Context, s *gitstore.Store, req RollbackRequest) error {
	start := time.Now()
	rec := m.newRecord(ActionRollback, req.Version, req.Reason)
	actions := []auth.Action{auth.Rollback}
	if req.Force {
		actions = append(actions, auth.Force)
	}
	for _, action := range actions {
		err := m.authorize(ctx, s, action, req.Token, rec)
		if err == nil {
			continue
		}
		if auth.Code(rec.Denial).Wrong() {
			rec.Outcome, rec.Error = Denied, err.Error()
			err = errRecord(err, m.save(ctx, s, rec, gitstore.ID{}, start))
		}
		return err
	}
	return nil
}

// plan also returns the open target. Both results hold what is known even when
// there is an error.
func (m *Manager) plan(ctx context.Context, s *gitstore.Store, rules *rules, req RollbackRequest, how circumstances) (*Plan, safety.Decision, error) {
	p := &Plan{FreeBytes: -1, Paths: req.Paths}
	c, err := s.Resolve(ctx, req.Version)
	if err != nil {
		return p, safety.Decision{}, err
	}
	p.Checkpoint = c
	if p.Meta, err = s.Meta(c); err != nil {
		return p, safety.Decision{}, err
	}
	if err := s.HasPaths(c, req.Paths); err != nil {
		return p, safety.Decision{}, err
	}
	if p.Files, p.NeedBytes, err = s.Extent(c, req.Paths); err != nil {
		return p, safety.Decision{}, err
	}
	decision, err := m.choose(s, req)
	p.Requested, p.Target, p.Fallback, p.SafetyValidated = decision.Requested, decision.Used, decision.Fallback, decision.Validated
	if err != nil {
		return p, decision, err
	}
	if decision.Fallback {
		p.add(Warning, "fallback", fmt.Sprintf("the configured target is unsafe: %v", decision.Refusal),
			"the default target is used instead; mend evoseal.target")
	}
	m.lookAtTarget(s, p, decision.Target)
	p.lookAtSize(rules.Policy.MaxGiB)
	p.lookAtCheckpoint()
	if err := m.lookAtHistory(ctx, s, p, rules); err != nil {
		return p, decision, err
	}
	if !how.admitted {
		err = m.lookAtAttempts(ctx, s, p, rules, req.Trigger != "")
	}
	return p, decision, err
}

func (p *Plan) add(severity Severity, code, message, hint string) {
	p.Findings = append(p.Findings, Finding{severity, code, message, hint})
}

// choose applies the safety rules to the target that is asked for.
func (m *Manager) choose(s *gitstore.Store, req RollbackRequest) (safety.Decision, error) {
	guard, err := m.guard(s.Dir(), func(dir *os.File) bool {
		slot, err := s.SlotOf(dir)
		return err == nil && slot != nil
	})
	if err != nil {
		return safety.Decision{}, err
	}
	path, configured := req.Target, false
	if path == "" {
		path, configured = m.configuredTarget(), true
	}
	return guard.Choose(safety.Request{Path: path, Configured: configured && path != "", Adopt: req.Adopt})
}

// configuredTarget is empty when the default holds. A relative one starts from
// the project's top, wherever the command was run.
func (m *Manager) configuredTarget() string {
	path := m.opts.Target
	if path == "" {
		path, _ = m.project.Config.Path("evoseal", "target")
	}
	if path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(m.project.Root, path)
	}
	return path
}
