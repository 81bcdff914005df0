//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	s := &soak{world: w, t: t, lot: rand.New(rand.NewPCG(seed, 0)), ledger: make(map[string]string), took: make(map[string]time.Duration)}
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
	t   *testing.T
	lot *rand.Rand
	// ledger holds the versions that were said to be recorded, and what they hold.
	ledger map[string]string
	// doubtful are versions whose recording was killed.
	doubtful map[string]string
	// records is how many were said to be in the history, or were seen there.
	records int
	// took is how long each command took last when it wasn't killed.
	took map[string]time.Duration

	rounds, kills, losses, edits, next int
}

func (s *soak) String() string {
	return fmt.Sprintf("%d rounds, %d killed, %d checkpoints, %d records, %d losses", s.rounds, s.kills, len(s.ledger), s.records, s.losses)
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
	s.doubtful = make(map[string]string)
	s.checkpoint(false)
	s.mustRun(s.t, "rollback", "s0")
}

// change edits a few files, and adds and removes some.
func (s *soak) change() {
	for range 1 + s.lot.IntN(5) {
		s.edits++
		name := fmt.Sprintf("project/d%02d/e%02d/edit%d", s.lot.IntN(20), s.lot.IntN(20), s.lot.IntN(40))
		s.write(s.t, name, fmt.Sprintf("edit %d\n", s.edits))
		os.Remove(filepath.Join(s.root, fmt.Sprintf("project/d%02d/e%02d/edit%d", s.lot.IntN(20), s.lot.IntN(20), s.lot.IntN(40))))
	}
}

// round runs one command, kills it or not, and looks at what that one could harm.
func (s *soak) round() {
	s.rounds++
	killed := s.lot.IntN(10) > 0
	switch s.lot.IntN(8) {
	case 0, 1:
		s.change()
		s.checkpoint(killed)
	case 2, 3, 4:
		s.try(killed, true, "rollback", "--force", s.anyVersion())
		s.target()
	case 5:
		s.try(killed, true, "undo")
		s.target()
	case 6:
		s.try(killed, true, "mark", s.anyVersion(), []string{"good", "bad"}[s.lot.IntN(2)])
	case 7:
		s.try(killed, true, "policy", "set", "rollback.maxAttempts", fmt.Sprint(3+s.lot.IntN(100)))
	}
	if s.rounds%20 == 0 {
		s.inspect()
	}
}

func (s *soak) anyVersion() string {
	all := slices.Sorted(maps.Keys(s.ledger))
	return all[s.lot.IntN(len(all))]
}

// try runs a command and says whether it ended by itself, and well.
func (s *soak) try(killed, recorded bool, args ...string) bool {
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
	switch {
	case cmd.ProcessState.Success():
		s.took[args[0]] = time.Since(begun)
		if recorded && args[0] != "policy" && args[0] != "mark" {
			s.records++
		}
		return true
	case cmd.ProcessState.Exited():
		said, _ := os.ReadFile(out.Name())
		// A rollback that was cut off may have used the previous tree up.
		if args[0] != "undo" || !strings.Contains(string(said), "no previous tree") {
			s.lossf("%v failed: %s: %s", args, cmd.ProcessState, said)
		}
		return false
	}
	s.kills++
	return false
}

// checkpoint records the project as it is, under the next name.
func (s *soak) checkpoint(killed bool) {
	version := fmt.Sprintf("s%d", s.next)
	s.next++
	holds := s.hashed(s.project())
	if s.try(killed, false, "checkpoint", version) {
		s.ledger[version] = holds
	} else {
		s.doubtful[version] = holds
	}
}

// hashed asks git what blobs the files of a directory are.
func (s *soak) hashed(dir string) string {
	var paths, lines []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case rel == ".git" || rel == ".evoseal":
			if d.IsDir() {
				return filepath.SkipDir
			}
		case d.Type().IsRegular() && !strings.HasSuffix(rel, ".log"):
			paths = append(paths, rel)
		}
		return nil
	})
	must(s.t, err)
	cmd := s.gitCommand(dir, "hash-object", "--no-filters", "--stdin-paths")
	cmd.Stdin = strings.NewReader(strings.Join(paths, "\n") + "\n")
	said := ended(cmd)
	ids := strings.Fields(said.out)
	if said.code != 0 || len(ids) != len(paths) {
		s.t.Fatalf("hash-object: %v", said)
	}
	for i, path := range paths {
		lines = append(lines, ids[i]+"\t"+path)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// recorded asks git what blobs a checkpoint holds.
func (s *soak) recorded(version string) (string, error) {
	said := s.git(s.store(), "ls-tree", "-r", "refs/tags/"+version)
	if said.code != 0 {
		return "", fmt.Errorf("%v", said)
	}
	var lines []string
	for line := range strings.Lines(said.out) {
		meta, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		fields := strings.Fields(meta)
		if fields[0] != "120000" {
			lines = append(lines, fields[2]+"\t"+path)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

// target must hold some version, all of it.
func (s *soak) target() {
	holds := s.hashed(s.world.target())
	for _, all := range []map[string]string{s.ledger, s.doubtful} {
		for _, other := range all {
			if other == holds {
				return
			}
		}
	}
	s.lossf("the target holds no version: %d files", strings.Count(holds, "\n")+1)
}

// inspect compares the whole store with the ledger.
func (s *soak) inspect() {
	if said := s.git(s.store(), "fsck", "--strict", "--no-dangling"); said.code != 0 || strings.Contains(said.err, "error") {
		s.lossf("git fsck: %v", said)
	}
	for version, holds := range s.doubtful {
		if now, err := s.recorded(version); err == nil {
			if now != holds {
				s.lossf("%s, killed while it was recorded, holds something else", version)
			}
			s.ledger[version] = holds
			delete(s.doubtful, version)
		}
	}
	for version, holds := range s.ledger {
		if now, err := s.recorded(version); err != nil || now != holds {
			s.lossf("%s is lost: %v", version, err)
		}
	}
	for _, args := range [][]string{{"verify", "--all"}, {"history", "verify"}} {
		if said := s.run(args...); said.code != 0 {
			s.lossf("%v: %v", args, said)
		}
	}
	if n := strings.Count(s.run("history", "--json", "-n", "0").out, "\n"); n < s.records {
		s.lossf("%d records, of %d that were said to be there", n, s.records)
	} else {
		s.records = n
	}
}

// clean looks for leftovers after the last kill.
func (s *soak) clean() {
	s.mustRun(s.t, "doctor")
	names, err := s.leftovers()
	must(s.t, err)
	for name := range names {
		for _, bad := range []string{"tmp_", "reflock-", ".init-", ".pending", "evoseal_", ".lock.", "refs/tags/X.lock"} {
			if strings.Contains(name, bad) {
				s.lossf("%s is left over", name)
			}
		}
	}
}
