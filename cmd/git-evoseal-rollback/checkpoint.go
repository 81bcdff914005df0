package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type checkpointOptions struct {
	message, reason, parent, metrics    string
	includeIgnored, allowPartial, force bool
}

func (o *checkpointOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&o.message, "message", "m", "", "say what the checkpoint holds, in `text`")
	fs.StringVar(&o.reason, "reason", "", "say why it is made, in `text`")
	fs.StringVar(&o.parent, "parent", "", "make it a child of `version`, not of the newest checkpoint")
	fs.StringVar(&o.metrics, "metrics", "", "keep the metrics of `file` with it, for a later verdict: JSON, go test -bench, OpenMetrics or CSV; - is standard input")
	fs.BoolVar(&o.includeIgnored, "include-ignored", false, "also record what .gitignore and its like leave out")
	fs.BoolVar(&o.allowPartial, "allow-partial", false, "record without the paths that can't be read, and mark it partial")
	fs.BoolVar(&o.force, "force", false, "take a name that exists; the old checkpoint stays reachable by its commit")
}

func (o *checkpointOptions) run(ctx context.Context, c *call) error {
	if len(c.args) > 0 && c.args[0] == "" {
		// A script whose variable is empty didn't mean "make up a name".
		return &usageError{msg: "the version's name is empty", hint: "leave it out to have a name made from the time", cmd: c.cmd}
	}
	// Read first: a file that can't be read must not leave a checkpoint without it.
	metrics, err := c.readMetrics(ctx, o.metrics)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Store(ctx)
	made := errors.Is(err, gitstore.ErrNoStore)
	tell, done := c.progress("recording")
	res, err := m.Checkpoint(ctx, manager.CheckpointRequest{
		Version: c.version(""), Message: o.message, Reason: o.reason, Parent: o.parent,
		IncludeIgnored: o.includeIgnored, AllowPartial: o.allowPartial, Force: o.force, Progress: tell, Metrics: metrics,
	})
	done()
	if err != nil {
		return err
	}
	if c.json {
		return c.out.object(newRecordedJSON(res))
	}
	c.tellRecorded(res)
	c.tellWhere(m.Project().Root, made)
	return nil
}

type recordedJSON struct {
	checkpointJSON
	NewObjects int                `json:"new_objects"`
	PackBytes  int64              `json:"pack_bytes"`
	Unchanged  bool               `json:"unchanged"`
	Skipped    []gitstore.Skipped `json:"skipped"`
	DurationMS int64              `json:"duration_ms"`
}

func newRecordedJSON(res *manager.CheckpointResult) recordedJSON {
	return recordedJSON{
		checkpointJSON: newCheckpointJSON(res.Checkpoint), NewObjects: res.NewObjects, PackBytes: res.PackBytes,
		Unchanged: res.Unchanged, Skipped: append([]gitstore.Skipped{}, res.Meta.Skipped...), DurationMS: res.Duration.Milliseconds(),
	}
}

func (c *call) tellRecorded(res *manager.CheckpointResult) {
	c.out.printf("%s  %s  %s, %s, %s (%s) in %s\n", c.out.paint(bold, res.Version), short(res.Commit),
		count(res.Files, "file"), size(res.Bytes), count(int64(res.NewObjects), "new object"), size(res.PackBytes), took(res.Duration))
	if res.Unchanged {
		c.out.println("nothing changed since its parent " + short(res.Parent))
	}
	special, unread := splitSkipped(res.Meta.Skipped)
	if len(special) > 0 {
		c.out.printf("skipped: %s (sockets, pipes and devices have no content)\n", count(int64(len(special)), "special file"))
	}
	if len(unread) == 0 {
		return
	}
	c.out.println(c.out.paint(yellow, fmt.Sprintf("PARTIAL: %s could not be read and will be missing from a rollback:", count(int64(len(unread)), "path"))))
	for _, s := range unread[:min(mostPaths, len(unread))] {
		c.out.printf("  %s: %s\n", quotePath(string(s.Path)), s.Reason)
	}
	if n := len(unread) - mostPaths; n > 0 {
		c.out.printf("  and %d more: %s lists them\n", n, c.shown("show "+shellQuote(res.Version)))
	}
}

// tellWhere names the project where that isn't plain: the store is new, or the
// command was typed below the project's top.
func (c *call) tellWhere(root string, made bool) {
	wd, err := c.getwd()
	if err == nil {
		wd, err = filepath.EvalSymlinks(wd)
	}
	switch {
	case made:
		c.out.printf("made the store for the project %s\n", quotePath(root))
	case err != nil || wd != root:
		c.out.printf("recorded the project %s\n", quotePath(root))
	}
}

// splitSkipped tells what has no content from what should have been recorded.
func splitSkipped(all []gitstore.Skipped) (special, unread []gitstore.Skipped) {
	for _, s := range all {
		if s.Unread {
			unread = append(unread, s)
		} else {
			special = append(special, s)
		}
	}
	return special, unread
}
