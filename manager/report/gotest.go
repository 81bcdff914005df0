package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// goEvent is one line of `go test -json`: the events of `go doc test2json` and
// those of `go help buildjson`.
type goEvent struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// goReader reads the stream of `go test -json`. Packages run at the same time, so
// their lines come mixed; other programs' lines may stand between them.
type goReader struct {
	*collector
	lines *lines
	// open are the packages that have begun and not ended.
	open map[string]*goPackage
	// builds are what compilers said, by what they built.
	builds map[string]*goBuild
	order  []string
	// at is where a test's result stands, by the name of package and test, so that
	// a run that repeats it can be told.
	at map[string]int
}

// goBuild is a build that may fail.
type goBuild struct {
	output []byte
	failed bool
	// told says that a package took the failure as its own.
	told bool
}

func readGoTest(r io.Reader, c *collector) error {
	g := &goReader{
		collector: c, lines: newLines(trimStrings(r)),
		open: map[string]*goPackage{}, builds: map[string]*goBuild{}, at: map[string]int{},
	}
	var err error
	for err == nil {
		var line []byte
		if line, err = g.lines.next(); err == nil {
			err = g.line(line)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, g.finish())
}

// line takes a line. What isn't JSON comes from programs that share the output,
// such as the loader of modules; a line of JSON that is broken is a broken report.
func (g *goReader) line(line []byte) error {
	text := bytes.TrimSpace(line)
	if len(text) == 0 {
		return nil
	}
	if text[0] != '{' {
		return g.plain(string(text))
	}
	if g.lines.cut {
		return brokenf("line %d: it has more than %d bytes", g.lines.number, maxLine)
	}
	var e goEvent
	if err := json.Unmarshal(text, &e); err != nil {
		if !g.lines.ended {
			return brokenf("line %d: it ends in the middle", g.lines.number)
		}
		g.problems.add("line %d: it is no event: %s", g.lines.number, cut(err.Error(), maxShown))
		return nil
	}
	switch {
	case e.Action == "build-output" || e.Action == "build-fail":
		return g.build(e)
	case e.Action == "" || e.Package == "":
		return nil
	}
	return g.event(e)
}

// plain takes a line outside the stream. Before Go 1.24, builds that failed said
// so only there.
func (g *goReader) plain(text string) error {
	rest, failed := strings.CutPrefix(cut(text, verdict.MaxName), "FAIL\t")
	if !failed {
		return nil
	}
	fields := append(strings.Fields(rest), "(no name)")
	return g.add(verdict.Test{Name: fields[0], Status: verdict.Errored, Message: text})
}

func (g *goReader) build(e goEvent) error {
	name := bounded(e.ImportPath)
	b := g.builds[name]
	if b == nil {
		if len(g.builds) >= g.limit {
			return brokenf("line %d: it has more than %d builds", g.lines.number, g.limit)
		}
		b = &goBuild{}
		g.builds[name] = b
		g.order = append(g.order, name)
	}
	b.output = appendUpTo(b.output, e.Output, maxMessage)
	b.failed = b.failed || e.Action == "build-fail"
	return nil
}

func (g *goReader) event(e goEvent) error {
	e.Package, e.Test = bounded(e.Package), bounded(e.Test)
	p := g.open[e.Package]
	if p == nil {
		if len(g.open) >= g.limit {
			return brokenf("line %d: more than %d packages run at once", g.lines.number, g.limit)
		}
		p = &goPackage{name: e.Package, tests: map[string]*goTest{}}
		g.open[e.Package] = p
	}
	if e.Test != "" {
		return p.test(e, g.collector)
	}
	switch e.Action {
	case "output":
		p.output = appendUpTo(p.output, e.Output, maxMessage)
	case "pass", "fail", "skip":
		delete(g.open, e.Package)
		return g.close(p, e)
	}
	return nil
}

// close takes the results of a package that has ended.
func (g *goReader) close(p *goPackage, e goEvent) error {
	results := p.results(e.Action)
	failed := slices.ContainsFunc(results, func(t goResult) bool {
		return t.Status == verdict.Failed || t.Status == verdict.Errored
	})
	for _, r := range results {
		g.held -= r.held
		if err := g.merge(p.name, r); err != nil {
			return err
		}
	}
	if e.Action != "fail" || failed {
		return nil
	}
	// Nothing of a test says why the package failed: it wasn't built, or it
	// crashed or exited outside of any test.
	message := p.output
	if b := g.builds[bounded(e.FailedBuild)]; b != nil {
		b.told = true
		message = b.output
	}
	return g.add(verdict.Test{Name: p.name, Status: verdict.Errored, Message: string(message), Took: seconds(e.Elapsed)})
}

// merge takes one test of a package. Where the package has run before, as
// gotestsum runs it again for the tests that failed, this run is a retry.
func (g *goReader) merge(pkg string, r goResult) error {
	key := pkg + "." + r.Name
	i, again := g.at[key]
	if !again {
		g.at[key] = len(g.tests)
		r.Name = key
		return g.add(r.Test)
	}
	before := &g.tests[i]
	switch {
	case before.Status == verdict.Failed || before.Status == verdict.Errored:
		before.Retries++
		if r.Status != verdict.Skipped {
			before.Status, before.Took = r.Status, r.Took
		}
	case r.Status != verdict.Passed && before.Status != r.Status:
		if r.Status != verdict.Skipped {
			before.Status, before.Message = r.Status, cut(r.Message, maxMessage)
		}
	case before.Status == verdict.Skipped:
		before.Status = r.Status
	}
	return nil
}

// finish takes what never ended.
func (g *goReader) finish() error {
	names := make([]string, 0, len(g.open))
	for name := range g.open {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		g.problems.add("package %s began and never ended", shown(name))
		for _, r := range g.open[name].results("") {
			g.held -= r.held
			if err := g.merge(name, r); err != nil {
				return err
			}
		}
	}
	for _, name := range g.order {
		b := g.builds[name]
		if !b.failed || b.told {
			continue
		}
		if err := g.add(verdict.Test{Name: name, Status: verdict.Errored, Message: string(b.output)}); err != nil {
			return err
		}
	}
	return nil
}

// appendUpTo appends text to out, which holds at most n bytes.
func appendUpTo(out []byte, text string, n int) []byte {
	if room := n - len(out); room > 0 {
		out = append(out, text[:min(room, len(text))]...)
	}
	return out
}

// goPackage is one run of a package's tests.
type goPackage struct {
	name   string
	tests  map[string]*goTest
	order  []*goTest
	output []byte
}

// goTest is one run of a test.
type goTest struct {
	name   string
	action string
	took   time.Duration
	output []byte
}

// goResult is a test and the room that was held for it.
type goResult struct {
	verdict.Test
	held int
}

// test takes an event of a test. One that begins again is another run: -count
// repeats every test within one run of the package.
func (p *goPackage) test(e goEvent, c *collector) error {
	t := p.tests[e.Test]
	if t == nil || (e.Action == "run" && t.action != "") {
		if err := c.hold(); err != nil {
			return err
		}
		t = &goTest{name: e.Test}
		p.tests[e.Test] = t
		p.order = append(p.order, t)
	}
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			t.output = appendUpTo(t.output, e.Output, maxMessage)
		}
	case "pass", "fail", "skip", "bench":
		if t.action == "fail" {
			// What a test prints can look like a result; a failure stands.
			break
		}
		t.action, t.took = e.Action, seconds(e.Elapsed)
		if e.Action == "pass" {
			t.output = nil
		}
	}
	return nil
}

// results are the tests of a run of a package that ended with action, or never
// did where action is empty.
func (p *goPackage) results(action string) []goResult {
	failedBelow := p.failedBelow()
	runs := map[string]int{}
	var out []goResult
	freed := 0
	for _, t := range p.order {
		freed++
		r := goResult{Test: verdict.Test{Name: t.name, Took: t.took, Message: string(t.output)}}
		switch {
		case t.action == "pass" || t.action == "bench":
			r.Status, r.Message = verdict.Passed, ""
		case t.action == "skip":
			r.Status = verdict.Skipped
		case t.action == "fail":
			r.Status = verdict.Failed
		case action == "pass" && strings.HasPrefix(t.name, "Benchmark"):
			// Benchmarks begin as tests do and end without a word.
			continue
		default:
			r.Status = verdict.Errored
			r.Message = "it ran and never ended\n" + r.Message
		}
		if r.Status != verdict.Passed && r.Status != verdict.Skipped && failedBelow[t.name] {
			continue
		}
		r.Name = distinct(t.name, runs)
		r.held, freed = freed, 0
		out = append(out, r)
	}
	if len(out) > 0 {
		out[len(out)-1].held += freed
	}
	return out
}

// failedBelow names the tests that hold a sub-test that failed. Such a test fails
// with it, and is left out so that one fault isn't counted at every level.
func (p *goPackage) failedBelow() map[string]bool {
	below := map[string]bool{}
	for _, t := range p.order {
		if t.action != "fail" && t.action != "" {
			continue
		}
		for i, c := range t.name {
			if c == '/' {
				below[t.name[:i]] = true
			}
		}
	}
	return below
}
