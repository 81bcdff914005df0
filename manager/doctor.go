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

// Diagnosis is what [Manager.Doctor] found.
type Diagnosis struct {
	// Findings are in the order in which they were looked for; the list is
	// empty when all is well.
	Findings []Finding
	// SweptBytes is what leftovers of dead processes took.
	SweptBytes int64
}

// Doctor looks for what may trouble a rollback: leftovers, a store that plain
// git would record or clean, refs and tags that can't be read, locks that dead
// processes of git left, a target that is unsafe. It removes leftovers, and
// mends what can be derived; it never removes what anybody made.
//
// It doesn't read the objects: [gitstore.Store.Verify] does.
func (m *Manager) Doctor(ctx context.Context) (*Diagnosis, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	d := &Diagnosis{}
	if d.SweptBytes, err = s.Sweep(); err != nil {
		return nil, err
	}
	// A lock that git's protocol knows holds repairs up; it is told of below.
	if err := d.repair(ctx, s); err != nil && !errors.Is(err, gitstore.ErrBusy) {
		return nil, err
	}
	for _, damage := range s.Damaged(ctx) {
		hint := "run `git evoseal-rollback verify --all` to see which checkpoints are whole"
		d.add(Fatal, "damaged", damage.Err.Error(), hint)
	}
	m.examinePolicy(s, d)
	if err := m.examineProject(s, d); err != nil {
		return nil, err
	}
	locks, err := s.Locks()
	if err != nil {
		return nil, err
	}
	for _, lock := range locks {
		d.add(Warning, "lock", fmt.Sprintf("%s is locked since %s", lock.Path, lock.Since.Format("2006-01-02 15:04:05")),
			"if no git is at work in the store, as after a crash: rm '"+strings.ReplaceAll(lock.Path, "'", `'\''`)+"'")
	}
	return d, m.examineTarget(ctx, s, d)
}

// repair sets refs back that can't be read.
func (d *Diagnosis) repair(ctx context.Context, s *gitstore.Store) error {
	repairs, err := s.RepairRefs(ctx)
	for _, r := range repairs {
		switch kept := ""; {
		case r.To.IsZero():
			d.add(Fatal, "broken-ref", fmt.Sprintf("%s can't be read, nor can any value that it had before: %v", r.Name, r.Why),
				"delete the ref with `git update-ref -d` in the store to begin it anew")
		default:
			if r.Kept != "" {
				kept = "; what it named is kept as " + r.Kept
			}
			d.add(Warning, "broken-ref", fmt.Sprintf("%s could not be read: %v", r.Name, r.Why),
				fmt.Sprintf("it was set back to %s, the newest value that can be read%s", r.To, kept))
		}
	}
	return err
}

func (d *Diagnosis) add(severity Severity, code, message, hint string) {
	d.Findings = append(d.Findings, Finding{severity, code, message, hint})
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
	if err := m.tidy(s, decision.Target); err != nil {
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
