package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// time runs a pair in turn and returns the durations of the counted rounds.
func (b *bench) time(ctx context.Context, p pair) (ours, theirs []time.Duration, err error) {
	for round := range b.rounds + 1 {
		a, err := timed(ctx, p.prepare, p.ours)
		if err != nil {
			return nil, nil, err
		}
		z, err := timed(ctx, p.reset, p.theirs)
		if err != nil {
			return nil, nil, err
		}
		// The first round is the warm-up.
		if round > 0 {
			ours, theirs = append(ours, a), append(theirs, z)
		}
	}
	return ours, theirs, nil
}

func timed(ctx context.Context, prepare, work step) (time.Duration, error) {
	if err := prepare(ctx); err != nil {
		return 0, err
	}
	// What the last command left to write is not this one's to wait for.
	unix.Sync()
	start := time.Now()
	err := work(ctx)
	return time.Since(start), err
}

// table prints one line a pair, in Markdown that also reads well as text.
type table struct{ w *tabwriter.Writer }

func newTable() *table {
	t := &table{tabwriter.NewWriter(os.Stdout, 0, 8, 1, ' ', 0)}
	fmt.Fprintln(t.w, "| work\t| ours\t| git\t| git's command\t| ratio\t|")
	fmt.Fprintln(t.w, "| ---\t| ---\t| ---\t| ---\t| ---\t|")
	return t
}

func (t *table) row(p pair, ours, theirs []time.Duration) {
	var ratios []float64
	for i := range ours {
		ratios = append(ratios, ours[i].Seconds()/theirs[i].Seconds())
	}
	slices.Sort(ratios)
	fmt.Fprintf(t.w, "| %s\t| %s\t| %s\t| %s\t| %.2f\t|\n", p.name, spread(ours), spread(theirs), p.peer, ratios[len(ratios)/2])
}

func (t *table) flush() error { return t.w.Flush() }

func spread(d []time.Duration) string {
	d = slices.Sorted(slices.Values(d))
	return fmt.Sprintf("%s (%s–%s)", milliseconds(d[len(d)/2]), milliseconds(d[0]), milliseconds(d[len(d)-1]))
}

func milliseconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
}
