package manager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// ActionRepair is a repair of the store.
const ActionRepair Action = "repair"

// RepairRequest says how to repair, why, and by what right.
type RepairRequest struct {
	// DryRun changes nothing, and says what would be done.
	DryRun bool
	Reason string
	Token  auth.Secret
	// Progress is as in [gitstore.RecordRequest].
	Progress func(gitstore.Progress)
}

// Repair reads all of the store and mends what can be mended: see
// [gitstore.Store.Rebuild]. What can't be is in the diagnosis, with what Doctor
// finds besides. A repair that changed something is recorded. Once there is an admin
// token, a repair needs one; where the policy itself can't be read, one of the newest
// policy that can. A dry run needs none.
func (m *Manager) Repair(ctx context.Context, req RepairRequest) (*Diagnosis, error) {
	start := time.Now()
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	rec := m.newRecord(ActionRepair, "", req.Reason)
	if !req.DryRun {
		if err := m.authorizeRepair(ctx, s, req.Token, rec); err != nil {
			return nil, err
		}
	}
	d := &Diagnosis{}
	if d.SweptBytes, err = s.Sweep(); err != nil {
		return nil, err
	}
	report, err := s.Rebuild(ctx, gitstore.RebuildRequest{DryRun: req.DryRun, Objects: true, Progress: req.Progress})
	if report != nil {
		d.take(report)
	}
	if err == nil {
		err = m.examine(ctx, s, d)
	}
	if req.DryRun || d.count(gitstore.Mended) == 0 {
		return d, err
	}
	rec.Outcome = Completed
	if err != nil {
		rec.Outcome, rec.Error = Failed, err.Error()
	}
	rec.Reason = strings.TrimSpace(rec.Reason + " " + d.summary())
	err = errRecord(err, m.save(ctx, s, rec, gitstore.ID{}, start))
	m.tell(ctx, s, rec)
	d.Record = *rec
	return d, err
}

// DropDamaged removes what repairs have put aside, by the same right as a repair.
func (m *Manager) DropDamaged(ctx context.Context, token auth.Secret) (int64, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return 0, err
	}
	if err := m.authorizeRepair(ctx, s, token, m.newRecord(ActionRepair, "", "drop what was put aside")); err != nil {
		return 0, err
	}
	return s.DropDamaged()
}

// authorizeRepair asks the policy in force, or the newest that can be read when that
// one is what is damaged: else damage would be a way around the tokens, or no repair
// could ever be allowed.
func (m *Manager) authorizeRepair(ctx context.Context, s *gitstore.Store, token auth.Secret, rec *Record) error {
	last, err := s.LastPolicy()
	if errors.Is(err, gitstore.ErrCorrupt) {
		// No policy can be read: there is none that could forbid anything, and
		// whoever is here may write the store's files.
		return nil
	}
	if err != nil {
		return err
	}
	if now, err := s.Policy(); err == nil && now.Commit == last.Commit {
		return m.authorizeRecorded(ctx, s, auth.Configure, token, rec)
	}
	book, err := parseTokens(last)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTokens, err)
	}
	return m.stillAllowed(ctx, book, auth.Configure, token)
}

// take adds what a rebuild found.
func (d *Diagnosis) take(report *gitstore.RebuildReport) {
	for _, mend := range report.Mends {
		a := Ailment{Finding: Finding{Severity: Warning, Code: codeOf(mend.Kind), Message: mend.Why.Error()}, Repair: mend.State, Versions: mend.Versions}
		if mend.Kind != "lock" && !strings.Contains(a.Message, mend.What) {
			a.Message = mend.What + ": " + a.Message
		}
		a.what = mend.What
		if mend.State != gitstore.Mended && !mend.Trivial {
			a.Severity = Fatal
		}
		switch mend.State {
		case gitstore.Mendable:
			a.Hint = "`git evoseal-rollback doctor --repair` mends it: " + mend.How
		case gitstore.Mended:
			a.Hint = "mended: " + mend.How
		case gitstore.MendFailed:
			a.Hint = "it could not be mended: " + mend.How + "; `git evoseal-rollback doctor --repair` tries again"
		default:
			a.Hint = "it can't be mended: " + mend.How + "; `git evoseal-rollback verify --all` names what is whole"
		}
		d.Findings = append(d.Findings, a)
	}
}

// codeOf is the stable word for a kind.
func codeOf(kind string) string {
	if kind == "ref" {
		return "broken-ref"
	}
	return kind
}

func (d *Diagnosis) tells(what string) bool {
	for _, a := range d.Findings {
		if what != "" && a.what == what {
			return true
		}
	}
	return false
}

func (d *Diagnosis) count(state gitstore.MendState) int {
	n := 0
	for _, a := range d.Findings {
		if a.Repair == state && a.what != "" {
			n++
		}
	}
	return n
}

// summary is what the record says of a repair.
func (d *Diagnosis) summary() string {
	const most = 5
	var list []string
	n := 0
	for _, a := range d.Findings {
		if a.Repair == gitstore.Mended && a.what != "" {
			if n++; n <= most {
				list = append(list, a.what)
			}
		}
	}
	if n > most {
		list = append(list, fmt.Sprintf("and %d more", n-most))
	}
	text := "mended " + strings.Join(list, ", ")
	if left := d.count(gitstore.Lost) + d.count(gitstore.MendFailed); left > 0 {
		text += fmt.Sprintf("; %d can't be mended", left)
	}
	return text
}
