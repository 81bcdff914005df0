package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// names lists what plain git says of the refs: name and object, sorted.
func names(r *repository) []string {
	out := strings.TrimSpace(r.git("for-each-ref", "--format=%(refname)"))
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

func hexOf(id ID) string { return fmt.Sprintf("%x", id) }

// noLocks fails the test at a lock or a journal that is left.
func (r *repository) noLocks() {
	r.Helper()
	err := filepath.WalkDir(r.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && (strings.HasSuffix(path, ".lock") || strings.HasPrefix(e.Name(), journalPrefix)) {
			r.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

func TestRenameMovesLooseAndPacked(t *testing.T) {
	for _, packed := range []string{"none", "all", "some"} {
		t.Run(packed, func(t *testing.T) {
			r := newRepository(t)
			r.git("config", "core.logAllRefUpdates", "always")
			db := r.open()
			var list []Rename
			var want []string
			// More than are done at once.
			for i := range renamedAtOnce*2 + 3 {
				name := fmt.Sprintf("refs/tags/v%03d", i)
				r.git("update-ref", name, hexOf(r.ids[0]))
				if packed == "some" && i == renamedAtOnce {
					r.git("pack-refs", "--all")
				}
				to := ""
				if i%3 != 0 {
					to = fmt.Sprintf("refs/evoseal/pruned/now/v%03d", i)
					want = append(want, to)
				}
				list = append(list, Rename{From: name, To: to, ID: r.ids[0]})
			}
			if packed == "all" {
				r.git("pack-refs", "--all")
			}
			if _, err := os.Lstat(filepath.Join(r.dir, "logs", "refs", "tags", "v000")); err != nil {
				t.Fatal(err)
			}
			done, err := db.Rename(context.Background(), list)
			if err != nil || len(done) != len(list) {
				t.Fatalf("%d of %d: %v", len(done), len(list), err)
			}
			if got := names(r); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("git sees\n%v, want\n%v", got, want)
			}
			if _, err := os.Lstat(filepath.Join(r.dir, "logs", "refs", "tags", "v000")); err == nil {
				t.Error("a deleted ref keeps its log")
			}
			if entries, _ := os.ReadDir(filepath.Join(r.dir, "refs", "evoseal")); len(entries) != 0 {
				t.Errorf("empty directories are left: %v", entries)
			}
			r.noLocks()
		})
	}
}

func TestRenameLeavesWhatChanged(t *testing.T) {
	r := newRepository(t)
	r.git("update-ref", "refs/tags/v1", hexOf(r.ids[0]))
	r.git("update-ref", "refs/tags/v2", hexOf(r.ids[1]))
	done, err := r.open().Rename(context.Background(), []Rename{
		{From: "refs/tags/v1", To: "refs/x/v1", ID: r.ids[0]},
		{From: "refs/tags/v2", To: "refs/x/v2", ID: r.ids[0]},
		{From: "refs/tags/v3", To: "refs/x/v3", ID: r.ids[0]},
	})
	if err != nil || len(done) != 1 || done[0].From != "refs/tags/v1" {
		t.Fatalf("%v, %v", done, err)
	}
	if got := strings.Join(names(r), " "); got != "refs/tags/v2 refs/x/v1" {
		t.Error(got)
	}
}

func TestRenameRefusesTakenNames(t *testing.T) {
	for _, c := range []struct {
		have, to string
		want     error
	}{
		{"refs/x/v1", "refs/x/v1", ErrChanged},
		{"refs/x/v1/y", "refs/x/v1", ErrConflict},
		{"refs/x", "refs/x/v1", ErrConflict},
	} {
		for _, packed := range []bool{false, true} {
			r := newRepository(t)
			r.git("update-ref", "refs/tags/v1", hexOf(r.ids[0]))
			r.git("update-ref", c.have, hexOf(r.ids[1]))
			if packed {
				r.git("pack-refs", "--all")
			}
			before := names(r)
			_, err := r.open().Rename(context.Background(), []Rename{{From: "refs/tags/v1", To: c.to, ID: r.ids[0]}})
			if !errors.Is(err, c.want) {
				t.Errorf("%s beside %s, packed %v: %v", c.to, c.have, packed, err)
			}
			if after := names(r); strings.Join(after, " ") != strings.Join(before, " ") {
				t.Errorf("%v became %v", before, after)
			}
			r.noLocks()
		}
	}
}

func TestRenameWaitsForGit(t *testing.T) {
	r := newRepository(t)
	r.git("update-ref", "refs/tags/v1", hexOf(r.ids[0]))
	lock := filepath.Join(r.dir, "packed-refs.lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	db := Open(r.dir, Options{LockTimeout: 1})
	_, err := db.Rename(context.Background(), []Rename{{From: "refs/tags/v1", To: "refs/x/v1", ID: r.ids[0]}})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("beside a lock of git's: %v", err)
	}
	if got := strings.Join(names(r), " "); got != "refs/tags/v1" {
		t.Error(got)
	}
}

func TestEdit(t *testing.T) {
	r := newRepository(t)
	db, ctx := r.open(), context.Background()
	child := r.git("commit-tree", "-m", "child", "-p", hexOf(r.ids[0]), r.git("mktree"))
	set := func(content []byte) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return content, nil }
	}
	if err := db.Edit(ctx, "shallow", set(nil)); err != nil {
		t.Fatal(err)
	}
	if err := db.Edit(ctx, "shallow", set([]byte(child+"\n"))); err != nil {
		t.Fatal(err)
	}
	if out := strings.TrimSpace(r.git("rev-list", "--count", child)); out != "1" {
		t.Errorf("git counts %s commits", out)
	}
	broken := errors.New("x")
	if err := db.Edit(ctx, "shallow", func([]byte) ([]byte, error) { return []byte("y"), broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(r.dir, "shallow")); err != nil || string(data) != child+"\n" {
		t.Errorf("%q, %v", data, err)
	}
	if err := db.Edit(ctx, "shallow", set(nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(r.dir, "shallow")); err == nil {
		t.Error("the file is still there")
	}
	r.noLocks()
}
