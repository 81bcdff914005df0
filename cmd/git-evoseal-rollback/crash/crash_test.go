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
)

// TestEachCommand does to each command what crashes do: it is killed before each of
// its calls that change files, and killed again while that is mended, each of them is
// made to fail in each way, and power is cut after each, with all that a file system may
// lose then.
//
// EVOSEAL_CRASH=all tries every call, a number every so many; without it a few calls of
// a few commands are tried.
func TestEachCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	f := newFixtures(t)
	var total tally
	for _, c := range commands() {
		if ordinary() && !c.often {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			p := f.prepare(c)
			total.count(countedCalls, len(p.calls))
			t.Run("killed", func(t *testing.T) { p.killed(t, &total) })
			t.Run("recovering", func(t *testing.T) { p.recovering(t, &total) })
			t.Run("failing", func(t *testing.T) { p.failing(t, &total) })
			t.Run("power", func(t *testing.T) { p.powerless(t, f.dir, &total) })
		})
	}
	t.Logf("in all:\n%s", &total)
}

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

func (j *judgement) report(t *testing.T, what string) {
	t.Helper()
	if len(j.wrong) > 0 {
		t.Errorf("%s, %s:\n\t%s", j.p.name, what, strings.ReplaceAll(strings.Join(j.wrong, "\n"), "\n", "\n\t"))
	}
}
