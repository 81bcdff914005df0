package report

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// benchProcs is the number of processors at the end of a benchmark's name.
var benchProcs = pattern(`^(.+)-([1-9][0-9]*)$`)

// goBench reads what `go test -bench` prints. The form is described at
// https://go.dev/design/14313-benchmark-format. The library benchfmt reads it
// too, but passes over FAIL and PASS, which tell a benchmark that crashed from
// one that ended, and over a last line that was cut off.
type goBench struct {
	lines *lines
	pkg   string
	// running says that a package began and hasn't said PASS or ok yet.
	running bool
	results []benchValue
	// packages are those in which a benchmark appears, procs the suffixes of its
	// name; both decide on the metrics' names.
	packages, procs map[string]map[string]bool
}

type benchValue struct {
	pkg, base, procs, unit string
	value                  string
}

func readGoBench(r io.Reader, s *series) error {
	b := &goBench{lines: newLines(r), packages: map[string]map[string]bool{}, procs: map[string]map[string]bool{}}
	for {
		line, err := b.lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := b.line(string(line)); err != nil {
			return err
		}
	}
	switch {
	case !b.lines.ended:
		return brokenf("line %d: it ends in the middle of a line", b.lines.number)
	case b.running:
		return brokenf("the benchmarks of package %s have no end: there is no PASS", shown(b.pkg))
	}
	for _, v := range b.results {
		if err := s.addText(b.name(v), v.value); err != nil {
			return err
		}
	}
	return nil
}

func (b *goBench) line(line string) error {
	switch {
	case strings.HasPrefix(line, "pkg: "):
		if b.running {
			return brokenf("line %d: the benchmarks of package %s have no end: there is no PASS", b.lines.number, shown(b.pkg))
		}
		b.pkg, b.running = strings.TrimSpace(line[len("pkg: "):]), true
	case line == "PASS", strings.HasPrefix(line, "ok  \t"):
		b.running = false
	case line == "FAIL", strings.HasPrefix(line, "FAIL\t"), strings.HasPrefix(line, "--- FAIL:"), strings.HasPrefix(line, "panic: "):
		return brokenf("line %d: the benchmarks failed: %s", b.lines.number, cut(line, maxShown))
	case strings.HasPrefix(line, "Benchmark"):
		return b.result(strings.Fields(line))
	}
	return nil
}

// result takes a line of name, iterations, and values with their units. Lines of
// a name alone are written before the benchmark runs.
func (b *goBench) result(fields []string) error {
	if len(fields) < 4 {
		return nil
	}
	if _, err := strconv.ParseUint(fields[1], 10, 63); err != nil {
		return nil
	}
	if len(fields)%2 != 0 {
		return brokenf("line %d: a value has no unit", b.lines.number)
	}
	v := benchValue{pkg: b.pkg, base: fields[0]}
	if m := benchProcs().FindStringSubmatch(fields[0]); m != nil {
		v.base, v.procs = m[1], m[2]
	}
	note(b.packages, v.base, v.pkg)
	note(b.procs, v.base, v.procs)
	for i := 2; i < len(fields); i += 2 {
		if len(b.results) == maxBenchValues {
			return brokenf("line %d: it has more than %d values", b.lines.number, maxBenchValues)
		}
		v.value, v.unit = strings.Clone(fields[i]), strings.Clone(fields[i+1])
		b.results = append(b.results, v)
	}
	return nil
}

// maxBenchValues bounds the values of one file, which wait until the names of all
// benchmarks are known.
const maxBenchValues = maxValues / 2

func note(sets map[string]map[string]bool, key, value string) {
	if sets[key] == nil {
		sets[key] = map[string]bool{}
	}
	sets[key][value] = true
}

// name is "BenchmarkX ns/op". The number of processors and the package are part
// of it only where the file has the benchmark with several: a machine with other
// processors should find the metric again.
func (b *goBench) name(v benchValue) string {
	name := v.base
	if len(b.procs[v.base]) > 1 && v.procs != "" {
		name += "-" + v.procs
	}
	if len(b.packages[v.base]) > 1 {
		name = v.pkg + "." + name
	}
	return name + " " + v.unit
}
