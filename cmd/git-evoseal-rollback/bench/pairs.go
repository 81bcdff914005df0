package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/otiai10/copy"
)

// bench is one run.
type bench struct {
	binary, source string
	rounds         int

	// dir holds project, the copy that is recorded, gitDir, the git directory of
	// the peer, and workTree, where the peer checks out.
	dir, project, gitDir, workTree string
	home                           string
}

// at runs all pairs in a directory of its own below parent.
func (b *bench) at(ctx context.Context, name, parent string) (err error) {
	if b.dir, err = os.MkdirTemp(parent, "evoseal-bench-"); err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(b.dir); err == nil {
			err = removed
		}
	}()
	b.project, b.gitDir = filepath.Join(b.dir, "project"), filepath.Join(b.dir, "git")
	b.workTree, b.home = filepath.Join(b.dir, "worktree"), filepath.Join(b.dir, "home")
	if err := copy.Copy(b.source, b.project, copy.Options{PreserveTimes: true}); err != nil {
		return err
	}
	if err := os.Mkdir(b.home, 0o755); err != nil {
		return err
	}
	// A repository of its own, lest one further up be taken for the project's.
	if err := b.command(ctx, b.project, "git", "init", "-q", "."); err != nil {
		return err
	}
	files, bytes, err := b.measureTree()
	if err != nil {
		return err
	}
	fmt.Printf("\n%s: %d files, %d MB, medians of %d rounds (least to most)\n\n", name, files, bytes/1_000_000, b.rounds)
	return b.pairs(ctx)
}

func (b *bench) measureTree() (files int, bytes int64, err error) {
	err = filepath.WalkDir(b.project, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		fi, err := e.Info()
		if err == nil {
			files++
			bytes += fi.Size()
		}
		return err
	})
	return files, bytes, err
}

// pair is our command and the peer's, each with what must be done before, which
// isn't timed.
type pair struct {
	name          string
	prepare, ours step
	reset, theirs step
	peer          string
}

type step func(ctx context.Context) error

func (b *bench) pairs(ctx context.Context) error {
	none := func(context.Context) error { return nil }
	addAndCommit := b.steps(b.git("add", "-A"), b.git("commit", "-q", "--allow-empty", "-m", "x"))
	worktree := b.git("-c", "checkout.workers=2", "worktree", "add", "-q", "-f", "--detach", b.workTree, "HEAD")
	freshTarget := b.steps(b.remove(".evoseal/rollback_target"), b.remove(".evoseal/rollback_target.previous"))
	all := []pair{
		{"first checkpoint", b.remove(".evoseal"), b.engine("checkpoint", "v1"), b.newGit, addAndCommit, "add + commit"},
		{"unchanged checkpoint", none, b.engine("checkpoint"), none, addAndCommit, "add + commit"},
		{"unchanged checkpoint", none, b.engine("checkpoint"), none, b.git("add", "-A"), "add"},
		{"1 % changed", b.change, b.engine("checkpoint"), b.change, addAndCommit, "add + commit"},
		{"rollback, project as recorded", freshTarget, b.engine("rollback", "latest"), b.packed, worktree, "worktree add"},
		{"rollback, all from the store", b.steps(freshTarget, b.remove(".evoseal/.git/evoseal/statcache")), b.engine("rollback", "latest"), b.packed, worktree, "worktree add"},
		{"commit with the post-commit hook", b.commitPrepared(), b.commit("hooks"), b.commitPrepared(), b.commit("nowhere"), "commit without"},
		{"status", none, b.engine("status"), none, b.git("status", "--porcelain"), "status"},
		{"version", none, b.engine("version"), none, b.git("--version"), "--version"},
	}
	t := newTable()
	for _, p := range all {
		ours, theirs, err := b.time(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		t.row(p, ours, theirs)
	}
	return t.flush()
}

func (b *bench) steps(all ...step) step {
	return func(ctx context.Context) error {
		for _, s := range all {
			if err := s(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func (b *bench) remove(path string) step {
	return func(context.Context) error { return os.RemoveAll(filepath.Join(b.project, path)) }
}

func (b *bench) engine(args ...string) step {
	return func(ctx context.Context) error {
		return b.command(ctx, b.project, b.binary, append([]string{"--no-progress", "-q"}, args...)...)
	}
}

// git runs the peer with a git directory outside the tree, as a tool that kept
// its checkpoints by git would.
func (b *bench) git(args ...string) step {
	return func(ctx context.Context) error {
		full := []string{"-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "core.preloadIndex=true", "-c", "gc.auto=0"}
		if args[0] != "--version" {
			full = append(full, "--git-dir="+b.gitDir)
		}
		if !strings.Contains(strings.Join(args, " "), "worktree") {
			full = append(full, "--work-tree="+b.project)
		}
		return b.command(ctx, b.project, "git", append(full, args...)...)
	}
}

// newGit gives the peer an empty repository, which leaves our store out as ours
// leaves its own.
func (b *bench) newGit(ctx context.Context) error {
	if err := os.RemoveAll(b.gitDir); err != nil {
		return err
	}
	if err := b.command(ctx, b.dir, "git", "init", "-q", "--bare", b.gitDir); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.gitDir, "info", "exclude"), []byte("/.evoseal/\n"), 0o644)
}

// packed clears the peer's work tree away and packs its store.
func (b *bench) packed(ctx context.Context) error {
	if err := os.RemoveAll(b.workTree); err != nil {
		return err
	}
	return b.steps(b.git("repack", "-adq"), b.git("worktree", "prune"))(ctx)
}

// change rewrites every hundredth file.
func (b *bench) change(context.Context) error {
	n := 0
	return filepath.WalkDir(b.project, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == ".evoseal" || e.Name() == ".git") {
			return filepath.SkipDir
		}
		if !e.Type().IsRegular() {
			return nil
		}
		if n++; n%100 != 0 {
			return nil
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("// changed\n")
		return errors.Join(err, f.Close())
	})
}

// command runs a program that knows nothing of the machine's configuration.
func (b *bench) command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "HOME=") && !strings.HasPrefix(v, "XDG_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+b.home, "GIT_CONFIG_NOSYSTEM=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, stderr.Bytes())
	}
	return nil
}
