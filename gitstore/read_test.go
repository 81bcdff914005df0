package gitstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
)

const (
	blobType = odb.Blob
	treeType = odb.Tree
)

func TestDiff(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	long := strings.Repeat("a line of some length\n", 50)
	w.write("same", "x", "edited", "one\ntwo\nthree\n", "gone", "bye\n", "moved/from", long, "similar", long+"tail\n", "tofile/x", "x", "script", "x", "bin", "a\x00b", "perm", "x")
	w.must(os.MkdirAll(filepath.Join(w.dir, "empty"), 0o755))
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	change := func(name string, f func(string) error) { t.Helper(); w.must(f(filepath.Join(w.dir, name))) }
	w.write("edited", "one\n2\nthree\nfour\n", "new", "hello\n", "moved/to", long, "similar2", "head\n"+long, "bin", "a\x00c")
	for _, name := range []string{"gone", "moved/from", "similar", "empty"} {
		change(name, os.Remove)
	}
	change("tofile", os.RemoveAll)
	w.write("tofile", "now a file")
	change("script", func(p string) error { return os.Chmod(p, 0o755) })
	change("perm", func(p string) error { return os.Chmod(p, 0o600) })
	want := []string{
		"modified bin", "modified edited", "deleted empty/", "deleted gone", "renamed moved/to", "added new", "mode perm", "mode script",
		"renamed similar2", "added tofile", "deleted tofile/x",
	}
	check := func(what string, d *Diff, err error) {
		t.Helper()
		w.must(err)
		var got []string
		for _, c := range d.Changes {
			got = append(got, string(c.Kind)+" "+c.Path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%q\nwant\n%q", what, got, want)
		}
	}
	live, err := s.Diff(ctx, DiffRequest{Old: v1.Checkpoint})
	check("live", live, err)
	v2 := w.record(s, RecordRequest{Version: "v2"})
	stored, err := s.Diff(ctx, DiffRequest{Old: v1.Checkpoint, New: &v2.Checkpoint})
	check("stored", stored, err)
	for i, c := range stored.Changes {
		a, errA := live.Stat(live.Changes[i])
		b, errB := stored.Stat(c)
		if a != b || errA != nil || errB != nil {
			t.Errorf("%s: counts %+v and %+v", c.Path, a, b)
		}
		if c.Path == "edited" && (b.Added != 2 || b.Deleted != 1) || c.Path == "bin" && !b.Binary {
			t.Errorf("%s: %+v", c.Path, b)
		}
	}
	again, err := s.Diff(ctx, DiffRequest{Old: v2.Checkpoint})
	if err != nil || len(again.Changes) != 0 {
		t.Errorf("nothing changed, and the diff has %+v %v", again, err)
	}
	some, err := s.Diff(ctx, DiffRequest{Old: v1.Checkpoint, Paths: []string{"tofile", "new"}})
	if err != nil || len(some.Changes) != 3 {
		t.Errorf("restricted: %+v %v", some, err)
	}
}

// TestPatchApplies lets git apply what we print.
func TestPatchApplies(t *testing.T) {
	w := newWorld(t)
	w.write("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "gone", "x\n", "noeol", "x", "mode", "x\n")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	before, _, err := w.materialise(s, v1.Checkpoint, nil)
	w.must(err)
	w.write("a", "0\n1\n2\n3\n4\n5\n6\nseven\n8\n9\n", "new/file", "hello\n", "noeol", "x\ny", "mode", "x\n")
	w.must(os.Remove(filepath.Join(w.dir, "gone")))
	w.must(os.Chmod(filepath.Join(w.dir, "mode"), 0o755))
	d, err := s.Diff(context.Background(), DiffRequest{Old: v1.Checkpoint})
	w.must(err)
	var patch bytes.Buffer
	for _, c := range d.Changes {
		w.must(d.Patch(&patch, c))
	}
	cmd := exec.Command("git", "apply", "--verbose", "-")
	cmd.Dir, cmd.Stdin = before, &patch
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, out, patch.String())
	}
	w.sameTrees(w.dir, before)
}

func TestVerifyNamesWhatIsHit(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.write("shared", "in both\n", "only1", "first\n")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	w.write("only1", "second\n", "only2", "third\n")
	v2 := w.record(s, RecordRequest{Version: "v2"})
	all := []Checkpoint{v1.Checkpoint, v2.Checkpoint}
	report, err := s.Verify(ctx, all, nil)
	if err != nil || len(report.Damage) != 0 || len(report.Intact) != 2 {
		t.Fatalf("sound store: %+v %v", report, err)
	}
	hits := func(name string) []string {
		t.Helper()
		report, err := w.store().Verify(ctx, all, nil)
		w.must(err)
		for _, d := range report.Damage {
			if d.Path == name {
				return d.Versions
			}
		}
		t.Errorf("%s is not reported: %+v", name, report.Damage)
		return nil
	}
	for name, want := range map[string][]string{"shared": {"v1", "v2"}, "only2": {"v2"}} {
		content, _ := os.ReadFile(filepath.Join(w.dir, name))
		id, err := odb.Hash(blobType, content)
		w.must(err)
		loc := s.db.Locate(id)
		path := filepath.Join(s.Dir(), "objects/pack", loc.Pack()+".pack")
		data, err := os.ReadFile(path)
		w.must(err)
		good := bytes.Clone(data)
		data[loc.Offset+8] ^= 0x04
		w.must(os.Remove(path))
		w.must(os.WriteFile(path, data, 0o444))
		if got := hits(name); !slices.Equal(got, want) {
			t.Errorf("damage to %s hits %q, want %q", name, got, want)
		}
		// What is damaged is never written, and what isn't still is.
		fresh := w.store()
		_, _, err = w.materialise(fresh, v2.Checkpoint, func(r *MaterialiseRequest) { r.FromStore = true })
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("materialising over damaged %s: %v", name, err)
		}
		if name == "only2" {
			dir, _, err := w.materialise(fresh, v1.Checkpoint, func(r *MaterialiseRequest) { r.FromStore = true })
			w.must(err)
			if got, _ := os.ReadFile(filepath.Join(dir, "only1")); string(got) != "first\n" {
				t.Errorf("only1 is %q", got)
			}
		}
		w.must(os.Remove(path))
		w.must(os.WriteFile(path, good, 0o444))
	}
}

func TestLiveFileThatOnlyLooksTheSameIsNotCopied(t *testing.T) {
	w := newWorld(t)
	w.write("a", "recorded!", "b", "recorded?")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	w.write("a", "tampered!")
	dir, m, err := w.materialise(s, v1.Checkpoint, nil)
	w.must(err)
	if got, _ := os.ReadFile(filepath.Join(dir, "a")); string(got) != "recorded!" {
		t.Errorf("a is %q", got)
	}
	if m.Copied != 1 || m.Inflated != 1 {
		t.Errorf("copied %d, inflated %d", m.Copied, m.Inflated)
	}
}

func TestPathsOnly(t *testing.T) {
	w := newWorld(t)
	w.write("a/b/c", "1", "a/b/d", "2", "a/e", "3", "ab", "4", "f", "5")
	w.must(os.MkdirAll(filepath.Join(w.dir, "a/b/empty"), 0o755))
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	for _, c := range []struct {
		paths, want []string
	}{
		{[]string{"a/b"}, []string{"a/b/c", "a/b/d"}}, {[]string{"f"}, []string{"f"}}, {[]string{"a"}, []string{"a/b/c", "a/b/d", "a/e"}},
		{[]string{"a/b/c", "ab"}, []string{"a/b/c", "ab"}}, {[]string{"."}, []string{"a/b/c", "a/b/d", "a/e", "ab", "f"}},
	} {
		dir, _, err := w.materialise(s, v1.Checkpoint, func(r *MaterialiseRequest) { r.Paths = c.paths })
		w.must(err)
		var got []string
		for path, what := range w.picture(dir) {
			if !strings.HasPrefix(what, "d") {
				got = append(got, path)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q brings %q", c.paths, got)
		}
	}
	for _, bad := range []string{"none", "a/none", "a/b/c/d", "../x", "/a", "a//b", ""} {
		_, _, err := w.materialise(s, v1.Checkpoint, func(r *MaterialiseRequest) { r.Paths = []string{bad} })
		if !errors.Is(err, ErrNoPath) && !errors.Is(err, ErrBadPath) {
			t.Errorf("%q: %v", bad, err)
		}
		if had := s.HasPaths(v1.Checkpoint, []string{bad}); !errors.Is(had, ErrNoPath) && !errors.Is(had, ErrBadPath) {
			t.Errorf("HasPaths %q: %v", bad, had)
		}
	}
}

func TestBranch(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.git("init", "-q", ".")
	w.write("a", "1\n", "d/b", "2\n")
	w.git("add", "-A")
	w.git("commit", "-qm", "base")
	base := w.git("rev-parse", "HEAD")
	w.write("untracked", "3\n", "big", strings.Repeat("0123456789abcdef", odb.BigObject/16+10))
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1", Message: "subject\n\nbody"})
	w.write("a", "damaged\n")
	before := w.git("status", "--porcelain")
	b, err := s.WriteBranch(ctx, "rescue", v1.Checkpoint)
	w.must(err)
	if got := w.git("rev-parse", "rescue", "rescue^{tree}", "rescue^"); got != b.Commit.String()+"\n"+v1.Tree.String()+"\n"+base {
		t.Errorf("branch: %s", got)
	}
	if after := w.git("status", "--porcelain"); after != before || w.git("symbolic-ref", "HEAD") != "refs/heads/main" {
		t.Errorf("the project changed: %s", after)
	}
	w.git("fsck", "--strict", "--no-dangling")
	w.git("symbolic-ref", "HEAD", "refs/heads/unborn")
	if err := s.CheckBranch("unborn"); !errors.Is(err, ErrBranchExists) {
		t.Errorf("the branch that HEAD names: %v", err)
	}
	w.git("symbolic-ref", "HEAD", "refs/heads/main")
	for name, want := range map[string]error{"rescue": ErrBranchExists, "main": ErrBranchExists, "a..b": ErrBadName, "": ErrBadName, "-x": ErrBadName} {
		if _, err := s.WriteBranch(ctx, name, v1.Checkpoint); !errors.Is(err, want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	w.git("stash", "-q", "-u")
	w.git("switch", "-q", "rescue")
	if got, _ := os.ReadFile(filepath.Join(w.dir, "untracked")); string(got) != "3\n" {
		t.Errorf("switched, untracked is %q", got)
	}
}

func TestNoStore(t *testing.T) {
	w := newWorld(t)
	p, err := FindProject(w.dir)
	w.must(err)
	if _, err := Open(context.Background(), p, Options{}); !errors.Is(err, ErrNoStore) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestEmptyProject(t *testing.T) {
	w := newWorld(t)
	w.must(os.Mkdir(filepath.Join(w.dir, "only"), 0o750))
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	dir, _, err := w.materialise(s, v1.Checkpoint, nil)
	w.must(err)
	w.sameTrees(w.dir, dir)
	w.fsck()
}
