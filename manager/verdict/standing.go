package verdict

import (
	"maps"
	"math"
	"slices"
	"time"
)

// State is what is held of a version.
type State string

// The states. An unknown version was neither shown nor declared to be either.
const (
	Good    State = "good"
	Bad     State = "bad"
	Unknown State = "unknown"
)

// Standing is what a version's entries come to.
type Standing struct {
	State State `json:"state"`
	// Decided is the verdict or mark that State is from; nil for Unknown.
	Decided *Entry `json:"-"`
	// By, ID, Time, Actor and Reason are those of Decided.
	By     EntryKind `json:"by,omitempty"`
	ID     string    `json:"id,omitempty"`
	Time   time.Time `json:"time,omitzero"`
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
	// Metrics are those of the last verdict or report that had any, and so what a
	// later version is compared with. Reports with problems, or with values that
	// are no finite numbers, are passed over: one broken run would otherwise make
	// every later comparison an error.
	Metrics map[string]Samples `json:"metrics,omitempty"`
	// Last is the last verdict of whatever outcome, nil where there is none.
	Last *Verdict `json:"last,omitempty"`
}

// Latest folds the entries of one version into its standing: the last mark, pass
// or fail decides. A verdict that is inconclusive or an error says nothing and
// leaves the standing as it was. Later is by time, then by place in the note,
// because notes of several machines are merged in no order. The entries aren't
// changed; the standing shares nothing with them but verdicts' contents.
func Latest(entries []Entry) Standing {
	s := Standing{State: Unknown}
	ordered := slices.Clone(entries)
	slices.SortStableFunc(ordered, func(a, b Entry) int {
		return a.Time.Compare(b.Time)
	})
	for _, e := range ordered {
		if e.check() != nil {
			continue
		}
		switch e.Kind {
		case EntryVerdict:
			v := e.Verdict
			s.Last = &v
			s.measure(e.Input.Report)
			switch v.Outcome {
			case Pass:
				s.decide(Good, e, v.Reason)
			case Fail:
				s.decide(Bad, e, v.Reason)
			}
		case EntryMark:
			s.decide(State(e.Mark), e, e.Reason)
		case EntryReport:
			s.measure(*e.Report)
		}
	}
	return s
}

func (s *Standing) decide(state State, e Entry, reason string) {
	s.State, s.Decided = state, &e
	s.By, s.ID, s.Time, s.Actor, s.Reason = e.Kind, e.ID, e.Time, e.Actor, reason
}

func (s *Standing) measure(r Report) {
	if len(r.Metrics) == 0 || len(r.Problems) > 0 {
		return
	}
	for _, samples := range r.Metrics {
		if slices.ContainsFunc(samples, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }) {
			return
		}
	}
	s.Metrics = maps.Clone(r.Metrics)
}
