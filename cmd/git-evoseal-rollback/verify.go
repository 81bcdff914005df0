package main

import (
	"context"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/spf13/pflag"
)

type verifyOptions struct{ all bool }

func (o *verifyOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.all, "all", false, "verify every checkpoint, and history, verdicts and policy with all that they were")
}

func (o *verifyOptions) run(ctx context.Context, c *call) error {
	if o.all && len(c.args) > 0 {
		return &usageError{msg: "--all and versions exclude each other", cmd: c.cmd}
	}
	m, s, err := c.store(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	list, err := o.choose(ctx, c, s, len(s.Damaged(ctx)) > 0)
	if err != nil {
		return err
	}
	tell, done := c.progress("verifying")
	report, err := s.VerifyStore(ctx, gitstore.VerifyRequest{Checkpoints: list, Refs: o.all, Progress: tell})
	done()
	if err != nil {
		return err
	}
	failed := c.damage(report, list)
	if c.json {
		if printing := c.out.object(newVerifyJSON(report, c.errorObject(failed))); printing != nil || failed == nil {
			return printing
		}
		return &printedError{failed}
	}
	c.tellVerified(report, list)
	return failed
}

// choose finds the checkpoints to verify. A store whose checkpoints are all
// unreadable has something to report too.
func (o *verifyOptions) choose(ctx context.Context, c *call, s *gitstore.Store, broken bool) ([]gitstore.Checkpoint, error) {
	if o.all {
		all, err := s.Checkpoints(ctx)
		if err == nil && len(all) == 0 && !broken {
			return nil, &gitstore.NotFoundError{Rev: gitstore.Latest, Detail: "nothing was recorded yet"}
		}
		return all, err
	}
	names := c.args
	if len(names) == 0 {
		names = []string{gitstore.Latest}
	}
	var list []gitstore.Checkpoint
	for _, name := range names {
		cp, err := s.Resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		list = append(list, cp)
	}
	return list, nil
}

// damageError says that the store is not as it was written.
type damageError struct{ msg string }

func (e *damageError) Error() string { return e.msg }

// Is matches [gitstore.ErrCorrupt].
func (e *damageError) Is(target error) bool { return target == gitstore.ErrCorrupt }

// damage is the error for what a report holds, nil when all is well. Its hint
// names the newest checkpoint that is whole.
func (c *call) damage(r *gitstore.VerifyReport, list []gitstore.Checkpoint) error {
	if len(r.Damage) == 0 {
		return nil
	}
	failed := &damageError{"the store is damaged in " + count(int64(len(r.Damage)), "place")}
	again := c.shown("checkpoint") + " records the project as it is now"
	if slices.ContainsFunc(r.Damage, func(d gitstore.Damage) bool { return d.Ref != "" }) {
		again = c.shown("doctor") + " sets refs back that can't be read; " + again
	}
	for _, cp := range list {
		if slices.Contains(r.Intact, cp.Version) {
			return &hintedError{failed, c.shown("rollback "+shellQuote(cp.Version)) + " brings back one that is whole; " + again}
		}
	}
	return &hintedError{failed, c.shown("verify --all") + " tells which checkpoints are whole; " + again}
}

type damageJSON struct {
	Object   gitstore.ID   `json:"object"`
	Ref      string        `json:"ref,omitempty"`
	Path     gitstore.Path `json:"path,omitempty"`
	Message  string        `json:"message"`
	Versions []string      `json:"versions"`
}

type verifyJSON struct {
	Schema      int          `json:"schema"`
	OK          bool         `json:"ok"`
	Checkpoints int          `json:"checkpoints"`
	Objects     int64        `json:"objects"`
	Bytes       int64        `json:"bytes"`
	Intact      []string     `json:"intact"`
	Damage      []damageJSON `json:"damage"`
	Error       *errorJSON   `json:"error,omitempty"`
}

func newVerifyJSON(r *gitstore.VerifyReport, failed *errorJSON) verifyJSON {
	out := verifyJSON{
		Schema: schema, OK: failed == nil, Checkpoints: r.Checkpoints, Objects: r.Objects, Bytes: r.Bytes,
		Intact: append([]string{}, r.Intact...), Damage: []damageJSON{}, Error: failed,
	}
	for _, d := range r.Damage {
		out.Damage = append(out.Damage, damageJSON{d.Object, d.Ref, gitstore.Path(d.Path), d.Err.Error(), append([]string{}, d.Versions...)})
	}
	return out
}

func (c *call) tellVerified(r *gitstore.VerifyReport, list []gitstore.Checkpoint) {
	for _, d := range r.Damage {
		c.out.println(c.out.paint(red, "damaged: "+printable(d.Err.Error())))
		if !d.Object.IsZero() {
			c.out.println("  object: " + d.Object.String())
		}
		if d.Ref != "" {
			c.out.println("  ref: " + d.Ref)
		}
		if d.Path != "" {
			c.out.println("  path: " + quotePath(d.Path))
		}
		if len(d.Versions) > 0 {
			c.out.println("  versions: " + strings.Join(d.Versions, " "))
		}
	}
	what := count(int64(r.Checkpoints), "checkpoint")
	if len(list) == 1 {
		what = list[0].Version
	}
	c.out.printf("read %s of %s, %s: ", count(r.Objects, "object"), what, size(r.Bytes))
	if len(r.Damage) == 0 {
		c.out.println(c.out.paint(green, "every byte is as it was recorded"))
		return
	}
	c.out.printf("%d of %d whole\n", len(r.Intact), r.Checkpoints)
}
