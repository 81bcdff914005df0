package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// engine is our program in the arena's project.
func (a *arena) engine(args ...string) command {
	return command{a.project, append([]string{a.binary, "--no-progress", "-q"}, args...)}
}

func (a *arena) target() string { return filepath.Join(a.project, ".evoseal", "rollback_target") }

// freshTarget clears both slots away.
func (a *arena) freshTarget() step { return a.remove(a.target(), a.target()+".previous") }

// nextCheckpoint is our command that records under a name not used before.
func (a *arena) nextCheckpoint() []command {
	a.named++
	return []command{a.engine("checkpoint", fmt.Sprintf("c%05d", a.named))}
}

// newest is the last name that nextCheckpoint gave.
func (a *arena) newest() string { return fmt.Sprintf("c%05d", a.named) }

// git is git with its git directory outside the project, as a tool that kept
// checkpoints by git would run it.
func (a *arena) git(args ...string) command {
	return command{a.project, append([]string{"git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "core.preloadIndex=true",
		"-c", "gc.auto=0", "--git-dir=" + a.path("git"), "--work-tree=" + a.project}, args...)}
}

func (a *arena) gitRecord() []command {
	return []command{a.git("add", "-A"), a.git("commit", "-q", "--allow-empty", "-m", "x")}
}

// gitCheckout is git's way to bring a commit back into a new directory.
func (a *arena) gitCheckout(rev string) command {
	c := a.git("-c", "checkout.workers=2", "worktree", "add", "-q", "-f", "--detach", a.path("worktree"), rev)
	// A work tree of its own is what this makes; --work-tree would be in its way.
	for i, arg := range c.argv {
		if arg == "--work-tree="+a.project {
			c.argv = append(c.argv[:i], c.argv[i+1:]...)
			break
		}
	}
	return c
}

// newGit gives git an empty repository, which leaves our store out as ours
// leaves its own.
func (a *arena) newGit(ctx context.Context) error {
	err := steps(a.remove(a.path("git")), a.do(command{a.dir, []string{"git", "init", "-q", "--bare", a.path("git")}}))(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(a.path("git", "info", "exclude"), []byte("/.evoseal/\n"), 0o644)
}

// restic does without its cache of what is far away: here nothing is.
func (a *arena) restic(args ...string) command {
	return command{a.project, append([]string{"restic", "-q", "--no-cache"}, args...)}
}

func (a *arena) resticBackup(flags ...string) command {
	return a.restic(append([]string{"backup", "--exclude=" + a.project + "/.evoseal", "--exclude=" + a.project + "/.git", "."}, flags...)...)
}

func (a *arena) newRestic() step {
	return steps(a.remove(a.path("restic")), a.do(a.restic("init")))
}

func (a *arena) newBup() step {
	return steps(a.remove(a.path("bup")), a.do(command{a.dir, []string{"bup", "init"}}))
}

func (a *arena) bupSave() []command {
	return []command{
		{a.project, []string{"bup", "index", "--exclude=" + a.project + "/.evoseal", "--exclude=" + a.project + "/.git", a.project}},
		{a.project, []string{"bup", "save", "-q", "-n", "main", "--strip-path=" + a.project, a.project}},
	}
}

// onEntries is a command that ends with the names at the project's top: ours
// lies among them, and cp and tar can't leave out what they are given by name.
func (a *arena) onEntries(argv ...string) func() []command {
	return func() []command {
		names, err := a.entries()
		if err != nil {
			// The command then complains of what it isn't given.
			names = nil
		}
		return []command{{a.project, append(argv, names...)}}
	}
}

// recorded has our program, git and, where it is installed, each of the others
// named record the project as it is, making what isn't there yet. In our store it
// is called name, and so it is in git's.
func (a *arena) recorded(name string, others ...string) step {
	return func(ctx context.Context) error {
		if !exists(a.path("git")) {
			if err := a.newGit(ctx); err != nil {
				return err
			}
		}
		all := append([]command{a.engine("checkpoint", "--force", name)}, a.gitRecord()...)
		if err := a.do(append(all, a.git("tag", "-f", name))...)(ctx); err != nil {
			return err
		}
		for _, tool := range others {
			if err := a.recordedBy(ctx, tool); err != nil {
				return err
			}
		}
		return nil
	}
}

func (a *arena) recordedBy(ctx context.Context, tool string) error {
	if !a.has(tool) {
		return nil
	}
	fresh, save := a.newRestic(), []command{a.resticBackup()}
	switch tool {
	case "bup":
		fresh, save = a.newBup(), a.bupSave()
	case "tar":
		fresh, save = nil, a.onEntries("tar", "-cf", a.path("tar"))()
	}
	if !exists(a.path(tool)) {
		if err := fresh.run(ctx); err != nil {
			return err
		}
	}
	return a.do(save...)(ctx)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// sameRecorded compares the tree that we recorded with git's: one hash each over
// all names, modes and bytes.
func (a *arena) sameRecorded(ctx context.Context) error {
	ours, err := a.output(ctx, command{a.project, []string{"git", "--git-dir=.evoseal/.git", "rev-parse", a.newest() + "^{tree}"}})
	if err != nil {
		return err
	}
	theirs, err := a.output(ctx, a.git("rev-parse", "HEAD^{tree}"))
	if err == nil && ours != theirs {
		err = fmt.Errorf("we recorded the tree %s and git %s", ours, theirs)
	}
	return err
}
