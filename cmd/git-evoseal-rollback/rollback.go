package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type rollbackOptions struct {
	reason, target, branch, verify string
	adopt, force, dryRun           bool
	token                          tokenFlag
}

func (o *rollbackOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the history, in `text`")
	fs.StringVar(&o.target, "target", "", "fill the directory `dir`, not .evoseal/rollback_target")
	fs.BoolVar(&o.adopt, "adopt", false, "let --target be a directory that is not empty; what it held is kept beside it")
	fs.BoolVar(&o.force, "force", false, "go on where a check would stop it; safety rules can't be forced")
	fs.BoolVar(&o.dryRun, "dry-run", false, "check everything, change nothing, and say what would be done")
	fs.StringVar(&o.branch, "branch", "", "also write the checkpoint as a new branch `name` into the project's repository")
	o.token.addFlags(fs)
	fs.StringVar(&o.verify, "verify", "stat", "check the target after the swap by `stat|full`: sizes and times (the default), or every byte")
}

func (o *rollbackOptions) run(ctx context.Context, c *call) error {
	if err := o.check(c); err != nil {
		return err
	}
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	paths, err := c.projectPaths(m.Project().Root)
	if err != nil {
		return err
	}
	req := manager.RollbackRequest{
		Version: c.args[0], Target: o.target, Adopt: o.adopt, Reason: o.reason, Force: o.force,
		Branch: o.branch, Paths: paths, VerifyFull: o.verify == "full", Token: token,
	}
	if o.dryRun {
		return o.plan(ctx, c, m, req)
	}
	tell, done := c.progress("rolling back")
	req.Progress = tell
	res, err := m.Rollback(ctx, req)
	done()
	if res != nil {
		for _, f := range res.Findings {
			if f.Severity == manager.Warning || err == nil {
				c.warn(f)
			}
		}
	}
	if err != nil {
		return o.wrongBranch(c, c.hintPaths(m, err))
	}
	if c.json {
		return c.out.object(newRollbackJSON(res))
	}
	c.tellRollback(m, res, o.target)
	return nil
}

func (o *rollbackOptions) check(c *call) error {
	switch {
	case o.verify != "stat" && o.verify != "full":
		return &usageError{msg: fmt.Sprintf("--verify takes stat or full, not %q", o.verify), cmd: c.cmd}
	case o.adopt && o.target == "":
		return &usageError{msg: "--adopt needs --target: it must name the directory", cmd: c.cmd}
	}
	return nil
}

// wrongBranch tells a name that no branch can have from one that no version can.
func (o *rollbackOptions) wrongBranch(c *call, err error) error {
	var name *gitstore.NameError
	if o.branch == "" || !errors.As(err, &name) || name.Name != o.branch {
		return err
	}
	return &usageError{msg: fmt.Sprintf("%q can't name a branch: %s", name.Name, name.Reason), hint: "take a name that `git check-ref-format --branch` accepts", cmd: c.cmd}
}

// hintPaths says how to see which paths a checkpoint holds.
func (c *call) hintPaths(m *manager.Manager, err error) error {
	if !errors.Is(err, gitstore.ErrNoPath) {
		return err
	}
	list := "git --git-dir=" + c.shownPath(m.Project().StoreDir()) + " ls-tree -r --name-only " + shellQuote(c.args[0])
	return &hintedError{err, "`" + list + "` lists what it holds; paths are typed as seen from the working directory"}
}

type rollbackJSON struct {
	Schema          int               `json:"schema"`
	ID              string            `json:"id"`
	Time            time.Time         `json:"time"`
	Version         string            `json:"version"`
	Commit          gitstore.ID       `json:"commit"`
	FromVersion     string            `json:"from_version,omitempty"`
	Target          gitstore.Path     `json:"target"`
	TargetRequested gitstore.Path     `json:"target_requested"`
	Fallback        bool              `json:"fallback"`
	SafetyValidated bool              `json:"safety_validated"`
	Verified        bool              `json:"verified"`
	Files           int64             `json:"files"`
	Bytes           int64             `json:"bytes"`
	Copied          int64             `json:"copied"`
	Inflated        int64             `json:"inflated"`
	Unchanged       int64             `json:"unchanged"`
	DurationMS      int64             `json:"duration_ms"`
	Paths           []gitstore.Path   `json:"paths,omitempty"`
	Branch          *branchJSON       `json:"branch,omitempty"`
	HasPrevious     bool              `json:"has_previous"`
	Findings        []manager.Finding `json:"findings"`
}

type branchJSON struct {
	Name     string      `json:"name"`
	Commit   gitstore.ID `json:"commit"`
	Objects  int         `json:"objects"`
	Converts bool        `json:"converts"`
}

func newRollbackJSON(res *manager.RollbackResult) rollbackJSON {
	rec := res.Record
	out := rollbackJSON{
		Schema: schema, ID: rec.ID, Time: rec.Time.UTC(), Version: rec.Version, Commit: res.Checkpoint.Commit, FromVersion: rec.FromVersion,
		Target: gitstore.Path(rec.Target), TargetRequested: gitstore.Path(rec.TargetRequested), Fallback: rec.Fallback,
		SafetyValidated: rec.SafetyValidated, Verified: rec.Verified, Files: rec.Files, Bytes: rec.Bytes,
		Copied: res.Copied, Inflated: res.Inflated, Unchanged: res.Unchanged, DurationMS: rec.DurationMS,
		Paths: newPathsJSON(rec.Paths), HasPrevious: res.HasPrevious, Findings: append([]manager.Finding{}, res.Findings...),
	}
	if b := res.Branch; b != nil {
		out.Branch = &branchJSON{b.Name, b.Commit, b.Objects, b.Converts}
	}
	return out
}

// plan is the dry run.
func (o *rollbackOptions) plan(ctx context.Context, c *call, m *manager.Manager, req manager.RollbackRequest) error {
	plan, err := m.Plan(ctx, req)
	if err == nil {
		err = plan.Err(o.force)
	}
	if err == nil && o.branch != "" {
		err = checkBranch(ctx, m, o.branch)
	}
	err = o.wrongBranch(c, c.hintPaths(m, err))
	if plan == nil || plan.Checkpoint.Version == "" {
		return err
	}
	if c.json {
		if printing := c.out.object(newPlanJSON(plan, c.errorObject(err))); printing != nil || err == nil {
			return printing
		}
		return &printedError{err}
	}
	c.tellPlan(plan, o.branch)
	for _, f := range plan.Findings {
		var blocked *manager.BlockedError
		if !errors.As(err, &blocked) || blocked.Finding != f {
			c.warn(f)
		}
	}
	if err == nil {
		c.out.println("nothing was changed; leave out --dry-run to do it")
	}
	return err
}

func checkBranch(ctx context.Context, m *manager.Manager, name string) error {
	s, err := m.Store(ctx)
	if err != nil {
		return err
	}
	return s.CheckBranch(name)
}

type planJSON struct {
	Schema          int               `json:"schema"`
	DryRun          bool              `json:"dry_run"`
	OK              bool              `json:"ok"`
	Version         string            `json:"version"`
	Commit          gitstore.ID       `json:"commit"`
	FromVersion     string            `json:"from_version,omitempty"`
	Target          gitstore.Path     `json:"target"`
	TargetRequested gitstore.Path     `json:"target_requested"`
	Fallback        bool              `json:"fallback"`
	SafetyValidated bool              `json:"safety_validated"`
	Files           int64             `json:"files"`
	Bytes           int64             `json:"bytes"`
	NeedBytes       int64             `json:"need_bytes"`
	FreeBytes       int64             `json:"free_bytes"`
	Paths           []gitstore.Path   `json:"paths,omitempty"`
	Findings        []manager.Finding `json:"findings"`
	Error           *errorJSON        `json:"error,omitempty"`
}

func newPlanJSON(p *manager.Plan, failed *errorJSON) planJSON {
	return planJSON{
		Schema: schema, DryRun: true, OK: failed == nil, Version: p.Checkpoint.Version, Commit: p.Checkpoint.Commit,
		FromVersion: p.FromVersion, Target: gitstore.Path(p.Target), TargetRequested: gitstore.Path(p.Requested), Fallback: p.Fallback,
		SafetyValidated: p.SafetyValidated, Files: p.Checkpoint.Files, Bytes: p.Checkpoint.Bytes,
		NeedBytes: p.NeedBytes, FreeBytes: p.FreeBytes, Paths: newPathsJSON(p.Paths),
		Findings: append([]manager.Finding{}, p.Findings...), Error: failed,
	}
}

func (c *call) tellPlan(p *manager.Plan, branch string) {
	cp := p.Checkpoint
	c.out.printf("checkpoint: %s %s, %s, %s\n", c.out.paint(bold, cp.Version), short(cp.Commit), count(cp.Files, "file"), size(cp.Bytes))
	for _, path := range p.Paths {
		c.out.printf("path:       %s\n", quotePath(path))
	}
	switch {
	case p.Target == "":
		c.out.printf("target:     %s (refused)\n", quotePath(p.Requested))
		return
	case p.SafetyValidated:
		c.out.printf("target:     %s (safety validated)\n", quotePath(filepath.Clean(p.Target)))
	default:
		c.out.printf("target:     %s\n", quotePath(filepath.Clean(p.Target)))
	}
	if p.FromVersion != "" {
		c.out.printf("replaces:   %s, which is kept for `undo`\n", p.FromVersion)
	}
	if p.FreeBytes >= 0 {
		c.out.printf("room:       %s needed, %s free\n", size(p.NeedBytes), size(p.FreeBytes))
	}
	if branch != "" {
		c.out.printf("branch:     %s\n", printable(branch))
	}
}
