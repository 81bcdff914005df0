package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// busyUser does all that can be asked of a project, over and over.
type busyUser struct {
	*world
	// each says that there is a manager for each operation; m is the one otherwise.
	each bool
	m    *Manager
	// random makes contents, so that each round's are others.
	random *rand.Rand
	// clock is told to the managers; each round takes two days, so that limits a day,
	// grace and the age of logs end within a run.
	clock             atomic.Int64
	round, operations int
	// outside is where targets are made besides the project's own, temp is TMPDIR.
	outside, temp string
	sinks         sinkServer
	// commit is one of the project's own.
	commit string
	// tokenID is the round's own token, the others stay.
	admin, operator, emergency auth.Secret
	tokenID                    string
	// replaced and archives count what is kept for ever: checkpoints that others
	// replaced, and earlier histories.
	replaced, archives int
}

// work is one thing to ask for; want is the error that it is to end with, nil for
// none.
type work struct {
	name string
	do   func(ctx context.Context, u *busyUser, m *Manager) error
	want error
}

// version is the round's own, or that of an earlier one.
func (u *busyUser) version(back int) string { return fmt.Sprintf("v%d", u.round-back) }

func (u *busyUser) text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz \n"[u.random.IntN(28)]
	}
	return string(b)
}

// rounds is what makes a round, in an order in which each finds what it needs.
func rounds() []work {
	return append(append(append(recordingWork(), targetWork()...), decidingWork()...), keepingWork()...)
}

func recordingWork() []work {
	checkpoint := func(req func(u *busyUser) CheckpointRequest) func(context.Context, *busyUser, *Manager) error {
		return func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Checkpoint(ctx, req(u))
			return err
		}
	}
	return []work{
		{name: "checkpoint of changes", do: checkpoint(func(u *busyUser) CheckpointRequest {
			u.write("a", u.text(3000), "d/b", u.text(500), fmt.Sprintf("d/new%d", u.round%5), u.text(100))
			return CheckpointRequest{Version: u.version(0), Metrics: map[string]verdict.Samples{"speed": {1, 2, 3}}}
		})},
		{name: "checkpoint of nothing new", do: checkpoint(func(u *busyUser) CheckpointRequest {
			return CheckpointRequest{Version: u.version(0) + "-again"}
		})},
		{name: "checkpoint that is known", do: checkpoint(func(*busyUser) CheckpointRequest { return CheckpointRequest{Reuse: true} })},
		{name: "checkpoint that replaces", do: checkpoint(func(u *busyUser) CheckpointRequest {
			u.replaced++
			return CheckpointRequest{Version: u.version(0) + "-again", Force: true}
		})},
		{name: "checkpoint of a taken name", want: gitstore.ErrExists, do: checkpoint(func(u *busyUser) CheckpointRequest {
			return CheckpointRequest{Version: u.version(0)}
		})},
		{name: "checkpoint of a bad name", want: gitstore.ErrBadName, do: checkpoint(func(*busyUser) CheckpointRequest {
			return CheckpointRequest{Version: "../escape"}
		})},
		{name: "checkpoint with an unknown parent", want: gitstore.ErrNotFound, do: checkpoint(func(*busyUser) CheckpointRequest {
			return CheckpointRequest{Version: "orphan", Parent: "no-such"}
		})},
		{name: "checkpoint that is partial", want: gitstore.ErrPartial, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			bad := filepath.Join(u.dir, "d", "git~1")
			u.must(os.WriteFile(bad, nil, 0o644))
			defer os.Remove(bad)
			_, err := m.Checkpoint(ctx, CheckpointRequest{Version: "partial"})
			return err
		}},
		{name: "checkpoint of a commit", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.CheckpointCommit(ctx, gitstore.RecordCommitRequest{Commit: u.commit})
			return err
		}},
		{name: "checkpoint broken off", want: context.Canceled, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			u.write("a", u.text(3000))
			_, err := m.Checkpoint(u.impatient(ctx), CheckpointRequest{Version: u.version(0) + "-late"})
			return err
		}},
		{name: "checkpoint without descriptors", do: short(func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Checkpoint(ctx, CheckpointRequest{Version: u.version(0) + "-short"})
			return err
		})},
		{name: "diff", do: func(ctx context.Context, u *busyUser, m *Manager) error { return u.diff(ctx, m) }},
		{name: "list and show", do: func(ctx context.Context, u *busyUser, m *Manager) error { return u.show(ctx, m) }},
	}
}

func targetWork() []work {
	back := func(req func(u *busyUser) RollbackRequest) func(context.Context, *busyUser, *Manager) error {
		return func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Rollback(ctx, req(u))
			return err
		}
	}
	to := func(n int) func(*busyUser) RollbackRequest {
		return func(u *busyUser) RollbackRequest { return RollbackRequest{Version: u.version(n)} }
	}
	return []work{
		{name: "rollback", do: back(to(1))},
		{name: "rollback to the same", do: back(to(1))},
		{name: "rollback that reads all", do: back(func(u *busyUser) RollbackRequest {
			return RollbackRequest{Version: u.version(0), VerifyFull: true}
		})},
		{name: "undo", do: func(ctx context.Context, _ *busyUser, m *Manager) error {
			_, err := m.Undo(ctx, UndoRequest{Reason: "a slip"})
			return err
		}},
		{name: "rollback of a part", do: back(func(u *busyUser) RollbackRequest {
			return RollbackRequest{Version: u.version(0), Paths: []string{"d"}}
		})},
		{name: "rollback into a directory that stays", do: back(func(u *busyUser) RollbackRequest {
			return RollbackRequest{Version: u.version(0), Target: filepath.Join(u.outside, "stays")}
		})},
		{name: "undo there", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Undo(ctx, UndoRequest{Target: filepath.Join(u.outside, "stays")})
			return err
		}},
		{name: "rollback into a directory that somebody removes then", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			dir := filepath.Join(u.outside, fmt.Sprint("goes", u.round))
			_, err := m.Rollback(ctx, RollbackRequest{Version: u.version(0), Target: dir})
			return errors.Join(err, os.RemoveAll(dir))
		}},
		{name: "rollback into a branch", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Rollback(ctx, RollbackRequest{Version: u.version(0), Branch: "back"})
			u.git("branch", "-qD", "back")
			return err
		}},
		{name: "rollback to what isn't there", want: gitstore.ErrNotFound, do: back(func(*busyUser) RollbackRequest {
			return RollbackRequest{Version: "no-such"}
		})},
		{name: "rollback into the project", want: safety.ErrUnsafe, do: back(func(u *busyUser) RollbackRequest {
			return RollbackRequest{Version: u.version(0), Target: filepath.Join(u.dir, "d")}
		})},
		{name: "rollback of a part that isn't there", want: gitstore.ErrNoPath, do: back(func(u *busyUser) RollbackRequest {
			return RollbackRequest{Version: u.version(0), Paths: []string{"none"}}
		})},
		{name: "rollback while the target is locked", want: gitstore.ErrBusy, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			return u.whileLocked(ctx, m)
		}},
		{name: "rollback broken off", want: context.Canceled, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Rollback(u.impatient(ctx), RollbackRequest{Version: u.version(0)})
			return err
		}},
		{name: "rollback without descriptors", do: short(func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Rollback(ctx, RollbackRequest{Version: u.version(u.round % 2)})
			return err
		})},
		{name: "undo without descriptors", do: short(func(ctx context.Context, _ *busyUser, m *Manager) error {
			_, err := m.Undo(ctx, UndoRequest{})
			return err
		})},
		{name: "plan", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Plan(ctx, RollbackRequest{Version: u.version(1)})
			return err
		}},
	}
}

// diff compares both with another checkpoint and with the project, and reads what
// changed.
func (u *busyUser) diff(ctx context.Context, m *Manager) error {
	s, err := m.Store(ctx)
	if err != nil {
		return err
	}
	old, err := s.Resolve(ctx, u.version(1))
	if err != nil {
		return err
	}
	newer, err := s.Resolve(ctx, u.version(0))
	if err != nil {
		return err
	}
	for _, other := range []*gitstore.Checkpoint{&newer, nil} {
		d, err := s.Diff(ctx, gitstore.DiffRequest{Old: old, New: other})
		if err != nil {
			return err
		}
		for _, c := range d.Changes {
			if err := d.Patch(io.Discard, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// show asks for all that is only read.
func (u *busyUser) show(ctx context.Context, m *Manager) error {
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	_, err := m.Targets(ctx)
	note(err)
	_, err = m.Standing(ctx, u.version(0))
	note(err)
	_, err = m.Status(ctx)
	note(err)
	_, err = m.Target(ctx)
	note(err)
	_, err = m.IntegrationPoints(ctx)
	note(err)
	_, err = m.Incidents(ctx)
	note(err)
	_, err = m.UnfinishedChains(ctx)
	note(err)
	_, err = m.Waiting(ctx)
	note(err)
	_, err = m.Tokens(ctx)
	note(err)
	_, err = m.Triggers(ctx)
	note(err)
	return errors.Join(errs...)
}

// whileLocked asks for a rollback that another manager's lock stands in the way of.
func (u *busyUser) whileLocked(ctx context.Context, m *Manager) error {
	s, err := m.Store(ctx)
	u.must(err)
	unlock, err := s.LockTarget(ctx, "test")
	u.must(err)
	defer unlock()
	other, err := New(ctx, u.dir, Options{Now: u.now, LockTimeout: time.Millisecond})
	u.must(err)
	defer other.Close()
	_, err = other.Rollback(ctx, RollbackRequest{Version: u.version(0)})
	return err
}

// impatience is a context that is cancelled when it was looked at so many times.
type impatience struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

// impatient takes back what it asked for at another moment each round.
func (u *busyUser) impatient(ctx context.Context) context.Context {
	c := &impatience{}
	c.Context, c.cancel = context.WithCancel(ctx)
	c.left.Store(int64(u.round % 40))
	return c
}

func (c *impatience) look() {
	if c.left.Add(-1) < 0 {
		c.cancel()
	}
}

func (c *impatience) Err() error {
	c.look()
	return c.Context.Err()
}

func (c *impatience) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}

// now is another moment each time.
func (u *busyUser) now() time.Time {
	return time.UnixMilli(u.clock.Add(1))
}
