package manager

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"golang.org/x/sys/unix"
)

// TestNothingPilesUp asks one process for thousands of things, of which many fail,
// and looks from time to time what it holds: no descriptor, mapping or goroutine more
// than in the beginning, no file that belongs to nothing, and a store that grows by
// what it is given to keep.
//
// EVOSEAL_LEAKS is how many operations there are.
func TestNothingPilesUp(t *testing.T) {
	if testing.Short() {
		t.Skip("does hundreds of things")
	}
	operations := 150
	if said := os.Getenv("EVOSEAL_LEAKS"); said != "" {
		var err error
		if operations, err = strconv.Atoi(said); err != nil || operations < 1 {
			t.Fatalf("EVOSEAL_LEAKS is %q, not a number of operations", said)
		}
	}
	for _, each := range []bool{false, true} {
		name := "one manager"
		if each {
			name = "a manager for each"
		}
		t.Run(name, func(t *testing.T) { newBusyUser(t, each).work(operations) })
	}
}

func newBusyUser(t *testing.T, each bool) *busyUser {
	u := &busyUser{random: rand.New(rand.NewPCG(1, 2)), each: each}
	u.clock.Store(time.Now().UnixMilli())
	u.world = newWorld(t)
	u.outside = resolvedTemp(t)
	u.temp = t.TempDir()
	t.Setenv("TMPDIR", u.temp)
	u.sinks = newSinkServer(u.world)
	m := u.manager()
	defer u.done(m)
	for range 2 {
		u.round++
		u.write("a", u.text(3000))
		u.checkpoint(m, u.version(0))
	}
	_, err := m.Rollback(context.Background(), RollbackRequest{Version: u.version(0), Target: filepath.Join(u.outside, "stays")})
	u.must(err)
	u.commit = u.git("rev-parse", "HEAD")
	u.admin = u.token(m, auth.Admin, auth.Secret{})
	u.operator, u.emergency = u.token(m, auth.Operator, u.admin), u.token(m, auth.Emergency, u.admin)
	return u
}

// manager is the one that there is, or a new one.
func (u *busyUser) manager() *Manager {
	if u.m != nil {
		return u.m
	}
	m, err := New(context.Background(), u.dir, Options{Now: u.now, LockTimeout: time.Second, Sleep: func(context.Context, time.Duration) error { return nil }})
	u.must(err)
	if !u.each {
		u.m = m
		u.Cleanup(func() { m.Close() })
	}
	return m
}

func (u *busyUser) done(m *Manager) {
	if u.each {
		u.must(m.Close())
	}
}

// work does so many things, and judges.
func (u *busyUser) work(operations int) {
	u.Helper()
	const warm, looks = 1, 10
	all := rounds()
	more := max(warm+2, (operations+len(all)-1)/len(all)) - warm
	var seen []held
	for n := range warm + more {
		u.round++
		u.clock.Add((48 * time.Hour).Milliseconds())
		for _, w := range all {
			u.one(w)
		}
		u.operations += len(all)
		if u.Failed() {
			return
		}
		if n -= warm - 1; n == 0 || n > 0 && n*looks/more != (n-1)*looks/more {
			seen = append(seen, u.look(seen))
			u.Log(seen[len(seen)-1])
		}
	}
	judgeHeld(u.T, seen, u.each)
}

// one does one thing, which ends as it is to.
func (u *busyUser) one(w work) {
	u.Helper()
	m := u.manager()
	err := w.do(context.Background(), u, m)
	u.done(m)
	switch {
	case err == nil && w.want == nil, w.want != nil && errors.Is(err, w.want):
	case w.want == context.Canceled && err == nil:
		// It was done before it was broken off.
	default:
		u.Errorf("round %d: %s: %v, want %v", u.round, w.name, err, w.want)
	}
}

// short lets something run with a few descriptors only, more each round, and expects
// that it is done or says what it lacks.
func short(do func(context.Context, *busyUser, *Manager) error) func(context.Context, *busyUser, *Manager) error {
	return func(ctx context.Context, u *busyUser, m *Manager) error {
		var old unix.Rlimit
		u.must(unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
		u.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: u.firstFree() + uint64(u.round%24), Max: old.Max}))
		err := do(ctx, u, m)
		u.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &old))
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, gitstore.ErrPartial) {
			return nil
		}
		return err
	}
}

// firstFree is the descriptor that the next file gets.
func (u *busyUser) firstFree() uint64 {
	f, err := os.Open(filepath.Join(u.dir, "a"))
	u.must(err)
	defer f.Close()
	return uint64(f.Fd())
}
