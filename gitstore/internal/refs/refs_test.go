package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

type repository struct {
	*testing.T
	dir string
	ids []ID
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{T: t, dir: t.TempDir()}
	r.git("init", "-q", "--bare", ".")
	tree := r.git("mktree")
	for i := range 10 {
		id, ok := parseID([]byte(r.git("commit-tree", "-m", fmt.Sprint(i), tree)))
		if !ok {
			t.Fatal("git made no commit")
		}
		r.ids = append(r.ids, id)
	}
	return r
}

func (r *repository) try(args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+r.dir, "GIT_DIR="+r.dir, "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t",
		"GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (r *repository) git(args ...string) string {
	r.Helper()
	out, err := r.try(args...)
	if err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func (r *repository) open() *DB {
	return Open(r.dir, Options{
		Ident:      func() (string, string, time.Time) { return "A", "a@b", time.Unix(1700000000, 0) },
		JournalDir: filepath.Join(r.dir, "journal"), LockTimeout: 10 * time.Second,
	})
}

func (r *repository) update(db *DB, u Update) {
	r.Helper()
	if err := db.Update(context.Background(), u); err != nil {
		r.Fatal(err)
	}
}

func TestGitReadsWhatWeWrite(t *testing.T) {
	r := newRepository(t)
	db := r.open()
	r.update(db, Update{Name: "refs/tags/v1", Old: &ID{}, New: r.ids[0], Reason: "first"})
	r.update(db, Update{Name: "refs/heads/deep/er/x", New: r.ids[1], Reason: "second\nline"})
	r.update(db, Update{Name: "refs/tags/v1", Old: &r.ids[0], New: r.ids[2], Reason: "third"})
	want := fmt.Sprintf("%x refs/heads/deep/er/x\n%x refs/tags/v1", r.ids[1], r.ids[2])
	if got := r.git("for-each-ref", "--format=%(objectname) %(refname)"); got != want {
		t.Errorf("git lists\n%s\nwant\n%s", got, want)
	}
	if got := r.git("reflog", "show", "--format=%gs", "refs/tags/v1"); got != "third\nfirst" {
		t.Errorf("reflog: %q", got)
	}
	if out := r.git("fsck", "--strict", "--no-dangling"); strings.Contains(out, "error") {
		t.Error(out)
	}
	if left, _ := os.ReadDir(filepath.Join(r.dir, "journal")); len(left) != 0 {
		t.Errorf("journals left: %v", left)
	}
}

func TestWeReadWhatGitWrites(t *testing.T) {
	r := newRepository(t)
	db := r.open()
	hex := func(i int) string { return fmt.Sprintf("%x", r.ids[i]) }
	r.git("tag", "-a", "-m", "x", "annotated", hex(3))
	r.git("update-ref", "refs/heads/a/b", hex(1))
	r.git("symbolic-ref", "HEAD", "refs/heads/a/b")
	r.git("pack-refs", "--all")
	r.git("update-ref", "refs/heads/a/c", hex(2))
	r.git("update-ref", "refs/heads/a/b", hex(4))
	for name, want := range map[string]ID{"refs/heads/a/b": r.ids[4], "refs/heads/a/c": r.ids[2], "HEAD": r.ids[4]} {
		if got, err := db.Read(name); err != nil || got != want {
			t.Errorf("%s: %x %v, want %x", name, got, err, want)
		}
	}
	for _, name := range []string{"refs/heads/a/b", "refs/heads/a/c", "HEAD", "refs/tags/annotated"} {
		if got, err := db.ReadHex(name); err != nil || got != r.git("rev-parse", name) {
			t.Errorf("%s in digits: %s %v", name, got, err)
		}
	}
	if _, err := db.ReadHex("refs/heads/none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("none in digits: %v", err)
	}
	list, err := db.List("refs/")
	if err != nil || len(list) != 3 || list[0].Name != "refs/heads/a/b" || list[2].Peeled != r.ids[3] {
		t.Errorf("list: %+v %v", list, err)
	}
	for _, name := range []string{"refs/heads/a", "refs/heads/none", "refs/heads/a/b/c"} {
		if _, err := db.Read(name); !errors.Is(err, ErrNotFound) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A packed ref is deleted for good, and one that was changed since too.
	for _, name := range []string{"refs/heads/a/b", "refs/tags/annotated"} {
		r.update(db, Update{Name: name})
		if out, err := r.try("rev-parse", "--verify", "-q", name); err == nil {
			t.Errorf("%s still is %s", name, out)
		}
	}
	if got := r.git("for-each-ref", "--format=%(refname)"); got != "refs/heads/a/c" {
		t.Errorf("left: %s", got)
	}
}

func TestCompareAndSwap(t *testing.T) {
	r := newRepository(t)
	db := r.open()
	ctx := context.Background()
	r.update(db, Update{Name: "refs/tags/v1", New: r.ids[0]})
	for _, old := range []ID{{}, r.ids[1]} {
		var changed *ChangedError
		if err := db.Update(ctx, Update{Name: "refs/tags/v1", Old: &old, New: r.ids[2]}); !errors.As(err, &changed) || changed.Have != r.ids[0] {
			t.Errorf("old %x: %v", old, err)
		}
	}
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("pack-refs", "--all", "--prune")
		}
		for _, name := range []string{"refs/tags/v1/x", "refs/tags/v1/x/y"} {
			var conflict *ConflictError
			if err := db.Update(ctx, Update{Name: name, New: r.ids[0]}); !errors.As(err, &conflict) || conflict.With != "refs/tags/v1" {
				t.Errorf("packed %v: %s beside v1: %v", packed, name, err)
			}
		}
	}
	r.update(db, Update{Name: "refs/tags/w/x", New: r.ids[0]})
	if err := db.Update(ctx, Update{Name: "refs/tags/w", New: r.ids[0]}); !errors.Is(err, ErrConflict) {
		t.Errorf("w beside w/x: %v", err)
	}
	r.update(db, Update{Name: "refs/tags/w/x"})
	r.update(db, Update{Name: "refs/tags/w", New: r.ids[0]})
	for _, name := range []string{"refs/tags/a..b", "refs/tags/x.lock", "refs/../x", "v1", "refs/tags/"} {
		if err := db.Update(ctx, Update{Name: name, New: r.ids[0]}); !errors.Is(err, ErrBadName) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBrokenRefHidesNoOther(t *testing.T) {
	r := newRepository(t)
	db := r.open()
	r.update(db, Update{Name: "refs/tags/good", New: r.ids[0]})
	for name, content := range map[string]string{"empty": "", "garbage": "hello\n"} {
		os.WriteFile(filepath.Join(r.dir, "refs/tags", name), []byte(content), 0o644)
	}
	list, err := db.List("refs/tags/")
	var broken *BrokenError
	if len(list) != 1 || list[0].Name != "refs/tags/good" || !errors.As(err, &broken) {
		t.Errorf("list %+v, %v", list, err)
	}
	r.update(db, Update{Name: "refs/tags/empty", New: r.ids[1]})
}

// TestNoUpdateIsLost counts with compare-and-swap from goroutines and from git
// processes at once.
func TestNoUpdateIsLost(t *testing.T) {
	r := newRepository(t)
	const ref, writers, rounds = "refs/heads/counter", 6, 15
	next := func(n int) ID { var id ID; copy(id[:], r.ids[n%10][:]); return id }
	r.update(r.open(), Update{Name: ref, New: next(0)})
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for range writers {
		db := r.open()
		wg.Go(func() {
			for range rounds {
				h, err := db.Lock(context.Background(), ref)
				if err != nil {
					t.Error(err)
					return
				}
				cur, _ := h.Current()
				if err := h.Commit(successor(r.ids, cur), "count"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
		wg.Go(func() {
			for range rounds {
				cur, err := r.try("rev-parse", ref)
				id, ok := parseID([]byte(cur))
				if err != nil || !ok {
					continue
				}
				if _, err := r.try("update-ref", "--create-reflog", ref, fmt.Sprintf("%x", successor(r.ids, id)), cur); err == nil {
					mu.Lock()
					won++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	cur, err := r.open().Read(ref)
	if err != nil || cur != r.ids[won%10] {
		t.Errorf("after %d updates the ref is %x, want %x (%v)", won, cur, r.ids[won%10], err)
	}
	if won < writers*rounds {
		t.Errorf("only %d updates", won)
	}
}

func successor(ids []ID, id ID) ID {
	for i := range ids {
		if ids[i] == id {
			return ids[(i+1)%len(ids)]
		}
	}
	return ID{}
}

const childEnv = "REFS_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		db := Open(dir, Options{JournalDir: filepath.Join(dir, "journal")})
		if _, err := db.Lock(context.Background(), "refs/tags/v1"); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("locked")
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

func TestLockOfAKilledProcessIsTakenOver(t *testing.T) {
	r := newRepository(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+r.dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if n, _ := out.Read(buf); string(buf[:n]) != "locked\n" {
		t.Fatalf("child says %q", buf[:n])
	}
	impatient := Open(r.dir, Options{JournalDir: filepath.Join(r.dir, "journal"), LockTimeout: 100 * time.Millisecond})
	u := Update{Name: "refs/tags/v1", New: r.ids[0]}
	var locked *LockedError
	if err := impatient.Update(context.Background(), u); !errors.As(err, &locked) || !strings.HasSuffix(locked.Path, "refs/tags/v1.lock") {
		t.Errorf("a living process's lock: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := os.Stat(filepath.Join(r.dir, "refs/tags/v1.lock")); err != nil {
		t.Fatalf("the killed process left no lock: %v", err)
	}
	r.update(impatient, u)
	if left, _ := os.ReadDir(filepath.Join(r.dir, "journal")); len(left) != 0 {
		t.Errorf("journals left: %v", left)
	}
}

func TestGitsOwnLockIsNeverTaken(t *testing.T) {
	r := newRepository(t)
	path := filepath.Join(r.dir, "refs/tags/v1.lock")
	os.WriteFile(path, nil, 0o644)
	db := Open(r.dir, Options{JournalDir: filepath.Join(r.dir, "journal"), LockTimeout: 50 * time.Millisecond})
	if err := db.Update(context.Background(), Update{Name: "refs/tags/v1", New: r.ids[0]}); !errors.Is(err, ErrLocked) {
		t.Errorf("want ErrLocked, got %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("git's lock was taken away")
	}
}

func TestCheckNameAsGit(t *testing.T) {
	names := []string{"refs/heads/x", "refs/heads/.x", "refs/heads/x.", "refs/heads/x..y", "refs/heads/x y", "refs/heads/x.lock", "refs/x.lock/y", "refs/heads/@", "refs/@{x",
		"refs/heads/@{", "refs//x", "refs/x/", "/refs/x", "refs/x\\y", "refs/x?", "refs/x*", "refs/x[", "refs/x]", "refs/~x", "refs/^x", "refs/:x", "refs/日本", "refs/-x", "refs/x\x7f", "refs/x\x01",
		"refs/heads/x.lock.y", "refs/heads/..", "refs/heads/.", "refs/a@b", "refs/{x}", "refs/x\xff", "refs/HEAD"}
	r := newRepository(t)
	for _, name := range names {
		_, err := r.try("check-ref-format", name)
		if ours := CheckName(name); (ours == nil) != (err == nil) {
			t.Errorf("%q: we say %v, git says %v", name, ours, err)
		}
	}
}

func FuzzPackedRefs(f *testing.F) {
	f.Add([]byte("# pack-refs with: peeled fully-peeled sorted \n" + strings.Repeat("a", 40) + " refs/tags/v1\n^" + strings.Repeat("b", 40) + "\n"))
	f.Add([]byte("^x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePacked(data)
		if err != nil {
			return
		}
		again, err := parsePacked(p.encode())
		if err != nil || len(again.refs) != len(p.refs) {
			t.Errorf("%d refs became %d: %v", len(p.refs), len(again.refs), err)
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte("refs/tags/v1.lock\n"))
	f.Add([]byte("../x.lock\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if lock, ok := parseJournal(data); ok && (!strings.HasSuffix(lock, ".lock") || !filepath.IsLocal(lock)) {
			t.Errorf("%q", lock)
		}
	})
}
