//go:build linux && (amd64 || arm64)

package crash

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// ledger keeps what processes were told.
type ledger struct {
	mu sync.Mutex
	// commits are those that were recorded under each name, in the order of hearing.
	commits map[string][]string
	// lasting are the names that nobody prunes.
	lasting []string
	// pruned are those of which a prune said that they go.
	pruned map[string]bool
	// records, verdicts, policies and tokens are the ids that were told, by what told them.
	records, verdicts, policies, tokens map[string]string
	losses                              atomic.Int64
}

func newLedger() *ledger {
	l := &ledger{commits: map[string][]string{}, pruned: map[string]bool{}}
	for _, m := range []*map[string]string{&l.records, &l.verdicts, &l.policies, &l.tokens} {
		*m = make(map[string]string)
	}
	return l
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d names, %d records, %d verdicts, %d policies, %d tokens, %d losses",
		len(l.commits), len(l.records), len(l.verdicts), len(l.policies), len(l.tokens), l.losses.Load())
}

// anyVersion is one that stays.
func (l *ledger) anyVersion(lot *rand.Rand) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.lasting); lot.IntN(2) == 0 && n > 10 {
		// The newest are what people go back to most.
		return l.lasting[n-1-lot.IntN(10)]
	}
	return l.lasting[lot.IntN(len(l.lasting))]
}

func (l *ledger) checkpoint(out string) error {
	var c struct{ Version, Commit string }
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		return err
	}
	if c.Version == "" || c.Commit == "" {
		return fmt.Errorf("no version or commit")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.commits[c.Version]) == 0 && strings.HasPrefix(c.Version, "w") {
		l.lasting = append(l.lasting, c.Version)
	}
	l.commits[c.Version] = append(l.commits[c.Version], c.Commit)
	return nil
}

func keepCheckpoint(l *ledger, _ []string, out string) error { return l.checkpoint(out) }

// keep notes an id that nobody else may have been told.
func (l *ledger) keep(in map[string]string, id string, args []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == "" {
		return fmt.Errorf("no id")
	}
	if by, known := in[id]; known {
		return fmt.Errorf("%s was told before, by %s", id, by)
	}
	in[id] = strings.Join(args, " ")
	return nil
}

func keepRecord(l *ledger, args []string, out string) error {
	var c struct{ ID string }
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		return err
	}
	return l.keep(l.records, c.ID, args)
}

func keepVerdict(l *ledger, args []string, out string) error {
	var c struct {
		ID       string
		Standing struct{ ID string }
		Rollback *struct{ ID string }
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		return err
	}
	if c.Rollback != nil {
		if err := l.keep(l.records, c.Rollback.ID, args); err != nil {
			return err
		}
	}
	if c.ID == "" {
		// A mark tells how the version stands now, which may be by another's of the same
		// moment: then it is kept twice.
		l.mu.Lock()
		by, known := l.verdicts[c.Standing.ID]
		l.mu.Unlock()
		if known && strings.Contains(by, " mark ") {
			return nil
		}
		c.ID = c.Standing.ID
	}
	return l.keep(l.verdicts, c.ID, args)
}

func keepPolicy(l *ledger, args []string, out string) error {
	var c struct{ Commit string }
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		return err
	}
	return l.keep(l.policies, c.Commit, args)
}

func keepToken(l *ledger, args []string, out string) error {
	var c struct{ ID string }
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		return err
	}
	return l.keep(l.tokens, c.ID, args)
}

func keepPruned(l *ledger, _ []string, out string) error {
	for line := range strings.Lines(out) {
		var c struct {
			Type, Version string
			Keep          bool
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return err
		}
		if c.Type == "checkpoint" && !c.Keep {
			l.mu.Lock()
			l.pruned[c.Version] = true
			l.mu.Unlock()
		}
	}
	return nil
}

// stands compares what was told with the refs that there are: each checkpoint has the
// commit that it was said to have, or a later one took its name and it can still be
// reached. What was pruned has given its name away.
func (l *ledger) stands(refs map[string]string) (lost []string) {
	for _, version := range slices.Sorted(maps.Keys(l.commits)) {
		told := l.commits[version]
		now, there := refs["refs/tags/"+version]
		switch {
		case !there && !l.pruned[version]:
			lost = append(lost, version+" is gone, and nobody pruned it")
		case there && !slices.Contains(told, now) && !l.pruned[version]:
			lost = append(lost, fmt.Sprintf("%s is %s, and nobody was told so", version, now))
		}
		for _, commit := range told {
			if _, kept := refs["refs/evoseal/replaced/"+commit]; commit != now && !kept && there && !l.pruned[version] {
				lost = append(lost, fmt.Sprintf("%s of %s is nowhere", commit, version))
			}
		}
	}
	return lost
}
