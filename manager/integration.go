package manager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
)

// PointState says how an integration point is.
type PointState string

// The states.
const (
	PointOK      PointState = "ok"
	PointWarning PointState = "warning"
	PointError   PointState = "error"
	// PointOff is what isn't set up, which is nothing bad.
	PointOff PointState = "off"
)

// IntegrationPoint is something that the engine works together with.
type IntegrationPoint struct {
	// Name is "store", "project", "policy", "tokens", "events", "sink <name>",
	// "logging", "hooks" or "incidents".
	Name   string     `json:"name"`
	State  PointState `json:"state"`
	Detail string     `json:"detail"`
	// Hint is what to do, empty where there is nothing to be done.
	Hint string `json:"hint,omitempty"`
}

// IntegrationPoints says how the engine is connected with all that is around it.
// It changes nothing.
func (m *Manager) IntegrationPoints(ctx context.Context) ([]IntegrationPoint, error) {
	points := []IntegrationPoint{m.projectPoint()}
	s, err := m.Store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		return append(points, IntegrationPoint{"store", PointOff, "there is none yet", "`git evoseal-rollback checkpoint` makes it"},
			m.loggingPoint(), m.hooksPoint()), nil
	}
	if err != nil {
		return append(points, IntegrationPoint{"store", PointError, err.Error(), "`git evoseal-rollback doctor` looks for what is wrong"}), nil
	}
	points = append(points, IntegrationPoint{"store", PointOK, s.Dir(), ""})
	r, err := m.inForce(s)
	if errors.Is(err, ErrTokens) {
		points = append(points, IntegrationPoint{"tokens", PointError, err.Error(), tokensHint})
	} else if err != nil {
		points = append(points, IntegrationPoint{"policy", PointError, err.Error(), "`git evoseal-rollback policy edit` mends it"})
	} else {
		points = append(points, policyPoint(r), m.tokensPoint(r))
		points = append(points, m.sinkPoints(s, r.Policy)...)
	}
	points = append(points, m.loggingPoint(), m.hooksPoint())
	incidents, err := m.incidentPoints(ctx, s)
	return append(points, incidents...), err
}

func (m *Manager) projectPoint() IntegrationPoint {
	p := IntegrationPoint{Name: "project", State: PointOK, Detail: m.project.Root}
	head := m.project.Head()
	switch {
	case head.Branch == "" && head.Commit == "":
		p.State, p.Detail = PointOff, m.project.Root+" is no Git repository"
	case head.Branch == "":
		p.Detail += ", detached at " + head.Commit
	case head.Commit == "":
		p.Detail += ", on " + head.Branch + " without a commit"
	default:
		p.Detail += ", on " + head.Branch + " at " + head.Commit
	}
	return p
}

func policyPoint(r *rules) IntegrationPoint {
	return IntegrationPoint{"policy", PointOK, "in force: " + r.Commit.String(), ""}
}

func (m *Manager) tokensPoint(r *rules) IntegrationPoint {
	if m.opts.Authorizer != nil {
		return IntegrationPoint{"tokens", PointOK, "the embedding program decides who may do what", ""}
	}
	usable := make(map[auth.Role]int)
	for _, t := range r.tokens.List() {
		if t.State(m.now()) == auth.Usable {
			usable[t.Role]++
		}
	}
	p := IntegrationPoint{"tokens", PointOK, fmt.Sprintf("%d operator, %d emergency, %d admin", usable[auth.Operator], usable[auth.Emergency], usable[auth.Admin]), ""}
	switch {
	case r.Policy.RequireAuth && usable[auth.Operator]+usable[auth.Admin] == 0:
		p.State, p.Hint = PointError, "the policy requires a token and none can be used: `git evoseal-rollback token issue --role operator`"
	case usable[auth.Emergency] == 0:
		p.State, p.Hint = PointWarning, "no emergency can be declared: `git evoseal-rollback token issue --role emergency`"
	}
	return p
}

// sinkPoints are the events and each of their sinks.
func (m *Manager) sinkPoints(s *gitstore.Store, p *policy.Policy) []IntegrationPoint {
	if len(p.Sinks) == 0 {
		return []IntegrationPoint{{"events", PointOff, "no sink is set up", ""}}
	}
	points := []IntegrationPoint{{"events", PointOK, fmt.Sprintf("%d sinks", len(p.Sinks)), ""}}
	if err := m.trusts(s); err != nil {
		points[0].State, points[0].Detail = PointError, err.Error()
		points[0].Hint = "if you trust its owner: `git config --global --add safe.directory " + m.project.Root + "`"
		return points
	}
	results := m.sinkResults(s)
	for _, sink := range p.Sinks {
		point := IntegrationPoint{"sink " + sink.Name, PointOff, string(sink.Kind) + ": no event yet", ""}
		if r, ok := results[sink.Name]; ok {
			point.State, point.Detail = PointOK, fmt.Sprintf("%s: delivered at %s", sink.Kind, r.Time.Local().Format(time.DateTime))
			if !r.OK {
				point.State, point.Detail = PointWarning, fmt.Sprintf("%s: failed at %s: %s", sink.Kind, r.Time.Local().Format(time.DateTime), r.Error)
				point.Hint = "rollbacks go on without it; mend sink." + sink.Name + " with `git evoseal-rollback policy edit`"
			}
		}
		points = append(points, point)
	}
	return points
}

func (m *Manager) loggingPoint() IntegrationPoint {
	return IntegrationPoint{"logging", PointOK, "level " + m.log.GetLevel().String(), ""}
}

// hooksPoint looks for hooks of the project's repository that call the engine.
func (m *Manager) hooksPoint() IntegrationPoint {
	dir, ok := m.project.Config.Path("core", "hooksPath")
	if m.project.CommonDir == "" {
		return IntegrationPoint{"hooks", PointOff, "the project is no Git repository", ""}
	}
	if !ok {
		dir = filepath.Join(m.project.CommonDir, "hooks")
	} else if !filepath.IsAbs(dir) {
		dir = filepath.Join(m.project.Root, dir)
	}
	entries, _ := os.ReadDir(dir)
	var ours []string
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), ".sample") {
			continue
		}
		if data, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil && bytes.Contains(data, []byte("evoseal-rollback")) {
			ours = append(ours, e.Name())
		}
	}
	if len(ours) == 0 {
		return IntegrationPoint{"hooks", PointOff, "none calls the engine", ""}
	}
	return IntegrationPoint{"hooks", PointOK, strings.Join(ours, ", "), ""}
}

// incidentPoints tells of emergencies that are open and of chains that a dead
// process left.
func (m *Manager) incidentPoints(ctx context.Context, s *gitstore.Store) ([]IntegrationPoint, error) {
	unlock, busy, err := holdChains(ctx, s)
	if err != nil {
		return nil, err
	}
	defer unlock()
	records, err := m.history(ctx, s, HistoryFilter{})
	if errors.Is(err, gitstore.ErrCorrupt) {
		return []IntegrationPoint{{"history", PointError, err.Error(), "`git evoseal-rollback doctor --repair` mends what can be mended"}}, nil
	}
	if err != nil {
		return nil, err
	}
	var points []IntegrationPoint
	for _, i := range incidentsOf(records) {
		if i.Closed.IsZero() {
			points = append(points, IntegrationPoint{"incidents", PointWarning,
				fmt.Sprintf("%s is open since %s: %s", i.ID, i.Declared.Local().Format(time.DateTime), i.Reason),
				"`git evoseal-rollback emergency close` ends it, with --note and what was found"})
		}
	}
	if busy {
		return points, nil
	}
	for _, c := range unfinishedOf(records) {
		points = append(points, IntegrationPoint{"incidents", PointWarning,
			fmt.Sprintf("the cascade from %s was not finished: %d steps were done", c.Failed, len(c.Steps)),
			"`git evoseal-rollback cascade " + c.Failed + "` goes on with it"})
	}
	return points, nil
}
