package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// commitPrepared changes one file of the project's own repository, which it first
// fills, and gives it our hook.
func (b *bench) commitPrepared() step {
	filled := false
	return func(ctx context.Context) error {
		if !filled {
			filled = true
			if err := b.fillProject(ctx); err != nil {
				return err
			}
		}
		return os.WriteFile(filepath.Join(b.project, "changed-each-time"), fmt.Appendln(nil, time.Now().UnixNano()), 0o644)
	}
}

func (b *bench) fillProject(ctx context.Context) error {
	hook := filepath.Join(b.dir, "hooks", "post-commit")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexec '"+b.binary+"' hooks run post-commit \"$@\"\n"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.project, "changed-each-time"), nil, 0o644); err != nil {
		return err
	}
	return b.steps(b.own("add", "-A"), b.own("commit", "-q", "--allow-empty", "-m", "all"), b.engine("checkpoint"))(ctx)
}

// commit commits that file with the hooks of a directory beside the project.
func (b *bench) commit(hooks string) step {
	return b.own("-c", "core.hooksPath="+filepath.Join(b.dir, hooks), "commit", "-q", "-m", "x", "changed-each-time")
}

// own is git in the project's own repository.
func (b *bench) own(args ...string) step {
	return func(ctx context.Context) error {
		return b.command(ctx, b.project, "git", append([]string{"-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "gc.auto=0"}, args...)...)
	}
}
