//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
)

// stride is how many calls lie between two that are tried: as EVOSEAL_CRASH says, or
// so that few are tried.
func stride(t *testing.T, calls, few int) int {
	t.Helper()
	switch said := os.Getenv("EVOSEAL_CRASH"); said {
	case "":
		return max(1, (calls+few-1)/few)
	case "all":
		return 1
	default:
		n, err := strconv.Atoi(said)
		if err != nil || n < 1 {
			t.Fatalf("EVOSEAL_CRASH is %q, neither all nor a number", said)
		}
		return n
	}
}

// ordinary says that this is one test among many, which shall take seconds.
func ordinary() bool { return os.Getenv("EVOSEAL_CRASH") == "" }

// atOnce is how many worlds are at work.
const atOnce = 2

// TestKilledBeforeEachCall kills each command before its k-th call that changes
// files, for each k until it ends by itself.
func TestKilledBeforeEachCall(t *testing.T) {
	f := newFixtures(t)
	total := 0
	for _, c := range commands() {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			p := f.prepare(c)
			step := stride(t, len(p.calls), 2)
			states := p.sweep(t, 0, step, func(w world, k int) string { return p.killAt(t, w, k) })
			t.Logf("%d calls, killed before %d of them", len(p.calls), states)
			total += states
		})
	}
	t.Logf("%d states", total)
}

// sweep calls try with a fresh world for from, from+step, from+2*step, … until it returns nothing,
// which says that the command was done before that call. It returns how many there were.
func (p *prepared) sweep(t *testing.T, from, step int, try func(w world, k int) string) int {
	var at, tried atomic.Int64
	var past atomic.Bool
	var wg sync.WaitGroup
	for i := range atOnce {
		root := filepath.Join(filepath.Dir(p.start.root), fmt.Sprintf("at-work-%d", i))
		wg.Go(func() {
			for !past.Load() {
				k := from + int(at.Add(1)-1)*step
				w, err := p.fresh(root)
				if err != nil {
					t.Error(err)
					return
				}
				if try(w, k) == "" {
					past.Store(true)
					continue
				}
				tried.Add(1)
			}
		})
	}
	wg.Wait()
	return int(tried.Load())
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

func (j *judgement) report(t *testing.T, what string) {
	t.Helper()
	if len(j.wrong) > 0 {
		t.Errorf("%s, %s:\n\t%s", j.p.name, what, strings.ReplaceAll(strings.Join(j.wrong, "\n"), "\n", "\n\t"))
	}
}
