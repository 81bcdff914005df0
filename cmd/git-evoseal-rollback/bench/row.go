package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// step is work that isn't timed; nil is none.
type step func(ctx context.Context) error

func (s step) run(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return s(ctx)
}

func steps(all ...step) step {
	return func(ctx context.Context) error {
		for _, s := range all {
			if err := s.run(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// row is one kind of work, and who does it.
type row struct {
	// id is its name for -only, work says what is done, how says how it is measured.
	id, work, how string
	// setup and teardown run once around all rounds, before once a round.
	setup, teardown, before step
	ours                    contestant
	peers                   []contestant
	limits                  []limit
	// quick rows take milliseconds and get more rounds; a once row takes minutes
	// and is run once, without a warm-up.
	quick, once bool
	// sizes is for rows about what was written rather than how long it takes: it
	// stands in for everything above.
	sizes func(ctx context.Context, r *report, row *row) error
}

// contestant is a program at a row's work.
type contestant struct {
	name string
	// tool is what must be installed; empty is nothing.
	tool string
	// prepare and clean are around the work in each round, and not timed.
	prepare, clean step
	work           func() []command
	// check runs after its first work and says whether it did what it should.
	check step
	// units, where it isn't 0, is by what time and memory are divided.
	units float64
	// bars are for our figures as shares of this contestant's.
	bars []bar
	// turns, where it isn't 0, is in how many counted rounds it takes part.
	turns int
	// slow contestants that no bar is about run once, on what the others warmed, and
	// in memory only unless everything is asked for.
	slow bool
}

// metric is what of a sample is compared.
type metric int

const (
	wallTime metric = iota
	peakMemory
	storeSize
)

func (m metric) String() string { return [...]string{"time", "peak memory", "size"}[m] }

// bar is met when our figure is at most limit times the other's.
type bar struct {
	of    metric
	limit float64
}

// limit is met when our figure is at most most, in bytes.
type limit struct {
	of   metric
	most int64
}

func fixed(c ...command) func() []command { return func() []command { return c } }

// measured is a contestant with its samples.
type measured struct {
	contestant
	samples []sample
}

// play runs the rounds of a row. Contestants take turns, beginning with another
// one each round; the first round, which warms up and checks, keeps their order.
func (a *arena) play(ctx context.Context, r *row) (all []measured, err error) {
	for _, c := range append([]contestant{r.ours}, r.peers...) {
		if c.tool != "" && !a.has(c.tool) {
			a.report.note("%s on %s: %s is left out, there is no %s here (`make bench-peers` installs the peers)", r.id, a.medium, c.name, c.tool)
			continue
		}
		if c.slow && !a.slowRun() {
			continue
		}
		all = append(all, measured{contestant: c})
	}
	defer func() {
		if torn := r.teardown.run(context.WithoutCancel(ctx)); err == nil {
			err = torn
		}
	}()
	if err := r.setup.run(ctx); err != nil {
		return nil, fmt.Errorf("setting up: %w", err)
	}
	rounds := a.rounds
	if r.quick {
		rounds *= 5
	}
	if r.once {
		rounds = 0
	}
	for round := range rounds + 1 {
		if err := r.before.run(ctx); err != nil {
			return nil, err
		}
		for i := range all {
			c := &all[(i+round)%len(all)]
			if c.turns > 0 && round > c.turns || c.slow && round != 1 {
				continue
			}
			s, err := a.turn(ctx, c.contestant, round == 0 || c.slow)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 || r.once {
				c.samples = append(c.samples, s)
			}
		}
	}
	return all, nil
}

// slowRun tells whether slow contestants run on this medium.
func (a *arena) slowRun() bool { return a.inMemory() || a.everywhere }

func (a *arena) turn(ctx context.Context, c contestant, first bool) (total sample, err error) {
	if err := c.prepare.run(ctx); err != nil {
		return total, err
	}
	if !a.inMemory() {
		// What the last command left to write is not this one's to wait for.
		unix.Sync()
	}
	for _, w := range c.work() {
		s, err := measure(ctx, w, a.env)
		if err != nil {
			return total, err
		}
		total = total.then(s)
	}
	if first {
		if err := c.check.run(ctx); err != nil && ctx.Err() == nil {
			return total, fmt.Errorf("what it did is wrong: %w", err)
		}
	}
	return total, errors.Join(ctx.Err(), c.clean.run(ctx))
}
