package manager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// HistoryFilter says which records are wanted; the zero value is all.
type HistoryFilter struct {
	// Since and Until bound the time of a request: at or after the one, before the
	// other.
	Since, Until time.Time
	Version      string
	Action       Action
	Outcome      Outcome
	Actor        string
	// Reason is a part of the reason, without regard to case.
	Reason string
	// Chain and Incident are ids.
	Chain, Incident string
	// Limit is the greatest number of records, the newest ones; zero is no limit.
	Limit int
}

func (f *HistoryFilter) selects() bool {
	return *f != HistoryFilter{Limit: f.Limit}
}

func (f *HistoryFilter) matches(r *Record) bool {
	switch {
	case f.Version != "" && r.Version != f.Version && r.FromVersion != f.Version,
		f.Action != "" && r.Action != f.Action,
		f.Outcome != "" && r.Outcome != f.Outcome,
		f.Actor != "" && r.Actor != f.Actor,
		f.Chain != "" && r.Chain != f.Chain,
		f.Incident != "" && r.Incident != f.Incident,
		f.Reason != "" && !strings.Contains(strings.ToLower(r.Reason), strings.ToLower(f.Reason)),
		!f.Since.IsZero() && r.Time.Before(f.Since),
		!f.Until.IsZero() && !r.Time.Before(f.Until):
		return false
	}
	return true
}

// maxRecord is longer than the record of pruning a hundred thousand checkpoints. Of
// what is longer, decoding costs many times its length.
const maxRecord = 8 << 20

// History returns the records, newest first, by when the requests were done.
// Lines of the notes that are no records, such as those people add with git, are
// left out.
func (m *Manager) History(ctx context.Context, f HistoryFilter) ([]Record, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	return m.history(ctx, s, f)
}

func (m *Manager) history(ctx context.Context, s *gitstore.Store, f HistoryFilter) ([]Record, error) {
	lines, err := s.NoteLines(ctx, gitstore.History)
	if err != nil {
		return nil, err
	}
	// Records are added when a request is done, so the newest come last, but for
	// processes that were done at the same time.
	const meanwhile = 64
	most := len(lines)
	if f.Limit > 0 && !f.selects() {
		most = min(most, f.Limit+meanwhile)
	}
	var all []Record
	for i := len(lines) - 1; i >= 0 && len(all) < most; i-- {
		var r Record
		if len(lines[i].Line) > maxRecord || json.Unmarshal(lines[i].Line, &r) != nil || r.ID == "" || !f.matches(&r) {
			continue
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b Record) int {
		return cmp.Or(b.End().Compare(a.End()), cmp.Compare(b.ID, a.ID))
	})
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
	}
	return all, nil
}

// ErrRewritten says that the history's chain isn't what it once was.
var ErrRewritten = errors.New("the history was rewritten")

// VerifyHistory follows the chain of the history's commits to its beginning, and
// through its archives. SinceHead is a head that was true once, as an earlier
// report gave it; empty is none. The error matches [ErrRewritten] when a
// record was changed or removed, or when the chain doesn't contain SinceHead;
// the report then says more.
func (m *Manager) VerifyHistory(ctx context.Context, sinceHead string) (*gitstore.ChainReport, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	var since gitstore.ID
	if sinceHead != "" {
		if since, err = gitstore.ParseID(sinceHead); err != nil {
			return nil, fmt.Errorf("%q is no commit's full id: %w", sinceHead, err)
		}
	}
	report, err := s.VerifyChain(ctx, gitstore.History, since)
	if err != nil {
		return nil, err
	}
	switch {
	case !report.HasSince:
		err = fmt.Errorf("%w: its chain doesn't contain %s", ErrRewritten, since)
	case len(report.Rewrites) > 0:
		r := report.Rewrites[0]
		err = fmt.Errorf("%w: %d commit(s) of its chain do more than add, such as %s", ErrRewritten, len(report.Rewrites), r.Commit)
	}
	return report, err
}

// ErrOpen says that the history holds something that isn't ended yet.
var ErrOpen = errors.New("the history can't be archived")

// ArchiveHistory begins the history anew and keeps the old one, whole, under a
// ref of its own: an audit trail is never erased. Once there is an admin token, it
// needs one. An incident that is open, and a chain that a dead process left, would
// be out of sight then: the error matches [ErrOpen].
func (m *Manager) ArchiveHistory(ctx context.Context, reason string, token auth.Secret) (*gitstore.Archived, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	rec := m.newRecord(ActionArchive, "", reason)
	if err := m.authorizeRecorded(ctx, s, auth.Archive, token, rec); err != nil {
		return nil, err
	}
	unlock, err := m.nothingOpen(ctx, s)
	if err != nil {
		return nil, err
	}
	defer unlock()
	summary := "history: archived by " + rec.Actor
	if reason != "" {
		summary += ": " + reason
	}
	return s.ArchiveNotes(ctx, gitstore.History, summary)
}

// nothingOpen makes sure that the history has nothing open, and keeps chains from
// being begun.
func (m *Manager) nothingOpen(ctx context.Context, s *gitstore.Store) (unlock func(), err error) {
	unlock, err = s.LockChain(ctx, "archive")
	if err != nil {
		return nil, err
	}
	records, err := m.history(ctx, s, HistoryFilter{})
	if err == nil {
		for _, i := range incidentsOf(records) {
			if i.Closed.IsZero() {
				err = fmt.Errorf("%w: incident %s is open", ErrOpen, i.ID)
			}
		}
		for _, c := range unfinishedOf(records) {
			err = fmt.Errorf("%w: the cascade from %s was not finished", ErrOpen, c.Failed)
		}
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}
