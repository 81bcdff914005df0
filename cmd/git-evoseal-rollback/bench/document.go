package main

import (
	"fmt"
	"io"
	"strings"
)

// document writes the whole result in Markdown.
func (r *report) document(w io.Writer, about string, s *settings) error {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n<!-- Written by `make bench`. -->\n\n")
	fmt.Fprintf(&b, "`make bench` runs this program and others in turn, in one run, on the same trees, and writes this page. %s\n\n", about)
	fmt.Fprintf(&b, "Each figure is the median of %d counted rounds (%d where they take milliseconds; 1 for the huge file, and for slow programs that no bar is about, which run in memory only), "+
		"with the least and the most in brackets. A round that isn't counted comes first, warms the caches and is checked: trees by their hash, "+
		"what was brought back byte by byte. The programs take turns and begin with another one each round; on disk `sync` runs before each, "+
		"and nothing is removed before the end, since ext4 is slow at making files for some minutes after others were removed. "+
		"The ratio is our median by theirs: below 1 is faster or smaller. The bars are the project's own aims, set for memory and two cores; %s. "+
		"Ours waits until everything is on the disk before it says that it is done; git does only where its name here says so.\n",
		s.rounds, 5*s.rounds, r.tally())
	if s.scale != 1 {
		fmt.Fprintf(&b, "\n**Made at scale %g**: that share of the files, bytes and checkpoints of the full run, as the rows say. Bars are meant for the full run.\n", s.scale)
	}
	r.comparisons(&b)
	r.spent(&b)
	r.anatomy(&b)
	b.WriteString("\n## How each row is done\n\n| row | work | how |\n| --- | --- | --- |\n")
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", row.id, row.work, row.how)
	}
	if len(r.notes) > 0 {
		b.WriteString("\n## Left out\n\n")
		for _, n := range r.notes {
			fmt.Fprintf(&b, "- %s\n", n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// tally counts the bars that are met.
func (r *report) tally() string {
	bars, met := 0, 0
	for _, l := range r.lines {
		if l.bar != "" {
			bars++
		}
		if l.met {
			met++
		}
	}
	return fmt.Sprintf("%d of the %d bars below are met", met, bars)
}

func (r *report) comparisons(b *strings.Builder) {
	medium := ""
	for _, l := range r.lines {
		if l.medium != medium {
			medium = l.medium
			fmt.Fprintf(b, "\n## On %s\n\n| work | of | ours | against | theirs | ratio | bar | |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n", medium)
		}
		share := l.share()
		if share != "" {
			share = "**" + share + "**"
		}
		bar := l.bar
		if bar != "" {
			bar = "≤ " + bar
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", l.work, l.of, l.ours, l.against, l.theirs, share, bar, l.verdict())
	}
}

// spent is the table of what everybody took of the machine.
func (r *report) spent(b *strings.Builder) {
	b.WriteString("\n## Processor time and memory\n\n" +
		"Processor time is the program's and the kernel's on its behalf, children included, in the median. Memory is the most that one process held in any round; " +
		"nothing below 10 MB can be told apart.\n\n| medium | work | program | time | processor | memory |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, c := range r.costs {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", c.medium, c.work, c.name, c.wall, c.cpu, c.peak)
	}
}
