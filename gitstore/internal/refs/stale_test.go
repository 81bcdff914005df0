package refs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// dieAfterRename leaves what a process leaves that is killed between giving its
// lock file the ref's name and forgetting the journal.
func dieAfterRename(t *testing.T, db *DB, name string, id ID) {
	t.Helper()
	h, err := db.Lock(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.lock.write(fmt.Appendf(nil, "%x\n", id)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(h.lock.path, db.path(name)); err != nil {
		t.Fatal(err)
	}
	h.lock.f.Close()
	h.lock.journal.f.Close()
}

// dieBeforeRename leaves what a process leaves that is killed once it has logged a value,
// or is about to, and before the ref has it.
func dieBeforeRename(t *testing.T, db *DB, name string, id ID, logged bool) {
	t.Helper()
	h, err := db.Lock(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.lock.write(fmt.Appendf(nil, "%x\n", id)); err != nil {
		t.Fatal(err)
	}
	h.announceLog()
	if logged {
		if _, err := db.log(name, h.current, id, "never done"); err != nil {
			t.Fatal(err)
		}
	}
	h.lock.f.Close()
	h.lock.journal.f.Close()
}

// A log that tells of a value which the ref never got would tell of a ref that was lost,
// as soon as the lock is gone that shows why.
func TestWhatTheDeadLoggedIsTakenBack(t *testing.T) {
	r := newRepository(t)
	open := r.open
	r.update(open(), Update{Name: "refs/tags/old", New: r.ids[0]})
	before, err := os.ReadFile(open().logPath("refs/tags/old"))
	if err != nil {
		t.Fatal(err)
	}
	dieBeforeRename(t, open(), "refs/tags/old", r.ids[1], true)
	dieBeforeRename(t, open(), "refs/tags/new", r.ids[1], true)
	none := func(when string) {
		t.Helper()
		if lost, err := open().Lost("refs/"); err != nil || len(lost) > 0 {
			t.Errorf("%s, a ref that never was counts as lost: %v %v", when, lost, err)
		}
	}
	none("with the lock")
	open().Sweep()
	none("without it")
	if after, err := os.ReadFile(open().logPath("refs/tags/old")); err != nil || string(after) != string(before) {
		t.Errorf("the log was %q and is %q, %v", before, after, err)
	}
	left, _ := filepath.Glob(filepath.Join(r.dir, "refs/tags/*.lock"))
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A repair gives a lost ref the value that its log ends with. Killed, it leaves the log as
// it was: nobody else knows of the ref.
func TestWhatTheDeadDidNotLogStays(t *testing.T) {
	for _, logged := range []bool{false, true} {
		r := newRepository(t)
		const name = "refs/tags/lost"
		r.update(r.open(), Update{Name: name, New: r.ids[0]})
		if err := os.Remove(r.open().path(name)); err != nil {
			t.Fatal(err)
		}
		dieBeforeRename(t, r.open(), name, r.ids[0], logged)
		r.open().Sweep()
		lost, err := r.open().Lost("refs/")
		if err != nil || len(lost) != 1 || len(lost[0].Was) != 1 || lost[0].Was[0] != r.ids[0] {
			t.Errorf("logged %v: lost are %v, %v", logged, lost, err)
		}
	}
}

// A file system gives a freed inode number to the next file. A lock that got the
// number of a dead one's is not a dead lock.
func TestLockWithAReusedInodeIsLeft(t *testing.T) {
	r := newRepository(t)
	db := Open(r.dir, Options{JournalDir: filepath.Join(r.dir, "journal"), LockTimeout: 50 * time.Millisecond})
	const name = "refs/tags/v1"
	for range 5 {
		dieAfterRename(t, db, name, r.ids[0])
		if err := os.Remove(db.path(name)); err != nil {
			t.Fatal(err)
		}
		gits, err := os.OpenFile(db.path(name)+".lock", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(context.Background(), Update{Name: name, New: r.ids[1]}); !errors.Is(err, ErrLocked) {
			t.Errorf("want ErrLocked, got %v", err)
		}
		gits.Close()
		os.Remove(db.path(name) + ".lock")
	}
}

// Nobody may ever want a dead process's lock: the first lock of any other process
// clears away all that the dead left, and nothing of the living.
func TestWhatTheDeadLeftIsSweptByTheNext(t *testing.T) {
	r := newRepository(t)
	journals := filepath.Join(r.dir, "journal")
	open := func() *DB { return Open(r.dir, Options{JournalDir: journals}) }
	dieAfterRename(t, open(), "refs/tags/v1", r.ids[0])
	dead, err := open().Lock(context.Background(), "refs/tags/v2")
	if err != nil {
		t.Fatal(err)
	}
	dead.lock.f.Close()
	dead.lock.journal.f.Close()
	living, err := open().Lock(context.Background(), "refs/tags/v3")
	if err != nil {
		t.Fatal(err)
	}
	r.update(open(), Update{Name: "refs/tags/v4", New: r.ids[0]})
	left, err := filepath.Glob(filepath.Join(journals, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left, beside the living: %v, %v", left, err)
	}
	locks, _ := filepath.Glob(filepath.Join(r.dir, "refs/tags/*.lock"))
	if len(locks) != 1 || filepath.Base(locks[0]) != "v3.lock" {
		t.Errorf("locks: %v", locks)
	}
	if err := living.Commit(r.ids[1], "late"); err != nil {
		t.Error(err)
	}
}

// What a journal says isn't synced: after a power cut it may be empty, or gone, and
// the lock there.
func TestDeadLockWhoseJournalIsLost(t *testing.T) {
	for name, lose := range map[string]func(string) error{
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"gone":  os.Remove,
	} {
		r := newRepository(t)
		open := func() *DB {
			return Open(r.dir, Options{JournalDir: filepath.Join(r.dir, "journal"), LockTimeout: 200 * time.Millisecond})
		}
		for _, path := range []string{"refs/tags/v1", "packed-refs"} {
			dead, err := open().lock(context.Background(), filepath.Join(r.dir, path))
			if err != nil {
				t.Fatal(err)
			}
			dead.f.Close()
			dead.journal.f.Close()
			if err := lose(dead.journal.path); err != nil {
				t.Fatal(err)
			}
		}
		if err := open().Update(context.Background(), Update{Name: "refs/tags/v1", New: r.ids[0]}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		left, _ := filepath.Glob(filepath.Join(r.dir, "journal/*"))
		locks, _ := filepath.Glob(filepath.Join(r.dir, "*.lock"))
		if len(left)+len(locks) > 0 {
			t.Errorf("%s: left: %v %v", name, left, locks)
		}
	}
}

// A lock that can't be removed stays known, until it can.
func TestLockThatStaysIsSweptLater(t *testing.T) {
	r := newRepository(t)
	open := func() *DB {
		return Open(r.dir, Options{JournalDir: filepath.Join(r.dir, "journal"), LockTimeout: 200 * time.Millisecond})
	}
	l, err := open().lock(context.Background(), filepath.Join(r.dir, "packed-refs"))
	if err != nil {
		t.Fatal(err)
	}
	// A directory that isn't empty can't be removed, whoever tries.
	where := l.path
	l.path = filepath.Join(r.dir, "refs")
	l.release()
	if err := open().Update(context.Background(), Update{Name: "refs/tags/v1", New: r.ids[0]}); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(where); err == nil {
		t.Errorf("%s is left", where)
	}
}

func TestDeadLockOfAMovedRepositoryIsTakenOver(t *testing.T) {
	r := newRepository(t)
	before := Open(r.dir, Options{JournalDir: filepath.Join(r.dir, "journal")})
	h, err := before.Lock(context.Background(), "refs/tags/v1")
	if err != nil {
		t.Fatal(err)
	}
	h.lock.f.Close()
	h.lock.journal.f.Close() // as the kernel does for the dead
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(r.dir, moved); err != nil {
		t.Fatal(err)
	}
	after := Open(moved, Options{JournalDir: filepath.Join(moved, "journal"), LockTimeout: 200 * time.Millisecond})
	if err := after.Update(context.Background(), Update{Name: "refs/tags/v1", New: r.ids[0]}); err != nil {
		t.Error(err)
	}
}

func TestBrokenRefIsNoAbsentRef(t *testing.T) {
	r := newRepository(t)
	db := r.open()
	const name = "refs/notes/x"
	r.update(db, Update{Name: name, New: r.ids[0]})
	for _, left := range []string{"", "\x00\x00\x00", fmt.Sprintf("%x\n", ID{})} {
		if err := os.WriteFile(db.path(name), []byte(left), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Lock(context.Background(), name); !errors.Is(err, ErrBroken) {
			t.Errorf("%q: Lock says %v", left, err)
		}
		if err := db.Update(context.Background(), Update{Name: name, Old: &ID{}, New: r.ids[1]}); !errors.Is(err, ErrBroken) {
			t.Errorf("%q: Update of none says %v", left, err)
		}
	}
	r.update(db, Update{Name: name, New: r.ids[1]})
}

func TestCommitNeedsTheLock(t *testing.T) {
	r := newRepository(t)
	db := r.open()
	r.update(db, Update{Name: "refs/tags/a", New: r.ids[0]})
	h, err := db.Lock(context.Background(), "refs/tags/a")
	if err != nil {
		t.Fatal(err)
	}
	h.Release()
	for _, id := range []ID{{}, r.ids[1]} {
		if err := h.Commit(id, "late"); err == nil {
			t.Errorf("%x was committed after Release", id)
		}
	}
	if got, err := db.Read("refs/tags/a"); err != nil || got != r.ids[0] {
		t.Errorf("the ref is %x, %v", got, err)
	}
}
