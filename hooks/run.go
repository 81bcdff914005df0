package hooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Skip is the variable of the environment that switches the hooks off.
const Skip = "EVOSEAL_SKIP"

// Call is one run of one hook by git.
type Call struct {
	// Hook is its name, Stdin what git writes to it.
	Hook  string
	Stdin io.Reader
	// Stdout and Stderr are where the tests' own output goes, Stderr also where the
	// hook speaks. A server's git sends both to whoever pushes.
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Manager        *manager.Manager
}

// ErrUnknown says that there is no hook of a name, or none that does anything.
var ErrUnknown = errors.New("no such hook")

// ErrStopped says that the hook stops what git was about to do. What there is to
// say of it was said.
var ErrStopped = errors.New("stopped by a hook")

// Names lists the hooks that Run knows.
func Names() []string {
	return []string{"pre-push", "pre-commit", "post-commit", "post-merge", "post-rewrite", "pre-receive", "post-receive"}
}

// Run does what the hook does. The error is [ErrStopped] where a version failed,
// and any other one where the hook's own work did; hooks that come after the fact
// tell of those and return nil, since they can stop nothing.
func Run(ctx context.Context, c Call) error {
	does := map[string]func(*run, context.Context) error{
		"pre-push": (*run).prePush, "pre-commit": (*run).preCommit,
		"post-commit": (*run).record, "post-merge": (*run).record, "post-rewrite": (*run).record,
		"pre-receive": (*run).preReceive, "post-receive": (*run).postReceive,
	}[c.Hook]
	if does == nil {
		return fmt.Errorf("%q: %w", c.Hook, ErrUnknown)
	}
	r := &run{Call: c}
	err := r.begin(ctx)
	if err == nil && !r.skipped {
		err = does(r, ctx)
	}
	if err != nil && strings.HasPrefix(c.Hook, "post-") {
		r.say("%v", err)
		return nil
	}
	return err
}

type run struct {
	Call
	settings Settings
	token    auth.Secret
	skipped  bool
}

func (r *run) begin(ctx context.Context) (err error) {
	if skip := r.Getenv(Skip); skip != "" && skip != "0" {
		r.skipped = true
		r.say("skipped, as %s says", Skip)
		return r.Manager.RecordSkip(ctx, r.Hook)
	}
	if r.settings, err = ReadSettings(r.Manager.Project().Config); err != nil {
		return err
	}
	return r.readToken()
}

// readToken takes the token from the environment or the configured file.
func (r *run) readToken() error {
	if env := r.Getenv("EVOSEAL_TOKEN"); env != "" {
		r.token = auth.Present(env)
		return nil
	}
	if r.settings.TokenFile == "" {
		return nil
	}
	f, err := os.Open(r.settings.TokenFile)
	if err != nil {
		return fmt.Errorf("the token of evoseal.tokenFile can't be read: %w", err)
	}
	defer f.Close()
	r.token, err = auth.ReadSecret(f)
	return err
}

// say writes one line for people.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Stderr, "evoseal: %s\n", fmt.Sprintf(format, args...))
}

// record is what the hooks after a commit do. While a rebase is under way its
// commits come one after the other, and post-rewrite comes at its end.
func (r *run) record(ctx context.Context) error {
	p := r.Manager.Project()
	if p.Bare || r.Hook == "post-commit" && rebasing(p) {
		return nil
	}
	head := p.Head()
	message := r.Hook
	if head.Commit != "" {
		message = fmt.Sprintf("%s %.10s", r.Hook, head.Commit)
	}
	c, err := r.Manager.Checkpoint(ctx, manager.CheckpointRequest{Message: message, Reuse: true, AllowPartial: true})
	if err != nil {
		return fmt.Errorf("nothing was recorded: %w", err)
	}
	if c.Partial {
		r.say("recorded as %s, which is partial: `git evoseal-rollback show %s` says what could not be read", c.Version, c.Version)
	}
	return nil
}

// rebasing says whether a rebase is under way in the work tree.
func rebasing(p *gitstore.Project) bool {
	for _, dir := range []string{"rebase-merge", "rebase-apply"} {
		if fi, err := os.Stat(p.GitDir + "/" + dir); err == nil && fi.IsDir() {
			return true
		}
	}
	return false
}

// preCommit tries the work tree as it lies there.
func (r *run) preCommit(ctx context.Context) error {
	if r.settings.TestCommand == "" {
		return r.record(ctx)
	}
	res, err := r.Manager.Guard(ctx, manager.GuardRequest{
		Trial: r.trial("pre-commit"), Message: "pre-commit", OnlyTests: true, Token: r.token,
		Started: func(c *manager.CheckpointResult) {
			r.say("recorded as %s; running: %s", c.Version, r.settings.TestCommand)
		},
	})
	if err != nil && (res == nil || res.Auto == nil) {
		return r.judgingFailed(err)
	}
	return r.followed(res.Before.Version, res.Auto, err, "the commit")
}

// followed tells of a verdict, and stops what it is about unless that may go on.
// Failed is why nothing was rolled back although it should have been.
func (r *run) followed(version string, res *manager.AutoResult, failed error, what string) error {
	v := res.Verdict
	switch v.Outcome {
	case verdict.Pass:
		r.say("pass: %s was verified good", version)
		return nil
	case verdict.Inconclusive:
		r.say("inconclusive: %s; %s goes on", v.Reason, what)
		return nil
	}
	r.say("%s: %s", v.Outcome, v.Reason)
	switch {
	case res.Rollback != nil:
		r.say("rolled back to %s in %s: %s", res.RolledBack, res.Rollback.Record.Target, res.Why)
	case failed != nil:
		r.say("nothing was rolled back: %v", failed)
	case v.Outcome == verdict.Fail && res.Why != "":
		r.say("nothing was rolled back: %s", res.Why)
	}
	if r.Hook == "post-receive" {
		r.say("%s is in all the same; `git evoseal-rollback verdict show %s`, on the server, says more", what, version)
		return ErrStopped
	}
	where := ""
	if r.Hook == "pre-receive" {
		where = ", on the server,"
	}
	r.say("%s is stopped; `git evoseal-rollback verdict show %s`%s says more", what, version, where)
	return ErrStopped
}

// judgingFailed is for errors that leave a version unjudged.
func (r *run) judgingFailed(err error) error {
	return fmt.Errorf("%w; %s=1 goes on without this hook, and is recorded", err, Skip)
}
