package manager

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// Outcome is what came of a request.
type Outcome string

// The outcomes.
const (
	// Completed requests did all that was asked.
	Completed Outcome = "completed"
	// Failed ones broke off; the target is as it was.
	Failed Outcome = "failed"
	// Denied ones lacked authority, Refused ones were unsafe or impossible.
	Denied  Outcome = "denied"
	Refused Outcome = "refused"
)

// Action is what a record is about.
type Action string

// The actions.
const (
	ActionRollback Action = "rollback"
	ActionUndo     Action = "undo"
)

// Record is one entry of the history: what was asked, by whom, what was decided
// and what happened. Its JSON form is stable; fields are added, never renamed.
type Record struct {
	Schema int       `json:"schema"`
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Action Action    `json:"action"`
	// Version is what was asked for, FromVersion what the target held before.
	Version     string  `json:"version"`
	FromVersion string  `json:"from_version,omitempty"`
	Actor       string  `json:"actor"`
	Role        string  `json:"role,omitempty"`
	Reason      string  `json:"reason,omitempty"`
	Outcome     Outcome `json:"outcome"`
	Error       string  `json:"error,omitempty"`
	// Target is the directory that was used, TargetRequested the one that was
	// asked for by a person or by configuration.
	Target          string `json:"target,omitempty"`
	TargetRequested string `json:"target_requested,omitempty"`
	Fallback        bool   `json:"fallback,omitempty"`
	// SafetyValidated says that Target passed all safety rules; Safety says so
	// in words, or names the rule that refused.
	SafetyValidated bool            `json:"safety_validated"`
	Safety          string          `json:"safety,omitempty"`
	Verified        bool            `json:"verified"`
	Trigger         string          `json:"trigger,omitempty"`
	Verdict         string          `json:"verdict,omitempty"`
	Chain           string          `json:"chain,omitempty"`
	Paths           []gitstore.Path `json:"paths,omitempty"`
	Branch          string          `json:"branch,omitempty"`
	Files           int64           `json:"files"`
	Bytes           int64           `json:"bytes"`
	// DurationMS is in milliseconds.
	DurationMS int64 `json:"duration_ms"`
}

const recordSchema = 1

func (m *Manager) newRecord(action Action, version, reason string) *Record {
	now := m.now()
	var random [4]byte
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	return &Record{
		Schema: recordSchema,
		ID:     now.Format("20060102T150405.000") + "-" + hex.EncodeToString(random[:]),
		Time:   now, Action: action, Version: version, Actor: m.actor(), Reason: reason,
	}
}

// save appends the record to the history, as a note on the checkpoint that it is
// about, or on the policy in force when there is no such checkpoint.
func (m *Manager) save(ctx context.Context, s *gitstore.Store, r *Record, on gitstore.ID, start time.Time) error {
	r.DurationMS = time.Since(start).Milliseconds()
	if on.IsZero() {
		var err error
		if on, err = s.Genesis(); err != nil {
			return fmt.Errorf("can't record in the history: %w", err)
		}
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	summary := fmt.Sprintf("%s %s %s", r.Action, r.Version, r.Outcome)
	// What happened has happened: it is recorded also for a caller that gave up.
	if err := s.AppendNote(context.WithoutCancel(ctx), gitstore.History, on, line, summary); err != nil {
		return fmt.Errorf("can't record in the history: %w", err)
	}
	return nil
}

// HistoryFilter says which records are wanted; the zero value is all.
type HistoryFilter struct {
	Version string
	Outcome Outcome
	// Limit is the greatest number of records, the newest ones; zero is no limit.
	Limit int
}

// History returns the records, newest first. Lines of the notes that are no
// records, such as those people add with git, are left out.
func (m *Manager) History(ctx context.Context, f HistoryFilter) ([]Record, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	notes, err := s.Notes(ctx, gitstore.History)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, note := range notes {
		for line := range bytes.Lines(note.Content) {
			var r Record
			if json.Unmarshal(line, &r) != nil || r.ID == "" {
				continue
			}
			if (f.Version == "" || r.Version == f.Version) && (f.Outcome == "" || r.Outcome == f.Outcome) {
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.ID, a.ID))
	})
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
	}
	return all, nil
}

// errRecord joins what went wrong with what went wrong when that was recorded.
func errRecord(err, saving error) error {
	if saving == nil {
		return err
	}
	return errors.Join(err, saving)
}
