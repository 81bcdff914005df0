//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestKillSoak runs random commands on one project and kills most of them at random
// times, with nothing between program and kernel. A ledger keeps what was said to be
// done; git, not the program, tells whether it still is.
//
// EVOSEAL_SOAK says for how long, on a project of 10,000 files; without it there are a
// few rounds on a small one. EVOSEAL_SOAK_SEED repeats the order of commands.
func TestKillSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	files, length := 200, time.Duration(0)
	if said := os.Getenv("EVOSEAL_SOAK"); said != "" {
		var err error
		length, err = time.ParseDuration(said)
		must(t, err)
		files = 10_000
	}
	seed := uint64(time.Now().UnixNano())
	if said := os.Getenv("EVOSEAL_SOAK_SEED"); said != "" {
		_, err := fmt.Sscan(said, &seed)
		must(t, err)
	}
	w := newWorld(t, filepath.Join(roomFor(t), "soak"), buildProgram(t))
	s := newSoak(t, w, seed)
	s.fill(files)
	until := time.Now().Add(length)
	report := time.Now().Add(time.Minute)
	for s.rounds < 8 || time.Now().Before(until) {
		s.round()
		if time.Now().After(report) {
			// At once, and not when the test is over.
			fmt.Println(s)
			report = time.Now().Add(time.Minute)
		}
	}
	s.inspect()
	s.clean()
	t.Logf("seed %d: %s", seed, s)
}

type soak struct {
	world
	*books
	t   *testing.T
	lot *rand.Rand
	// took is how long each command took last when it wasn't killed.
	took map[string]time.Duration
	// was is what the target and the tree before it held after the last round, live what
	// the project did.
	was  slots
	live string

	begun                              time.Time
	running, inspecting                time.Duration
	rounds, kills, losses, edits, next int
}

// slots are sums of what the target holds and the tree kept for undo; one that isn't
// there is empty.
type slots struct{ target, previous string }

func newSoak(t *testing.T, w world, seed uint64) *soak {
	return &soak{
		world: w, t: t, lot: rand.New(rand.NewPCG(seed, 0)), books: newBooks(w),
		took: make(map[string]time.Duration), begun: time.Now(),
	}
}

func (s *soak) String() string {
	return fmt.Sprintf("%d rounds, %d killed, %d checkpoints, %d records, %d losses; of %v, %v in commands and %v in inspections",
		s.rounds, s.kills, len(s.versions), len(s.records), s.losses,
		time.Since(s.begun).Round(time.Second), s.running.Round(time.Second), s.inspecting.Round(time.Second))
}

func (s *soak) lossf(format string, args ...any) {
	s.losses++
	s.t.Errorf("round %d: %s", s.rounds, fmt.Sprintf(format, args...))
}

// fill makes the project large.
func (s *soak) fill(files int) {
	for i := range files {
		s.write(s.t, fmt.Sprintf("project/d%02d/e%02d/f%05d", i%20, i/20%20, i), strings.Repeat(fmt.Sprintf("file %d\n", i), i%200))
	}
	s.live = s.held(s.project())
	s.checkpoint(false)
	s.mustRun(s.t, "rollback", "s0")
	s.was = slots{target: s.held(s.target())}
}

// change edits a few files, and adds and removes some.
func (s *soak) change() {
	for range 1 + s.lot.IntN(5) {
		s.edits++
		name := fmt.Sprintf("project/d%02d/e%02d/edit%d", s.lot.IntN(20), s.lot.IntN(20), s.lot.IntN(40))
		s.write(s.t, name, fmt.Sprintf("edit %d\n", s.edits))
		os.Remove(filepath.Join(s.root, fmt.Sprintf("project/d%02d/e%02d/edit%d", s.lot.IntN(20), s.lot.IntN(20), s.lot.IntN(40))))
	}
	s.live = s.held(s.project())
}

// round runs one command, kills it or not, and looks at what that one could harm.
func (s *soak) round() {
	s.rounds++
	killed := s.lot.IntN(10) > 0
	may := []string{s.was.target}
	// The first so many don't come near the target; inspections look there anyway.
	const quiet = 12
	n := s.lot.IntN(32)
	switch {
	case n < 8:
		s.change()
		s.checkpoint(killed)
	case n < 10:
		s.try(killed, "mark", s.anyListed(), []string{"good", "bad"}[s.lot.IntN(2)])
	case n < quiet:
		s.policySet(killed)
	case n < 22:
		may = s.rollback(killed)
	case n < 26:
		may = s.undo(killed)
	case n < 28:
		s.prune(killed)
	default:
		s.try(killed, [][]string{{"gc"}, {"gc", "--prune", "now"}, {"gc", "--aggressive"}, {"doctor"}}[n-28]...)
	}
	if n >= quiet {
		s.looked(may)
	}
	if s.rounds%25 == 0 {
		s.inspect()
	}
}

// rollback returns what the target may hold then.
func (s *soak) rollback(killed bool) []string {
	version := s.anyListed()
	done := s.try(killed, "rollback", "--json", "--force", version)
	may := slices.Clone(s.versions[version].holds)
	if !done {
		may = append(may, s.was.target)
	}
	return may
}

func (s *soak) undo(killed bool) []string {
	done := s.try(killed, "undo", "--json")
	switch {
	case s.was.previous == "":
		// It finishes an exchange that was cut off, and undoes that.
		return nil
	case done:
		return []string{s.was.previous}
	}
	return []string{s.was.target, s.was.previous}
}

// looked compares both slots with what they may hold by now; a target of which nothing is
// said must hold something that was recorded once.
func (s *soak) looked(may []string) {
	now := slots{target: s.held(s.target()), previous: s.held(s.previous())}
	switch {
	case !s.known[now.target]:
		s.lossf("the target holds no version")
	case may != nil && !slices.Contains(may, now.target):
		s.lossf("the target holds neither what it did nor what it should")
	}
	switch now.previous {
	case "", s.was.previous, s.was.target:
	default:
		if s.was.previous != "" || !s.known[now.previous] {
			s.lossf("the tree before the target's is neither the old one nor the new one")
		}
	}
	s.was = now
}

func (s *soak) anyListed() string {
	return s.pick("refs/tags/")
}

// pick takes one of the versions below a prefix of refs; there may be none.
func (s *soak) pick(prefix string) string {
	all := strings.Fields(s.git(s.store(), "for-each-ref", "--format=%(refname)", prefix).out)
	if len(all) == 0 {
		return ""
	}
	return path.Base(all[s.lot.IntN(len(all))])
}

var recordID = regexp.MustCompile(`"id":"([^"]+)"`)

// try runs a command and says whether it ended by itself, and well.
func (s *soak) try(killed bool, args ...string) bool {
	cmd := s.command(args...)
	out, err := os.Create(filepath.Join(s.root, "said"))
	must(s.t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	begun := time.Now()
	must(s.t, cmd.Start())
	if killed {
		usual := max(s.took[args[0]], 20*time.Millisecond)
		kill := time.AfterFunc(time.Duration(s.lot.Int64N(int64(usual)*11/10)), func() { cmd.Process.Kill() })
		defer kill.Stop()
	}
	cmd.Wait()
	s.running += time.Since(begun)
	said, err := os.ReadFile(out.Name())
	must(s.t, err)
	switch {
	case cmd.ProcessState.Success():
		s.took[args[0]] = time.Since(begun)
		if args[0] == "rollback" || args[0] == "undo" {
			s.records[string(recordID.FindSubmatch(said)[1])] = true
		}
		return true
	case cmd.ProcessState.Exited():
		// A rollback that was cut off may have used the previous tree up.
		if args[0] != "undo" || !strings.Contains(string(said), "no previous tree") {
			s.lossf("%v failed: %s: %s", args, cmd.ProcessState, said)
		}
		return false
	}
	s.kills++
	return false
}

// checkpoint records the project as it is, mostly under the next name.
func (s *soak) checkpoint(killed bool) {
	version := fmt.Sprintf("s%d", s.next)
	if s.next == 0 || s.lot.IntN(5) > 0 {
		s.next++
		s.enter(version, s.live, s.try(killed, "checkpoint", version))
		return
	}
	version = s.anyListed()
	s.enter(version, s.live, s.try(killed, "checkpoint", "--force", version))
}

func (s *soak) policySet(killed bool) {
	value := fmt.Sprint(3 + s.lot.IntN(100))
	if s.try(killed, "policy", "set", "rollback.maxAttempts", value) {
		s.attempts = nil
	}
	s.attempts = append(s.attempts, value)
	if got := s.policy("rollback.maxAttempts"); !slices.Contains(s.attempts, got) {
		s.lossf("the policy says %q, not one of %q", got, s.attempts)
	}
}

// prune lets versions go, so that there aren't more and more, or brings one back.
func (s *soak) prune(killed bool) {
	if version := s.pick("refs/evoseal/pruned/"); version != "" && s.lot.IntN(2) == 0 && !s.listed(version) {
		s.try(killed, "prune", "restore", version)
		return
	}
	s.try(killed, "prune", "--keep-last", "30")
}
