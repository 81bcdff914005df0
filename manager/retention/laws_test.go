package retention

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// anyItems makes a history with branches, wrong clocks and equal seconds.
func anyItems(r *rand.Rand, now time.Time) []Item {
	items := make([]Item, r.IntN(40))
	for i := range items {
		back := time.Duration(r.Int64N(int64(3 * 365 * 24 * time.Hour)))
		switch r.IntN(8) {
		case 0:
			back = 0
		case 1:
			back = -back
		case 2:
			back = back % (48 * time.Hour)
		}
		items[i] = Item{
			ID: fmt.Sprint(i), Version: fmt.Sprintf("v%d", i), Time: now.Add(-back).Truncate(time.Second),
			Good: r.IntN(4) == 0, Generated: r.IntN(2) == 0,
		}
		if i > 0 && r.IntN(10) > 0 {
			items[i].Follows = fmt.Sprint(r.IntN(i))
		}
		if r.IntN(10) == 0 {
			items[i].Needed = []string{"held"}
		}
	}
	slices.Reverse(items)
	slices.SortStableFunc(items, func(a, b Item) int { return b.Time.Compare(a.Time) })
	return items
}

func anyRules(r *rand.Rand) Rules {
	n := func() int { return max(0, r.IntN(12)-6) }
	rules := Rules{Last: n(), Hourly: n(), Daily: n(), Weekly: n(), Monthly: n(), Yearly: n(), Good: n()}
	if r.IntN(3) == 0 {
		rules.Within = time.Duration(r.Int64N(int64(400 * 24 * time.Hour)))
	}
	if r.IntN(3) == 0 {
		rules.Tagged = []string{fmt.Sprintf("v%d*", r.IntN(5))}
	}
	return rules
}

// more are rules that keep what the given ones do, and perhaps more.
func more(r *rand.Rand, rules Rules) Rules {
	for _, n := range []*int{&rules.Last, &rules.Hourly, &rules.Daily, &rules.Weekly, &rules.Monthly, &rules.Yearly, &rules.Good} {
		*n += r.IntN(3)
	}
	rules.Within += time.Duration(r.Int64N(int64(100 * 24 * time.Hour)))
	if r.IntN(2) == 0 {
		rules.Tagged = append(slices.Clone(rules.Tagged), "*1")
	}
	return rules
}

func keeps(list []Decision) map[string]bool {
	all := make(map[string]bool)
	for _, d := range list {
		all[d.ID] = d.Keep
	}
	return all
}

func TestLaws(t *testing.T) {
	zones := []*time.Location{time.UTC, time.FixedZone("", 14*3600), time.FixedZone("", -12*3600)}
	removed := 0
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 1))
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(int64(365 * 24 * time.Hour))))
		items, rules, loc := anyItems(r, now), anyRules(r), zones[r.IntN(len(zones))]
		list := Decide(items, rules, now, loc)
		if len(list) != len(items) {
			t.Fatalf("seed %d: %d decisions of %d", seed, len(list), len(items))
		}
		got := keeps(list)
		checkAlways(t, seed, list, now)
		for _, d := range list {
			if len(d.Reasons) == 0 {
				t.Fatalf("seed %d: no reason for %s", seed, d.ID)
			}
			if rules.None() && !d.Keep {
				t.Fatalf("seed %d: %s goes without any rule", seed, d.ID)
			}
			if !d.Keep {
				removed++
			}
		}
		if rules.None() {
			continue
		}
		for id, keep := range keeps(Decide(items, more(r, rules), now, loc)) {
			if got[id] && !keep {
				t.Fatalf("seed %d: more rules remove %s", seed, id)
			}
		}
		checkAgain(t, seed, list, rules, now, loc)
	}
	if removed == 0 {
		t.Error("nothing ever goes: the test proves nothing")
	}
}

// checkAlways looks for what no rule may remove.
func checkAlways(t *testing.T, seed uint64, list []Decision, now time.Time) {
	t.Helper()
	good := false
	for i, d := range list {
		last := d.Good && !good
		good = good || d.Good
		if !d.Keep && (i == 0 || last || len(d.Needed) > 0 || d.Time.After(now.Add(tolerance))) {
			t.Fatalf("seed %d: %s goes, the %d. in the list", seed, d.ID, i)
		}
	}
}

// checkAgain decides once more of what stayed: nothing more goes, so that it doesn't
// matter how often prune runs.
func checkAgain(t *testing.T, seed uint64, list []Decision, rules Rules, now time.Time, loc *time.Location) {
	t.Helper()
	all := make(map[string]Decision)
	for _, d := range list {
		all[d.ID] = d
	}
	var left []Item
	for _, d := range list {
		if !d.Keep {
			continue
		}
		for d.Follows != "" && !all[d.Follows].Keep {
			d.Between = append(d.Between, all[d.Follows].Time)
			d.Follows = all[d.Follows].Follows
		}
		left = append(left, d.Item)
	}
	for _, d := range Decide(left, rules, now, loc) {
		if !d.Keep {
			t.Fatalf("seed %d: %s goes when asked again", seed, d.ID)
		}
	}
}
