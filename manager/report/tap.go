package report

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// tapReader reads the Test Anything Protocol: versions 12 to 14, with sub-tests
// indented by four spaces before the test point that sums them up, or in braces
// after it.
type tapReader struct {
	*collector
	lines *lines
	// levels are the streams that are open, the whole file's first.
	levels []*tapLevel
	strict bool
	// latest is the test point that diagnostics belong to, and fresh says that
	// nothing stood between it and the present line.
	latest *tapResult
	fresh  bool
	// brace is a test point that ends in a brace. Only the line after it tells
	// whether that opens sub-tests or belongs to the name.
	brace *tapResult
	// yaml is how far the present block of diagnostics is indented, or -1.
	yaml int
}

func readTAP(r io.Reader, c *collector) error {
	t := &tapReader{collector: c, lines: newLines(r), yaml: -1, levels: []*tapLevel{newLevel(false)}}
	var err error
	for err == nil {
		var line []byte
		if line, err = t.lines.next(); err == nil {
			err = t.line(string(line))
		}
	}
	if errors.Is(err, io.EOF) {
		t.atEnd()
		err = nil
	}
	t.finish()
	return err
}

func (t *tapReader) top() *tapLevel { return t.levels[len(t.levels)-1] }

func (t *tapReader) say(format string, args ...any) {
	t.problems.add("line "+strconv.Itoa(t.lines.number)+": "+format, args...)
}

// line takes a line of any kind.
func (t *tapReader) line(line string) error {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	text = strings.TrimRight(text, " \t")
	if t.yaml >= 0 && t.diagnostics(text, indent) || text == "" {
		return nil
	}
	depth := indent / 4
	kind := tapKindOf(text)
	if err := t.openBrace(kind, depth); err != nil {
		return err
	}
	fresh := t.fresh
	t.fresh = false
	switch {
	case kind == tapComment:
		t.comment(text)
		return nil
	case kind == tapBail:
		// What would have followed isn't known, so what passed proves little.
		t.say("the tests bailed out: %s", cut(strings.TrimSpace(text[len("bail out!"):]), maxShown))
		return nil
	case kind == tapYAML && fresh && indent > 4*(len(t.levels)-1):
		t.yaml = indent
		return nil
	case kind == tapOpen && len(t.top().results) > 0 && depth == len(t.levels)-1:
		return t.push(true)
	case kind == tapClose && t.top().braced && depth == len(t.levels)-2:
		t.pop()
		t.fresh = true
		return nil
	case kind == tapOther, kind == tapYAML, kind == tapOpen, kind == tapClose, indent%4 != 0:
		t.other(text, indent)
		return nil
	}
	if err := t.level(depth); err != nil {
		return err
	}
	return t.element(kind, text)
}

// other takes a line that is no TAP. Some runners explain a failure in such lines.
func (t *tapReader) other(text string, indent int) {
	switch {
	case t.strict:
		t.say("%s is no TAP", shown(text))
	case indent > 0 && t.latest != nil:
		t.explain(text)
	}
}

// element takes a line that says something of the stream that it stands in.
func (t *tapReader) element(kind tapKind, text string) error {
	switch kind {
	case tapPlan:
		t.plan(text)
	case tapPoint:
		return t.point(text)
	case tapPragma:
		t.strict = strings.Contains(text, "+strict") || t.strict && !strings.Contains(text, "-strict")
	case tapVersion:
		if len(t.levels) == 1 && (t.top().planned >= 0 || t.top().points > 0) {
			t.say("another report begins; give each a file of its own")
		}
	}
	return nil
}

// diagnostics takes a line while a block of YAML is open, and says whether it
// belongs to the block.
func (t *tapReader) diagnostics(text string, indent int) bool {
	switch {
	case text == "":
		return true
	case text == "..." && indent == t.yaml:
		t.yaml = -1
		return true
	case indent < t.yaml:
		t.say("diagnostics have no end")
		t.yaml = -1
		return false
	}
	if ms, ok := strings.CutPrefix(text, "duration_ms:"); ok {
		if x, err := strconv.ParseFloat(strings.TrimSpace(ms), 64); err == nil {
			t.latest.took = seconds(x / 1000)
		}
		return true
	}
	t.explain(text)
	return true
}

// comment takes a line of comment as part of what a failed test says.
func (t *tapReader) comment(text string) {
	if t.latest != nil && !strings.HasPrefix(text, "# Subtest:") {
		t.explain(strings.TrimSpace(strings.TrimLeft(text, "#")))
	}
}

func (t *tapReader) explain(text string) {
	if t.latest.status == verdict.Failed && text != "" {
		t.latest.message = appendUpTo(t.latest.message, text+"\n", maxMessage)
	}
}

// openBrace decides on a brace at the end of the line before.
func (t *tapReader) openBrace(kind tapKind, depth int) error {
	brace := t.brace
	t.brace = nil
	if brace == nil {
		return nil
	}
	inside := depth == len(t.levels) && kind != tapOther && kind != tapComment
	if inside || kind == tapClose && depth == len(t.levels)-1 {
		brace.name = strings.TrimSpace(strings.TrimSuffix(brace.name, "{"))
		brace.trimTime()
		return t.push(true)
	}
	return nil
}

// atEnd says what is open where the file ends.
func (t *tapReader) atEnd() {
	switch {
	case t.yaml >= 0:
		t.say("it ends within diagnostics")
	case !t.lines.ended:
		t.say("it ends in the middle of a line")
	case t.brace != nil, len(t.levels) > 1:
		t.say("it ends within sub-tests")
	}
	for len(t.levels) > 1 {
		t.pop()
	}
	root := t.levels[0]
	if root.planned < 0 && root.points == 0 {
		t.problems.add("it holds neither a plan nor a test")
		return
	}
	t.check(root, "")
	if len(root.orphans) > 0 {
		t.say("sub-tests belong to no test")
	}
}

// finish hands over the tests, also where reading ended early.
func (t *tapReader) finish() {
	for len(t.levels) > 1 {
		l := t.top()
		t.levels = t.levels[:len(t.levels)-1]
		t.top().orphans = append(t.top().orphans, append(l.results, l.orphans...)...)
	}
	root := t.levels[0]
	for _, r := range append(root.results, root.orphans...) {
		if r.status == "" {
			t.held--
			continue
		}
		t.addHeld(verdict.Test{Name: r.name, Status: r.status, Message: string(r.message), Took: r.took})
	}
	if root.skipped != "" && len(t.tests) == 0 {
		t.tests = append(t.tests, verdict.Test{Name: "(all tests)", Status: verdict.Skipped, Message: cut(root.skipped, maxMessage)})
	}
}
