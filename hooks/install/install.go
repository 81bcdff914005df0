package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// InstallRequest says what to install. The zero value is the default hooks.
type InstallRequest struct {
	// Hooks are Git's names; none means those with [Hook].Default.
	Hooks []string
	// Program is the absolute path of git-evoseal-rollback, to fall back on when a
	// hook's PATH doesn't have it. Empty is the running executable.
	Program string
	// Config has Git's configuration name the hooks, and leaves the hooks directory
	// alone. Git before 2.54 runs nothing then, and says nothing.
	Config bool
	// DryRun says what would be done, and does nothing.
	DryRun bool
}

// Action is what was done about a hook.
type Action string

// The actions.
const (
	Installed Action = "installed"
	// Chained is installed, with the foreign hook that is there running first.
	Chained Action = "chained"
	// Updated replaces a hook of ours by what this version makes.
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
	Removed   Action = "removed"
	// Restored puts back the foreign hook that was kept.
	Restored Action = "restored"
	// Left is what isn't ours to touch; an error goes with it.
	Left Action = "left"
)

// Change is what was done about one hook.
type Change struct {
	Hook   string
	Action Action
	// Path is the file in question, Kept where the foreign hook lies, or lay; "" if
	// there is none.
	Path, Kept string
}

// Result is what was done, in the order of the hooks. A hook can come up twice when
// hooks of ours are taken out of two places.
type Result struct{ Changes []Change }

// step is a change that was thought through and not yet made.
type step struct {
	Change
	target, kept place
	script       []byte
}

// Install installs all the hooks asked for or none: when one of them can't be, the
// error joins a [*HookError] or [*ManagedError] for each of those, and nothing is
// written. What is installed already is [Unchanged].
func (r *Repository) Install(ctx context.Context, req InstallRequest) (Result, error) {
	hooks, err := r.choose(req.Hooks)
	if err != nil {
		return Result{}, err
	}
	if req.Program == "" {
		if req.Program, err = os.Executable(); err != nil {
			return Result{}, err
		}
	}
	if !filepath.IsAbs(req.Program) {
		return Result{}, fmt.Errorf("%s is not an absolute path", req.Program)
	}
	if req.Config {
		return r.installConfig(ctx, hooks, req)
	}
	steps, err := r.plan(hooks, req.Program)
	// One that was killed may have done all but clear up after itself.
	if err != nil || req.DryRun || !slices.ContainsFunc(steps, step.writes) && !leftIn(r.Dir) {
		return resultOf(steps), err
	}
	if err := r.disk.mkdir(r.Dir); err != nil {
		return Result{}, err
	}
	unlock, err := lock(r.Dir)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if err := r.disk.sweep(r.Dir); err != nil {
		return Result{}, err
	}
	// What was seen before the lock may have changed since.
	if steps, err = r.plan(hooks, req.Program); err != nil {
		return Result{}, err
	}
	for i, s := range steps {
		if err = ctx.Err(); err == nil {
			err = r.put(s)
		}
		if err != nil {
			return Result{}, errors.Join(err, r.takeBack(steps[:i]))
		}
	}
	return resultOf(steps), nil
}

func resultOf(steps []step) Result {
	var res Result
	for _, s := range steps {
		res.Changes = append(res.Changes, s.Change)
	}
	return res
}

func (s step) writes() bool { return s.Action != Unchanged }

// plan thinks the whole installation through before anything is written.
func (r *Repository) plan(hooks []Hook, program string) ([]step, error) {
	var steps []step
	var errs []error
	for _, h := range hooks {
		s, err := r.planHook(h, program)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		steps = append(steps, s)
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return steps, nil
}

func (r *Repository) planHook(h Hook, program string) (step, error) {
	f, err := find(r.Dir, h)
	if err != nil {
		return step{}, err
	}
	script := render(h, program)
	status := r.status(&f)
	s := step{Change: Change{Hook: h.Name, Path: f.main.path, Kept: status.Kept}, target: f.main, kept: f.kept, script: script}
	if status.Manager == PreCommit {
		s.target, s.Path = f.aside[0], f.aside[0].path
	}
	switch status.State {
	case Through, Configured:
		s.Action = Unchanged
		return s, nil
	case Managed:
		return s, &ManagedError{Hook: h.Name, Path: f.main.path, Manager: status.Manager, Lines: status.Lines, Hint: status.Hint}
	case Altered:
		return s, &HookError{Hook: h.Name, Path: s.Path, Err: ErrAltered, Hint: status.Hint}
	case Conflict:
		return s, &HookError{Hook: h.Name, Path: s.Path, Err: ErrConflict, Hint: status.Hint}
	}
	return s.decide(h, status.Hint)
}

// decide chooses the action for a place that is ours to write.
func (s step) decide(h Hook, hint string) (step, error) {
	switch s.target.kind {
	case ours:
		s.Action = Updated
		if bytes.Equal(s.target.text, s.script) && s.target.info.Mode()&0o111 != 0 {
			s.Action = Unchanged
		}
	case absent:
		s.Action = Installed
		if s.kept.kind != absent {
			s.Action = Chained
		}
	case foreign:
		if s.kept.kind == blocked {
			return s, &HookError{Hook: h.Name, Path: s.kept.path, Err: ErrNotAFile, Hint: "move it out of the way"}
		}
		if s.target.info.Mode()&0o111 != 0 && readsName().Match(s.target.text) {
			l := hookLines(h, s.Path, true)
			return s, &HookError{Hook: h.Name, Path: s.Path, Err: ErrReadsName, Hint: "add the lines to it, " + l.Where, Lines: []Lines{l}}
		}
		s.Action, s.Kept = Chained, filepath.Join(filepath.Dir(s.Path), h.Name+KeptSuffix)
	case blocked:
		return s, &HookError{Hook: h.Name, Path: s.Path, Err: ErrNotAFile, Hint: hint}
	default:
		return s, &HookError{Hook: h.Name, Path: s.Path, Err: ErrAltered, Hint: hint}
	}
	return s, nil
}

// put makes the change. Git finds what was there until the last rename.
func (r *Repository) put(s step) error {
	if !s.writes() {
		return nil
	}
	temp, err := r.disk.write(s.Path, 0o755, bytes.NewReader(s.script))
	if err != nil {
		return err
	}
	switch s.target.kind {
	case absent:
		err = r.disk.publishNew(temp, s.Path)
	case foreign:
		err = r.replace(s, temp)
	default:
		err = r.disk.rename(temp, s.Path)
	}
	if err != nil {
		return err
	}
	if err := r.disk.sync(filepath.Dir(s.Path)); err != nil {
		return errors.Join(err, r.takeBack([]step{s}))
	}
	return nil
}

// replace puts ours in the place of a foreign hook, which has another name by then.
func (r *Repository) replace(s step, temp string) error {
	named := s.kept.kind == absent
	err := r.keep(s)
	if err == nil {
		err = r.disk.rename(temp, s.Path)
	} else {
		r.disk.remove(temp)
	}
	if err != nil && named {
		// Without this the name would stay, which the next run clears up as well.
		if e := r.disk.remove(s.Kept); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// keep gives the foreign hook its second name, and makes sure that the name is the
// one of what is there now.
func (r *Repository) keep(s step) error {
	if s.kept.kind == absent {
		if err := r.disk.addName(s.Path, s.Kept); err != nil {
			return err
		}
	}
	if err := r.disk.sync(filepath.Dir(s.Kept)); err != nil {
		return err
	}
	now, err := look(s.Path)
	if err != nil {
		return err
	}
	kept, err := look(s.Kept)
	if err != nil {
		return err
	}
	if !now.same(kept) || now.kind != foreign {
		return &HookError{Hook: s.Hook, Path: s.Path, Err: ErrConflict, Hint: "somebody changed it just now; look at it, and install again"}
	}
	return nil
}

// takeBack undoes what was put, the last first. Hooks of ours that were only
// brought up to date stay so.
func (r *Repository) takeBack(steps []step) error {
	var errs []error
	for _, s := range slices.Backward(steps) {
		switch {
		case s.target.kind == absent && s.writes():
			errs = append(errs, r.disk.remove(s.Path))
		case s.target.kind == foreign && s.writes():
			errs = append(errs, r.disk.rename(s.Kept, s.Path))
		default:
			continue
		}
		errs = append(errs, r.disk.sync(filepath.Dir(s.Path)))
	}
	return errors.Join(errs...)
}
