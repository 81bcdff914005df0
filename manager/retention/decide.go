package retention

import (
	"cmp"
	"slices"
	"time"
)

// tolerance is how far clocks may be apart before a time counts as in the future.
const tolerance = 5 * time.Minute

// Reasons that don't depend on a rule.
const (
	reasonNewest   = "the newest"
	reasonLastGood = "the last one verified good"
	reasonFuture   = "its time lies in the future"
	reasonNoRules  = "there is no rule by which anything goes"
)

// Decide says of each checkpoint whether it stays, the newest first. The items are
// as the store lists them, the newest first; their order counts where their times
// don't tell. The calendar is loc's.
func Decide(items []Item, rules Rules, now time.Time, loc *time.Location) []Decision {
	l := arrange(items, now)
	l.always()
	if rules.None() {
		for i := range l.all {
			l.keep(i, reasonNoRules)
		}
	} else {
		l.last(rules.Last)
		for _, c := range calendar(rules) {
			l.byCalendar(c, loc)
		}
		l.within(rules.Within, now)
		l.good(rules.Good)
		l.tagged(rules.Tagged)
		l.whyGone()
	}
	out := make([]Decision, len(l.all))
	for i, e := range l.all {
		out[i] = e.Decision
	}
	return out
}

// entry is a checkpoint on its way to a decision.
type entry struct {
	Decision
	// when is its time, corrected.
	when   time.Time
	future bool
	depth  int
	// against is what each rule has to say where it doesn't keep it.
	against []string
}

// list is sorted, newest first.
type list struct{ all []entry }

// arrange sorts by corrected times and, where these are equal, by lineage.
func arrange(items []Item, now time.Time) *list {
	l := &list{all: make([]entry, len(items))}
	at := make(map[string]int, len(items))
	for i, item := range items {
		l.all[i] = entry{Decision: Decision{Item: item}, depth: -1}
		at[item.ID] = i
	}
	for i := range l.all {
		l.settle(i, at, now)
	}
	slices.SortStableFunc(l.all, func(a, b entry) int {
		return cmp.Or(b.when.Compare(a.when), cmp.Compare(b.depth, a.depth))
	})
	return l
}

// settle corrects the times of an entry and of those that it follows, the first
// first. A lineage that leads back to itself, which no store has, is cut.
func (l *list) settle(i int, at map[string]int, now time.Time) {
	var line []int
	seen := make(map[int]bool)
	for l.all[i].depth < 0 && !seen[i] {
		seen[i] = true
		line = append(line, i)
		next, ok := at[l.all[i].Follows]
		if !ok {
			break
		}
		i = next
	}
	for _, i := range slices.Backward(line) {
		e := &l.all[i]
		e.when, e.depth = e.Time, len(e.Between)
		e.future = ahead(e.Time, now)
		before := e.Between
		if p, ok := at[e.Follows]; ok && l.all[p].depth >= 0 {
			e.depth += l.all[p].depth + 1
			before = append(slices.Clone(before), l.all[p].when)
		}
		for _, t := range before {
			if !e.future && !ahead(t, now) && t.After(e.when) {
				e.when = t
			}
		}
	}
}

// ahead says that a time can't be right.
func ahead(t, now time.Time) bool { return t.After(now.Add(tolerance)) }

func (l *list) keep(i int, reason string) {
	e := &l.all[i]
	e.Keep = true
	e.Reasons = append(e.Reasons, reason)
}

// always finds what no rule can remove.
func (l *list) always() {
	newest, good := false, false
	for i := range l.all {
		e := &l.all[i]
		if !newest && !e.future || i == 0 {
			l.keep(i, reasonNewest)
			newest = newest || !e.future
		}
		if e.Good && !good {
			l.keep(i, reasonLastGood)
			good = true
		}
		if e.future {
			l.keep(i, reasonFuture)
		}
		for _, why := range e.Needed {
			l.keep(i, why)
		}
	}
}
