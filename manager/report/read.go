package report

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Source names reports of one format.
type Source struct {
	// Format is found by [Detect] where it is empty.
	Format Format
	// Path is a file, a pattern such as build/**/TEST-*.xml, or - for the standard
	// input. In patterns, ** stands for any number of folders and {a,b} for either.
	Path string
}

// ErrSource says that a source can't be what the caller means, such as a standard
// input that is to be read twice.
var ErrSource = errors.New("bad source of reports")

// mtimeSlack is how far a file's time may lie before the moment at which it was
// written: kernels stamp files with a clock that ticks every few milliseconds.
const mtimeSlack = 20 * time.Millisecond

// allProblems bounds the problems of one call.
const allProblems = 200

// Read reads reports of tests and of metrics and puts them together. Paths that
// aren't absolute lie below dir; stdin is what "-" stands for and may be nil where
// no source is that.
//
// All that keeps a report from being trusted becomes a problem that names its
// file: a path that matches nothing, a source without a single test or metric, a
// file that is no regular one, that was last written before newerThan (the zero
// time takes any) or that changes while it is read, and what [ReadTests] and
// [ReadMetrics] find. A stale file isn't read.
//
// A test that several files have is kept from each: all but the first have the
// file's name in theirs. A metric that several files have gets the samples of all,
// in the order of the sources and of the files' names.
//
// Errors match [ErrUnknownFormat] or [ErrSource], or are the context's. A context
// that ends can't wake a read of stdin that waits.
func Read(ctx context.Context, dir string, tests, metrics []Source, newerThan time.Time, stdin io.Reader, l Limits) (verdict.Report, error) {
	if err := checkSources(tests, metrics, stdin); err != nil {
		return verdict.Report{}, err
	}
	rd := &reading{
		ctx: ctx, dir: dir, since: newerThan, stdin: stdin, limits: l.withDefaults(),
		problems: problems{max: allProblems}, names: map[string]int{},
		series: series{metrics: map[string]verdict.Samples{}},
	}
	rd.files = rd.limits.Files
	for _, s := range tests {
		before := len(rd.tests)
		if err := rd.source(s, "test", func() bool { return len(rd.tests) > before }, rd.readTests); err != nil {
			return verdict.Report{}, err
		}
	}
	for _, s := range metrics {
		before := rd.series.values
		if err := rd.source(s, "metric", func() bool { return rd.series.values > before }, rd.readMetrics); err != nil {
			return verdict.Report{}, err
		}
	}
	rep := verdict.Report{Tests: rd.tests, Problems: rd.problems.list()}
	if len(rd.series.metrics) > 0 {
		rep.Metrics = rd.series.metrics
	}
	return rep, nil
}

// Check says whether [Read] would take these sources, without a standard input.
func Check(tests, metrics []Source) error {
	for _, s := range append(append([]Source(nil), tests...), metrics...) {
		if !doublestar.ValidatePattern(s.Path) {
			return fmt.Errorf("%w: %q is no pattern", ErrSource, s.Path)
		}
	}
	return checkSources(tests, metrics, nil)
}

func checkSources(tests, metrics []Source, stdin io.Reader) error {
	piped := 0
	for i, s := range append(append([]Source(nil), tests...), metrics...) {
		switch {
		case s.Path == "":
			return fmt.Errorf("%w: a path is empty", ErrSource)
		case i < len(tests) && s.Format != "" && !s.Format.HoldsTests():
			return unknownFormat(s.Format, "tests")
		case i >= len(tests) && s.Format != "" && !s.Format.HoldsMetrics():
			return unknownFormat(s.Format, "metrics")
		case s.Path != "-":
			continue
		case stdin == nil:
			return fmt.Errorf("%w: there is no standard input", ErrSource)
		}
		if piped++; piped > 1 {
			return fmt.Errorf("%w: the standard input can be read only once", ErrSource)
		}
	}
	return nil
}

// reading is one call of Read.
type reading struct {
	ctx    context.Context
	dir    string
	since  time.Time
	stdin  io.Reader
	limits Limits
	// files is how many may still be read.
	files    int
	problems problems
	tests    []verdict.Test
	names    map[string]int
	series   series
}

// readFunc reads one file, known to people as name.
type readFunc func(name string, f Format, r io.Reader)

// source reads all files of a source; found says whether they held anything.
func (rd *reading) source(s Source, what string, found func() bool, read readFunc) error {
	said := len(rd.problems.said) + rd.problems.more
	count := 1
	if s.Path == "-" {
		rd.detected("standard input", s.Format, rd.stdin, what, read)
	} else {
		paths, err := find(rd.ctx, rd.dir, s.Path, rd.files)
		if err := rd.searched(s.Path, err); err != nil {
			return err
		}
		if count = len(paths); count == 0 && err == nil {
			rd.problems.add("no file matches %s", shown(s.Path))
		}
		rd.files -= count
		for _, path := range paths {
			if err := rd.ctx.Err(); err != nil {
				return err
			}
			rd.file(path, s.Format, what, read)
		}
	}
	if err := rd.ctx.Err(); err != nil {
		return err
	}
	// Something that is broken has said so; what is whole and empty hasn't.
	switch {
	case found() || len(rd.problems.said)+rd.problems.more > said:
	case count > 1:
		rd.problems.add("none of the %d files that match %s holds a %s", count, shown(s.Path), what)
	default:
		rd.problems.add("%s: it holds no %s", label(s.Path), what)
	}
	return nil
}

// searched turns what went wrong with a search into a problem, or into an error
// where the caller is to blame.
func (rd *reading) searched(path string, err error) error {
	switch {
	case err == nil:
	case rd.ctx.Err() != nil:
		return rd.ctx.Err()
	case errors.Is(err, doublestar.ErrBadPattern):
		return fmt.Errorf("%w: %w", ErrSource, err)
	case errors.Is(err, errTooManyFiles):
		rd.problems.add("more than %d files match %s and what was read before it", rd.limits.Files, shown(path))
	default:
		rd.problems.add("%s: %v", label(path), err)
	}
	return nil
}

// file reads one file.
func (rd *reading) file(path string, f Format, what string, read readFunc) {
	name := label(path)
	// Opening a pipe would wait for someone to write into it.
	file, err := os.OpenFile(within(rd.dir, path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		rd.problems.add("%s: it can't be read: %v", name, err)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		rd.problems.add("%s: it can't be read: %v", name, err)
		return
	case !info.Mode().IsRegular():
		rd.problems.add("%s: it is no regular file", name)
		return
	case info.Size() > rd.limits.Bytes:
		rd.problems.add("%s: it has %d bytes, more than %d", name, info.Size(), rd.limits.Bytes)
		return
	case rd.stale(info.ModTime()):
		rd.problems.add("%s: it was last written at %s, before the run began at %s, so it is of another run",
			name, info.ModTime().UTC().Format(time.RFC3339Nano), rd.since.UTC().Format(time.RFC3339Nano))
		return
	}
	rd.detected(name, f, file, what, read)
	after, err := file.Stat()
	if err != nil || after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) {
		rd.problems.add("%s: it changed while it was read", name)
	}
}

// stale says whether a file was written before the run. Some file systems keep
// whole seconds only.
func (rd *reading) stale(written time.Time) bool {
	if rd.since.IsZero() {
		return false
	}
	since := rd.since.Add(-mtimeSlack)
	if written.Nanosecond() == 0 {
		since = since.Truncate(time.Second)
	}
	return written.Before(since)
}

// detected finds out the format where it isn't given, and reads.
func (rd *reading) detected(name string, f Format, r io.Reader, what string, read readFunc) {
	in := bufio.NewReaderSize(&interruptible{ctx: rd.ctx, r: r}, headSize)
	head, err := in.Peek(headSize)
	if len(head) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			rd.problems.add("%s: %v", name, err)
		} else {
			rd.problems.add("%s: it is empty", name)
		}
		return
	}
	if f == "" {
		ok := false
		if f, ok = Detect(name, head); !ok {
			rd.problems.add("%s: its format isn't recognised; say which it is", name)
			return
		}
		if what == "test" && !f.HoldsTests() || what == "metric" && !f.HoldsMetrics() {
			rd.problems.add("%s: it seems to be %s, which holds no %ss", name, f, what)
			return
		}
	}
	read(name, f, in)
}

func (rd *reading) readTests(name string, f Format, r io.Reader) {
	l := rd.limits
	if l.Tests -= len(rd.tests); l.Tests <= 0 {
		rd.problems.add("%s: there are more than %d tests; it wasn't read", name, rd.limits.Tests)
		return
	}
	tests, said, err := ReadTests(r, f, l)
	if err != nil {
		said = append(said, err.Error())
	}
	for _, t := range tests {
		if rd.names[t.Name] > 0 {
			t.Name = bounded(t.Name + " (" + name + ")")
		}
		t.Name = distinct(t.Name, rd.names)
		rd.tests = append(rd.tests, t)
	}
	for _, p := range said {
		rd.problems.add("%s: %s", name, p)
	}
}

func (rd *reading) readMetrics(name string, f Format, r io.Reader) {
	metrics, err := ReadMetrics(r, f, rd.limits)
	if err != nil {
		rd.problems.add("%s: %v", name, err)
		return
	}
	for _, metric := range slices.Sorted(maps.Keys(metrics)) {
		for _, x := range metrics[metric] {
			if err := rd.series.add(metric, x); err != nil {
				rd.problems.add("%s: %v", name, err)
				return
			}
		}
	}
}

// interruptible ends reading when its context does.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

// Read fails once the context is done. It can't wake a read that waits.
func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// label is a path in a problem, quoted only where it has to be.
func label(path string) string {
	if path == "-" {
		return "standard input"
	}
	quoted := shown(path)
	if plain := strings.Trim(quoted, `"`); plain == path {
		return path
	}
	return quoted
}
