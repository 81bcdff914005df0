package hooks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/job"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// update is a ref that is pushed.
type update struct {
	// ref is its name on the other side, commit what it is to be.
	ref, commit string
}

func (u update) branch() string { return strings.TrimPrefix(u.ref, "refs/heads/") }

// readUpdates reads the lines that git gives a hook, of which the columns are told
// by number. Deleted refs are left out, and what isn't to be tried, which is told.
func (r *run) readUpdates(commitColumn, refColumn, columns int) ([]update, error) {
	var all []update
	lines := bufio.NewScanner(r.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), " ")
		if len(fields) != columns {
			return nil, fmt.Errorf("git gave the hook a line that can't be understood: %q", lines.Text())
		}
		u := update{ref: fields[refColumn], commit: fields[commitColumn]}
		switch {
		case strings.Trim(u.commit, "0") == "":
		case r.settings.tries(u.ref):
			all = append(all, u)
		default:
			r.say("%s is not tried: evoseal.testRefs doesn't name it", u.ref)
		}
	}
	return all, lines.Err()
}

// prePush tries what is pushed, which needn't be what lies in the work tree.
func (r *run) prePush(ctx context.Context) error {
	updates, err := r.readUpdates(1, 2, 4)
	if err != nil {
		return err
	}
	return r.tryAll(ctx, updates, nil)
}

// tryAll tries each commit once, and all of them although one fails.
func (r *run) tryAll(ctx context.Context, updates []update, objects []string) error {
	seen := make(map[string]bool)
	var stopped error
	for _, u := range updates {
		if seen[u.commit] {
			continue
		}
		seen[u.commit] = true
		_, err := r.tryUpdate(ctx, u, objects)
		if err != nil && !errors.Is(err, ErrStopped) {
			return err
		}
		stopped = errors.Join(stopped, err)
	}
	return stopped
}

// tryUpdate records a commit and tries it, unless it was verified good before. What
// names no commit is nil.
func (r *run) tryUpdate(ctx context.Context, u update, objects []string) (*manager.CheckpointResult, error) {
	c, err := r.Manager.CheckpointCommit(ctx, gitstore.RecordCommitRequest{Commit: u.commit, Branch: u.branch(), Objects: objects})
	if errors.Is(err, gitstore.ErrNoCommit) {
		// A tag may name a tree or a blob.
		r.say("%s names no commit, so there is nothing to record", u.ref)
		return nil, nil
	}
	if err != nil {
		return nil, r.judgingFailed(fmt.Errorf("%s can't be recorded: %w", u.ref, err))
	}
	if r.settings.TestCommand == "" {
		r.say("%s recorded as %s; nothing is tried, since evoseal.testCommand isn't set", u.branch(), c.Version)
		return c, nil
	}
	if good, err := r.wasGood(ctx, c); err != nil || good {
		if good {
			r.say("%s is %s, which was verified good already", u.branch(), c.Version)
		}
		return c, err
	}
	r.say("%s recorded as %s; running: %s", u.branch(), c.Version, r.settings.TestCommand)
	version, dir, err := r.dir(ctx, c)
	if err != nil {
		return c, err
	}
	res, err := r.Manager.Try(ctx, manager.TryRequest{
		Trial: r.trial(r.Hook + " of " + u.branch()), Version: version, Dir: dir, Share: r.settings.TestShare,
		// Before a server's refs move, nothing was changed that could be rolled back.
		JudgeOnly: r.Hook == "pre-receive", Token: r.token,
	})
	if err != nil && (res == nil || res.Auto == nil) {
		return c, r.judgingFailed(err)
	}
	if dir == "" && res.Auto.Verdict.Outcome != verdict.Pass && !r.Manager.Project().Bare {
		r.say("tried in a directory with nothing but the pushed files; evoseal.testShare names what else tests need, evoseal.testIn=worktree uses the work tree")
	}
	what := u.branch()
	if r.Hook == "pre-push" {
		what = "the push"
	}
	return c, r.followed(res.Checkpoint.Version, res.Auto, err, what)
}

// wasGood says whether the version's last verdict, or a person, called it good.
func (r *run) wasGood(ctx context.Context, c *manager.CheckpointResult) (bool, error) {
	standing, err := r.Manager.Standing(ctx, c.Commit.String())
	return standing.State == verdict.Good, err
}

// dir is where to try a version of this repository: the work tree, or empty for a
// directory of its own. Where the work tree is to serve although it isn't just what
// is pushed, what is tried, and judged, is the work tree.
func (r *run) dir(ctx context.Context, c *manager.CheckpointResult) (version, dir string, err error) {
	p, pushed := r.Manager.Project(), c.Commit.String()
	if p.Bare || r.settings.TestIn == Checkout || r.settings.TestIn == Auto && p.Head().Commit != c.SourceCommit {
		return pushed, "", nil
	}
	live, err := r.Manager.Checkpoint(ctx, manager.CheckpointRequest{Message: r.Hook, Reuse: true, AllowPartial: true})
	switch {
	case err != nil:
		return "", "", err
	case live.SourceDirty == "false" && live.SourceCommit == c.SourceCommit:
		return pushed, p.Root, nil
	case r.settings.TestIn == Auto:
		return pushed, "", nil
	}
	r.say("the work tree is not just what is pushed: what is tried, and judged, is the work tree, recorded as %s", live.Version)
	return live.Commit.String(), p.Root, nil
}

// trial is the configured command.
func (r *run) trial(reason string) manager.Trial {
	s := r.settings
	return manager.Trial{
		Command: job.Command{
			Args: []string{"/bin/sh", "-c", s.TestCommand}, Timeout: s.TestTimeout, Stdout: r.Stdout, Stderr: r.Stderr,
		},
		Retries: s.TestRetries, Tests: s.TestReports, Metrics: s.MetricsReports, Reason: reason,
	}
}

// quarantine is where git keeps the objects of a push until its hooks agree.
func (r *run) quarantine() []string {
	var dirs []string
	for _, list := range []string{r.Getenv("GIT_OBJECT_DIRECTORY"), r.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES")} {
		for dir := range strings.SplitSeq(list, string(os.PathListSeparator)) {
			if dir == "" {
				continue
			}
			if abs, err := filepath.Abs(dir); err == nil {
				dirs = append(dirs, abs)
			}
		}
	}
	return dirs
}
