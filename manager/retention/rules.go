package retention

import "time"

// Rules say what stays. Zero values are rules that aren't there.
type Rules struct {
	// Last is how many of the newest stay, whatever their age.
	Last int
	// These are how many hours, days and so on keep their newest.
	Hourly, Daily, Weekly, Monthly, Yearly int
	// Within keeps what is no older than this, counted from the newest checkpoint:
	// a project that rests loses nothing by it.
	Within time.Duration
	// Good is how many of the newest that were verified good stay.
	Good int
	// Tagged are patterns, in which * stands for any text, of names that stay. Only
	// names that people gave are compared with them.
	Tagged []string
}

// None says that no rule is there.
func (r Rules) None() bool {
	return r.Last <= 0 && r.Hourly <= 0 && r.Daily <= 0 && r.Weekly <= 0 && r.Monthly <= 0 && r.Yearly <= 0 &&
		r.Within <= 0 && r.Good <= 0 && len(r.Tagged) == 0
}

// Item is one checkpoint, as far as it matters here.
type Item struct {
	// ID names it, Follows is the one that it follows, empty for none.
	ID, Follows string
	// Between are the times of those, pruned before, that lie between the two.
	Between []time.Time
	Version string
	Time    time.Time
	// Good says that it was verified good, Generated that nobody gave it its name.
	Good, Generated bool
	// Needed are reasons for which it must stay whatever the rules say.
	Needed []string
}

// Decision is what is to become of one checkpoint.
type Decision struct {
	Item
	Keep bool
	// Reasons are all that speak for it or, where it goes, why no rule does.
	Reasons []string
}

// match compares a name with a pattern; it takes time in proportion to the product
// of their lengths at most.
func match(pattern, name string) bool {
	p, n, star, again := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, again = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			again++
			p, n = star+1, again
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
