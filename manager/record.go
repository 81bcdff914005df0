package manager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
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
	// Started opens a chain of several steps; another record of the chain closes
	// it, unless the process died.
	Started Outcome = "started"
)

// Action is what a record is about.
type Action string

// The actions.
const (
	ActionRollback Action = "rollback"
	ActionUndo     Action = "undo"
	// ActionCascade opens and closes a chain; its steps are rollbacks.
	ActionCascade Action = "cascade"
	// ActionEmergency is the rollback of an emergency, and opens an incident, which
	// ActionClose ends. ActionDrill rehearses one.
	ActionEmergency Action = "emergency"
	ActionClose     Action = "emergency-close"
	ActionDrill     Action = "drill"
	// ActionJudge, ActionConfigure, ActionTokens and ActionArchive are recorded
	// when they are denied; the policy's log and the verdicts tell the rest.
	ActionJudge     Action = "judge"
	ActionConfigure Action = "configure"
	ActionTokens    Action = "tokens"
	ActionArchive   Action = "archive"
	// ActionPrune took checkpoints out of the list, or dropped such ones for good;
	// ActionUnprune brought some back.
	ActionPrune   Action = "prune"
	ActionUnprune Action = "prune-restore"
	// ActionSkip is a hook that somebody switched off.
	ActionSkip Action = "skip"
)

// Record is one entry of the history: what was asked, by whom, what was decided
// and what happened. Its JSON form is stable; fields are added, never renamed.
type Record struct {
	Schema int       `json:"schema"`
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Action Action    `json:"action"`
	// Version is what was asked for, FromVersion what the target held before.
	Version     string `json:"version"`
	FromVersion string `json:"from_version,omitempty"`
	Actor       string `json:"actor"`
	Role        string `json:"role,omitempty"`
	// AuthorizedBy is the label of the token that was shown, TokenID its id, which
	// no two tokens share, Denial the word for why it was not enough.
	AuthorizedBy string  `json:"authorized_by,omitempty"`
	TokenID      string  `json:"token_id,omitempty"`
	Denial       string  `json:"denial,omitempty"`
	Reason       string  `json:"reason,omitempty"`
	Outcome      Outcome `json:"outcome"`
	Error        string  `json:"error,omitempty"`
	// Target is the directory that was used, TargetRequested the one that was
	// asked for by a person or by configuration.
	Target          string `json:"target,omitempty"`
	TargetRequested string `json:"target_requested,omitempty"`
	Fallback        bool   `json:"fallback,omitempty"`
	// SafetyValidated says that Target passed all safety rules; Safety says so
	// in words, or names the rule that refused.
	SafetyValidated bool   `json:"safety_validated"`
	Safety          string `json:"safety,omitempty"`
	Verified        bool   `json:"verified"`
	// InPlace says that the target held the version already, so that nothing was
	// written.
	InPlace bool `json:"in_place,omitempty"`
	// Trigger is what asked for an automatic rollback, Verdict the id of the
	// verdict behind it. Chain joins the records of one cascade, of which Step
	// counts the attempts; Incident those of one emergency.
	Trigger  string `json:"trigger,omitempty"`
	Verdict  string `json:"verdict,omitempty"`
	Chain    string `json:"chain,omitempty"`
	Step     int    `json:"step,omitempty"`
	Incident string `json:"incident,omitempty"`
	// Policy is the commit of the policy in force.
	Policy string `json:"policy,omitempty"`
	// Considered are the versions that were thought of, and why one was taken.
	Considered []Considered `json:"considered,omitempty"`
	// Pruned are versions that can be brought back until Until, Expired ones that
	// went for good.
	Pruned  []string   `json:"pruned,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	Expired []string   `json:"expired,omitempty"`

	Paths  []gitstore.Path `json:"paths,omitempty"`
	Branch string          `json:"branch,omitempty"`
	Files  int64           `json:"files"`
	Bytes  int64           `json:"bytes"`
	// DurationMS is in milliseconds, as is the processor time that the process
	// used meanwhile; PeakMemory is the most that it ever took, in bytes.
	DurationMS int64 `json:"duration_ms"`
	CPUMS      int64 `json:"cpu_ms"`
	PeakMemory int64 `json:"peak_memory_bytes"`

	cpu time.Duration
	// notVerified says that the target turned out not to be what was written.
	notVerified bool
}

// takeGrant keeps by what right an enclosing request was granted.
func (r *Record) takeGrant(g *Record) {
	r.Role, r.AuthorizedBy, r.TokenID, r.Policy = g.Role, g.AuthorizedBy, g.TokenID, g.Policy
}

// End is when the request was done.
func (r *Record) End() time.Time {
	return r.Time.Add(time.Duration(r.DurationMS) * time.Millisecond)
}

const recordSchema = 1

func (m *Manager) newRecord(action Action, version, reason string) *Record {
	now := m.now()
	cpu, _ := resources()
	return &Record{
		Schema: recordSchema, ID: newID(now),
		Time: now, Action: action, Version: version, Actor: m.actor(), Reason: reason, cpu: cpu,
	}
}

// newID names a record, verdict or chain; names sort by time.
func newID(now time.Time) string {
	return fmt.Sprintf("%s-%08x", now.UTC().Format("20060102T150405.000"), rand.Uint32())
}

// save appends the record to the history, as a note on the checkpoint that it is
// about, or on the policy in force when there is no such checkpoint.
func (m *Manager) save(ctx context.Context, s *gitstore.Store, r *Record, on gitstore.ID, start time.Time) error {
	r.DurationMS = time.Since(start).Milliseconds()
	cpu, peak := resources()
	r.CPUMS, r.PeakMemory = (cpu - r.cpu).Milliseconds(), peak
	if on.IsZero() {
		var err error
		if on, err = s.Genesis(); err != nil {
			return fmt.Errorf("history: %w", err)
		}
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	summary := fmt.Sprintf("%s %s %s", r.Action, r.Version, r.Outcome)
	// What happened has happened: it is recorded also for a caller that gave up.
	if err := s.AppendNote(context.WithoutCancel(ctx), gitstore.History, on, line, summary); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// ErrNotRecorded says that something was done, and that its record could not be
// kept.
var ErrNotRecorded = errors.New("it can't be recorded")

// errRecord joins what went wrong with what went wrong when that was recorded.
func errRecord(err, saving error) error {
	switch {
	case saving == nil:
		return err
	case err == nil:
		return fmt.Errorf("it was done, but %w: %w", ErrNotRecorded, saving)
	}
	return errors.Join(err, saving)
}
