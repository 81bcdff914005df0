package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// swapPatterns tells a second process of this test which directories to exchange
// for links to the sentinel directory, as patterns below the project, one a line.
const swapPatterns = "EVOSEAL_TEST_SWAP"

// swapTime is how long an ordinary run of each attack takes.
const swapTime = 2 * time.Second

// TestSwapProcess is the second process, not a test: it exchanges directories for
// symbolic links in a tight loop until its standard input ends.
func TestSwapProcess(t *testing.T) {
	text := os.Getenv(swapPatterns)
	if text == "" {
		t.Skip("this is the other process of TestSwappedDirectories")
	}
	var over atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		over.Store(true)
	}()
	lines := strings.Split(text, "\n")
	link, patterns := lines[0], lines[1:]
	swaps, known := 0, []string(nil)
	for round := 0; !over.Load(); round++ {
		if round%16 == 0 {
			known = known[:0]
			for _, pattern := range patterns {
				found, _ := filepath.Glob(pattern)
				known = append(known, found...)
			}
		}
		if len(known) > 0 && swapOnce(known[rand.IntN(len(known))], link) {
			swaps++
		}
	}
	fmt.Printf("swaps %d\n", swaps)
}

// swapOnce puts the link where a directory is, for a moment. It goes through a handle
// itself: the way to the directory may lead through a link that stayed.
func swapOnce(path, link string) bool {
	parent, err := unix.Openat2(unix.AT_FDCWD, filepath.Dir(path), &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY, Resolve: unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return false
	}
	defer unix.Close(parent)
	name := filepath.Base(path)
	var st unix.Stat_t
	if unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	if unix.Renameat2(parent, name, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE) != nil {
		return false
	}
	for range rand.IntN(300) {
		unix.Getppid()
	}
	// What was at the path may be gone by now, or be another directory.
	if unix.Renameat2(parent, name, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE) != nil {
		unix.Renameat(unix.AT_FDCWD, link, parent, name)
	}
	if unix.Lstat(link, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		os.RemoveAll(link)
	}
	os.Symlink(os.Getenv("EVOSEAL_TEST_SENTINEL"), link)
	return true
}

// A second process that exchanges directories for links never makes the engine
// write outside of where it works, nor record what lies outside.
func TestSwappedDirectories(t *testing.T) {
	lasts := swapTime
	if text := os.Getenv(liveTime); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	for name, patterns := range map[string][]string{
		"target":  {".evoseal/rollback_target*", ".evoseal/rollback_target*/d", ".evoseal/rollback_target*/d/e"},
		"staging": {".evoseal/.rollback*", ".evoseal/.rollback*/d", ".evoseal/.rollback*/d/e", ".evoseal/*/d?"},
		"project": {"d", "d/e", "d?"},
	} {
		t.Run(name, func(t *testing.T) { swapAttack(t, patterns, lasts) })
	}
}

func swapAttack(t *testing.T, patterns []string, lasts time.Duration) {
	w := newHostileWorld(t)
	for i := range 40 {
		for _, dir := range []string{"d", "d/e", fmt.Sprintf("d%d", i%10)} {
			w.write(fmt.Sprintf("%s/file%d", dir, i), strings.Repeat("mine ", i*40))
			// What is written through the link would find all directories there.
			w.write(fmt.Sprintf("../sentinel/%s/file%d", dir, i), "the sentinel's\n")
		}
	}
	w.write("../sentinel/d/e/secret", "the sentinel's\n")
	w.mustRun("checkpoint", "full")
	w.mustRun("rollback", "full")
	w.remember()
	sentinel, err := captureLive(w.sentinel)
	w.must(err)
	stop := w.startSwapping(patterns)
	rounds, escapes, failed := 0, 0, 0
	for end := time.Now().Add(lasts); time.Now().Before(end); rounds++ {
		w.removeLinks()
		for _, line := range []string{"rollback good", "checkpoint", "rollback full", "undo"} {
			if r := w.run(strings.Fields(line)...); r.code != 0 {
				failed++
			}
			now, err := captureLive(w.sentinel)
			w.must(err)
			if changes := sentinel.changes(now); len(changes) > 0 {
				escapes++
				t.Errorf("%s: %v", line, changes[:min(3, len(changes))])
				sentinel = now
			}
		}
	}
	t.Logf("%d rounds, %d commands that gave up, %s, %d escapes", rounds, failed, stop(), escapes)
	w.swappedProject()
}

// removeLinks takes away the links that stayed, which every command refuses.
func (w *hostileWorld) removeLinks() {
	found, err := filepath.Glob(filepath.Join(w.dir, ".evoseal", "*rollback*"))
	w.must(err)
	for _, path := range found {
		if _, err := os.Readlink(path); err == nil {
			os.Remove(path)
		}
	}
}

// startSwapping starts the second process; what it returns ends it.
func (w *hostileWorld) startSwapping(patterns []string) func() string {
	w.Helper()
	self, err := os.Executable()
	w.must(err)
	link := filepath.Join(w.base, "attic", "link")
	w.must(os.Mkdir(filepath.Dir(link), 0o755))
	w.must(os.Symlink(w.sentinel, link))
	lines := []string{link}
	for _, p := range patterns {
		lines = append(lines, filepath.Join(w.dir, p))
	}
	cmd := exec.Command(self, "-test.run", "^TestSwapProcess$", "-test.v")
	cmd.Env = append(os.Environ(), swapPatterns+"="+strings.Join(lines, "\n"), "EVOSEAL_TEST_SENTINEL="+w.sentinel)
	stdin, err := cmd.StdinPipe()
	w.must(err)
	stdout, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	return func() string {
		stdin.Close()
		said := "no swaps"
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "swaps ") {
				said = lines.Text()
			}
		}
		w.must(cmd.Wait())
		if n, err := strconv.Atoi(strings.TrimPrefix(said, "swaps ")); err != nil || n == 0 {
			w.Errorf("the other process swapped nothing, so this proves nothing: %s", said)
		}
		return said
	}
}

// swappedProject makes sure that the project's files are what they were, and that no
// checkpoint holds what lies behind the link.
func (w *hostileWorld) swappedProject() {
	w.Helper()
	now, err := captureLive(w.base, filepath.Join(w.dir, ".evoseal"), filepath.Join(w.base, "attic"))
	w.must(err)
	for _, c := range w.live.changes(now) {
		// Being renamed changes a directory's ctime, and its parent's times.
		if !c.only("ctime") && !c.entriesOnly() {
			w.Fatalf("changed: %s", c)
		}
	}
	tags, err := filepath.Glob(w.store("refs", "tags", "*"))
	w.must(err)
	if len(tags) == 0 {
		w.Error("there are no checkpoints to look at")
	}
	for _, tag := range tags {
		files := strings.Split(w.inStore("", "ls-tree", "-r", "--name-only", "refs/tags/"+filepath.Base(tag)), "\n")
		if slices.ContainsFunc(files, func(f string) bool { return filepath.Base(f) == "secret" }) {
			w.Errorf("%s holds what lies outside the project", filepath.Base(tag))
		}
	}
}
