package retention

import (
	"fmt"
	"time"
)

// against notes what a rule has to say where it doesn't keep a checkpoint.
func (l *list) against(i int, format string, args ...any) {
	e := &l.all[i]
	e.against = append(e.against, fmt.Sprintf(format, args...))
}

// whyGone gives those that nothing keeps their reasons.
func (l *list) whyGone() {
	for i := range l.all {
		if e := &l.all[i]; !e.Keep {
			e.Reasons = e.against
		}
	}
}

func (l *list) last(n int) {
	if n <= 0 {
		return
	}
	taken := 0
	for i := range l.all {
		switch {
		case l.all[i].future:
		case taken < n:
			l.keep(i, "keepLast")
			taken++
		default:
			l.against(i, "older than the newest %d", n)
		}
	}
}

// period is one of the rules that count by the calendar.
type period struct {
	key, word string
	n         int
	// of is equal for moments in the same hour, day and so on.
	of func(time.Time) string
}

func calendar(r Rules) []period {
	return []period{
		// With the offset: when clocks are set back, one hour comes twice.
		{"keepHourly", "hour", r.Hourly, func(t time.Time) string { return t.Format("2006-01-02 15 -0700") }},
		{"keepDaily", "day", r.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{"keepWeekly", "week", r.Weekly, func(t time.Time) string {
			year, week := t.ISOWeek()
			return fmt.Sprintf("%d-W%02d", year, week)
		}},
		{"keepMonthly", "month", r.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
		{"keepYearly", "year", r.Yearly, func(t time.Time) string { return t.Format("2006") }},
	}
}

// byCalendar keeps the newest of each of the newest so many hours, days and so on.
func (l *list) byCalendar(p period, loc *time.Location) {
	if p.n <= 0 {
		return
	}
	taken := 0
	last := ""
	for i := range l.all {
		e := &l.all[i]
		if e.future {
			continue
		}
		of := p.of(e.when.In(loc))
		switch {
		case of == last:
			l.against(i, "its %s has a newer one", p.word)
		case taken < p.n:
			l.keep(i, p.key+" "+of)
			taken++
		default:
			l.against(i, "its %s is before the newest %d", p.word, p.n)
		}
		last = of
	}
}

// within counts from the newest checkpoint, or from now where that is earlier.
func (l *list) within(d time.Duration, now time.Time) {
	if d <= 0 {
		return
	}
	var from time.Time
	for i := range l.all {
		e := &l.all[i]
		if e.future {
			continue
		}
		if from.IsZero() {
			if from = e.when; now.Before(from) {
				from = now
			}
		}
		if from.Sub(e.when) <= d {
			l.keep(i, "keepWithin "+span(d))
		} else {
			l.against(i, "older than %s", span(d))
		}
	}
}

// span writes a duration in days where it is some.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

func (l *list) good(n int) {
	if n <= 0 {
		return
	}
	taken := 0
	for i := range l.all {
		switch {
		case !l.all[i].Good:
			l.against(i, "not verified good")
		case taken < n:
			l.keep(i, "keepGood")
			taken++
		default:
			l.against(i, "verified good, but older than the newest %d of these", n)
		}
	}
}

func (l *list) tagged(patterns []string) {
	if len(patterns) == 0 {
		return
	}
	for i := range l.all {
		e := &l.all[i]
		if e.Generated {
			l.against(i, "nobody named it")
			continue
		}
		found := false
		for _, p := range patterns {
			if match(p, e.Version) {
				l.keep(i, "keepTagged "+p)
				found = true
			}
		}
		if !found {
			l.against(i, "no pattern is for its name")
		}
	}
}
