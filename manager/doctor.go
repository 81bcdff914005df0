package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// Diagnosis is what [Manager.Doctor] and [Manager.Repair] found.
type Diagnosis struct {
	// Findings are in the order in which they were looked for; the list is
	// empty when all is well.
	Findings []Ailment
	// SweptBytes is what leftovers of dead processes took.
	SweptBytes int64
	// AsideFiles and AsideBytes are what repairs have put aside, in the store's
	// directory damaged: nothing needs them any more.
	AsideFiles int
	AsideBytes int64
	// Record is that of a repair; empty when there was nothing to record.
	Record Record
}

// Ailment is a finding, with what a repair can do about it.
type Ailment struct {
	Finding
	// Repair is "possible", "done", "failed" or "impossible"; "none" is for what a
	// repair isn't meant for.
	Repair gitstore.MendState `json:"repair"`
	// Versions are the checkpoints that it hits.
	Versions []string `json:"versions,omitempty"`

	// what is the file, ref or object.
	what string
}

// noRepair is for what is not a repair's business.
const noRepair gitstore.MendState = "none"

// Doctor looks for what may trouble a rollback: leftovers, a store that plain
// git would record or clean, files of the store, refs and tags that can't be read or
// are gone, locks that dead processes of git left, a target that is unsafe. It removes
// leftovers and excludes the store from the project's own git; anything else it
// leaves as it is, and says whether [Manager.Repair] could mend it.
//
// It doesn't read the objects: [gitstore.Store.VerifyStore] does.
func (m *Manager) Doctor(ctx context.Context) (*Diagnosis, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	d := &Diagnosis{}
	if d.SweptBytes, err = s.Sweep(); err != nil {
		return nil, err
	}
	report, err := s.Rebuild(ctx, gitstore.RebuildRequest{DryRun: true})
	if err != nil {
		return nil, err
	}
	d.take(report)
	return d, m.examine(ctx, s, d)
}

// examine looks at all that isn't a matter of the store's own files.
func (m *Manager) examine(ctx context.Context, s *gitstore.Store, d *Diagnosis) error {
	d.AsideFiles, d.AsideBytes = s.SetAside()
	for _, damage := range s.Damaged(ctx) {
		if d.tells(damage.Ref) {
			continue
		}
		d.add(Fatal, "damaged", damage.Err.Error(), "run `git evoseal-rollback verify --all` to see which checkpoints are whole")
		d.Findings[len(d.Findings)-1].Versions = damage.Versions
	}
	m.examinePolicy(s, d)
	if err := m.examineProject(s, d); err != nil {
		return err
	}
	locks, err := s.Locks()
	if err != nil {
		return err
	}
	for _, lock := range locks {
		if rel, err := filepath.Rel(s.Dir(), lock.Path); err == nil && d.tells(rel) {
			continue
		}
		d.add(Warning, "lock", fmt.Sprintf("%s is locked since %s", lock.Path, lock.Since.Format("2006-01-02 15:04:05")),
			"if no git is at work in the store, as after a crash: rm '"+strings.ReplaceAll(lock.Path, "'", `'\''`)+"'")
	}
	return m.examineTarget(ctx, s, d)
}

func (d *Diagnosis) add(severity Severity, code, message, hint string) {
	d.Findings = append(d.Findings, Ailment{Finding: Finding{severity, code, message, hint}, Repair: noRepair})
}

// examinePolicy says what no decision could be made by.
func (m *Manager) examinePolicy(s *gitstore.Store, d *Diagnosis) {
	r, err := m.standingRules(s)
	switch {
	case errors.Is(err, ErrTokens):
		d.add(Fatal, "tokens", err.Error(), tokensHint)
	case err != nil:
		d.add(Fatal, "policy", err.Error(), "`git evoseal-rollback policy log` lists earlier versions of it")
	case r.broken != nil:
		d.add(Fatal, "policy", r.broken.Error(), "`git evoseal-rollback policy edit` mends it")
	case len(r.Policy.Sinks) > 0:
		if err := m.trusts(s); err != nil {
			d.add(Warning, "untrusted", err.Error(), "if you trust its owner: git config --global --add safe.directory "+m.project.Root)
		}
	}
}

// tokensHint is for a list of tokens that can't be read.
const tokensHint = "`git evoseal-rollback policy log` names earlier commits; `git --git-dir .evoseal/.git update-ref refs/evoseal/policy` with one of them sets it back"

// examineProject looks at what lies between the store and the project's git.
func (m *Manager) examineProject(s *gitstore.Store, d *Diagnosis) error {
	mended, err := m.project.Exclude()
	if err != nil {
		d.add(Warning, "exclude", fmt.Sprintf("/.evoseal/ can't be excluded from the project's repository: %v", err),
			"add the line /.evoseal/ to .git/info/exclude, or `git add -A` stops at it")
	} else if mended {
		d.add(Warning, "exclude", "/.evoseal/ was not excluded from the project's repository", "it is now")
		d.Findings[len(d.Findings)-1].Repair = gitstore.Mended
	}
	if rel, err := filepath.Rel(m.project.Root, s.Dir()); err == nil && !strings.HasPrefix(rel, "..") && filepath.Base(s.Dir()) != ".git" {
		d.add(Warning, "clean", "`git clean -fdx` in the project would remove the store at "+s.Dir(),
			"let evoseal.store end in /.git, or place it outside the project")
	}
	return nil
}

// examineTarget sweeps beside the target, unless a rollback is under way.
func (m *Manager) examineTarget(ctx context.Context, s *gitstore.Store, d *Diagnosis) error {
	unlock, err := s.LockTarget(ctx, "doctor")
	if errors.Is(err, gitstore.ErrBusy) {
		d.add(Warning, "busy", err.Error(), "run doctor again when it is done")
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	decision, err := m.choose(s, RollbackRequest{})
	var unsafe *safety.UnsafeError
	if errors.As(err, &unsafe) {
		d.add(Fatal, "unsafe", unsafe.Error(), "no rollback can use the target until that changes")
		return nil
	}
	if err != nil {
		return err
	}
	defer decision.Target.Close()
	if decision.Fallback {
		d.add(Warning, "fallback", decision.Refusal.Error(), "rollbacks use "+decision.Used+" instead; mend evoseal.target")
	}
	removed, err := decision.Target.Sweep()
	m.tellSwept(removed)
	d.leftBeside(err)
	if err := s.MendSlots(slotPaths(decision.Target)...); err != nil {
		return err
	}
	dir, err := decision.Target.Open()
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	return examineSlot(ctx, s, dir, d)
}

// leftBeside tells why dead runs left something beside the target that is still there.
func (d *Diagnosis) leftBeside(err error) {
	switch {
	case errors.Is(err, safety.ErrLeftovers):
		d.add(Warning, "leftovers", err.Error(), "its owner, or root, can remove it; until then it takes room and nothing else")
	case err != nil:
		d.add(Fatal, "target", fmt.Sprintf("what an earlier rollback left half done can't be finished: %v", err), "no rollback can use the target until that is possible")
	}
}

// examineSlot compares what the target holds with what was written into it.
func examineSlot(ctx context.Context, s *gitstore.Store, dir *os.File, d *Diagnosis) error {
	slot, err := s.SlotOf(dir)
	if err != nil || slot == nil {
		return err
	}
	differences, err := s.CheckSlot(ctx, dir, slot, false)
	if err != nil {
		d.add(Fatal, "target", fmt.Sprintf("the target can't be compared with what was written into it: %v", err),
			"roll back to "+slot.Version+" again")
		return ctx.Err()
	}
	if n := len(differences); n > 0 {
		d.add(Warning, "edited", fmt.Sprintf("%d path(s) in the target were changed since the rollback, such as %q", n, differences[0].Path),
			"roll back to "+slot.Version+" again for a clean copy")
	}
	return nil
}
