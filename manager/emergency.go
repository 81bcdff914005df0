package manager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

var (
	// ErrNeedsReason says that a request can't be made without saying why.
	ErrNeedsReason = errors.New("an emergency needs a reason")
	// ErrNoIncident says that there is no open incident of that id.
	ErrNoIncident = errors.New("there is no such open incident")
)

// EmergencyRequest declares an emergency.
type EmergencyRequest struct {
	// Reason is needed.
	Reason string
	// To is the version to bring back; empty lets the engine choose.
	To string
	// Token is one with the role [auth.Emergency], whatever the policy says.
	Token    auth.Secret
	Target   string
	Progress func(gitstore.Progress)
}

// EmergencyResult is what an emergency, or a drill, came to.
type EmergencyResult struct {
	// Incident is the id that stays open until [Manager.CloseIncident]; empty
	// after a drill.
	Incident string
	// Considered are the versions in the order in which they were thought of,
	// with why each was taken or passed over.
	Considered []Considered
	// Steps are the attempts, of which the last completed unless there is an
	// error.
	Steps    []Record
	Rollback *RollbackResult
}

// EmergencyRollback brings back the newest version that was verified good and is
// intact, at once: no limit of the policy holds, only the safety rules do. It
// always needs a token with the role [auth.Emergency]. It leaves an incident
// open. Without any good version the newest that isn't known to be bad is taken,
// and said to be just that.
func (m *Manager) EmergencyRollback(ctx context.Context, req EmergencyRequest) (*EmergencyResult, error) {
	return m.emergency(ctx, req, ActionEmergency)
}

// EmergencyDrill does all that [Manager.EmergencyRollback] does, down to writing
// the version out beside the target, and then throws that away: the target
// isn't touched, and no incident is opened.
func (m *Manager) EmergencyDrill(ctx context.Context, req EmergencyRequest) (*EmergencyResult, error) {
	return m.emergency(ctx, req, ActionDrill)
}

func (m *Manager) emergency(ctx context.Context, req EmergencyRequest, action Action) (*EmergencyResult, error) {
	if req.Reason == "" {
		return nil, ErrNeedsReason
	}
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	grant := m.newRecord(action, req.To, req.Reason)
	if err := m.authorizeRecorded(ctx, s, auth.Declare, req.Token, grant); err != nil {
		return nil, err
	}
	out := &EmergencyResult{}
	list, err := m.emergencyCandidates(ctx, s, req.To)
	out.Considered = considered(list)
	if err != nil {
		grant.Outcome, grant.Error, grant.Considered = outcomeOf(err), err.Error(), out.Considered
		return out, errRecord(err, m.save(ctx, s, grant, gitstore.ID{}, start))
	}
	id := newID(m.now())
	if action == ActionEmergency {
		out.Incident = id
		m.log.Error("EMERGENCY declared", "actor", grant.Actor, "reason", req.Reason, "incident", id)
		m.publish(ctx, s, event.EmergencyDeclared, id, event.EmergencyData{Incident: id, Actor: grant.Actor, Reason: req.Reason})
	}
	return out, m.tryCandidates(ctx, s, req, grant, list, out, action)
}

// tryCandidates brings back the first candidate that can be.
func (m *Manager) tryCandidates(ctx context.Context, s *gitstore.Store, req EmergencyRequest, grant *Record, list []candidate, out *EmergencyResult, action Action) error {
	how := circumstances{
		action: action, incident: out.Incident, grant: grant, admitted: true, override: true, rehearse: action == ActionDrill,
	}
	failed := make(map[string]string)
	var last error
	for i, at := range list {
		if at.skip != "" {
			continue
		}
		how.step++
		how.considered = chosen(list, i, failed)
		res, err := m.rollback(ctx, s, RollbackRequest{
			Version: at.Commit.String(), Reason: req.Reason, Target: req.Target, Progress: req.Progress,
		}, how)
		if res != nil {
			out.Steps = append(out.Steps, res.Record)
		}
		if err == nil || errors.Is(err, ErrNotRecorded) {
			out.Rollback, out.Considered = res, how.considered
			return err
		}
		last = fmt.Errorf("%s: %w", at.Version, err)
		if !goesOn(err) {
			return last
		}
		failed[at.Version] = err.Error()
		m.log.Warn("this version can't be brought back; the next is tried", "version", at.Version, "error", err)
	}
	return fmt.Errorf("%w: %w", ErrExhausted, last)
}

// chosen tells why list[at] is taken, and each other version isn't.
func chosen(list []candidate, at int, failed map[string]string) []Considered {
	all := considered(list)
	for i := range all {
		switch why, tried := failed[all[i].Version]; {
		case tried:
			all[i].Chosen, all[i].Why = false, "can't be brought back: "+why
		case i != at && all[i].Chosen:
			all[i].Chosen, all[i].Why = false, list[i].left
		}
	}
	return all
}

// emergencyCandidates are the good versions, newest first, then those of which
// nothing is known. The ones that aren't to be tried say why.
func (m *Manager) emergencyCandidates(ctx context.Context, s *gitstore.Store, to string) ([]candidate, error) {
	if to != "" {
		c, err := s.Resolve(ctx, to)
		if err != nil {
			return nil, err
		}
		return []candidate{{Checkpoint: c, why: "named by whoever declared the emergency"}}, nil
	}
	l, err := m.lineage(ctx, s)
	if errors.Is(err, gitstore.ErrCorrupt) && l != nil {
		m.log.Error("what was found of the versions can't be read; the newest is taken", "error", err)
	} else if err != nil {
		return nil, err
	}
	var good, unknown, skipped []candidate
	for _, c := range l.all {
		at := describe(l, c, "the newest")
		switch {
		case at.skip != "":
			skipped = append(skipped, at)
		case l.state(c) == verdict.Good:
			at.why, at.left = "the newest that was verified good", "verified good, but older"
			good = append(good, at)
		default:
			at.why = "never judged: better than nothing, for no good version can be brought back"
			at.left = "never judged"
			unknown = append(unknown, at)
		}
	}
	for i := 1; i < len(good); i++ {
		good[i].why = "verified good; the newer ones can't be brought back"
	}
	list := append(append(good, unknown...), skipped...)
	if len(good)+len(unknown) == 0 {
		return list, fmt.Errorf("%w: every version is known to be bad, or partial; --to names one all the same", ErrNoCandidate)
	}
	return list, nil
}

// Incident is an emergency that was declared.
type Incident struct {
	ID       string
	Declared time.Time
	Actor    string
	Reason   string
	// Version is what was brought back, empty when nothing could be.
	Version string
	// Closed is zero while it is open; Note is what it was closed with.
	Closed time.Time
	Note   string
}

// Incidents lists the emergencies, newest first.
func (m *Manager) Incidents(ctx context.Context) ([]Incident, error) {
	records, err := m.History(ctx, HistoryFilter{})
	if err != nil {
		return nil, err
	}
	return incidentsOf(records), nil
}

// incidentsOf finds them in the records, newest first.
func incidentsOf(records []Record) []Incident {
	var all []Incident
	at := make(map[string]int)
	for i := range records {
		r := &records[i]
		if r.Incident == "" {
			continue
		}
		n, known := at[r.Incident]
		if !known {
			n = len(all)
			at[r.Incident] = n
			all = append(all, Incident{ID: r.Incident})
		}
		incident := &all[n]
		switch {
		case r.Action == ActionClose && r.Outcome == Completed:
			incident.Closed, incident.Note = r.End(), r.Reason
		case r.Action == ActionEmergency:
			// Records come newest first, so the last one seen began it.
			incident.Declared, incident.Actor, incident.Reason = r.Time, r.Actor, r.Reason
			if r.Outcome == Completed && incident.Version == "" {
				incident.Version = r.Version
			}
		}
	}
	return all
}

// CloseIncident ends an incident with a note of what was found. An empty id is
// the only open one. It needs a token with the role [auth.Emergency].
func (m *Manager) CloseIncident(ctx context.Context, id, note string, token auth.Secret) (*Incident, error) {
	if note == "" {
		return nil, ErrNeedsReason
	}
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	rec := m.newRecord(ActionClose, "", note)
	rec.Incident = id
	if err := m.authorizeRecorded(ctx, s, auth.Declare, token, rec); err != nil {
		return nil, err
	}
	incident, err := m.openIncident(ctx, id)
	if err != nil {
		return nil, err
	}
	rec.Incident, rec.Version, rec.Outcome = incident.ID, incident.Version, Completed
	if err := m.save(ctx, s, rec, gitstore.ID{}, start); err != nil {
		return nil, err
	}
	incident.Closed, incident.Note = rec.End(), note
	m.publish(ctx, s, event.EmergencyClosed, incident.ID, event.EmergencyData{
		Incident: incident.ID, Actor: rec.Actor, Reason: note, Version: incident.Version,
	})
	return incident, nil
}

func (m *Manager) openIncident(ctx context.Context, id string) (*Incident, error) {
	all, err := m.Incidents(ctx)
	if err != nil {
		return nil, err
	}
	var open []Incident
	for _, incident := range all {
		if incident.Closed.IsZero() && (id == "" || incident.ID == id) {
			open = append(open, incident)
		}
	}
	switch {
	case len(open) == 0:
		return nil, ErrNoIncident
	case len(open) > 1:
		var ids []string
		for _, incident := range open {
			ids = append(ids, incident.ID)
		}
		return nil, fmt.Errorf("%w: name one of the open ones, %s", ErrNoIncident, strings.Join(ids, ", "))
	}
	return &open[0], nil
}
