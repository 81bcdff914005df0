//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
)

// killed kills the command before its k-th call that changes files, for each k until
// it ends by itself.
func (p *prepared) killed(t *testing.T, total *tally) {
	step := stride(t, len(p.calls), 2)
	states := p.sweep(t, 0, step, func(w world, k int) string { return p.killAt(t, w, k) })
	t.Logf("%d calls, killed before %d of them", len(p.calls), states)
	total.kills.Add(int64(states))
}

// killAt kills the command before its k-th call, and says before which.
func (p *prepared) killAt(t *testing.T, w world, k int) string {
	live, err := w.liveTree()
	if err != nil {
		t.Error(err)
		return ""
	}
	at := ""
	_, _, err = w.traced(trace.Options{Enter: func(n int, c *trace.Call) trace.Action {
		if n == k {
			at = c.String()
		}
		return trace.Action{Kill: n >= k}
	}}, p.args...)
	if err != nil {
		t.Error(err)
		return ""
	}
	if at == "" {
		return ""
	}
	j := p.judge(w, live, true)
	j.report(t, fmt.Sprintf("killed before call %d, %s", k, at))
	return at
}
