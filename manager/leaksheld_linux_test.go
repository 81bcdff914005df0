package manager

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// held is what the process holds, and what lies on the disk for it, between two
// operations.
type held struct {
	operations int
	// descriptors and mappings are counted by what they are of.
	descriptors, mappings map[string]int
	goroutines            int
	heap                  int64
	// files are the store's, counted by name; bytes is what they take.
	files map[string]int
	bytes int64
	// around are the names where targets are, and in TMPDIR.
	around []string
	// checkpoints are those that are listed; replaced and archives is how many
	// checkpoints were replaced by force and how often the history was archived.
	checkpoints, replaced, archives int
}

func (h held) String() string {
	return fmt.Sprintf("%d operations: %d descriptors, %d mappings, %d goroutines, %d KiB heap; store: %d files, %d KiB, %d checkpoints, %d replaced, %d archives",
		h.operations, total(h.descriptors), total(h.mappings), h.goroutines, h.heap>>10, total(h.files), h.bytes>>10, h.checkpoints, h.replaced, h.archives)
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// look puts the store in order and counts.
func (u *busyUser) look(before []held) held {
	u.Helper()
	ctx := context.Background()
	m := u.manager()
	u.must(verifyAll(ctx, u, m))
	now := time.Duration(0)
	_, err := m.GC(ctx, gitstore.GCRequest{Aggressive: true, Grace: &now})
	u.must(err)
	all, err := m.Targets(ctx)
	u.must(err)
	u.done(m)
	h := held{operations: u.operations, checkpoints: len(all), replaced: u.replaced, archives: u.archives, files: make(map[string]int)}
	u.settle(&h, before)
	u.listAround(&h)
	store := filepath.Join(u.dir, gitstore.Dir, ".git")
	u.must(filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(store, path)
		h.files[place(rel)]++
		h.bytes += fi.Size()
		return nil
	}))
	return h
}

// alike are the parts of names that differ without meaning anything.
var alike = regexp.MustCompile(`[0-9a-f]{8,}|[0-9][0-9T.]*`)

// place is a file's name, or where it lies for those that are one for each of
// something that was recorded.
func place(rel string) string {
	for dir := range onePer {
		if strings.HasPrefix(rel, dir) {
			return dir
		}
	}
	return alike.ReplaceAllString(rel, "X")
}

var onePer = map[string]func(held) int{
	"logs/refs/tags/":                  func(h held) int { return h.checkpoints },
	"logs/refs/evoseal/replaced/":      func(h held) int { return h.replaced },
	"logs/refs/notes/evoseal-archive/": func(h held) int { return h.archives },
	"refs/notes/evoseal-archive/":      func(h held) int { return h.archives },
}

// settle counts what the process holds, once that is gone which is about to go.
func (u *busyUser) settle(h *held, before []held) {
	u.Helper()
	for range 500 {
		// What is pooled goes with the second.
		runtime.GC()
		runtime.GC()
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		h.heap, h.goroutines = int64(mem.HeapAlloc), runtime.NumGoroutine()
		h.descriptors, h.mappings = u.descriptors(), u.mappings()
		if len(before) == 0 || h.goroutines <= before[0].goroutines && total(h.descriptors) <= total(before[0].descriptors) && total(h.mappings) <= total(before[0].mappings) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (u *busyUser) descriptors() map[string]int {
	u.Helper()
	counts := make(map[string]int)
	entries, err := os.ReadDir("/proc/self/fd")
	u.must(err)
	for _, e := range entries {
		// The one that lists the directory is gone.
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil {
			counts[alike.ReplaceAllString(to, "X")]++
		}
	}
	return counts
}

// mappings counts mapped files of the world.
func (u *busyUser) mappings() map[string]int {
	u.Helper()
	counts := make(map[string]int)
	data, err := os.ReadFile("/proc/self/maps")
	u.must(err)
	for line := range strings.Lines(string(data)) {
		if _, rel, ok := strings.Cut(line, filepath.Dir(u.dir)+"/"); ok {
			counts[alike.ReplaceAllString(strings.TrimSpace(rel), "X")]++
		}
	}
	return counts
}

// listAround lists what lies where targets are, and in TMPDIR.
func (u *busyUser) listAround(h *held) {
	u.Helper()
	for _, dir := range []string{filepath.Join(u.dir, gitstore.Dir), u.outside, u.temp} {
		entries, err := os.ReadDir(dir)
		u.must(err)
		for _, e := range entries {
			h.around = append(h.around, filepath.Join(filepath.Base(dir), e.Name()))
		}
	}
}

// heapRoom is what the heap may gain: an open store keeps up to 32 MiB of what it
// built deltas on, and what it takes to find that.
func heapRoom(each bool) int64 {
	if each {
		return 4 << 20
	}
	return 48 << 20
}

// judgeHeld compares all with the first.
func judgeHeld(t *testing.T, seen []held, each bool) {
	t.Helper()
	first := seen[0]
	for _, h := range seen[1:] {
		notMore(t, h, "descriptors", h.descriptors, first.descriptors)
		notMore(t, h, "mappings", h.mappings, first.mappings)
		judgeFiles(t, h, first)
		if h.goroutines > first.goroutines {
			stacks := make([]byte, 1<<20)
			t.Errorf("after %d operations there are %d goroutines, not %d:\n%s", h.operations, h.goroutines, first.goroutines, stacks[:runtime.Stack(stacks, true)])
		}
		if h.heap > first.heap+heapRoom(each) {
			t.Errorf("after %d operations the heap has %d bytes, in the beginning %d", h.operations, h.heap, first.heap)
		}
		for _, name := range h.around {
			if !slices.Contains(first.around, name) {
				t.Errorf("after %d operations there is %s", h.operations, name)
			}
		}
	}
	judgeGrowth(t, seen)
}

func notMore(t *testing.T, h held, what string, now, first map[string]int) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if now[name] > first[name] {
			t.Errorf("after %d operations, %s: %d of %s, not %d", h.operations, what, now[name], name, first[name])
		}
	}
}

// judgeFiles lets the store have one file for each thing that was recorded where that
// is how it is kept, and none more than in the beginning otherwise.
func judgeFiles(t *testing.T, h, first held) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		most := max(1, first.files[name])
		if per := onePer[name]; per != nil {
			most = per(h)
		}
		if h.files[name] > most {
			t.Errorf("after %d operations the store has %d of %s, not %d", h.operations, h.files[name], name, most)
		}
	}
}

// judgeGrowth: each round records as much as any other, so that the store mustn't grow
// faster in the end than in the beginning.
func judgeGrowth(t *testing.T, seen []held) {
	t.Helper()
	if len(seen) < 7 {
		return
	}
	perOperation := func(from, to held) float64 {
		return float64(to.bytes-from.bytes) / float64(to.operations-from.operations)
	}
	third := len(seen) / 3
	begin, end := perOperation(seen[0], seen[third]), perOperation(seen[len(seen)-1-third], seen[len(seen)-1])
	t.Logf("the store grew by %.0f bytes an operation in the first third and by %.0f in the last", begin, end)
	if end > 1.5*begin {
		t.Errorf("the store grows faster and faster: by %.0f bytes an operation in the beginning and by %.0f in the end", begin, end)
	}
}
