//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// codeBusy is the exit code of who waited for another process in vain.
const codeBusy = 11

// raceTally counts how commands ended.
type raceTally struct {
	mu      sync.Mutex
	total   int
	byCode  map[int]int
	byName  map[string]map[int]int
	busy    map[string]int
	peers   map[string]map[int]int
	longest time.Duration
	slowest string
}

func newRaceTally() *raceTally {
	return &raceTally{byCode: map[int]int{}, byName: map[string]map[int]int{}, busy: map[string]int{}, peers: map[string]map[int]int{}}
}

func (c *raceTally) add(name string, code int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.byCode[code]++
	if c.byName[name] == nil {
		c.byName[name] = map[int]int{}
	}
	c.byName[name][code]++
	if took > c.longest {
		c.longest, c.slowest = took, name
	}
}

func (c *raceTally) peer(name string, code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.peers[name] == nil {
		c.peers[name] = map[int]int{}
	}
	c.peers[name][code]++
}

var varying = regexp.MustCompile(`[0-9a-f]{8,}|[0-9]+`)

// busyWith keeps what was said to be in the way.
func (c *raceTally) busyWith(s said) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, message, _ := strings.Cut(s.out+s.err, `"message":"`)
	message, _, _ = strings.Cut(message, `"`)
	c.busy[varying.ReplaceAllString(message, "N")]++
}

func (c *raceTally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%d commands, by exit code %v, the longest took %v (%s)", c.total, c.byCode, c.longest.Round(time.Millisecond), c.slowest)
}

// details tells all of it.
func (c *raceTally) details() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, all := range []map[string]map[int]int{c.byName, c.peers} {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(&b, "%-28s %v\n", name, all[name])
		}
	}
	for _, message := range slices.Sorted(maps.Keys(c.busy)) {
		fmt.Fprintf(&b, "busy %d times: %s\n", c.busy[message], message)
	}
	return b.String()
}
