package hooks

import (
	"context"
	"errors"
	"fmt"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// preReceive tries what comes in before any ref moves. One ref that fails refuses
// the whole push, as git has it for this hook. Nothing is rolled back: nothing was
// changed yet.
func (r *run) preReceive(ctx context.Context) error {
	updates, err := r.readUpdates(1, 2, 3)
	if err != nil {
		return err
	}
	return r.tryAll(ctx, updates, r.quarantine())
}

// postReceive deploys the branch that is configured: what was verified good goes
// into the target, and what fails is rolled back from. A branch that pre-receive
// tried is not tried again.
func (r *run) postReceive(ctx context.Context) error {
	updates, err := r.readUpdates(1, 2, 3)
	if err != nil {
		return err
	}
	for _, u := range updates {
		c, err := r.tryUpdate(ctx, u, nil)
		if err != nil && !errors.Is(err, ErrStopped) {
			return err
		}
		if err == nil && c != nil && r.settings.DeployBranch != "" && u.branch() == r.settings.DeployBranch {
			if err := r.deploy(ctx, u, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// deploy brings a branch into the target.
func (r *run) deploy(ctx context.Context, u update, c *manager.CheckpointResult) error {
	standing, err := r.Manager.Standing(ctx, c.Commit.String())
	if err != nil {
		return err
	}
	if r.settings.TestCommand != "" && standing.State != verdict.Good {
		r.say("%s is not deployed: it was not verified good", c.Version)
		return nil
	}
	res, err := r.Manager.Rollback(ctx, manager.RollbackRequest{Version: c.Commit.String(), Reason: "deploy " + u.branch(), Token: r.token})
	if err != nil {
		return fmt.Errorf("%s is not deployed: %w", c.Version, err)
	}
	r.say("%s deployed: %s now holds %s", u.branch(), res.Record.Target, c.Version)
	return nil
}
