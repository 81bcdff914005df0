package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// growth are the rows about the stores' sizes after n checkpoints. The first one
// that is measured makes them.
func (a *arena) growth(tree string, n int) []*row {
	grown := false
	grow := func(ctx context.Context) error {
		if grown {
			return nil
		}
		grown = true
		return a.grow(ctx, n)
	}
	after := fmt.Sprintf("store's size after %d checkpoints of 1 %% change, %s", n, tree)
	store := a.project + "/.evoseal/.git"
	return []*row{
		{
			id: "growth/store", work: after,
			how: "Another hundredth of the files gets a line before each checkpoint. The sum of the sizes of all files in the store, caches included.",
			sizes: func(ctx context.Context, r *report, row *row) error {
				if err := grow(ctx); err != nil {
					return err
				}
				if err := a.sizes(r, row, "our store", store, "git, loose", a.path("git"), 0); err != nil || !a.has("restic") {
					return err
				}
				return a.sizes(r, row, "our store", store, "restic", a.path("restic"), 1)
			},
		},
		{
			id: "growth/packed", work: after + ", packed",
			how: "After `gc --aggressive` of ours and `git gc` of git's.",
			sizes: func(ctx context.Context, r *report, row *row) error {
				if help, err := a.output(ctx, a.engine("gc", "-h")); err != nil || !strings.Contains(help, "--aggressive") {
					r.note("%s is left out: this program has no `gc --aggressive`", row.id)
					return nil
				}
				if err := grow(ctx); err != nil {
					return err
				}
				if err := a.pack(ctx, r, row); err != nil {
					return err
				}
				return a.sizes(r, row, "our store", store, "git", a.path("git"), 1.1)
			},
		},
	}
}

// grow records the project again and again with each program, changed in between.
func (a *arena) grow(ctx context.Context, n int) error {
	start := time.Now()
	for i := range n {
		if i > 0 {
			if err := a.change(i * 37)(ctx); err != nil {
				return err
			}
		}
		if err := a.recorded(fmt.Sprintf("g%05d", i), "restic")(ctx); err != nil {
			return fmt.Errorf("checkpoint %d: %w", i, err)
		}
	}
	a.report.progress("made the stores of %d checkpoints in %s", n, time.Since(start).Round(time.Second))
	return nil
}

// pack has both packed as small as their commands make them, and notes what that took.
func (a *arena) pack(ctx context.Context, r *report, row *row) error {
	ours, err := measure(ctx, a.engine("gc", "--aggressive"), a.env)
	if err != nil {
		return err
	}
	theirs, err := measure(ctx, a.git("gc", "-q"), a.env)
	if err != nil {
		return err
	}
	r.compare(a.medium, row, measured{contestant{name: "gc --aggressive"}, []sample{ours}}, measured{contestant{name: "git gc"}, []sample{theirs}})
	return nil
}

// sizes compares what two stores take.
func (a *arena) sizes(r *report, row *row, ours, ourDir, theirs, theirDir string, limit float64) error {
	_, a1, err := weigh(ourDir)
	if err != nil {
		return err
	}
	_, b1, err := weigh(theirDir)
	if err != nil {
		return err
	}
	r.sizes(a.medium, row, named{ours, a1}, named{theirs, b1}, limit)
	return nil
}
