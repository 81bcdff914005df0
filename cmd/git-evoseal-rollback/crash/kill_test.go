//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
)

// killed kills the command before its k-th call that changes files, for each k until
// it ends by itself.
func (p *prepared) killed(t *testing.T, total *tally) {
	step := stride(t, len(p.calls), 2)
	states := p.sweep(t, 0, step, func(w world, k int) string { return p.killAt(t, w, k) })
	if p.also != "" {
		states += p.killedAlso(t)
	}
	t.Logf("%d calls, killed before %d of them", len(p.calls), states)
	total.count(countedKills, states)
}

// killAt kills the command before its k-th call, and says before which.
func (p *prepared) killAt(t *testing.T, w world, k int) string {
	live, err := w.liveTree()
	if err != nil {
		t.Error(err)
		return ""
	}
	at, err := w.killedAt(k, p.args...)
	if err != nil {
		t.Error(err)
	}
	if at != "" {
		p.judge(w, live, true).report(t, fmt.Sprintf("killed before call %d, %s", k, at))
	}
	return at
}

// killedAlso kills the command before the first call that matches what it shall be killed
// at in every run.
func (p *prepared) killedAlso(t *testing.T) int {
	w, err := p.fresh(filepath.Join(filepath.Dir(p.start.root), "also"))
	if err != nil {
		t.Fatal(err)
	}
	live, err := w.liveTree()
	if err != nil {
		t.Fatal(err)
	}
	also := regexp.MustCompile(p.also)
	at, err := w.killedWhen(func(_ int, c *trace.Call) bool { return also.MatchString(c.String()) }, p.args...)
	if err != nil || at == "" {
		t.Fatalf("no call matches %q (%v)", p.also, err)
	}
	p.judge(w, live, true).report(t, "killed before "+at)
	return 1
}

// killedAt runs a command until its k-th call, and says which that was; nothing, when it
// ended by itself.
func (w world) killedAt(k int, args ...string) (at string, err error) {
	return w.killedWhen(func(n int, _ *trace.Call) bool { return n >= k }, args...)
}

func (w world) killedWhen(when func(n int, c *trace.Call) bool, args ...string) (at string, err error) {
	_, _, err = w.traced(trace.Options{Enter: func(n int, c *trace.Call) trace.Action {
		if at == "" && when(n, c) {
			at = c.String()
		}
		return trace.Action{Kill: at != ""}
	}}, args...)
	return at, err
}

// recovering kills the command, and then kills what mends it: the same command again, and
// doctor, before one call after another.
func (p *prepared) recovering(t *testing.T, total *tally) {
	// Few first kills, spread over the command, and for each of them many second ones.
	few := 4
	if ordinary() {
		few = 1
	}
	states := 0
	for i := range min(few, len(p.calls)) {
		k := (2*i + 1) * len(p.calls) / (2 * few)
		for _, mender := range [][]string{p.args, {"doctor"}} {
			step := stride(t, len(p.calls), 2)
			states += p.sweep(t, i%step%3, step, func(w world, k2 int) string { return p.killAgainAt(t, w, k, k2, mender) })
		}
	}
	t.Logf("%d states after a second kill", states)
	total.count(countedRecovered, states)
}

// killAgainAt kills the command before its k-th call and then the mender before its k2-th,
// and says before which that was. A world that was copied in between would be another: locks
// are known by their inodes.
func (p *prepared) killAgainAt(t *testing.T, w world, k, k2 int, mender []string) string {
	live, err := w.liveTree()
	if err != nil {
		t.Error(err)
		return ""
	}
	first, err := w.killedAt(k, p.args...)
	if err != nil {
		t.Error(err)
		return ""
	}
	at, err := w.killedAt(k2, mender...)
	if err != nil {
		t.Error(err)
	}
	if at == "" {
		return ""
	}
	j := &judgement{p: p, w: w, again: true}
	j.look(live, false)
	j.report(t, fmt.Sprintf("killed before call %d, %s, and then in %q before call %d, %s", k, first, mender, k2, at))
	return at
}
