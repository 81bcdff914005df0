package gitstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func (w *world) recordCommit(s *Store, req RecordCommitRequest) Recorded {
	w.Helper()
	r, err := s.RecordCommit(context.Background(), req)
	w.must(err)
	return r
}

// commitAll commits everything and returns the commit's name.
func (w *world) commitAll(message string) string {
	w.Helper()
	w.git("add", "-A")
	w.git("commit", "-qm", message)
	return w.git("rev-parse", "HEAD")
}

func TestRecordCommitTakesTheCommitAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", "-b", "trunk", ".")
	w.write("a", "one", "dir/b", "two", "dir/sub/c", "three")
	w.must(os.Chmod(filepath.Join(w.dir, "a"), 0o755))
	w.must(os.Symlink("a", filepath.Join(w.dir, "link")))
	commit := w.commitAll("the subject\n\nand a body")
	w.write("a", "changed since", "untracked", "x", "dir/b", "staged")
	w.git("add", "dir/b")
	s := w.store()
	r := w.recordCommit(s, RecordCommitRequest{Commit: commit, Branch: "trunk"})
	if r.SourceCommit != commit || r.SourceBranch != "trunk" || r.SourceDirty != "false" || r.Files != 4 {
		t.Errorf("%+v", r.Checkpoint)
	}
	if want := "commit " + commit[:10] + ": the subject"; r.Message != want {
		t.Errorf("message %q, want %q", r.Message, want)
	}
	if tree := w.git("rev-parse", commit+"^{tree}"); tree != r.Tree.String() {
		t.Errorf("tree %s, want %s", r.Tree, tree)
	}
	if size := int64(len("one") + len("two") + len("three") + len("a")); r.Bytes != size {
		t.Errorf("%d bytes, want %d", r.Bytes, size)
	}
	dir, _, err := w.materialise(s, r.Checkpoint, nil)
	w.must(err)
	archived := t.TempDir()
	w.git("--work-tree="+archived, "checkout", commit, "--", ".")
	w.git("reset", "-q")
	sameTrees(t, archived, dir)
	w.fsck()
}

func sameTrees(t *testing.T, a, b string) {
	t.Helper()
	w := &world{t, a}
	if out, err := w.tryGit("diff", "--no-index", "--stat", a, b); err != nil {
		t.Errorf("trees differ: %s", out)
	}
}

func TestRecordCommitKnowsWhatItHas(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("a", "one")
	first := w.commitAll("first")
	s := w.store()
	r := w.recordCommit(s, RecordCommitRequest{Commit: first})
	again := w.recordCommit(s, RecordCommitRequest{Commit: first})
	if !again.Known || again.Commit != r.Commit || r.Known {
		t.Errorf("recorded again: %+v", again)
	}
	if named := w.recordCommit(s, RecordCommitRequest{Commit: first, Version: "v1"}); named.Known || named.Version != "v1" || named.Tree != r.Tree {
		t.Errorf("a version asked for: %+v", named)
	}
	// The live tree of the same commit is known as well, where it is the commit's.
	w.write("a", "two")
	second := w.commitAll("second")
	live := w.record(s, RecordRequest{Version: "live"})
	if r := w.recordCommit(s, RecordCommitRequest{Commit: second}); !r.Known || r.Version != "live" || r.Commit != live.Commit {
		t.Errorf("live and commit: %+v", r)
	}
	w.write("a", "three", "untracked", "x")
	w.git("commit", "-qam", "third")
	third := w.git("rev-parse", "HEAD")
	w.record(s, RecordRequest{Version: "dirty"})
	if r := w.recordCommit(s, RecordCommitRequest{Commit: third}); r.Known || r.Files != 1 {
		t.Errorf("a dirty tree stands for its commit: %+v", r)
	}
}

// A push of one branch must not follow the checkpoints of another.
func TestRecordCommitFollowsItsOwnAncestors(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("a", "base")
	base := w.commitAll("base")
	w.git("switch", "-qc", "one")
	w.write("a", "one")
	one := w.commitAll("one")
	w.git("switch", "-qc", "two", base)
	w.write("a", "two")
	w.commitAll("two, not recorded")
	w.write("a", "two more")
	two := w.commitAll("two more")
	s := w.store()
	rBase := w.recordCommit(s, RecordCommitRequest{Commit: base})
	rOne := w.recordCommit(s, RecordCommitRequest{Commit: one})
	rTwo := w.recordCommit(s, RecordCommitRequest{Commit: two})
	if rOne.Parent != rBase.Commit || rTwo.Parent != rBase.Commit {
		t.Errorf("parents %s and %s, want %s", rOne.Parent, rTwo.Parent, rBase.Commit)
	}
	w.git("switch", "-q", "--orphan", "other")
	w.write("b", "x")
	other := w.commitAll("other")
	if r := w.recordCommit(s, RecordCommitRequest{Commit: other}); r.Parent != rTwo.Commit {
		t.Errorf("a commit without recorded ancestors follows the newest: %s, want %s", r.Parent, rTwo.Commit)
	}
	w.git("merge", "-q", "--allow-unrelated-histories", "-m", "merge", "one")
	merge := w.git("rev-parse", "HEAD")
	if r := w.recordCommit(s, RecordCommitRequest{Commit: merge, Parent: "latest~1"}); r.Parent != rTwo.Commit {
		t.Errorf("a parent asked for: %s", r.Parent)
	}
	w.fsck()
}

func TestRecordCommitSubmodules(t *testing.T) {
	inner := newWorld(t)
	inner.git("init", "-q", ".")
	inner.write("f", "x")
	head := inner.commitAll("inner")
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("a", "one")
	w.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.dir, "lib/inner")
	commit := w.commitAll("with a submodule")
	s := w.store()
	r := w.recordCommit(s, RecordCommitRequest{Commit: commit})
	if len(r.Meta.Skipped) != 1 || r.Meta.Skipped[0].Path != "lib/inner" || !strings.Contains(r.Meta.Skipped[0].Reason, head) || r.Partial {
		t.Errorf("skipped %+v", r.Meta.Skipped)
	}
	dir, _, err := w.materialise(s, r.Checkpoint, nil)
	w.must(err)
	if list, err := os.ReadDir(filepath.Join(dir, "lib/inner")); err != nil || len(list) != 0 {
		t.Errorf("lib/inner: %v %v", list, err)
	}
	w.fsck()
}

func TestRecordCommitOfABareRepository(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", "-b", "main", ".")
	w.write("a", "one")
	commit := w.commitAll("first")
	bare := &world{t, filepath.Join(t.TempDir(), "project.git")}
	w.git("clone", "-q", "--bare", w.dir, bare.dir)
	s := bare.store()
	if !s.Project().Bare || s.Project().Root != resolved(t, bare.dir) {
		t.Errorf("project %+v", s.Project())
	}
	r := bare.recordCommit(s, RecordCommitRequest{Commit: commit})
	if got := bare.files(r.Version); len(got) != 1 || got[0] != "a" {
		t.Errorf("files %v", got)
	}
	if _, err := s.Record(context.Background(), RecordRequest{}); !errors.Is(err, ErrBareRepository) {
		t.Errorf("the tree of a bare repository: %v", err)
	}
	// git minds nothing of it.
	if out := bare.git("fsck", "--strict"); out != "" {
		t.Errorf("git fsck: %s", out)
	}
	bare.git("gc", "--prune=now", "-q")
	w.git("clone", "-q", bare.dir, filepath.Join(t.TempDir(), "again"))
	dir, _, err := bare.materialise(s, r.Checkpoint, nil)
	w.must(err)
	if data, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || string(data) != "one" {
		t.Errorf("%q %v", data, err)
	}
}

func resolved(t *testing.T, dir string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// git keeps a push in a directory of its own until the hooks agree.
func TestRecordCommitReadsQuarantine(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("a", "one")
	w.commitAll("first")
	s := w.store()
	quarantine := filepath.Join(t.TempDir(), "incoming")
	w.must(os.MkdirAll(filepath.Join(quarantine, "pack"), 0o755))
	t.Setenv("GIT_OBJECT_DIRECTORY", quarantine)
	t.Setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", filepath.Join(w.dir, ".git", "objects"))
	w.write("a", "two")
	commit := w.git("commit-tree", "-p", "HEAD", "-m", "pushed", w.git("hash-object", "-w", "-t", "tree", "/dev/null"))
	os.Unsetenv("GIT_OBJECT_DIRECTORY")
	os.Unsetenv("GIT_ALTERNATE_OBJECT_DIRECTORIES")
	if _, err := s.RecordCommit(context.Background(), RecordCommitRequest{Commit: commit}); !errors.Is(err, ErrNoCommit) {
		t.Errorf("without the quarantine: %v", err)
	}
	r := w.recordCommit(s, RecordCommitRequest{Commit: commit, Objects: []string{quarantine}})
	if r.Files != 0 || r.SourceCommit != commit {
		t.Errorf("%+v", r.Checkpoint)
	}
	w.must(os.RemoveAll(quarantine))
	if _, _, err := w.materialise(s, r.Checkpoint, nil); err != nil {
		t.Error(err)
	}
	w.fsck()
}

func TestRecordCommitRefuses(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("a", "one")
	w.commitAll("first")
	s := w.store()
	blob := w.git("rev-parse", "HEAD:a")
	evil := func(entries string) string {
		w.write("entries", entries)
		tree := w.git("hash-object", "-w", "-t", "tree", "--literally", "entries")
		return w.git("commit-tree", "-m", "evil", tree)
	}
	id, err := ParseID(blob)
	w.must(err)
	for name, c := range map[string]struct {
		commit string
		want   error
	}{
		"no commit":       {strings.Repeat("1", 40), ErrNoCommit},
		"a blob":          {blob, ErrNoCommit},
		"no name":         {"HEAD", ErrNoCommit},
		"dot dot":         {evil("100644 ..\x00" + string(id[:])), ErrPartial},
		"a slash":         {evil("100644 a/b\x00" + string(id[:])), ErrPartial},
		"dot git":         {evil("100644 .git\x00" + string(id[:])), ErrPartial},
		"twice":           {evil("100644 a\x00" + string(id[:]) + "100644 a\x00" + string(id[:])), ErrPartial},
		"not sorted":      {evil("100644 b\x00" + string(id[:]) + "100644 a\x00" + string(id[:])), ErrPartial},
		"a mode of none":  {evil("100600 a\x00" + string(id[:])), ErrPartial},
		"tree for a blob": {evil("40000 a\x00" + string(id[:])), nil},
		"gone":            {evil("100644 a\x00" + strings.Repeat("\x01", 20)), nil},
	} {
		r, err := s.RecordCommit(context.Background(), RecordCommitRequest{Commit: c.commit})
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %+v", name, err, r.Checkpoint)
		}
	}
	if all, err := s.Checkpoints(context.Background()); err != nil || len(all) != 0 {
		t.Errorf("something was recorded: %v %v", all, err)
	}
	outside := newWorld(t)
	if _, err := outside.store().RecordCommit(context.Background(), RecordCommitRequest{Commit: blob}); !errors.Is(err, ErrNoRepository) {
		t.Errorf("without a repository: %v", err)
	}
}
