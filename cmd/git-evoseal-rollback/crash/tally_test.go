//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// tally counts what was done to commands, and what became of them.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

// What is counted besides errors and models, which have names of their own.
const (
	countedCalls     = "calls in undisturbed runs"
	countedKills     = "states after a kill"
	countedRecovered = "states after a kill and another one while that was mended"
	countedFailed    = "commands that failed by that"
	countedSurvived  = "commands that were done all the same"
	countedLocks     = "locks to be removed by hand"
	countedFaults    = "calls made to fail"
	countedCuts      = "states after a power cut"
)

func (n *tally) count(what string, times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.counts == nil {
		n.counts = make(map[string]int)
	}
	n.counts[what] += times
}

func (n *tally) add(o *tally) {
	for what, times := range o.counts {
		n.count(what, times)
	}
}

// of is how often something was counted, in all its kinds.
func (n *tally) of(what string) (sum int) {
	for kind, times := range n.counts {
		if kind == what || strings.HasPrefix(kind, what+", ") {
			sum += times
		}
	}
	return sum
}

func (n *tally) String() string {
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(n.counts)) {
		lines = append(lines, fmt.Sprintf("%7d %s", n.counts[what], what))
	}
	return strings.Join(append(lines, fmt.Sprintf("%7d %s", n.of(countedFaults), countedFaults), fmt.Sprintf("%7d %s", n.of(countedCuts), countedCuts)), "\n")
}
