package retention

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// line is a row of checkpoints, each following the one before it, from the oldest to
// the newest; written "name time [good] [generated] [needed]".
func line(t *testing.T, text string) []Item {
	t.Helper()
	var items []Item
	follows := ""
	for row := range strings.Lines(strings.TrimSpace(text)) {
		f := strings.Fields(row)
		item := Item{ID: f[0], Version: f[0], Follows: follows, Time: at(t, f[1])}
		for _, word := range f[2:] {
			switch word {
			case "good":
				item.Good = true
			case "generated":
				item.Generated = true
			default:
				item.Needed = append(item.Needed, word)
			}
		}
		follows = item.ID
		items = append(items, item)
	}
	// As the store lists them: by time, the newest first.
	slices.Reverse(items)
	slices.SortStableFunc(items, func(a, b Item) int { return b.Time.Compare(a.Time) })
	return items
}

func kept(list []Decision) string {
	var names []string
	for _, d := range list {
		if d.Keep {
			names = append(names, d.Version)
		}
	}
	return strings.Join(names, " ")
}

// A week of work: 2026-03-02 was a Monday.
const week = `
a 2026-02-27T09:00:00Z
b 2026-03-01T09:00:00Z good
c 2026-03-02T09:00:00Z
d 2026-03-02T09:30:00Z
e 2026-03-02T18:00:00Z
f 2026-03-04T08:00:00Z
g 2026-03-04T08:59:59Z
h 2026-03-04T09:00:00Z
`

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name  string
		items string
		rules Rules
		now   string
		want  string
	}{
		{"no rule keeps all", week, Rules{}, "", "h g f e d c b a"},
		{"the newest two, and the good one", week, Rules{Last: 2}, "", "h g b"},
		{"the newest of three hours", week, Rules{Hourly: 3}, "", "h g e b"},
		{"the newest of two days", week, Rules{Daily: 2}, "", "h e b"},
		{"days without anything don't count", week, Rules{Daily: 4}, "", "h e b a"},
		{"weeks end on Sunday", week, Rules{Weekly: 2}, "", "h b"},
		{"the newest of two months", week, Rules{Monthly: 2}, "", "h b a"},
		{"the newest of a year", week, Rules{Yearly: 5}, "", "h b"},
		{"rules add up", week, Rules{Last: 1, Monthly: 2, Hourly: 1}, "", "h b a"},
		{"a second less than two days", week, Rules{Within: 48*time.Hour - time.Second}, "", "h g f e d b"},
		{"exactly so old", week, Rules{Within: 48 * time.Hour}, "", "h g f e d c b"},
		{"counted from the newest, however long ago", week, Rules{Within: time.Hour}, "2027-01-01T00:00:00Z", "h g f b"},
		{"the newest good ones", "x 2026-03-01T00:00:00Z good\ny 2026-03-02T00:00:00Z good\nz 2026-03-03T00:00:00Z\n", Rules{Good: 2}, "", "z y x"},
		{"the last good one even so", "x 2026-03-01T00:00:00Z good\ny 2026-03-02T00:00:00Z good\nz 2026-03-03T00:00:00Z\n", Rules{Good: 1}, "", "z y"},
		{"names", "release-1 2026-03-01T00:00:00Z\nx 2026-03-02T00:00:00Z\nz 2026-03-03T00:00:00Z\n", Rules{Tagged: []string{"rel*-1"}}, "", "z release-1"},
		{"a star is for names that somebody gave", "x 2026-03-01T00:00:00Z\ny 2026-03-02T00:00:00Z generated\nz 2026-03-03T00:00:00Z\n", Rules{Tagged: []string{"*"}}, "", "z x"},
		{"a need outranks the rules", "x 2026-03-01T00:00:00Z held\ny 2026-03-02T00:00:00Z\nz 2026-03-03T00:00:00Z\n", Rules{Last: 1}, "", "z x"},
		{"in one second the lineage tells", "x 2026-03-01T00:00:00Z\ny 2026-03-01T00:00:00Z\nz 2026-03-01T00:00:00Z\n", Rules{Last: 2}, "", "z y"},
		{"in one second there is one hour", "x 2026-03-01T00:00:00Z\ny 2026-03-01T00:00:00Z\nz 2026-03-01T00:00:00Z\n", Rules{Hourly: 2}, "", "z"},
		// The clock went back to 1970 for y and z: they are no older than x.
		{"a clock that was behind", "w 2026-02-01T00:00:00Z\nx 2026-03-01T00:00:00Z\ny 1970-01-01T00:00:00Z\nz 1970-01-02T00:00:00Z\n", Rules{Last: 2}, "", "z y"},
		{"one day for those of the wrong clock", "w 2026-02-01T00:00:00Z\nx 2026-03-01T00:00:00Z\ny 1970-01-01T00:00:00Z\nz 1970-01-02T00:00:00Z\n", Rules{Daily: 2}, "", "z w"},
		// x lies in the future: it stays, takes nobody's place, and makes nobody older.
		{"a clock that was ahead", "w 2026-02-01T00:00:00Z\nx 2099-03-01T00:00:00Z\ny 2026-03-01T00:00:00Z\nz 2026-03-02T00:00:00Z\n", Rules{Last: 2}, "", "x z y"},
		{"a clock that was ahead, in days", "v 2026-02-28T00:00:00Z\nw 2026-02-28T01:00:00Z\nx 2099-03-01T00:00:00Z\ny 2026-03-01T00:00:00Z\n", Rules{Daily: 2}, "", "x y w"},
		{"a clock a little ahead is no matter", "x 2026-03-05T00:00:00Z\ny 2026-03-05T00:04:00Z\n", Rules{Last: 1}, "2026-03-05T00:00:00Z", "y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := "2026-03-05T00:00:00Z"
			if c.now != "" {
				now = c.now
			}
			got := Decide(line(t, c.items), c.rules, at(t, now), time.UTC)
			if kept(got) != c.want {
				t.Errorf("kept %q, want %q", kept(got), c.want)
			}
			for _, d := range got {
				if len(d.Reasons) == 0 {
					t.Errorf("%s: keep is %v for no reason", d.Version, d.Keep)
				}
			}
		})
	}
}

// In Berlin clocks went from 01:59:59 to 03:00 on 2026-03-29, and go from 02:59:59
// back to 02:00 on 2026-10-25.
func TestCalendarsWithSummerTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	now := at(t, "2026-12-31T00:00:00Z")
	for _, c := range []struct {
		name  string
		items string
		rules Rules
		want  string
	}{
		{"the hour that comes twice is two hours", "a 2026-10-25T02:30:00+02:00\nb 2026-10-25T02:30:00+01:00\nc 2026-10-25T03:00:00+01:00\n", Rules{Hourly: 3}, "c b a"},
		{"the hour that is left out is none", "a 2026-03-29T01:59:59+01:00\nb 2026-03-29T03:00:00+02:00\n", Rules{Hourly: 2}, "b a"},
		{"a day of 25 hours is one", "a 2026-10-25T00:00:00+02:00\nb 2026-10-25T23:59:59+01:00\nc 2026-10-26T00:00:00+01:00\n", Rules{Daily: 2}, "c b"},
		{"a day of 23 hours is one", "a 2026-03-29T00:00:00+01:00\nb 2026-03-29T23:59:59+02:00\nc 2026-03-30T00:00:00+02:00\n", Rules{Daily: 2}, "c b"},
		{"midnight is that of the place", "a 2026-06-01T21:59:59Z\nb 2026-06-01T22:00:00Z\n", Rules{Daily: 2}, "b a"},
		{"and not that of UTC", "a 2026-06-01T23:30:00Z\nb 2026-06-02T00:30:00Z\n", Rules{Daily: 2}, "b"},
		{"the year's first days may be the last year's week", "a 2026-12-28T12:00:00+01:00\nb 2027-01-03T12:00:00+01:00\nc 2027-01-04T12:00:00+01:00\n", Rules{Weekly: 2}, "c b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			then := now
			if strings.Contains(c.items, "2027") {
				then = at(t, "2027-02-01T00:00:00Z")
			}
			if got := kept(Decide(line(t, c.items), c.rules, then, berlin)); got != c.want {
				t.Errorf("kept %q, want %q", got, c.want)
			}
		})
	}
}

func TestReasons(t *testing.T) {
	got := Decide(line(t, week), Rules{Last: 1, Daily: 2, Within: time.Hour, Good: 1, Tagged: []string{"x*"}}, at(t, "2026-03-05T00:00:00Z"), time.UTC)
	want := []string{
		"h true: the newest, keepLast, keepDaily 2026-03-04, keepWithin 1h",
		"g true: keepWithin 1h",
		"f true: keepWithin 1h",
		"e true: keepDaily 2026-03-02",
		"d false: older than the newest 1, its day has a newer one, older than 1h, not verified good, no pattern is for its name",
		"c false: older than the newest 1, its day has a newer one, older than 1h, not verified good, no pattern is for its name",
		"b true: the last one verified good, keepGood",
		"a false: older than the newest 1, its day is before the newest 2, older than 1h, not verified good, no pattern is for its name",
	}
	for i, d := range got {
		if s := fmt.Sprintf("%s %v: %s", d.Version, d.Keep, strings.Join(d.Reasons, ", ")); s != want[i] {
			t.Errorf("%s\nwant %s", s, want[i])
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "x", true}, {"a*c", "abc", true}, {"a*c", "abd", false}, {"a*b*c", "aXbYbc", true},
		{"abc", "abc", true}, {"abc", "abcd", false}, {"*.1", "v1.1", true}, {"**", "x", true}, {"a?", "ab", false}, {"", "", true}, {"", "a", false},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}
