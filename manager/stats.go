package manager

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Stats are sums over the history. Durations are in milliseconds.
type Stats struct {
	Records  int             `json:"records"`
	Outcomes map[Outcome]int `json:"outcomes"`
	// Rollbacks are the requests that went so far as to write: completed or
	// failed rollbacks and emergencies. SuccessRate is the completed ones' share,
	// nil when there are none.
	Rollbacks   int      `json:"rollbacks"`
	SuccessRate *float64 `json:"success_rate"`
	// ByAction and the like count records; an empty name is "none".
	ByAction  []Count `json:"by_action"`
	ByReason  []Count `json:"by_reason"`
	ByTrigger []Count `json:"by_trigger"`
	ByActor   []Count `json:"by_actor"`
	// Duration is of the completed rollbacks.
	Duration Quantiles `json:"duration_ms"`
	Files    int64     `json:"files"`
	Bytes    int64     `json:"bytes"`
	CPUMS    int64     `json:"cpu_ms"`
	// PeakMemory is the greatest of all, in bytes.
	PeakMemory int64 `json:"peak_memory_bytes"`
	// Recoveries are the times at which a version failed and a rollback was
	// completed after that; MeanRecoveryMS is nil when there are none. Several
	// failures before one rollback are one recovery, from the first of them.
	Recoveries     int    `json:"recoveries"`
	MeanRecoveryMS *int64 `json:"mean_time_to_recover_ms"`
	// Days counts rollbacks by day, in UTC, from the first to the last, without
	// gaps.
	Days []Day `json:"days"`
	// First and Last are when requests were made, nil without any.
	First *time.Time `json:"first"`
	Last  *time.Time `json:"last"`
}

// Count is how many records have a name.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Day is how many rollbacks were completed and failed on one day.
type Day struct {
	Date      string `json:"date"`
	Completed int    `json:"completed"`
	Failed    int    `json:"failed"`
}

// Quantiles are by nearest rank; zero without any value.
type Quantiles struct {
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
	Max int64 `json:"max"`
}

// Stats sums up the records that the filter selects.
func (m *Manager) Stats(ctx context.Context, f HistoryFilter) (*Stats, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	records, err := m.history(ctx, s, f)
	if err != nil {
		return nil, err
	}
	failures, err := m.failures(ctx, s)
	if err != nil {
		return nil, err
	}
	slices.Reverse(records)
	return summarize(records, failures), nil
}

// failures are the times at which versions failed.
func (m *Manager) failures(ctx context.Context, s *gitstore.Store) ([]time.Time, error) {
	lines, err := s.NoteLines(ctx, gitstore.Verdicts)
	if err != nil {
		return nil, err
	}
	var all []time.Time
	for _, l := range lines {
		var e struct {
			Time    time.Time `json:"time"`
			Verdict *struct {
				Outcome verdict.Outcome `json:"outcome"`
			} `json:"verdict"`
		}
		if json.Unmarshal(l.Line, &e) == nil && e.Verdict != nil && e.Verdict.Outcome == verdict.Fail {
			all = append(all, e.Time)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all, nil
}

// attempted says that a record is of a rollback that went so far as to write.
func (r *Record) attempted() bool {
	return (r.Action == ActionRollback || r.Action == ActionEmergency) && (r.Outcome == Completed || r.Outcome == Failed)
}

// summarize takes records and failures oldest first.
func summarize(records []Record, failures []time.Time) *Stats {
	st := &Stats{Records: len(records), Outcomes: make(map[Outcome]int)}
	byAction, byReason, byTrigger, byActor := make(counter), make(counter), make(counter), make(counter)
	days := make(map[string]*Day)
	var durations []int64
	completed := 0
	for i := range records {
		r := &records[i]
		st.Outcomes[r.Outcome]++
		byAction.add(string(r.Action))
		byReason.add(r.Reason)
		byTrigger.add(r.Trigger)
		byActor.add(r.Actor)
		st.CPUMS += r.CPUMS
		st.PeakMemory = max(st.PeakMemory, r.PeakMemory)
		if !r.attempted() {
			continue
		}
		st.Rollbacks++
		day := dayOf(days, r.Time)
		if r.Outcome == Failed {
			day.Failed++
			continue
		}
		completed++
		day.Completed++
		durations = append(durations, r.DurationMS)
		st.Files += r.Files
		st.Bytes += r.Bytes
	}
	if st.Rollbacks > 0 {
		rate := float64(completed) / float64(st.Rollbacks)
		st.SuccessRate = &rate
	}
	if len(records) > 0 {
		st.First, st.Last = &records[0].Time, &records[len(records)-1].Time
	}
	st.ByAction, st.ByReason, st.ByTrigger, st.ByActor = byAction.sorted(), byReason.sorted(), byTrigger.sorted(), byActor.sorted()
	st.Duration = quantiles(durations)
	st.Days = withoutGaps(days)
	st.recoveries(records, failures)
	return st
}

// recoveries pairs failures with the rollbacks that followed them.
func (st *Stats) recoveries(records []Record, failures []time.Time) {
	var sum time.Duration
	for i := range records {
		r := &records[i]
		if !r.attempted() || r.Outcome != Completed {
			continue
		}
		n := 0
		for n < len(failures) && !failures[n].After(r.End()) {
			n++
		}
		if n > 0 {
			st.Recoveries++
			sum += r.End().Sub(failures[0])
			failures = failures[n:]
		}
	}
	if st.Recoveries > 0 {
		mean := (sum / time.Duration(st.Recoveries)).Milliseconds()
		st.MeanRecoveryMS = &mean
	}
}

type counter map[string]int

func (c counter) add(name string) {
	if name == "" {
		name = "none"
	}
	c[name]++
}

// sorted has the most frequent first.
func (c counter) sorted() []Count {
	all := make([]Count, 0, len(c))
	for name, n := range c {
		all = append(all, Count{name, n})
	}
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func quantiles(values []int64) Quantiles {
	if len(values) == 0 {
		return Quantiles{}
	}
	slices.Sort(values)
	rank := func(percent int) int64 { return values[(len(values)*percent+99)/100-1] }
	return Quantiles{P50: rank(50), P95: rank(95), Max: values[len(values)-1]}
}

const dateLayout = "2006-01-02"

func dayOf(days map[string]*Day, t time.Time) *Day {
	date := t.UTC().Format(dateLayout)
	if days[date] == nil {
		days[date] = &Day{Date: date}
	}
	return days[date]
}

// withoutGaps adds the days between the first and the last on which nothing
// happened. Gaps of more than a year are left as they are.
func withoutGaps(days map[string]*Day) []Day {
	var dates []string
	for date := range days {
		dates = append(dates, date)
	}
	slices.Sort(dates)
	var all []Day
	for _, date := range dates {
		if n := len(all); n > 0 {
			at, _ := time.Parse(dateLayout, all[n-1].Date)
			to, _ := time.Parse(dateLayout, date)
			for at = at.AddDate(0, 0, 1); at.Before(to) && to.Sub(at) < 366*24*time.Hour; at = at.AddDate(0, 0, 1) {
				all = append(all, Day{Date: at.Format(dateLayout)})
			}
		}
		all = append(all, *days[date])
	}
	return all
}
