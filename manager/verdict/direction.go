package verdict

import (
	"slices"
	"strings"
	"unicode"
)

// UsualName is a word, or several in a row, that says in a metric's name which
// values are good.
type UsualName struct {
	// Words are lower case, separated by single spaces.
	Words     string    `json:"words"`
	Direction Direction `json:"direction"`
	// Unit marks words such as bytes or p95 that say something only where no
	// other word does: p95 of a throughput is still a throughput.
	Unit bool `json:"unit,omitempty"`
}

// UsualNames is the table that [DirectionOf] goes by, as documentation shows it.
// The caller owns the result.
func UsualNames() []UsualName {
	var names []UsualName
	add := func(d Direction, unit bool, all ...string) {
		for _, w := range all {
			names = append(names, UsualName{Words: w, Direction: d, Unit: unit})
		}
	}
	add(HigherIsBetter, false,
		"accuracy", "success rate", "success ratio", "pass rate", "hit rate", "hit ratio", "f1", "precision", "recall",
		"specificity", "sensitivity", "auc", "roc", "bleu", "rouge", "reward", "fitness", "throughput", "bandwidth", "coverage",
		"score", "ops", "rps", "qps", "tps", "ips", "fps", "iops", "per second", "per sec", "ops s", "req s", "mb s", "gb s",
		"availability", "uptime", "efficiency", "quality", "speedup")
	add(LowerIsBetter, false,
		"duration", "time", "latency", "elapsed", "delay", "lag", "memory", "mem", "rss", "heap", "ns op", "b op", "allocs op",
		"ns per op", "bytes per op", "allocs per op", "allocs", "allocations", "error rate", "error ratio", "failure rate",
		"failure ratio", "miss rate", "miss ratio", "loss rate", "fail rate", "timeout rate", "drop rate", "rejection rate",
		"error", "errors", "failure", "failures", "misses", "timeouts", "crashes", "regressions", "warnings", "loss", "cost",
		"perplexity", "brier score", "mae", "mse", "rmse", "mape", "overhead", "complexity")
	add(LowerIsBetter, true,
		"p50", "p75", "p90", "p95", "p99", "p999", "size", "bytes", "kb", "mb", "kib", "mib", "ns", "us", "ms", "sec", "secs",
		"seconds", "cpu")
	return names
}

// DirectionOf says which values are good of a metric with a usual name, such as
// accuracy, test.latency_ms, cacheHitRate or ns/op. Names are taken apart at
// punctuation and at capitals; words from [UsualNames] count, longer ones before
// those inside them. It is false where none is known, and where words disagree,
// as in latency_score: a guess would roll back what is good or keep what is bad.
func DirectionOf(name string) (Direction, bool) {
	words := wordsOf(name)
	table := UsualNames()
	var strong, weak []Direction
	for at := 0; at < len(words); {
		var best UsualName
		length := 0
		for _, u := range table {
			seq := strings.Fields(u.Words)
			if len(seq) > length && at+len(seq) <= len(words) && slices.Equal(seq, words[at:at+len(seq)]) {
				best, length = u, len(seq)
			}
		}
		if length > 0 && best.Unit {
			weak = append(weak, best.Direction)
		} else if length > 0 {
			strong = append(strong, best.Direction)
		}
		at += max(length, 1)
	}
	if len(strong) == 0 {
		strong = weak
	}
	slices.Sort(strong)
	if strong = slices.Compact(strong); len(strong) != 1 {
		return "", false
	}
	return strong[0], true
}

// maxWords bounds the work on a hostile name.
const maxWords = 64

// wordsOf takes a name apart: successRate, success_rate and Success-Rate are
// [success rate], HTTPLatency is [http latency], p95 stays whole.
func wordsOf(name string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
		}
		word = word[:0]
	}
	runes := []rune(shortened(name, MaxName))
	for i, r := range runes {
		if len(words) == maxWords {
			return words
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush()
			continue
		}
		if unicode.IsUpper(r) && i > 0 {
			afterLower := !unicode.IsUpper(runes[i-1])
			beforeLower := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if afterLower || beforeLower {
				flush()
			}
		}
		word = append(word, r)
	}
	flush()
	return words
}
