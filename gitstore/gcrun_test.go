package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

func (w *world) gc(s *Store, req GCRequest) Collected {
	w.Helper()
	done, err := s.GC(context.Background(), req)
	w.must(err)
	if _, err := os.Lstat(filepath.Join(s.Dir(), "gc.pid")); err == nil {
		w.Error("gc.pid is left")
	}
	return done
}

func (w *world) storeGit(args ...string) string {
	w.Helper()
	return w.git(append([]string{"--git-dir=.evoseal/.git"}, args...)...)
}

// has says whether git finds the object.
func (w *world) has(id ID) bool {
	_, err := w.tryGit("--git-dir=.evoseal/.git", "cat-file", "-e", id.String())
	return err == nil
}

func (w *world) hash(content string) ID {
	w.Helper()
	w.write("../scratch", content)
	defer os.Remove(filepath.Join(w.dir, "../scratch"))
	id, err := ParseID(w.storeGit("hash-object", "-w", "--no-filters", filepath.Join(w.dir, "../scratch")))
	w.must(err)
	return id
}

// old makes everything in the store as old as that.
func (w *world) age(by time.Duration) {
	w.Helper()
	then := time.Now().Add(-by)
	w.must(filepath.WalkDir(filepath.Join(w.dir, ".evoseal/.git/objects"), func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			err = os.Chtimes(path, then, then)
		}
		return err
	}))
}

func grace(d time.Duration) *time.Duration { return &d }

// verified fails the test unless all checkpoints are whole, for us and for git.
func (w *world) verified(want int) {
	w.Helper()
	ctx := context.Background()
	s := w.store()
	all, err := s.Checkpoints(ctx)
	w.must(err)
	report, err := s.VerifyStore(ctx, VerifyRequest{Checkpoints: all, Refs: true})
	if err != nil || len(report.Damage) != 0 || len(report.Intact) != want {
		w.Errorf("%d of %d checkpoints whole, damage %v: %v", len(report.Intact), want, report.Damage, err)
	}
	w.fsck()
	found, err := filepath.Glob(filepath.Join(s.Dir(), "objects/pack/*.idx"))
	w.must(err)
	for _, idx := range found {
		w.git("verify-pack", idx)
	}
	clone := w.TempDir()
	w.git("clone", "-q", "--mirror", s.Dir(), clone)
	if n := strings.Count(w.git("--git-dir", clone, "tag", "-l"), "\n") + 1; n != want {
		w.Errorf("a clone has %d tags of %d", n, want)
	}
}

func TestGCKeepsWhatAnythingLeadsTo(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	ctx := context.Background()
	for i := range 6 {
		w.write("f", fmt.Sprint(i), fmt.Sprintf("d/%d", i), fmt.Sprint("new ", i))
		r := w.record(s, RecordRequest{Version: fmt.Sprint("v", i)})
		w.must(s.AppendNote(ctx, History, r.Commit, fmt.Append(nil, "line ", i), "test"))
	}
	// Of v0 only the reflog of latest tells; a worktree and its index hold things of
	// their own, as does HEAD.
	slot := filepath.Join(w.TempDir(), "slot")
	w.storeGit("worktree", "add", "-q", "--detach", slot, "v1")
	staged := w.hash("staged only")
	w.git("-C", slot, "update-index", "--add", "--cacheinfo", "100644,"+staged.String()+",staged")
	w.git("-C", slot, "commit", "-q", "--allow-empty", "-m", "detached")
	detached, err := ParseID(w.git("-C", slot, "rev-parse", "HEAD"))
	w.must(err)
	dropped := w.hash("nothing leads to this")
	w.age(time.Hour)
	young := w.hash("written just now")
	tree, err := ParseID(w.storeGit("rev-parse", "v3^{tree}"))
	w.must(err)
	done := w.gc(s, GCRequest{Grace: grace(time.Minute)})
	if done.Removed != 1 || done.Unreachable != 1 || done.After.Packs >= done.Before.Packs || done.Unsure != nil || len(done.Damaged) != 0 {
		t.Errorf("%+v", done)
	}
	for id, want := range map[ID]bool{staged: true, detached: true, dropped: false, young: true, tree: true} {
		if w.has(id) != want {
			t.Errorf("%s is there: %v", id, !want)
		}
	}
	w.verified(6)
	if again := w.gc(s, GCRequest{Grace: grace(time.Minute)}); again.Rewritten || again.Removed != 0 {
		t.Errorf("nothing was to do: %+v", again)
	}
}

// TestGarbageGrowsOld has unreachable objects in packs, which keep their age however
// often they move, and go in the end.
func TestGarbageGrowsOld(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	w.write("f", "x")
	w.record(s, RecordRequest{Version: "v1"})
	var lost []ID
	for i := range 3 {
		content := fmt.Append(nil, "garbage ", i)
		release, err := s.db.WritePack([]odb.Object{{Type: odb.Blob, Data: content}})
		w.must(err)
		release()
		id, err := odb.Hash(odb.Blob, content)
		w.must(err)
		lost = append(lost, id)
	}
	w.age(20 * 24 * time.Hour)
	// One of them is needed by something young.
	tree, err := s.db.WriteLoose(odb.Tree, odb.AppendTreeEntry(nil, odb.TreeEntry{Mode: 0o100644, Name: "f", ID: lost[0]}))
	w.must(err)
	if done := w.gc(s, GCRequest{DryRun: true}); done.Removed != 2 || !w.has(lost[1]) {
		t.Errorf("dry run: %+v", done)
	}
	if done := w.gc(s, GCRequest{Grace: grace(30 * 24 * time.Hour)}); done.Removed != 0 || done.Unreachable != 4 {
		t.Errorf("%+v", done)
	}
	cruft, _ := filepath.Glob(filepath.Join(s.Dir(), "objects/pack/*.mtimes"))
	if len(cruft) != 1 {
		t.Fatalf("cruft packs: %q", cruft)
	}
	// git reads the ages, and we those of git's: the loose tree moves along.
	w.storeGit("repack", "-d", "--cruft", "--cruft-expiration=30.days.ago")
	if !w.has(lost[1]) || !w.has(tree) {
		t.Error("git has lost what is younger than its limit")
	}
	if done := w.gc(s, GCRequest{}); done.Removed != 2 || done.Unreachable != 2 || !w.has(lost[0]) || w.has(lost[1]) || !w.has(tree) {
		t.Errorf("%+v", done)
	}
	// git goes by what we wrote, as well.
	w.storeGit("repack", "-d", "--cruft", "--cruft-expiration=14.days.ago")
	if !w.has(lost[0]) || !w.has(tree) {
		t.Error("git has lost what something young needs")
	}
	if done := w.gc(s, GCRequest{Grace: grace(0)}); done.Removed != 2 || w.has(lost[0]) || w.has(tree) {
		t.Errorf("%+v", done)
	}
	if cruft, _ = filepath.Glob(filepath.Join(s.Dir(), "objects/pack/*.mtimes")); len(cruft) != 0 {
		t.Errorf("cruft packs: %q", cruft)
	}
	w.verified(1)
}

func TestGCRemovesNothingWhenItCannotTell(t *testing.T) {
	for name, harm := range map[string]func(w *world, s *Store){
		"ref":   func(w *world, s *Store) { w.write(".evoseal/.git/refs/tags/broken", "") },
		"index": func(w *world, s *Store) { w.write(".evoseal/.git/worktrees/w/index", "DIRC nonsense") },
		"missing": func(w *world, s *Store) {
			w.write(".evoseal/.git/refs/heads/gone", "1234567890123456789012345678901234567890\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.store()
			w.write("f", "x")
			w.record(s, RecordRequest{Version: "v1"})
			lost := w.hash("garbage")
			harm(w, s)
			for _, aggressive := range []bool{false, true} {
				done := w.gc(s, GCRequest{Grace: grace(0), Aggressive: aggressive})
				if done.Unsure == nil || done.Removed != 0 || !w.has(lost) {
					t.Errorf("%+v", done)
				}
			}
		})
	}
}

func TestShallowCommitsHaveNoParents(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	for i := range 3 {
		w.write("f", fmt.Sprint(i))
		w.record(s, RecordRequest{Version: fmt.Sprint("v", i)})
	}
	from := w.TempDir()
	w.git("clone", "-q", "--bare", "--depth=1", "--branch=v2", "file://"+s.Dir(), from)
	p := filepath.Join(w.dir, ".evoseal/.git")
	w.must(os.RemoveAll(p))
	w.must(os.Rename(from, p))
	s = w.store()
	done := w.gc(s, GCRequest{Grace: grace(0)})
	if done.Unsure != nil {
		t.Errorf("%+v", done)
	}
	w.fsck()
}

func TestReflogsExpire(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	w.write("f", "x")
	r := w.record(s, RecordRequest{Version: "v1"})
	log := filepath.Join(s.Dir(), "logs", latestRef)
	line := func(id ID, days int, message string) string {
		return fmt.Sprintf("%s %s a <b> %d +0000\t%s\n", ID{}, id, time.Now().AddDate(0, 0, -days).Unix(), message)
	}
	gone := w.hash("not a commit, and only a log knows it")
	recent := w.hash("only a log knows this, too")
	w.must(os.WriteFile(log, []byte(line(gone, 31, "a")+line(r.Commit, 31, "b")+line(r.Commit, 91, "c")+line(recent, 1, "d")), 0o644))
	w.gc(s, GCRequest{Grace: grace(0)})
	data, err := os.ReadFile(log)
	w.must(err)
	if got := string(data); got != line(r.Commit, 31, "b")+line(recent, 1, "d") {
		t.Errorf("log is\n%s", got)
	}
	if w.has(gone) || !w.has(recent) {
		t.Errorf("there: %v %v", w.has(gone), w.has(recent))
	}
	w.must(os.WriteFile(log, []byte(line(r.Commit, 91, "c")), 0o644))
	w.storeGit("config", "gc.reflogExpire", "never")
	w.gc(s, GCRequest{})
	if data, err := os.ReadFile(log); err != nil || len(data) == 0 {
		t.Errorf("configuration was not heard: %q %v", data, err)
	}
}

func TestGCAges(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"now": 0, "all": 0, "never": never, "false": never, "2.weeks.ago": 14 * 24 * time.Hour, "30 days": 30 * 24 * time.Hour,
		"1.hour.ago": time.Hour, "last tuesday": never, "": never, "-3 days": never,
	} {
		if got := parseAge(value); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
}

// TestWhatIsRecordedDuringGCStays records a tree that was garbage when gc looked.
func TestWhatIsRecordedDuringGCStays(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	ctx := context.Background()
	w.write("f", "once")
	w.record(s, RecordRequest{Version: "v1"})
	w.write("f", "twice")
	w.record(s, RecordRequest{Version: "v2"})
	w.storeGit("tag", "-d", "v1")
	blob, err := ParseID(w.storeGit("rev-parse", "v2~1:f"))
	w.must(err)
	// v2 has v1 for its parent, so v2 goes as well, but for a new line.
	w.storeGit("tag", "-d", "v2")
	w.storeGit("update-ref", "-d", latestRef)
	w.storeGit("update-ref", "-d", metaBook.ref())
	w.must(os.RemoveAll(filepath.Join(s.Dir(), "logs")))
	reach := s.db.NewReach()
	w.must(s.reach(ctx, reach, false))
	if reach.Has(blob) {
		t.Fatal("something still leads to the blob: the test proves nothing")
	}
	other := w.storeWith(Options{})
	done, err := s.db.Collect(ctx, odb.Collection{
		Reach: reach, Expire: time.Now().Add(time.Hour),
		Settle: func(ctx context.Context) (func(), error) {
			w.write("f", "once")
			w.record(other, RecordRequest{Version: "again"})
			return s.settleGC(ctx, reach)
		},
	})
	if err != nil || done.Removed == 0 || !w.has(blob) {
		t.Errorf("%+v %v", done, err)
	}
	w.verified(1)
}

func TestGCExcludesItsLike(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	ctx := context.Background()
	pid := filepath.Join(s.Dir(), "gc.pid")
	host, err := os.Hostname()
	w.must(err)
	w.must(os.WriteFile(pid, fmt.Appendf(nil, "%d %s", os.Getpid(), host), 0o644))
	if _, err := s.GC(ctx, GCRequest{}); !errors.Is(err, ErrBusy) {
		t.Errorf("beside git gc: %v", err)
	}
	w.must(os.Remove(pid))
	w.must(os.WriteFile(pid+".lock", nil, 0o644))
	if _, err := s.GC(ctx, GCRequest{}); !errors.Is(err, ErrBusy) {
		t.Errorf("while git takes its lock: %v", err)
	}
	w.must(os.WriteFile(pid+".lock", []byte("999999999 "+host), 0o644))
	w.must(os.WriteFile(pid, []byte("999999999 "+host), 0o644))
	if _, err := s.GC(ctx, GCRequest{}); err != nil {
		t.Errorf("after a dead one: %v", err)
	}
	unlock, err := s.lock(ctx, packsLock, unix.LOCK_EX, "test")
	w.must(err)
	defer unlock()
	impatient := w.storeWith(Options{LockTimeout: time.Millisecond})
	if _, err := impatient.GC(ctx, GCRequest{}); !errors.Is(err, ErrBusy) {
		t.Errorf("beside another: %v", err)
	}
	var said bytes.Buffer
	patient := w.storeWith(Options{LockTimeout: silentWait + 200*time.Millisecond, Logger: hclog.New(&hclog.LoggerOptions{Output: &said, Level: hclog.Warn})})
	if _, err := patient.GC(ctx, GCRequest{}); !errors.Is(err, ErrBusy) || strings.Count(said.String(), "waiting: because=\"another process is at work: test, process ") != 1 {
		t.Errorf("beside another for a while: %v; it said %q", err, &said)
	}
}

// TestGCFreesWhatWasPruned cuts checkpoints off again and again, and lets our gc take
// what they held, of either kind.
func TestGCFreesWhatWasPruned(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := w.storeWith(clockOf(&now))
	w.row(s, &now, 9)
	for i, versions := range [][]string{{"v4"}, {"v5", "v2"}, {"v1", "v3"}, {"v6", "v8"}} {
		now = now.Add(time.Hour)
		w.prune(s, versions...)
		w.expire(s, now)
		w.intact(s)
		// The objects are of the day of the test, which is later than the store's.
		real := w.store()
		done := w.gc(real, GCRequest{Grace: grace(0), Aggressive: i%2 == 1})
		if done.Removed == 0 || done.Unsure != nil || len(done.Damaged) != 0 {
			t.Errorf("after pruning %q: %+v", versions, done)
		}
		s = w.storeWith(clockOf(&now))
		w.intact(s)
		w.fsck()
		// git finds nothing more to remove.
		before := w.storeGit("cat-file", "--batch-all-objects", "--batch-check")
		w.storeGit("-c", "gc.reflogExpire=never", "-c", "gc.reflogExpireUnreachable=never", "gc", "-q", "--prune=now")
		if after := w.storeGit("cat-file", "--batch-all-objects", "--batch-check"); after != before {
			t.Errorf("git removed more, or less is there:\n%s\nnow\n%s", before, after)
		}
		s = w.storeWith(clockOf(&now))
	}
}
