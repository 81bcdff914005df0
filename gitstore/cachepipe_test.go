package gitstore

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pipe in the place of a cache is no cache: nobody waits for what comes out of it.
func TestPipesInsteadOfCaches(t *testing.T) {
	w, s := packedWorld(t, 5, time.Second)
	for _, name := range []string{checkpointIndexFile, statCacheFile, string(Verdicts) + ".lines", string(History) + ".lines", verifiedFile} {
		os.Remove(s.cachePath(name))
		if err := unix.Mkfifo(s.cachePath(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if list, err := s.Checkpoints(t.Context()); err != nil || len(list) != 5 {
			t.Error(len(list), err)
		}
		if _, err := s.NoteLines(t.Context(), Verdicts); err != nil {
			t.Error(err)
		}
		w.write("f", "after")
		if _, err := s.Record(t.Context(), RecordRequest{Version: "after"}); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it hangs")
	}
}
