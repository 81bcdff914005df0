package refs

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// within fails the test when f isn't done in time: it may hang.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s hangs", what)
	}
}

// A pipe in a file's place is damage, or no cache at all; nobody waits for somebody to
// write into it.
func TestPipes(t *testing.T) {
	pipe := func(path string) {
		os.Remove(path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mkfifo(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(12, 12))
	var names []string
	for range 600 {
		names = append(names, "refs/tags/v"+string(rune('a'+len(names)/26%26))+string(rune('a'+len(names)%26)))
	}
	writePacked(t, dir, packedText(rng, names))
	pipe(filepath.Join(dir, "journal", orderedFile))
	pipe(filepath.Join(dir, "refs", "tags", "pipe"))
	db := openWithJournal(t, dir)
	within(t, "a packed ref", func() {
		if _, err := db.Read(names[5]); err != nil {
			t.Error(err)
		}
	})
	within(t, "a ref that is a pipe", func() {
		if _, err := db.Read("refs/tags/pipe"); !errors.Is(err, ErrBroken) {
			t.Error(err)
		}
	})
	within(t, "a list", func() {
		if list, err := db.List("refs/tags/"); !errors.Is(err, ErrBroken) || len(list) != 600 {
			t.Error(len(list), err)
		}
	})
	pipe(filepath.Join(dir, "packed-refs"))
	db = openWithJournal(t, dir)
	within(t, "packed-refs that is a pipe", func() {
		if _, err := db.Read(names[5]); !errors.Is(err, ErrBroken) {
			t.Error(err)
		}
	})
}
