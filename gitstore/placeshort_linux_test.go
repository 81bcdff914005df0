package gitstore

import (
	"context"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHeadThatCannotBeReadNow: a process that is short of descriptors must not take a
// store for damaged, and write a HEAD in the place of one that is there.
func TestHeadThatCannotBeReadNow(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	there := w.store()
	w.record(there, RecordRequest{Version: "v1"})
	p, err := FindProject(w.dir)
	w.must(err)
	var old unix.Rlimit
	w.must(unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	free, err := os.Open(w.dir)
	w.must(err)
	next := uint64(free.Fd())
	w.must(free.Close())
	for left := range uint64(8) {
		w.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: next + left, Max: old.Max}))
		s, err := Open(context.Background(), p, Options{})
		gone := there.CheckThere()
		w.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &old))
		if errors.Is(gone, ErrStoreGone) {
			t.Errorf("looked for with %d descriptors left: %v", left, gone)
		}
		if err == nil {
			w.must(s.Close())
		} else if !errors.Is(err, unix.EMFILE) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNoStore) {
			t.Errorf("opened with %d descriptors left: %v", left, err)
		}
	}
}
