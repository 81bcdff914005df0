package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
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
	// Force goes on where a plan has warnings that would stop it.
	Force bool
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
	// what the rollback takes.
	FreeBytes, NeedBytes int64
	Paths                []string
	Findings             []Finding

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
// knowing, is in the plan's Findings.
func (m *Manager) Plan(ctx context.Context, req RollbackRequest) (*Plan, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	plan, decision, err := m.plan(ctx, s, req)
	if decision.Target != nil {
		decision.Target.Close()
	}
	return plan, err
}

// plan also returns the open target. Both results hold what is known even when
// there is an error.
func (m *Manager) plan(ctx context.Context, s *gitstore.Store, req RollbackRequest) (*Plan, safety.Decision, error) {
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
	p.lookAtCheckpoint()
	return p, decision, nil
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

// lookAtTarget finds out what the target holds and whether there is room.
func (m *Manager) lookAtTarget(s *gitstore.Store, p *Plan, t *safety.Target) {
	p.NeedBytes = p.Checkpoint.Bytes
	if dir, err := t.Open(); err == nil {
		defer dir.Close()
		if slot, err := s.SlotOf(dir); err == nil && slot != nil {
			p.FromVersion, p.FromCommit = slot.Version, slot.Commit
			if slot.Commit == p.Checkpoint.Commit && len(slot.Paths) == 0 && len(p.Paths) == 0 {
				p.same = true
				p.add(Warning, "same", fmt.Sprintf("the target already holds %s", p.Checkpoint.Version), "")
			}
		}
		if free, err := safety.FreeSpace(dir); err == nil {
			p.FreeBytes = int64(free)
		}
	} else if root, err := os.Open(m.project.Root); err == nil {
		defer root.Close()
		if free, err := safety.FreeSpace(root); err == nil {
			p.FreeBytes = int64(free)
		}
	}
	// A file takes whole blocks; what is needed for those is a guess.
	const slack = 2048
	need := p.NeedBytes + slack*p.Checkpoint.Files
	if p.FreeBytes >= 0 && len(p.Paths) == 0 && p.FreeBytes < need {
		p.add(Blocking, "space", fmt.Sprintf("the rollback takes about %d bytes and the disk has %d left", need, p.FreeBytes),
			"make room, name a --target on another disk, or try all the same with --force")
	}
}

// lookAtCheckpoint warns of what the checkpoint can't bring back.
func (p *Plan) lookAtCheckpoint() {
	if p.Checkpoint.Partial {
		unread := 0
		for _, skipped := range p.Meta.Skipped {
			if skipped.Unread {
				unread++
			}
		}
		p.add(Warning, "partial", fmt.Sprintf("%s is partial: %d path(s) could not be read when it was recorded", p.Checkpoint.Version, unread),
			"`show` lists them; they are missing from the target, not deleted")
	}
	if len(p.Meta.Nested) > 0 {
		p.add(Warning, "nested", fmt.Sprintf("%d nested repositories come back as plain files, without their history", len(p.Meta.Nested)), "")
	}
}
