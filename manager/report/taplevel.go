package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// tapLevel is one stream: the whole, or the sub-tests of a test.
type tapLevel struct {
	// planned is -1 until there is a plan, late says that tests came before it.
	planned int
	late    bool
	// skipped is why the plan is of no tests at all.
	skipped string
	// points counts the test points, numbers holds their numbers.
	points, last int
	numbers      map[int]bool
	// results are the tests, sub-tests included.
	results []*tapResult
	// orphans are sub-tests whose test point is still to come.
	orphans []*tapResult
	// braced says that the stream is in braces and belongs to the last test point
	// of the stream around it.
	braced bool
}

// tapResult is a test point.
type tapResult struct {
	name string
	// status is empty where sub-tests say all that there is to say.
	status  verdict.Status
	message []byte
	took    time.Duration
	// excused says that the point is skipped or to do, and its sub-tests with it.
	excused bool
}

func newLevel(braced bool) *tapLevel {
	return &tapLevel{planned: -1, numbers: map[int]bool{}, braced: braced}
}

func (t *tapReader) push(braced bool) error {
	if len(t.levels) >= t.depth {
		return brokenf("line %d: sub-tests are nested more than %d deep", t.lines.number, t.depth)
	}
	t.levels = append(t.levels, newLevel(braced))
	return nil
}

// level opens and closes streams until depth of them stand around the line.
func (t *tapReader) level(depth int) error {
	for len(t.levels)-1 > depth {
		if t.top().braced {
			t.say("sub-tests in braces have no end")
		}
		t.pop()
	}
	for len(t.levels)-1 < depth {
		if err := t.push(false); err != nil {
			return err
		}
	}
	return nil
}

// pop closes the innermost stream. Its tests wait for the test point that they
// belong to, which in braces came before.
func (t *tapReader) pop() {
	l := t.top()
	t.levels = t.levels[:len(t.levels)-1]
	parent := t.top()
	var owner *tapResult
	name := "sub-tests"
	if l.braced {
		owner = parent.results[len(parent.results)-1]
		name = "sub-tests of " + shown(owner.name)
	}
	t.check(l, name)
	if len(l.orphans) > 0 {
		t.say("%s belong to no test", name)
	}
	parent.orphans = append(parent.orphans, append(l.results, l.orphans...)...)
	if owner != nil {
		t.adopt(parent, owner)
		t.latest = owner
	}
}

// adopt gives a test the sub-tests that wait. A test that fails only with a
// sub-test is left out, so that one fault isn't counted at every level; those of
// a test that is skipped or to do may fail.
func (t *tapReader) adopt(l *tapLevel, owner *tapResult) {
	failed := func(r *tapResult) bool { return r.status == verdict.Failed }
	for _, r := range l.orphans {
		r.name = bounded(owner.name + "/" + r.name)
		if owner.excused && failed(r) {
			r.status = verdict.Skipped
		}
	}
	if failed(owner) && slices.ContainsFunc(l.orphans, failed) {
		owner.status = ""
	}
	l.results = append(l.results, l.orphans...)
	l.orphans = nil
}

// check compares a stream's plan with its test points. An empty name is the whole
// file.
func (t *tapReader) check(l *tapLevel, name string) {
	of := ""
	if name != "" {
		of = " in " + name
	}
	switch {
	case l.planned < 0:
		t.say("there is no plan%s, so tests may be missing", of)
	case l.planned < l.points:
		t.say("%d tests were planned%s and %d ran", l.planned, of, l.points)
	case l.planned > l.points:
		t.say("%d tests were planned%s and only %d ran", l.planned, of, l.points)
	}
}

// plan takes "1..N", first or last in its stream.
func (t *tapReader) plan(text string) {
	l := t.top()
	count, comment, _ := strings.Cut(text[len("1.."):], "#")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	switch {
	case err != nil:
		t.say("%s is no plan", shown(text))
		return
	case l.planned >= 0:
		t.say("there is a second plan")
		return
	}
	l.planned, l.late = n, l.points > 0
	if word, reason := tapDirective(comment); n == 0 && word == "SKIP" {
		l.skipped = "skipped: " + reason
	}
}

// point takes a test point.
func (t *tapReader) point(text string) error {
	if err := t.hold(); err != nil {
		return err
	}
	l := t.top()
	rest, failed := strings.CutPrefix(text, "not")
	rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest), "ok"))
	number, rest := tapNumber(rest)
	if number == 0 {
		number = l.last + 1
	}
	if l.numbers[number] {
		t.say("test %d appears twice", number)
	}
	if l.late {
		t.say("test %d comes after the plan that ended the tests", number)
		l.late = false
	}
	if l.planned >= 0 && number > l.planned && !l.numbers[number] {
		t.say("test %d is beyond the plan of %d", number, l.planned)
	}
	l.numbers[number], l.last = true, number
	l.points++
	r := newTAPResult(rest, failed)
	if r.name == "" {
		r.name = fmt.Sprintf("test %d", number)
	}
	t.adopt(l, r)
	l.results = append(l.results, r)
	t.latest, t.fresh = r, true
	if strings.HasSuffix(rest, "{") {
		t.brace = r
	}
	return nil
}
