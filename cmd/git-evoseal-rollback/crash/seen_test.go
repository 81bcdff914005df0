//go:build linux && (amd64 || arm64)

package crash

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// seen is what can be seen of a world from outside, by name. A command changes some
// of it; whatever becomes of the command, each of these has its old or its new value.
type seen map[string]string

const (
	seenTarget   = "target"
	seenPrevious = "previous"
	seenOther    = "other"
)

// slots looks at target and previous tree without starting anything.
func (w world) slots(s seen) error {
	for name, dir := range map[string]string{seenTarget: w.target(), seenPrevious: w.previous(), seenOther: w.other()} {
		t, err := slotTree(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s[name] = t.sum()
	}
	return nil
}

// see asks the program, and git, how things stand.
func (w world) see() (seen, error) {
	s := make(seen)
	if err := w.slots(s); err != nil {
		return nil, err
	}
	if _, err := os.Stat(w.store()); err != nil {
		return s, nil
	}
	s["store"] = "there"
	for _, args := range [][]string{
		{"list"}, {"prune", "list"}, {"hooks", "status"}, {"policy", "get"}, {"token", "list"}, {"history", "-n", "0"},
	} {
		got := w.run(append(args, "--json")...)
		if got.code != 0 {
			return nil, fmt.Errorf("%s: %v", args, got)
		}
		if err := s.take(args[0], got.out); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", args, got.out, err)
		}
	}
	refs := w.git(w.store(), "for-each-ref", "--format=%(refname)")
	if refs.code != 0 || refs.err != "" {
		return nil, fmt.Errorf("for-each-ref: %v", refs)
	}
	for ref := range strings.Lines(refs.out) {
		s["ref "+digits.ReplaceAllString(strings.TrimSpace(ref), "0")] = "there"
	}
	return s, nil
}

// take adds what a command says in JSON.
func (s seen) take(command, out string) error {
	s[command] = fmt.Sprint(strings.Count(out, "\n"))
	if command == "policy" {
		s[command] = out
		return nil
	}
	for line := range strings.Lines(out) {
		var c struct {
			Version, Tree, Hook, State string
			Standing                   struct{ State string }
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return err
		}
		switch {
		case c.Version != "" && command != "history":
			s[command+" "+c.Version] = c.Tree
			s["standing "+c.Version] = c.Standing.State
		case c.Hook != "":
			s["hook "+c.Hook] = c.State
		}
	}
	if command != "token" && command != "history" {
		// Each line counts for itself.
		delete(s, command)
	}
	return nil
}

var digits = regexp.MustCompile(`[0-9a-f]{40}|[0-9]+(T[0-9.]+)?(-[0-9a-f]+)?`)

// lists says whether there is any checkpoint.
func (s seen) lists() bool {
	for name := range s {
		if strings.HasPrefix(name, "list ") {
			return true
		}
	}
	return false
}

// between lists what has neither its old nor its new value. A command that may have run
// again may have added as much once more.
func (s seen) between(old, new seen, again bool) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(s.and(old).and(new))) {
		got := s[name]
		switch {
		case got == old[name], got == new[name], name == seenPrevious && got == "":
		case name == "history" && count(old[name]) < count(got) && count(got) < count(new[name]):
			// A command of several records was cut off between them.
		case strings.HasPrefix(name, "standing ") && got == "unknown":
			// It was cut off between recording and judging.
		case again && (name == "history" || name == "token") && count(got)-count(new[name]) <= count(new[name])-count(old[name]):
		default:
			wrong = append(wrong, fmt.Sprintf("%s is %q, neither %q nor %q", name, got, old[name], new[name]))
		}
	}
	return wrong
}

func count(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// missing lists what hasn't its new value.
func (s seen) missing(new seen) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(s.and(new))) {
		if s[name] != new[name] {
			wrong = append(wrong, fmt.Sprintf("%s is %q, not %q", name, s[name], new[name]))
		}
	}
	return wrong
}

func (s seen) and(o seen) seen {
	all := maps.Clone(s)
	maps.Copy(all, o)
	return all
}
