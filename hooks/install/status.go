package install

import (
	"bytes"
	"context"
	"fmt"
)

// State says how it stands with one hook.
type State string

// The states.
const (
	// None is no hook at all.
	None State = "none"
	// Ours is our hook, and OursChained our hook with a foreign one before it.
	Ours        State = "ours"
	OursChained State = "ours, chained"
	// Through is our hook run by a manager, Configured by Git's configuration.
	Through    State = "ours, through a manager"
	Configured State = "ours, from the configuration"
	// Altered is our hook, edited by somebody since.
	Altered State = "ours, altered"
	// Foreign is a hook that isn't ours.
	Foreign State = "foreign"
	// Managed is a hook that a manager decides about, and that doesn't run ours.
	Managed State = "managed"
	// Interrupted is a foreign hook that an installation gave a second name before
	// it died. It runs as ever; the next Install or Uninstall clears it up.
	Interrupted State = "foreign, installation interrupted"
	// Orphaned is a foreign hook that was kept aside and isn't run, for ours, which
	// ran it, is gone. Install chains it again, Uninstall puts it back.
	Orphaned State = "kept aside, not run"
	// Conflict is a foreign hook in the place of ours, while another one is kept.
	Conflict State = "two foreign hooks"
	// Blocked is a name that something else than a file has.
	Blocked State = "not a file"
)

// Runs says whether our hook runs.
func (s State) Runs() bool {
	switch s {
	case Ours, OursChained, Through, Configured, Altered:
		return true
	}
	return false
}

// HookStatus says how it stands with one hook.
type HookStatus struct {
	Hook  Hook
	State State
	// Path is the file that Git runs, or would run; Kept that of the foreign hook
	// kept aside, or "".
	Path, Kept string
	// Ignored says that the foreign hook isn't executable, so that Git passes over it
	// and so do we.
	Ignored bool
	// Manager is what decides about the hook, or "".
	Manager Manager
	// Hint is what could be done, in one line; Lines what to add where, if anything.
	Hint  string
	Lines []Lines
}

// Status says how it stands with every hook of this kind of repository. It changes
// nothing.
func (r *Repository) Status(ctx context.Context) ([]HookStatus, error) {
	var all []HookStatus
	for _, h := range Hooks(r.Bare) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := find(r.Dir, h)
		if err != nil {
			return nil, err
		}
		all = append(all, r.status(&f))
	}
	return all, nil
}

func (r *Repository) status(f *found) HookStatus {
	s := HookStatus{Hook: f.hook, Path: f.main.path, Manager: r.managerOf(f.hook, f.main.text)}
	s.State = r.state(f, s.Manager)
	if f.kept.kind != absent && !r.outside {
		s.Kept = f.kept.path
	}
	if f.main.kind == foreign || s.State == OursChained {
		runs := f.main
		if s.State == OursChained {
			runs = f.kept
		}
		s.Ignored = runs.info.Mode()&0o111 == 0
	}
	if s.State == Managed {
		s.Lines = r.lines(s.Manager, f.hook)
	}
	s.Hint = hint(f, s)
	if s.State == Managed && present(s.Lines) {
		s.Lines, s.Hint = nil, fmt.Sprintf("the lines are there; now have %s install its own hooks", s.Manager)
	}
	return s
}

// state puts what was found into a word. Whoever manages the hook comes first, for
// then the directory doesn't tell what runs.
func (r *Repository) state(f *found, m Manager) State {
	if r.configured(f.hook) {
		return Configured
	}
	if m != "" && m != PreCommit && !(f.main.kind == ours && !r.outside) {
		if r.active(m, f) && present(r.lines(m, f.hook)) {
			return Through
		}
		return Managed
	}
	chained := f.kept.kind != absent
	switch {
	case f.main.kind == ours && chained:
		return OursChained
	case f.main.kind == ours:
		return Ours
	case f.main.kind == altered:
		return Altered
	case f.main.kind == blocked:
		return Blocked
	case m == PreCommit:
		return r.besidePreCommit(f)
	case chained && f.main.kind == absent:
		return Orphaned
	case chained && f.main.same(f.kept):
		return Interrupted
	case chained:
		return Conflict
	case f.main.kind == foreign && f.main.info.Mode()&0o111 != 0 && bytes.Contains(f.main.text, []byte(runMark(f.hook))):
		return Through
	case f.main.kind == foreign:
		return Foreign
	}
	return None
}

// active says that Git runs what the manager installed. In a fresh clone it may be
// set up and not installed.
func (r *Repository) active(m Manager, f *found) bool {
	return r.outside || generated(f.main.text) == m
}

// besidePreCommit is the state of a hook whose place pre-commit has: it runs the
// one that it moved aside.
func (r *Repository) besidePreCommit(f *found) State {
	aside, kept := f.aside[0], f.kept
	switch {
	case aside.kind == ours && kept.kind != absent:
		return OursChained
	case aside.kind == ours:
		return Ours
	case aside.kind == altered:
		return Altered
	case aside.kind == blocked:
		return Blocked
	case kept.kind != absent && aside.kind == absent:
		return Orphaned
	case kept.kind != absent && aside.same(kept):
		return Interrupted
	case kept.kind != absent:
		return Conflict
	}
	return Foreign
}

func hint(f *found, s HookStatus) string {
	switch s.State {
	case Managed:
		if own := f.own(); len(own) > 0 {
			return fmt.Sprintf("add the lines; ours at %s isn't run, and hooks uninstall removes it", own[0].path)
		}
		return "add the lines"
	case Altered:
		return "look at it, delete it, and install it again"
	case Interrupted, Orphaned:
		return "hooks install or hooks uninstall clears it up"
	case Conflict:
		return fmt.Sprintf("decide which one to keep: move %s over the other, or delete it", s.Kept)
	case Blocked:
		return "move it out of the way"
	case Foreign, None:
		return "hooks install " + f.hook.Name
	case Configured:
		return "takes git 2.54 or later"
	}
	return ""
}
