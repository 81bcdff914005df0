package report

import (
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// log takes a line of pytest-reportlog.
func (p *pytestReader) log(o pytestObject) error {
	switch o.kind {
	case "SessionFinish":
		if p.exit >= 0 {
			p.problems.add("line %d: the session ends twice", p.walk.source.line)
		}
		p.exit = max(o.exit, 0)
		if o.exit < 0 {
			p.problems.add("line %d: the session's end has no exit status", p.walk.source.line)
		}
	case "CollectReport":
		return p.collection(o)
	}
	// Plugins write phases of their own, such as SubTestReport.
	if strings.HasSuffix(strings.ToLower(o.kind), "testreport") {
		return p.phase(o)
	}
	return nil
}

// phase takes the set-up, the call or the tear-down of a test. Runs that are to
// be repeated end before their tear-down; the next run begins with a set-up.
func (p *pytestReader) phase(o pytestObject) error {
	id := bounded(o.nodeid)
	t := p.open[id]
	if t == nil {
		if err := p.hold(); err != nil {
			return err
		}
		t = &pytestTest{}
		p.open[id] = t
	}
	t.took += o.duration
	switch status := phaseStatus(o); {
	case o.outcome == "rerun":
		t.retries++
		t.status, t.message = "", o.message
	case status == "":
		p.problems.add("line %d: the outcome %s isn't known", p.walk.source.line, shown(o.outcome))
		t.status = verdict.Errored
	case status == verdict.Passed && o.when != "call":
		// That a test was set up says nothing of it yet.
	case worse(status, t.status):
		t.status = status
		if status != verdict.Passed || t.retries == 0 {
			t.message = o.message
		}
	}
	if o.when != "teardown" || o.outcome == "rerun" {
		return nil
	}
	delete(p.open, id)
	if t.status == "" {
		t.status, t.message = verdict.Errored, "it was set up and never called"
	}
	p.addHeld(t.test(id))
	return nil
}

func (t *pytestTest) test(id string) verdict.Test {
	return verdict.Test{Name: id, Status: t.status, Retries: t.retries, Took: seconds(t.took), Message: t.message}
}

// phaseStatus is what a phase makes of its test. An error outside the call is no
// failure of what is tested, but the test showed nothing.
func phaseStatus(o pytestObject) verdict.Status {
	switch o.outcome {
	case "passed":
		return verdict.Passed
	case "skipped":
		return verdict.Skipped
	case "failed":
		if o.when == "call" {
			return verdict.Failed
		}
		return verdict.Errored
	case "error":
		return verdict.Errored
	}
	return ""
}

// worse says whether a phase's status outranks that of the phases before.
func worse(now, before verdict.Status) bool {
	order := []verdict.Status{"", verdict.Passed, verdict.Skipped, verdict.Errored, verdict.Failed}
	return slices.Index(order, now) > slices.Index(order, before)
}

// finish takes the tests that never ended.
func (p *pytestReader) finish() {
	ids := make([]string, 0, len(p.open))
	for id := range p.open {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		t := p.open[id].test(id)
		if t.Status != verdict.Failed {
			t.Status = verdict.Errored
			t.Message = cut("it began and never ended\n"+t.Message, maxMessage)
		}
		p.addHeld(t)
	}
	clear(p.open)
}
