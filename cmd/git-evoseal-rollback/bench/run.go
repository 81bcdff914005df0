package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// group is the rows that share a tree.
type group struct {
	name string
	// need is how many bytes it takes in memory at full scale.
	need int64
	// long groups take minutes and run on the first medium only.
	long bool
	// rows are what is measured, and fill makes the tree; neither is timed.
	rows []*row
	fill step
}

// run measures everything that was asked for and writes the document.
func run(ctx context.Context, s settings) error {
	begin := time.Now()
	binary, err := filepath.Abs(s.binary)
	if err != nil {
		return err
	}
	s.binary = binary
	r := &report{out: os.Stdout}
	if s.only.String() == "list" {
		return list(&s, r)
	}
	if s.goRoot, err = findGo(ctx); err != nil {
		return err
	}
	about := machine(ctx, s.binary)
	r.progress("%s", about)
	if s.scale != 1 {
		r.progress("at scale %g", s.scale)
	}
	for i, dir := range s.dirs {
		if _, err := os.Stat(dir); err != nil {
			r.note("medium %d is left out: there is no such directory", i+1)
			continue
		}
		for _, name := range groupNames {
			err := s.at(ctx, r, dir, name, i == 0)
			if ctx.Err() != nil && s.out != "" {
				// What was measured took its time.
				r.note("%s in %s and what follows were broken off", name, dir)
				return s.write(r, about, begin)
			}
			if err != nil {
				return err
			}
		}
	}
	return s.write(r, about, begin)
}

// write makes the page of what was measured, where one is wanted.
func (s *settings) write(r *report, about string, begin time.Time) error {
	about += fmt.Sprintf(" The run took %s.", time.Since(begin).Round(time.Minute))
	r.progress("all of it took %s", time.Since(begin).Round(time.Second))
	if s.out == "" {
		return nil
	}
	f, err := os.Create(s.out)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.document(f, about, s); err != nil {
		return err
	}
	return f.Close()
}

// list prints the names of all rows.
func list(s *settings, r *report) error {
	for _, name := range groupNames {
		a := &arena{settings: s, report: r}
		g, err := a.group(name)
		if err != nil {
			return err
		}
		for _, row := range g.rows {
			fmt.Printf("%-22s %s\n", row.id, row.work)
		}
	}
	return nil
}

// at measures the rows of one group in a directory of its own below dir.
func (s *settings) at(ctx context.Context, r *report, dir, name string, first bool) (err error) {
	own, err := os.MkdirTemp(dir, "evoseal-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(own); err == nil {
			err = removed
		}
	}()
	if own, err = filepath.EvalSymlinks(own); err != nil {
		return err
	}
	a := newArena(s, r, mediumOf(own), own)
	g, err := a.group(name)
	if err != nil {
		return err
	}
	var asked []*row
	for _, row := range g.rows {
		if s.only.MatchString(row.id) {
			asked = append(asked, row)
		}
	}
	if len(asked) == 0 || g.long && !first && !s.everywhere {
		return nil
	}
	return a.measureGroup(ctx, g, asked)
}

func (a *arena) measureGroup(ctx context.Context, g *group, rows []*row) error {
	free, err := room(a.dir)
	if err != nil {
		return err
	}
	need := int64(float64(g.need) * a.scale)
	if !a.inMemory() {
		// Nothing is removed there before the end.
		need *= 5
	}
	if need > free {
		a.report.note("%s on %s is left out: it takes %s, and %s are free", g.name, a.medium, size(float64(need)), size(float64(free)))
		return nil
	}
	begin := time.Now()
	if err := steps(a.begin, g.fill)(ctx); err != nil {
		return fmt.Errorf("%s: making the tree: %w", g.name, err)
	}
	unix.Sync()
	files, bytes, err := a.measureTree()
	if err != nil {
		return err
	}
	a.report.progress("%s on %s: %s files, %s, made in %s", g.name, a.medium, count(files), size(float64(bytes)), time.Since(begin).Round(time.Second/10))
	for _, row := range rows {
		if err := a.measureRow(ctx, row); err != nil {
			return fmt.Errorf("%s on %s: %w", row.id, a.medium, err)
		}
	}
	a.report.progress("%s on %s took %s", g.name, a.medium, time.Since(begin).Round(time.Second))
	return nil
}

func (a *arena) measureRow(ctx context.Context, row *row) error {
	if row.sizes != nil {
		return row.sizes(ctx, a.report, row)
	}
	all, err := a.play(ctx, row)
	if err != nil {
		return err
	}
	a.report.result(a, row, all)
	return nil
}
