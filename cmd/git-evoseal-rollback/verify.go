package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/spf13/pflag"
)

type verifyOptions struct {
	all, resume bool
	sample      string
	seed        uint64
	maxTime     time.Duration
}

func (o *verifyOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.all, "all", false, "verify every checkpoint, and history, verdicts and policy with all that they were")
	fs.StringVar(&o.sample, "sample", "", "read only a random sample of the files' contents: `share`, such as 5% or 2000, a number of objects")
	fs.Uint64Var(&o.seed, "seed", 0, "take the same sample as the run that told this `number`")
	fs.DurationVar(&o.maxTime, "max-time", 0, "stop after this `time`, such as 10m, and say how far it came")
	fs.BoolVar(&o.resume, "resume", false, "go on where the last run with --max-time stopped")
}

// request says what to read, with a seed of its own for a sample that has none.
func (o *verifyOptions) request(c *call) (gitstore.VerifyRequest, error) {
	req := gitstore.VerifyRequest{Refs: o.all, MaxTime: o.maxTime, Resume: o.resume}
	wrong := func(msg string) (gitstore.VerifyRequest, error) { return req, &usageError{msg: msg, cmd: c.cmd} }
	switch {
	case o.maxTime < 0:
		return wrong("--max-time takes a time such as 10m")
	case o.sample != "" && o.resume:
		return wrong("--sample and --resume exclude each other: a sample is never all there is")
	case o.sample == "" && o.seed != 0:
		return wrong("--seed needs --sample")
	case o.sample == "":
		return req, nil
	}
	req.Sample.Seed = o.seed
	if o.seed == 0 {
		req.Sample.Seed = uint64(rand.Uint32()) + 1
	}
	text, percent := strings.CutSuffix(o.sample, "%")
	if percent {
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || !(share > 0 && share <= 100) {
			return wrong("--sample takes a share of more than 0% and at most 100%, or a number of objects")
		}
		req.Sample.Share = share / 100
		return req, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return wrong("--sample takes a share such as 5%, or a number of objects")
	}
	req.Sample.Count = n
	return req, nil
}

func (o *verifyOptions) run(ctx context.Context, c *call) error {
	if o.all && len(c.args) > 0 {
		return &usageError{msg: "--all and versions exclude each other", cmd: c.cmd}
	}
	req, err := o.request(c)
	if err != nil {
		return err
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
	req.Checkpoints, req.Progress = list, tell
	report, err := s.VerifyStore(ctx, req)
	done()
	if err != nil {
		return err
	}
	failed := c.damage(report, list)
	if c.json {
		if printing := c.out.object(newVerifyJSON(report, req, c.command("doctor --repair"), c.errorObject(failed))); printing != nil || failed == nil {
			return printing
		}
		return &printedError{failed}
	}
	c.tellVerified(report, list)
	o.tellUnread(c, report, req)
	return failed
}

// tellUnread says plainly what a run did not look at.
func (o *verifyOptions) tellUnread(c *call, r *gitstore.VerifyReport, req gitstore.VerifyRequest) {
	if r.StartedOver != "" {
		c.out.println("nothing could be resumed, and all was read from the beginning: " + r.StartedOver)
	}
	if r.Before > 0 {
		c.out.printf("%s had been read by an earlier run\n", count(r.Before, "object"))
	}
	if r.Unread > 0 {
		c.out.printf("this was a sample: %s weren't read (--seed %d takes the same sample again)\n", shareOf(r.Unread, r.Unread+r.Objects), req.Sample.Seed)
	}
	if r.Stopped {
		again := "verify"
		if o.all {
			again += " --all"
		}
		for _, arg := range c.args {
			again += " " + shellQuote(arg)
		}
		c.out.printf("the time was up: about %s are still to be read; %s goes on\n", shareOf(leftOf(r), r.Stored), c.shown(again+" --resume --max-time "+o.maxTime.String()))
	}
}

// leftOf is about how many stored objects were not read.
func leftOf(r *gitstore.VerifyReport) int64 { return max(0, r.Stored-r.Objects-r.Before) }

func shareOf(n, all int64) string {
	return fmt.Sprintf("%d of %s (%.1f %%)", n, count(all, "object"), 100*float64(n)/float64(max(1, all)))
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
	again = c.shown("doctor --repair") + " mends what can be mended; " + again
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
	// Next is the command to run next.
	Next string `json:"next"`
}

type verifyJSON struct {
	Schema      int          `json:"schema"`
	OK          bool         `json:"ok"`
	Checkpoints int          `json:"checkpoints"`
	Objects     int64        `json:"objects"`
	Bytes       int64        `json:"bytes"`
	Intact      []string     `json:"intact"`
	Damage      []damageJSON `json:"damage"`
	// Complete says that all was read that was asked for; the rest says what wasn't.
	Complete      bool       `json:"complete"`
	Stopped       bool       `json:"stopped"`
	StoredObjects int64      `json:"stored_objects"`
	ReadBefore    int64      `json:"read_before"`
	Unread        int64      `json:"unread"`
	Seed          *uint64    `json:"seed,omitempty"`
	StartedOver   string     `json:"started_over,omitempty"`
	Error         *errorJSON `json:"error,omitempty"`
}

func newVerifyJSON(r *gitstore.VerifyReport, req gitstore.VerifyRequest, next string, failed *errorJSON) verifyJSON {
	out := verifyJSON{
		Schema: schema, OK: failed == nil, Checkpoints: r.Checkpoints, Objects: r.Objects, Bytes: r.Bytes,
		Intact: append([]string{}, r.Intact...), Damage: []damageJSON{}, Error: failed,
		Complete: r.Complete, Stopped: r.Stopped, StoredObjects: r.Stored, ReadBefore: r.Before, Unread: r.Unread, StartedOver: r.StartedOver,
	}
	if r.Stopped {
		out.Unread = leftOf(r)
	}
	if req.Sample != (gitstore.Sample{}) {
		out.Seed = &req.Sample.Seed
	}
	for _, d := range r.Damage {
		out.Damage = append(out.Damage, damageJSON{d.Object, d.Ref, gitstore.Path(d.Path), d.Err.Error(), append([]string{}, d.Versions...), next})
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
		c.out.println("  next: " + c.command("doctor --repair"))
	}
	what := count(int64(r.Checkpoints), "checkpoint")
	if len(list) == 1 {
		what = list[0].Version
	}
	c.out.printf("read %s of %s, %s: ", count(r.Objects, "object"), what, size(r.Bytes))
	switch {
	case len(r.Damage) == 0 && r.Complete:
		c.out.println(c.out.paint(green, "every byte is as it was recorded"))
		return
	case len(r.Damage) == 0:
		c.out.println(c.out.paint(yellow, "nothing is wrong so far, but that is not all of it"))
		return
	}
	c.out.printf("%d of %d whole\n", len(r.Intact), r.Checkpoints)
}
