package gitstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"golang.org/x/sys/unix"
)

// collect runs `git gc --prune=now` again and again until stop is called, which is to be
// when it was done often enough. A gc that finds a ref changed under its hands gives up,
// which is its own affair.
func (w *world) collect() (enough func() bool, stop func()) {
	w.Helper()
	quit := make(chan struct{})
	var wg sync.WaitGroup
	var whole atomic.Int32
	enough = func() bool { return whole.Load() >= 3 }
	wg.Go(func() {
		for {
			// With the expiry of reflogs, which locks every ref, hardly any gets to
			// its pruning.
			out, err := w.tryGit("--git-dir=.evoseal/.git", "-c", "gc.reflogExpire=never", "-c", "gc.reflogExpireUnreachable=never",
				"gc", "-q", "--prune=now")
			if err == nil {
				whole.Add(1)
			} else {
				w.Logf("git gc gave up: %s", out)
			}
			select {
			case <-quit:
				w.Logf("git collected %d times", whole.Load())
				if !enough() {
					w.Error("git hardly collected anything: the test proves nothing")
				}
				return
			default:
			}
		}
	})
	stop = sync.OnceFunc(func() { close(quit); wg.Wait() })
	w.Cleanup(stop)
	return enough, stop
}

func TestAppendsBesideGC(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	r := w.record(w.store(), RecordRequest{Version: "v1"})
	ctx := context.Background()
	enough, stop := w.collect()
	const writers, each = 3, 30
	var wg sync.WaitGroup
	var total atomic.Int32
	for i := range writers {
		s := w.storeWith(Options{LockTimeout: time.Minute})
		wg.Go(func() {
			for j := 0; j < each || j < 20*each && !enough(); j++ {
				total.Add(1)
				if err := s.AppendNote(ctx, History, r.Commit, fmt.Appendf(nil, "%d-%d", i, j), "test"); err != nil {
					t.Error(err)
					return
				}
				_, err := s.ChangePolicy(ctx, PolicyChange{Summary: "test", Change: func(*Policy) (map[string][]byte, error) {
					return map[string][]byte{TokenFile: fmt.Appendf(nil, "# %d-%d\n", i, j)}, nil
				}})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	stop()
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	s := w.store()
	n := int(total.Load())
	if lines, err := s.NoteLines(ctx, History); err != nil || len(lines) != n {
		t.Errorf("%d lines of %d: %v", len(lines), n, err)
	}
	if log, err := s.PolicyLog(ctx); err != nil || len(log) != n+1 {
		t.Errorf("%d policies of %d: %v", len(log), n+1, err)
	}
	w.fsck()
}

func TestRecordsBesideGC(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	s := w.storeWith(Options{LockTimeout: time.Minute})
	ctx := context.Background()
	enough, stop := w.collect()
	n := 0
	for i := 0; i < 40 || i < 800 && !enough(); i++ {
		n++
		w.write("f", fmt.Sprint(i), fmt.Sprintf("d/%d", i), fmt.Sprint("new ", i))
		w.record(s, RecordRequest{Version: fmt.Sprint("v", i)})
		if i%10 == 0 {
			if _, err := s.ArchiveNotes(ctx, metaBook, "test"); err != nil {
				t.Error(err)
			}
		}
	}
	stop()
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	fresh := w.store()
	all, err := fresh.Checkpoints(ctx)
	if err != nil || len(all) != n {
		t.Errorf("%d checkpoints of %d: %v", len(all), n, err)
	}
	report, err := fresh.VerifyStore(ctx, VerifyRequest{Checkpoints: all, Refs: true})
	if err != nil || len(report.Damage) != 0 || len(report.Intact) != n {
		t.Errorf("verified: %+v %v", report, err)
	}
	w.fsck()
	if left, _ := filepath.Glob(filepath.Join(s.Dir(), "objects/pack/*.keep")); len(left) != 0 {
		t.Errorf("marks are left: %q", left)
	}
}

// TestObjectsThatGCTookAreWrittenAgain makes the worst case happen for certain:
// everything loose goes between the writing and the ref's change.
func TestObjectsThatGCTookAreWrittenAgain(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	ctx := context.Background()
	for _, alive := range []bool{false, true} {
		if alive {
			host, err := os.Hostname()
			w.must(err)
			w.must(os.WriteFile(filepath.Join(s.Dir(), "gc.pid"), fmt.Appendf(nil, "%d %s", os.Getpid(), host), 0o644))
		}
		held, err := s.refs.Lock(ctx, Verdicts.ref())
		w.must(err)
		head, _ := held.Current()
		wr := s.newWriting()
		blob, err := wr.put(odb.Blob, fmt.Append(nil, "line of ", alive, "\n"))
		w.must(err)
		next, err := s.notesCommit(head, noteChange{object: blob, blob: blob}, "test", wr.put)
		w.must(err)
		if !alive {
			w.git("--git-dir=.evoseal/.git", "prune", "--expire=now")
			if s.db.Stored(next) {
				t.Fatal("git removed nothing: the test proves nothing")
			}
		}
		w.must(wr.commit(held, next, "test"))
		if alive {
			// The gc that is at work may remove them at any time from now on.
			for _, o := range wr.objects {
				w.must(os.Remove(filepath.Join(s.Dir(), "objects", o.ID.String()[:2], o.ID.String()[2:])))
			}
		}
		if note, err := w.store().ReadNote(Verdicts, blob); err != nil || !strings.HasPrefix(string(note), "line of") {
			t.Errorf("note %q: %v", note, err)
		}
	}
	w.git("--git-dir=.evoseal/.git", "fsck", "--strict", "--no-dangling")
}

func TestStaleGCPid(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	path := filepath.Join(s.Dir(), "gc.pid")
	host, err := os.Hostname()
	w.must(err)
	for content, want := range map[string]bool{
		fmt.Sprintf("%d %s", os.Getpid(), host): true, "999999999 " + host: false, "1 elsewhere.invalid": true, "": true,
	} {
		w.must(os.WriteFile(path, []byte(content), 0o644))
		if got := s.collecting(); got != want {
			t.Errorf("%q: collecting %v", content, got)
		}
	}
	old := time.Now().Add(-unseenGC - time.Minute)
	// Of the same host, the number is another process's by now.
	for _, content := range []string{"1 elsewhere.invalid", "1 " + host} {
		w.must(os.WriteFile(path, []byte(content), 0o644))
		w.must(os.Chtimes(path, old, old))
		if s.collecting() {
			t.Errorf("%q of yesterday is believed", content)
		}
	}
	// Ours tell by their lock, whatever number and host they have.
	for _, content := range []string{"999999999 " + host + ownGC, "1 " + host + ownGC, "1 elsewhere.invalid" + ownGC} {
		w.must(os.WriteFile(path, []byte(content), 0o644))
		f, err := os.Open(path)
		w.must(err)
		w.must(unix.Flock(int(f.Fd()), unix.LOCK_EX))
		if !s.collecting() {
			t.Errorf("%q of the living is not believed", content)
		}
		f.Close()
		if s.collecting() {
			t.Errorf("%q of the dead is believed", content)
		}
	}
}
