//go:build linux && (amd64 || arm64)

package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// deed is a command as it is run in a race.
type deed struct {
	name   string
	weight int
	args   func(r *races, lot *rand.Rand) []string
	// rest follows the arguments.
	rest []string
	// codes are those that it may end with beside 0 and 11.
	codes []int
	// told keeps what a command said that ended well.
	told func(l *ledger, args []string, out string) error
	// plain is for those without JSON.
	plain bool
}

func (d deed) mayEnd(s said) bool { return slices.Contains(d.codes, s.code) }

func pick(lot *rand.Rand) deed {
	all := deeds()
	sum := 0
	for _, d := range all {
		sum += d.weight
	}
	n := lot.IntN(sum)
	for _, d := range all {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	panic("unreachable")
}

// fixed is for arguments that are always the same.
func fixed(args ...string) func(*races, *rand.Rand) []string {
	return func(*races, *rand.Rand) []string { return args }
}

// onAny is for arguments that end with a version.
func onAny(args ...string) func(*races, *rand.Rand) []string {
	return func(r *races, lot *rand.Rand) []string {
		return append(slices.Clone(args), r.ledger.anyVersion(lot))
	}
}

func deeds() []deed {
	return slices.Concat(recordingDeeds(), rollingDeeds(), rulingDeeds(), lookingDeeds(), tidyingDeeds())
}

func recordingDeeds() []deed {
	named := func(prefix string) func(r *races, lot *rand.Rand) []string {
		return func(r *races, lot *rand.Rand) []string {
			return []string{"checkpoint", fmt.Sprintf("%s%d-%08x", prefix, r.phases, lot.Uint32())}
		}
	}
	// Files that vanish or change while they are read are no reason to fail for long.
	disturbed := []int{16}
	return []deed{
		{name: "checkpoint", weight: 14, args: named("w"), codes: disturbed, told: keepCheckpoint},
		{name: "checkpoint, to be pruned", weight: 5, args: named("p"), codes: disturbed, told: keepCheckpoint},
		{name: "checkpoint, name made up", weight: 4, args: fixed("checkpoint"), codes: disturbed, told: keepCheckpoint},
		{name: "checkpoint --force", weight: 6, codes: disturbed, told: keepCheckpoint, args: func(_ *races, lot *rand.Rand) []string {
			return []string{"checkpoint", "--force", fmt.Sprint("hot", lot.IntN(3))}
		}},
		{name: "guard", weight: 2, args: fixed("guard"), rest: []string{"--", "sleep", "0.05"}, codes: []int{125}},
		{name: "guard that fails", weight: 2, args: fixed("guard"), rest: []string{"--", "false"}, codes: []int{1, 125}},
	}
}

func rollingDeeds() []deed {
	outside := func(args ...string) func(r *races, lot *rand.Rand) []string {
		return func(r *races, lot *rand.Rand) []string {
			all := append(slices.Clone(args), "--target", filepath.Join(r.targets, fmt.Sprint("t", lot.IntN(4))))
			if args[0] == "rollback" {
				all = append(all, r.ledger.anyVersion(lot))
			}
			return all
		}
	}
	return []deed{
		{name: "rollback", weight: 8, args: onAny("rollback", "--reason", "races"), told: keepRecord},
		{name: "rollback latest", weight: 2, args: fixed("rollback", "latest"), told: keepRecord},
		{name: "rollback --target", weight: 8, args: outside("rollback"), told: keepRecord},
		{name: "rollback --dry-run", weight: 2, args: onAny("rollback", "--dry-run")},
		{name: "undo", weight: 4, args: fixed("undo"), codes: []int{1}, told: keepRecord},
		{name: "undo --target", weight: 3, args: outside("undo"), codes: []int{1}, told: keepRecord},
		{name: "cascade", weight: 2, args: onAny("cascade", "--max-attempts", "2"), codes: []int{1, 10}},
		{name: "auto", weight: 3, args: onAny("auto"), codes: []int{1, 10, 15, 17}, told: keepVerdict},
	}
}

func rulingDeeds() []deed {
	return []deed{
		{name: "mark", weight: 4, told: keepVerdict, args: func(r *races, lot *rand.Rand) []string {
			return []string{"mark", r.ledger.anyVersion(lot), []string{"good", "good", "bad"}[lot.IntN(3)]}
		}},
		{name: "policy set", weight: 3, told: keepPolicy, args: func(_ *races, lot *rand.Rand) []string {
			return []string{"policy", "set", "rollback.attemptWindow", fmt.Sprintf("%dh", 1+lot.IntN(80_000))}
		}},
		{name: "trigger set", weight: 2, told: keepPolicy, args: func(_ *races, lot *rand.Rand) []string {
			return []string{"trigger", "set", fmt.Sprint("t", lot.IntN(3)), "type=command", fmt.Sprintf("command=exit 0 # %d", lot.Uint32())}
		}},
		{name: "token issue", weight: 2, args: fixed("token", "issue", "--role", "operator"), told: keepToken},
		{name: "history archive", weight: 1, args: fixed("history", "archive")},
	}
}

func lookingDeeds() []deed {
	return []deed{
		{name: "list", weight: 3, args: fixed("list")},
		{name: "show", weight: 3, args: onAny("show")},
		{name: "diff", weight: 2, args: onAny("diff", "--stat"), plain: true},
		{name: "log", weight: 1, args: fixed("log")},
		{name: "status", weight: 3, args: fixed("status")},
		{name: "stats", weight: 2, args: fixed("stats")},
		{name: "history", weight: 3, args: fixed("history", "-n", "50")},
		{name: "history verify", weight: 2, args: fixed("history", "verify")},
		{name: "verify", weight: 2, args: onAny("verify")},
		{name: "verify --all", weight: 1, args: fixed("verify", "--all")},
		{name: "policy log", weight: 1, args: fixed("policy", "log")},
		{name: "token list", weight: 1, args: fixed("token", "list")},
		{name: "prune list", weight: 1, args: fixed("prune", "list")},
	}
}

func tidyingDeeds() []deed {
	prune := []string{"prune", "--keep-last", "8", "--keep-tagged", "w*", "--keep-tagged", "hot*"}
	return []deed{
		{name: "prune", weight: 2, args: fixed(prune...), told: keepPruned},
		{name: "prune for good", weight: 1, args: fixed(append(prune, "--grace", "0s")...), told: keepPruned},
		{name: "gc", weight: 2, args: fixed("gc")},
		{name: "gc --prune=now", weight: 1, args: fixed("gc", "--prune", "now")},
		{name: "gc --aggressive", weight: 1, args: fixed("gc", "--aggressive")},
		{name: "doctor", weight: 2, args: fixed("doctor")},
	}
}

// gitJob is plain git on the store, again and again.
type gitJob struct {
	args  []string
	pause time.Duration
	// target is for those that are run in the rollback target.
	target bool
}

// gitJobs are what people may run, and what cron does.
func gitJobs() []gitJob {
	return []gitJob{
		{args: []string{"gc", "-q"}, pause: 400 * time.Millisecond},
		{args: []string{"gc", "-q", "--prune=now"}, pause: 900 * time.Millisecond},
		{args: []string{"repack", "-q", "-a", "-d"}, pause: 700 * time.Millisecond},
		{args: []string{"pack-refs", "--all"}, pause: 100 * time.Millisecond},
		{args: []string{"worktree", "prune"}, pause: 100 * time.Millisecond},
		{args: []string{"fsck", "--strict", "--no-dangling"}, pause: 500 * time.Millisecond},
		{args: []string{"status", "--porcelain"}, pause: 300 * time.Millisecond, target: true},
	}
}

// peer runs one of them until the time is over. That git gives way to others, or
// stumbles over what moves under its hands, is its own affair.
func (r *races) peer(ctx context.Context, job gitJob) {
	for ctx.Err() == nil {
		dir := r.store()
		if job.target {
			dir = r.target()
		}
		s := r.git(dir, job.args...)
		r.tally.peer("git "+strings.Join(job.args, " "), s.code)
		time.Sleep(job.pause)
	}
}
