package manager

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/gitstore/gitstoretest"
)

// TestFixtures records every fixture and rolls it back: the tree is the one that
// git's plumbing makes, the target is the project but for what is ignored, plain
// git finds nothing wrong, and nothing of what was there before was touched.
func TestFixtures(t *testing.T) {
	for _, name := range gitstoretest.All(t) {
		t.Run(name, func(t *testing.T) {
			p := gitstoretest.Build(t, name)
			before := p.Snapshot(t)
			f := &fixture{T: t, p: p, m: fixtureManager(t, p)}
			f.record()
			f.rollback()
			for _, d := range gitstoretest.DiffSnapshots(before, p.Snapshot(t)) {
				t.Errorf("the live project was touched: %s", d)
			}
		})
	}
}

func fixtureManager(t *testing.T, p gitstoretest.Project) *Manager {
	t.Helper()
	m, err := New(context.Background(), p.Dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if got := m.Project().Root; got != p.Dir {
		t.Fatalf("the project is %s, want %s", got, p.Dir)
	}
	return m
}

// fixture is a project on its way through the engine.
type fixture struct {
	*testing.T
	p gitstoretest.Project
	m *Manager
}

// record makes v1 from nothing and v2 with the help of the stat cache: both
// must have the golden tree.
func (f *fixture) record() {
	f.Helper()
	req := CheckpointRequest{Version: "v1"}
	if len(f.p.Refused) > 0 {
		f.refused(req)
		req.AllowPartial = true
	}
	for _, version := range []string{"v1", "v2"} {
		req.Version = version
		r, err := f.m.Checkpoint(context.Background(), req)
		if err != nil {
			f.Fatal(err)
		}
		if got := r.Tree.String(); got != f.p.GoldenTree {
			f.Errorf("%s has tree %s, golden is %s\nrecorded are %s", version, got, f.p.GoldenTree, f.git(f.p.Dir, "--git-dir=.evoseal/.git", "ls-tree", "-r", version))
		}
		if r.Partial != req.AllowPartial {
			f.Errorf("%s partial: %v", version, r.Partial)
		}
		if want := f.sourceCommit(); r.SourceCommit != want {
			f.Errorf("%s was made at %q, want %q", version, r.SourceCommit, want)
		}
		if version == "v2" && !r.Unchanged {
			f.Error("the second checkpoint of the same project is not the first")
		}
	}
	if out := f.git(f.p.Dir, "--git-dir=.evoseal/.git", "fsck", "--strict", "--no-dangling"); out != "" {
		f.Errorf("git fsck says %s", out)
	}
}

// sourceCommit is what a checkpoint must say of HEAD: nothing when it is unborn.
func (f *fixture) sourceCommit() string {
	if f.p.GoldenHead == "unborn" {
		return ""
	}
	return f.p.GoldenHead
}

// refused expects no checkpoint, and an error that names the paths.
func (f *fixture) refused(req CheckpointRequest) {
	f.Helper()
	_, err := f.m.Checkpoint(context.Background(), req)
	var partial *gitstore.PartialError
	if !errors.Is(err, gitstore.ErrPartial) || !errors.As(err, &partial) {
		f.Fatalf("the checkpoint should be refused, got %v", err)
	}
	var paths []string
	for _, failure := range partial.Paths {
		paths = append(paths, failure.Path)
	}
	if !slices.Equal(paths, f.p.Refused) {
		f.Errorf("refused are %q, want %q", paths, f.p.Refused)
	}
}

// rollback brings v1 back and compares the target with the project.
func (f *fixture) rollback() {
	f.Helper()
	r, err := f.m.Rollback(context.Background(), RollbackRequest{Version: "v1"})
	if err != nil {
		f.Fatal(err)
	}
	target := filepath.Join(f.p.Dir, ".evoseal", "rollback_target")
	if r.Record.Target != target || !r.Record.Verified {
		f.Errorf("target %s, verified %v", r.Record.Target, r.Record.Verified)
	}
	// The target's own .git is on both sides, and differs; nothing else may.
	paths, rest := gitstoretest.OnlyInFirst(gitstoretest.DiffTrees(f, f.p.Dir, target))
	for _, d := range rest {
		if !aboutGitFile(d) {
			f.Errorf("project and target differ: %s", d)
		}
	}
	for _, path := range paths {
		if !f.mayBeMissing(path) {
			f.Errorf("not in the target: %q", path)
		}
	}
	if out := f.git(target, "status", "--porcelain", "--ignored=no"); out != "" {
		f.Errorf("git status in the target says\n%s", out)
	}
}

// aboutGitFile knows what is said of a .git at the top, directory or file there,
// file here; its bits depend on the umask.
func aboutGitFile(difference string) bool {
	return slices.ContainsFunc([]string{`kind of ".git": `, `mode of ".git": `, `bytes of ".git"`, "only in the second: .git"}, func(about string) bool {
		rest, ok := strings.CutPrefix(difference, about)
		return ok && (rest == "" || strings.HasSuffix(about, ": "))
	})
}

// mayBeMissing says that a path of the project is none to record: a Git
// directory, the engine's own, no file, refused, or, by git's own word, ignored.
func (f *fixture) mayBeMissing(path string) bool {
	f.Helper()
	base := filepath.Base(path)
	if base == ".git" || base == gitstore.Dir || f.isRefused(path) {
		return true
	}
	fi, err := os.Lstat(filepath.Join(f.p.Dir, path))
	if err != nil {
		f.Fatal(err)
	}
	if !fi.IsDir() && !fi.Mode().IsRegular() && fi.Mode()&os.ModeSymlink == 0 {
		return true
	}
	return gitstoretest.Ignored(f, f.p.Dir, path)
}

func (f *fixture) isRefused(path string) bool {
	return slices.ContainsFunc(f.p.Refused, func(refused string) bool { return path == refused })
}

func (f *fixture) git(dir string, args ...string) string {
	f.Helper()
	return gitstoretest.Git(f, dir, args...)
}
