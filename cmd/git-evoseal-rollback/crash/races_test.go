//go:build linux && (amd64 || arm64)

package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestRaces has many processes at work on one store at once, beside plain git on the
// same store and a user who changes the project all the while. What each process was
// told is kept; whenever all stand still, git says whether it is so.
//
// EVOSEAL_RACES says for how long, with 32 processes; without it there are a few for
// some seconds. EVOSEAL_SOAK_SEED repeats the choice of commands, as far as that goes.
func TestRaces(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	length, processes, files, phase := 4*time.Second, 6, 60, 2*time.Second
	if said := os.Getenv("EVOSEAL_RACES"); said != "" {
		var err error
		length, err = time.ParseDuration(said)
		must(t, err)
		processes, files, phase = 32, 400, 20*time.Second
	}
	seed := uint64(time.Now().UnixNano())
	if said := os.Getenv("EVOSEAL_SOAK_SEED"); said != "" {
		_, err := fmt.Sscan(said, &seed)
		must(t, err)
	}
	room := roomFor(t)
	w := newWorld(t, filepath.Join(room, "world"), buildProgram(t))
	r := &races{world: w, t: t, seed: seed, processes: processes, targets: filepath.Join(room, "targets"), ledger: newLedger(), tally: newRaceTally()}
	must(t, os.Mkdir(r.targets, 0o755))
	r.user = newUser(w.project(), files, rand.New(rand.NewPCG(seed, 1)))
	must(t, r.user.err)
	r.begin()
	until, report := time.Now().Add(length), time.Now().Add(time.Minute)
	for time.Now().Before(until) {
		r.phase(min(phase, time.Until(until)))
		r.inspect()
		if time.Now().After(report) {
			// At once, and not when the test is over.
			fmt.Println(r)
			report = time.Now().Add(time.Minute)
		}
	}
	r.cleared()
	t.Logf("seed %d: %s", seed, r)
}

// races is one run.
type races struct {
	world
	t    *testing.T
	seed uint64
	// processes is how many there are at once.
	processes int
	// targets is where the directories lie that are named by --target.
	targets string
	user    *user
	ledger  *ledger
	tally   *raceTally
	phases  int
}

func (r *races) String() string {
	return fmt.Sprintf("%d rounds of %d processes, %s; %s; %d changes by the user", r.phases, r.processes, r.tally, r.ledger, r.user.changes)
}

func (r *races) lossf(format string, args ...any) {
	r.ledger.losses.Add(1)
	r.t.Errorf("round %d: %s", r.phases, fmt.Sprintf(format, args...))
}

// begin makes what each command finds.
func (r *races) begin() {
	for i := range 3 {
		version := fmt.Sprintf("w0-%d", i)
		s := r.run("checkpoint", version, "--json")
		if s.code != 0 {
			r.t.Fatal(s)
		}
		must(r.t, r.ledger.checkpoint(s.out))
		r.mustRun(r.t, "rollback", version)
	}
	r.mustRun(r.t, "mark", "w0-0", "good")
	r.mustRun(r.t, "policy", "set", "rollback.maxAttempts", "1000")
}

// phase lets all loose for a while, and returns when all stand still.
func (r *races) phase(length time.Duration) {
	r.phases++
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var all sync.WaitGroup
	for i := range r.processes {
		lot := rand.New(rand.NewPCG(r.seed, uint64(r.phases)<<16|uint64(i)))
		all.Go(func() {
			for ctx.Err() == nil {
				r.step(lot)
			}
		})
	}
	for _, job := range gitJobs() {
		all.Go(func() { r.peer(ctx, job) })
	}
	all.Go(func() { r.user.work(ctx) })
	all.Wait()
	must(r.t, r.user.err)
}

// step runs one command to its end, and keeps what it was told.
func (r *races) step(lot *rand.Rand) {
	d := pick(lot)
	args := append(d.args(r, lot), d.rest...)
	if !d.plain {
		args = append([]string{"--json"}, args...)
	}
	cmd := r.command(args...)
	var stuck atomic.Bool
	begun := time.Now()
	watch := time.AfterFunc(deadlock, func() {
		stuck.Store(true)
		if cmd.Process != nil {
			// The Go runtime then shows where it waits.
			cmd.Process.Signal(unix.SIGQUIT)
		}
	})
	s := ended(cmd)
	watch.Stop()
	took := time.Since(begun)
	r.tally.add(d.name, s.code, took)
	switch {
	case stuck.Load():
		r.lossf("%v was not done after %v: %v", args, deadlock, s)
	case strings.Contains(s.err, "goroutine "):
		r.lossf("%v shows its stack: %v", args, s)
	case s.code == 0 && d.told != nil:
		if err := d.told(r.ledger, args, s.out); err != nil {
			r.lossf("%v said %v: %v", args, s, err)
		}
	case s.code == codeBusy && !strings.Contains(s.out+s.err, "hint"):
		r.lossf("%v is busy without a hint: %v", args, s)
	case s.code != 0 && s.code != codeBusy && !d.mayEnd(s):
		r.lossf("%v: %v", args, s)
	}
	if s.code == codeBusy {
		r.tally.busyWith(s)
	}
}

// deadlock is longer than anything takes.
const deadlock = 3 * time.Minute
