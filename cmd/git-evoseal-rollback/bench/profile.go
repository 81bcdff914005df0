package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
)

// parts are what processor time goes into, told by the names of functions. Whatever is in
// none of them is ours.
var parts = []struct {
	name     string
	prefixes []string
}{
	{"system calls", []string{"internal/runtime/syscall", "syscall.", "runtime.futex", "runtime.usleep", "runtime.madvise", "runtime.tgkill"}},
	{"hashing", []string{"crypto/sha1", "crypto/internal/fips140/sha1", "github.com/pjbgf/sha1cd", "crypto/sha256", "crypto/internal/fips140/sha256"}},
	{"deflate, inflate", []string{"github.com/klauspost/compress", "github.com/evoseal/git-evoseal-rollback/gitstore/internal/deflate", "hash/adler32", "hash/crc32"}},
	{"Go's memory and scheduling", []string{"runtime.", "internal/runtime", "sync", "internal/sync"}},
}

// breakdown is what one kind of work took, of which the parts are shares.
type breakdown struct {
	work   string
	shares []float64 // of parts, and ours last
}

// profiled is one kind of work, done in this process by the library.
type profiled struct {
	work    string
	times   int
	prepare step
	do      func(ctx context.Context, m *manager.Manager) error
	after   step
}

func (a *arena) profile(tree string) *row {
	return &row{
		id: "source/profile", work: "where the processor time goes, " + tree,
		how: "The library does the work in the bench's own process, several times over, with Go's profiler at its usual 100 samples a second for each processor. " +
			"The time of a system call is the kernel's, copies of what is read and written included.",
		sizes: a.takeApart,
	}
}

// takeApart profiles the work that the rows before it timed.
func (a *arena) takeApart(ctx context.Context, r *report, row *row) error {
	if !a.inMemory() {
		return nil
	}
	back, err := a.atHome()
	if err != nil {
		return err
	}
	defer back()
	r.explain(row)
	// As the program does it: see spareProcessor there.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
	for _, p := range a.profiledWork() {
		b, err := a.profileOne(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.work, err)
		}
		r.breakdowns = append(r.breakdowns, b)
		r.progress("%s", b)
	}
	return nil
}

func (a *arena) profiledWork() []profiled {
	record := func(ctx context.Context, m *manager.Manager) error {
		a.named++
		_, err := m.Checkpoint(ctx, manager.CheckpointRequest{Version: a.newest()})
		return err
	}
	back := func(version func() string) func(context.Context, *manager.Manager) error {
		return func(ctx context.Context, m *manager.Manager) error {
			_, err := m.Rollback(ctx, manager.RollbackRequest{Version: version(), Reason: "profile"})
			return err
		}
	}
	before := func() string { return "before" }
	turn := 1
	near := func() string { turn++; return fmt.Sprintf("near%d", turn%3) }
	away := steps(a.freshTarget(), a.moveAway)
	existing := a.path("existing")
	return []profiled{
		{work: "first checkpoint", times: 2, prepare: a.remove(a.project + "/.evoseal"), do: record},
		{work: "unchanged checkpoint", times: 20, do: record},
		{work: "checkpoint with 1 % changed", times: 10, prepare: a.change(0), do: record},
		{work: "rollback into a fresh target, project mostly unchanged", times: 3, prepare: steps(a.freshTarget(), a.once(steps(a.recorded("before"), a.change(0)))), do: back(before)},
		{work: "rollback into a fresh target, nothing to copy from", times: 2, prepare: away, do: back(before), after: a.moveBack},
		{work: "rollback to a neighbour, 1 % apart", times: 10, prepare: a.once(steps(a.remove(existing), a.neighbours(existing), a.remove(existing))), do: back(near)},
	}
}

// once is a step that is taken the first time only.
func (a *arena) once(s step) step {
	done := false
	return func(ctx context.Context) error {
		if done {
			return nil
		}
		done = true
		return s(ctx)
	}
}

// profileOne has the profiles of all times of one kind of work summed up.
func (a *arena) profileOne(ctx context.Context, p profiled) (breakdown, error) {
	var files []string
	for i := range max(1, int(float64(p.times)*a.scale)) {
		file := a.path(fmt.Sprintf("profile%d", i))
		files = append(files, file)
		if err := p.prepare.run(ctx); err != nil {
			return breakdown{}, err
		}
		if err := a.profileTo(ctx, file, p.do); err != nil {
			return breakdown{}, err
		}
		if err := p.after.run(ctx); err != nil {
			return breakdown{}, err
		}
	}
	defer a.remove(files...)(ctx)
	argv := append([]string{"go", "tool", "pprof", "-top", "-nodecount=1000000", "-nodefraction=0", "-unit=ms"}, files...)
	text, err := a.output(ctx, command{a.dir, argv})
	if err != nil {
		return breakdown{}, err
	}
	b, err := summedUp(text)
	b.work = p.work
	return b, err
}

func (a *arena) profileTo(ctx context.Context, file string, do func(context.Context, *manager.Manager) error) error {
	m, err := manager.New(ctx, a.project, manager.Options{Identity: gitstore.Identity{Name: "b", Email: "b@example.invalid"}, Workers: runtime.NumCPU()})
	if err != nil {
		return err
	}
	defer m.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	runtime.GC()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return do(ctx, m)
}

// summedUp reads what `go tool pprof -top -unit=ms` prints: a line each function, with
// its own time first and its name last.
func summedUp(text string) (breakdown, error) {
	b := breakdown{shares: make([]float64, len(parts)+1)}
	_, table, found := strings.Cut(text, "flat%")
	if !found {
		return b, fmt.Errorf("no table of functions in %q", text)
	}
	total := 0.0
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		ms, err := strconv.ParseFloat(strings.TrimSuffix(fields[0], "ms"), 64)
		if err != nil {
			continue
		}
		total += ms
		b.shares[partOf(strings.Join(fields[5:], " "))] += ms
	}
	for i := range b.shares {
		// What took no time has no shares.
		b.shares[i] /= max(total, 1)
	}
	return b, nil
}

// partOf is the part that a function belongs to.
func partOf(function string) int {
	for i, p := range parts {
		for _, prefix := range p.prefixes {
			if strings.HasPrefix(function, prefix) {
				return i
			}
		}
	}
	return len(parts)
}

func (b breakdown) String() string {
	words := []string{b.work + ":"}
	for i, share := range b.shares {
		words = append(words, fmt.Sprintf("%s %.0f %%", partName(i), 100*share))
	}
	return strings.Join(words, " ")
}

func partName(i int) string {
	if i < len(parts) {
		return parts[i].name
	}
	return "the rest: ours"
}

// anatomy is the table of what the processors did.
func (r *report) anatomy(b *strings.Builder) {
	if len(r.breakdowns) == 0 {
		return
	}
	b.WriteString("\n## Where the time goes\n\nShares of the processor time, in memory.\n\n| work |")
	for i := range len(parts) + 1 {
		fmt.Fprintf(b, " %s |", partName(i))
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(parts)+1) + "\n")
	for _, d := range r.breakdowns {
		fmt.Fprintf(b, "| %s |", d.work)
		for _, share := range d.shares {
			fmt.Fprintf(b, " %.0f %% |", 100*share)
		}
		b.WriteString("\n")
	}
}
