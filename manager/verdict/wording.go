package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxShown is how much of a name is shown, maxSentence how much of a text
	// that a program wrote, in runes.
	maxShown    = 200
	maxSentence = 500
	// maxNamed is how many names a sentence spells out.
	maxNamed = 5
)

// clean replaces each bad byte, as encoding/json does, so that a verdict reached
// from memory and one reached from a note agree.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

func shortened(s string, runes int) string {
	if len(s) <= runes {
		return s
	}
	for i := range s {
		if runes == 0 {
			return s[:i] + "…"
		}
		runes--
	}
	return s
}

// quoted shows a name that anyone may have chosen: control bytes, terminal
// sequences and text that changes direction come out escaped.
func quoted(name string) string {
	return strconv.Quote(shortened(clean(name), maxShown))
}

// sentence makes one line of a text that a program wrote.
func sentence(s string) string {
	s = strings.Join(strings.Fields(clean(s)), " ")
	s = strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
	return shortened(s, maxSentence)
}

// listed spells out the first names, sorted, and counts the rest.
func listed(names []string) string {
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	var shown []string
	for _, n := range sorted[:min(len(sorted), maxNamed)] {
		shown = append(shown, quoted(n))
	}
	text := strings.Join(shown, ", ")
	if more := len(sorted) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func listedKeys(names map[string]bool) string {
	return listed(slices.Collect(maps.Keys(names)))
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func number(x float64) string {
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// probability keeps three digits: nobody decides by more, and the finding's numbers
// have them all.
func probability(p float64) string { return strconv.FormatFloat(p, 'g', 3, 64) }

// percent is a fraction for people; a change that can't be said as one has no
// end.
func percent(x float64) string {
	if math.IsInf(x, 0) || math.IsNaN(x) || math.Abs(x) > 1e6 {
		return "more than 1000000×"
	}
	if math.Abs(x) >= 10 {
		return strconv.FormatFloat(x*100, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(x*100, 'g', 4, 64) + " %"
}

// rounded keeps ten significant digits. Processors that fuse a multiplication
// with an addition differ in the last ones, and a verdict should be the same
// wherever it is replayed.
func rounded(x float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 9, 64), 64)
	if err != nil {
		return x
	}
	return r
}

// finite points at x, or is nil where JSON has no word for it.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// copied keeps a verdict from sharing memory with the rules that it was reached
// by.
func copied(x *float64) *float64 {
	if x == nil {
		return nil
	}
	return finite(*x)
}

// settingHint is the exact command that sets a key of a metric's rules, quoted
// for a shell, and what it means. There is none for a name that can't be typed.
func settingHint(metric, key, value, meaning string) string {
	for _, r := range clean(metric) {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			return fmt.Sprintf("rename the metric %s: its name holds text that can't be typed", quoted(metric))
		}
	}
	setting := "metric." + metric + "." + key
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._/-:@%+=,", r)
	}
	if strings.ContainsFunc(setting, func(r rune) bool { return !plain(r) }) {
		setting = "'" + strings.ReplaceAll(setting, "'", `'\''`) + "'"
	}
	return "`git evoseal-rollback policy set " + setting + " " + value + "` " + meaning
}
