package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/spf13/pflag"
)

type gcOptions struct {
	aggressive, dryRun bool
	prune              string
}

func gcCommand() *command {
	return &command{
		name: "gc", short: "pack the store, and remove what nothing leads to",
		long: `Puts small packs and loose objects together, so that what is stored is found as quickly after many checkpoints as after few, and sweeps up what dead processes left. Checkpoints do a part of it in passing; this does all. With --aggressive everything is compressed anew, as differences from what it is like, and verified before the old packs go.

It never removes a checkpoint, nor anything that a ref, a reflog, a HEAD or an index of the store leads to. Objects that nothing leads to, such as those of deleted refs, are removed once they are two weeks old, or as old as --prune or gc.pruneExpire in the store's configuration says. What is damaged stays as it is, and nothing is removed then. Checkpoints may be made meanwhile. With --dry-run it changes nothing.`,
		examples: []example{
			{"git evoseal-rollback gc", "pack the store"},
			{"git evoseal-rollback gc --aggressive", "make it as small as can be, once in a while"},
			{"git evoseal-rollback gc --prune=now --dry-run", "what would be removed if nothing had to be old"},
		},
		new: func() runner { return &gcOptions{} },
	}
}

func (o *gcOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.aggressive, "aggressive", false, "compress everything anew, as differences: smaller, and takes long")
	fs.BoolVar(&o.dryRun, "dry-run", false, "only say what would be done")
	fs.StringVar(&o.prune, "prune", "", "remove what nothing leads to once it is as old as `age`, as in 14d (the default), now or never")
}

func (o *gcOptions) run(ctx context.Context, c *call) error {
	grace, err := o.grace(c)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	tell, done := c.progress("packing")
	report, err := m.GC(ctx, gitstore.GCRequest{Grace: grace, Aggressive: o.aggressive, DryRun: o.dryRun, Progress: tell})
	done()
	if err != nil {
		return err
	}
	failed := c.gcDamage(&report)
	if c.json {
		if printing := c.out.object(newGCJSON(&report, o.dryRun, c.errorObject(failed))); printing != nil || failed == nil {
			return printing
		}
		return &printedError{failed}
	}
	c.tellGC(&report, o.dryRun)
	return failed
}

// grace reads --prune; nil leaves it to the store.
func (o *gcOptions) grace(c *call) (*time.Duration, error) {
	age := time.Duration(0)
	switch o.prune {
	case "":
		return nil, nil
	case "now":
	case "never":
		age = -1
	default:
		d, err := policy.ParseDuration(o.prune)
		if err != nil {
			return nil, &usageError{
				msg: fmt.Sprintf("--prune can't be understood: %q", o.prune), cmd: c.cmd, hint: "name an age, as in 14d or 12h, or now, or never",
			}
		}
		age = d
	}
	return &age, nil
}

// gcDamage is the error for what could not be consolidated, or told.
func (c *call) gcDamage(r *gitstore.Collected) error {
	all := r.Damaged
	if r.Unsure != nil {
		all = append([]error{r.Unsure}, all...)
	}
	if len(all) == 0 {
		return nil
	}
	return &hintedError{
		&damageError{"the store is damaged: " + errors.Join(all[:1]...).Error()},
		c.shown("verify --all") + " names what is damaged and what is whole; " + c.shown("doctor") + " mends what can be mended",
	}
}

type storeSizeJSON struct {
	Packs int   `json:"packs"`
	Loose int   `json:"loose"`
	Bytes int64 `json:"bytes"`
}

type gcJSON struct {
	Schema       int           `json:"schema"`
	DryRun       bool          `json:"dry_run"`
	Changed      bool          `json:"changed"`
	Before       storeSizeJSON `json:"before"`
	After        storeSizeJSON `json:"after"`
	Merged       int           `json:"merged_packs"`
	Packed       int           `json:"packed_loose"`
	Deltas       int           `json:"deltas"`
	Removed      int           `json:"removed_objects"`
	RemovedBytes int64         `json:"removed_bytes"`
	Unreachable  int           `json:"unreachable_objects"`
	SweptBytes   int64         `json:"swept_bytes"`
	DurationMS   int64         `json:"duration_ms"`
	Error        *errorJSON    `json:"error,omitempty"`
}

func newGCJSON(r *gitstore.Collected, dryRun bool, failed *errorJSON) gcJSON {
	return gcJSON{
		Schema: schema, DryRun: dryRun, Changed: !dryRun && r.Rewritten,
		Before: storeSizeJSON(r.Before), After: storeSizeJSON(r.After),
		Merged: r.Merged, Packed: r.Packed, Deltas: r.Deltas, Removed: r.Removed, RemovedBytes: r.RemovedBytes,
		Unreachable: r.Unreachable, SweptBytes: r.SweptBytes, DurationMS: r.Duration.Milliseconds(), Error: failed,
	}
}

func (c *call) tellGC(r *gitstore.Collected, dryRun bool) {
	for _, err := range r.Damaged {
		c.out.println(c.out.paint(red, "damaged, and left as it is: "+printable(err.Error())))
	}
	if r.Unsure != nil {
		c.out.println(c.out.paint(red, "nothing was removed: "+printable(r.Unsure.Error())))
	}
	if r.SweptBytes > 0 {
		c.out.printf("removed %s that dead processes left\n", size(r.SweptBytes))
	}
	kept := ""
	if r.Unreachable > 0 {
		kept = fmt.Sprintf("; %s that nothing leads to, too young to go", count(int64(r.Unreachable), "object"))
	}
	switch {
	case dryRun:
		c.out.println("would do: " + c.gcWork(r) + kept)
	case !r.Rewritten:
		c.out.printf("nothing to do: %s of %s%s\n", packsAndLoose(r.After), size(r.After.Bytes), kept)
	default:
		c.out.println(c.gcWork(r) + kept)
		c.out.printf("%s of %s before, %s of %s now, in %s\n",
			packsAndLoose(r.Before), size(r.Before.Bytes), packsAndLoose(r.After), size(r.After.Bytes), took(r.Duration))
	}
}

func packsAndLoose(s gitstore.StoreSize) string {
	if s.Loose == 0 {
		return count(int64(s.Packs), "pack")
	}
	return count(int64(s.Packs), "pack") + " and " + count(int64(s.Loose), "loose object")
}

// gcWork says what was, or would be, done.
func (c *call) gcWork(r *gitstore.Collected) string {
	var parts []string
	if r.Merged > 0 {
		parts = append(parts, count(int64(r.Merged), "pack")+" into one")
	}
	if r.Packed > 0 {
		parts = append(parts, count(int64(r.Packed), "loose object")+" packed")
	}
	if r.Deltas > 0 {
		parts = append(parts, count(int64(r.Deltas), "object")+" stored as differences")
	}
	if r.Removed > 0 {
		parts = append(parts, fmt.Sprintf("%s removed that nothing leads to (%s)", count(int64(r.Removed), "object"), size(r.RemovedBytes)))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
