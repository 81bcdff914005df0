package main

import (
	"fmt"
	"io"
	"strings"
)

// report collects the lines of all rows and prints each as it comes.
type report struct {
	out   io.Writer
	notes []string
	lines []line
	costs []cost
	rows  []*row
	// breakdowns are of our own work alone.
	breakdowns []breakdown
}

// line is one comparison.
type line struct {
	medium, id, work string
	of               metric
	ours, theirs     string
	against          string
	ratio            float64
	// bar is what the ratio should not exceed, or, without a ratio, what ours should
	// not; empty is none.
	bar string
	met bool
}

// cost is what one contestant took.
type cost struct{ medium, work, name, wall, cpu, peak string }

type named struct {
	name  string
	value int64
}

// progress prints what isn't part of the result.
func (r *report) progress(format string, args ...any) {
	fmt.Fprintf(r.out, "# "+format+"\n", args...)
}

// note prints something that a reader of the result must know, and keeps it.
func (r *report) note(format string, args ...any) {
	n := fmt.Sprintf(format, args...)
	r.notes = append(r.notes, n)
	r.progress("%s", n)
}

// result adds what the contestants of a row took, ours first.
func (r *report) result(a *arena, row *row, all []measured) {
	r.explain(row)
	for _, m := range all {
		r.cost(a.medium, row, m)
	}
	if a.inMemory() {
		for _, l := range row.limits {
			r.limit(a.medium, row, l, all[0])
		}
	}
	for _, peer := range all[1:] {
		if !a.inMemory() {
			// The bars are for memory.
			peer.bars = nil
		}
		r.compare(a.medium, row, all[0], peer)
	}
}

func (r *report) explain(row *row) {
	for _, known := range r.rows {
		if known.id == row.id {
			return
		}
	}
	r.rows = append(r.rows, row)
}

func (r *report) cost(medium string, row *row, m measured) {
	all := m
	all.units = 0
	r.costs = append(r.costs, cost{medium, row.work, m.name, figureOf(all, wallTime).text(wallTime), seconds(cpuOf(m).median), size(figureOf(all, peakMemory).most)})
}

// compare adds a line for each of the peer's bars, or one for the time where it has none.
func (r *report) compare(medium string, row *row, ours, peer measured) {
	bars := peer.bars
	if len(bars) == 0 {
		bars = []bar{{of: wallTime}}
	}
	for _, b := range bars {
		one, other := figureOf(ours, b.of), figureOf(peer, b.of)
		r.add(line{
			medium: medium, id: row.id, work: row.work, of: b.of, against: peer.name,
			ours: one.text(b.of), theirs: other.text(b.of), ratio: one.median / other.median,
		}, b.limit)
	}
}

func (r *report) sizes(medium string, row *row, ours, theirs named, limit float64) {
	r.explain(row)
	r.add(line{
		medium: medium, id: row.id, work: row.work, of: storeSize, against: theirs.name,
		ours: size(float64(ours.value)), theirs: size(float64(theirs.value)), ratio: float64(ours.value) / float64(theirs.value),
	}, limit)
}

// limit adds a line about our figure alone: the most of all rounds.
func (r *report) limit(medium string, row *row, l limit, ours measured) {
	f := figureOf(ours, l.of)
	ln := line{medium: medium, id: row.id, work: row.work, of: l.of, ours: f.text(l.of), bar: size(float64(l.most)), met: f.most <= float64(l.most)}
	r.lines = append(r.lines, ln)
	r.print(ln)
}

func (r *report) add(l line, limit float64) {
	if limit > 0 {
		l.bar, l.met = fmt.Sprintf("%.4g", limit), l.ratio <= limit
	}
	r.lines = append(r.lines, l)
	r.print(l)
}

func (r *report) print(l line) {
	words := []string{fmt.Sprintf("%-22s %-11s %-6s", l.id, l.of, l.share()), "ours " + l.ours}
	if l.against != "" {
		words = append(words, l.against+" "+l.theirs)
	}
	if l.bar != "" {
		words = append(words, fmt.Sprintf("bar %s: %s", l.bar, l.verdict()))
	}
	fmt.Fprintln(r.out, strings.Join(words, "; "))
}

func (l line) share() string {
	if l.against == "" {
		return ""
	}
	if l.ratio < 0.1 {
		return fmt.Sprintf("%.3f", l.ratio)
	}
	return fmt.Sprintf("%.2f", l.ratio)
}

func (l line) verdict() string {
	switch {
	case l.bar == "":
		return ""
	case l.met:
		return "met"
	default:
		return "not met"
	}
}
