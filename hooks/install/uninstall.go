package install

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
)

// UninstallRequest says what to take out. The zero value is every hook of ours.
type UninstallRequest struct {
	// Hooks are Git's names; none means all.
	Hooks []string
	// DryRun says what would be done, and does nothing.
	DryRun bool
}

// Uninstall takes our hooks out and puts back the foreign ones, the very same files.
// Where core.hooksPath was set later, ours are taken out of the directory that Git
// looked into before. A hook of ours that was edited since, and hooks that aren't
// ours, are [Left]; the former, and a foreign hook that can't be put back since
// another one has its place, are a [*HookError] each, and the rest is done all the
// same. Lines that somebody added to a manager's files stay.
func (r *Repository) Uninstall(ctx context.Context, req UninstallRequest) (Result, error) {
	names := req.Hooks
	if len(names) == 0 {
		for _, h := range Hooks(r.Bare) {
			names = append(names, h.Name)
		}
	}
	hooks, err := r.choose(names)
	if err != nil {
		return Result{}, err
	}
	res, err := r.uninstallConfig(ctx, hooks, req.DryRun)
	if err != nil {
		return res, err
	}
	var errs []error
	for _, dir := range r.ownDirs() {
		changes, err := r.uninstallDir(ctx, dir, hooks, req.DryRun)
		res.Changes = append(res.Changes, changes...)
		errs = append(errs, err)
	}
	return res, errors.Join(errs...)
}

func (r *Repository) uninstallDir(ctx context.Context, dir string, hooks []Hook, dryRun bool) ([]Change, error) {
	if !dryRun {
		unlock, err := lock(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		defer unlock()
		if err := r.disk.sweep(dir); err != nil {
			return nil, err
		}
	}
	var changes []Change
	var errs []error
	for _, h := range hooks {
		if err := ctx.Err(); err != nil {
			return changes, err
		}
		cs, err := r.takeOut(dir, h, dryRun)
		changes, errs = append(changes, cs...), append(errs, err)
	}
	if !dryRun && len(changes) > 0 {
		errs = append(errs, r.disk.sync(dir))
	}
	return changes, errors.Join(errs...)
}

// takeOut takes one hook out of one directory, wherever other tools moved it. The
// foreign hook goes where the first of ours was.
func (r *Repository) takeOut(dir string, h Hook, dryRun bool) ([]Change, error) {
	f, err := find(dir, h)
	if err != nil {
		return nil, err
	}
	kept := ""
	if f.kept.kind != absent {
		kept = f.kept.path
	}
	own := f.own()
	if len(own) == 0 && kept != "" {
		return r.clearKept(&f, Change{Hook: h.Name, Kept: kept}, dryRun)
	}
	var changes []Change
	for _, p := range own {
		c := Change{Hook: h.Name, Action: Removed, Path: p.path, Kept: kept}
		if p.kind == altered {
			c.Action = Left
			return append(changes, c), &HookError{Hook: h.Name, Path: p.path, Err: ErrAltered, Hint: "look at it, and delete it" + orMove(kept)}
		}
		if kept != "" {
			c.Action = Restored
		}
		if !dryRun {
			if err := r.clear(p, kept); err != nil {
				return changes, err
			}
		}
		changes, kept = append(changes, c), ""
	}
	return changes, nil
}

// clear is one step: what was kept takes the place, or the place goes.
func (r *Repository) clear(p place, kept string) error {
	if kept != "" {
		return r.disk.rename(kept, p.path)
	}
	return r.disk.remove(p.path)
}

func orMove(kept string) string {
	if kept == "" {
		return ""
	}
	return ", or move " + filepath.Base(kept) + " over it"
}

// clearKept is for a foreign hook that is kept aside while ours is nowhere.
func (r *Repository) clearKept(f *found, c Change, dryRun bool) ([]Change, error) {
	// pre-commit runs the hook that it finds beside its own.
	home := f.main
	if generated(f.main.text) == PreCommit {
		home = f.aside[0]
	}
	c.Path, c.Action = home.path, Restored
	var err error
	switch {
	case f.main.same(f.kept) || f.aside[0].same(f.kept):
		if !dryRun {
			err = r.disk.remove(c.Kept)
		}
	case home.kind == absent:
		if !dryRun {
			err = r.disk.rename(c.Kept, home.path)
		}
	default:
		c.Action = Left
		return []Change{c}, &HookError{Hook: c.Hook, Path: home.path, Err: ErrConflict,
			Hint: "decide which one to keep: move " + c.Kept + " over the other, or delete it"}
	}
	if err != nil {
		return nil, err
	}
	return []Change{c}, nil
}
