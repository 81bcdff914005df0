package verdict

import (
	"reflect"
	"strings"
	"testing"
)

func TestDirectionOf(t *testing.T) {
	for direction, names := range map[Direction]string{
		HigherIsBetter: `accuracy success_rate successRate val.accuracy f1 F1Score f1-score precision recall throughput throughput_p95
			coverage test_coverage_percent score auc ROC-AUC ops ops_per_second rps requests_per_second cacheHitRate MB/s bytes_per_sec`,
		LowerIsBetter: `duration test_duration_ms time wall_time latency HTTPLatency latency_p99 memory memory_usage memory_bytes bytes error_rate
			errorRate failures loss val_loss cost ns/op B/op allocs/op nsPerOp p50 p95 p99 p99.9 size binary_size rss build_seconds`,
		"": `widgets x rate "" timeout_limit realtimefactor latency_score throughput_loss memory_accuracy héhé`,
	} {
		for _, name := range strings.Fields(names) {
			if got, ok := DirectionOf(name); got != direction || ok != (direction != "") {
				t.Errorf("%s: %q, %v; want %q", name, got, ok, direction)
			}
		}
	}
}

// The table is documentation as well: every name in it must work, in the case
// that it is written in, and stand once.
func TestUsualNames(t *testing.T) {
	seen := map[string]bool{}
	for _, u := range UsualNames() {
		if seen[u.Words] {
			t.Errorf("%s stands twice", u.Words)
		}
		seen[u.Words] = true
		for _, name := range []string{u.Words, strings.ReplaceAll(u.Words, " ", "/"), strings.ToUpper(strings.ReplaceAll(u.Words, " ", "_"))} {
			if got, ok := DirectionOf(name); !ok || got != u.Direction {
				t.Errorf("%s: %q, %v", name, got, ok)
			}
		}
	}
}

func TestWordsOf(t *testing.T) {
	for name, want := range map[string][]string{
		"":                {},
		"--":              {},
		"successRate":     {"success", "rate"},
		"HTTPLatencyMs":   {"http", "latency", "ms"},
		"p99.9":           {"p99", "9"},
		"Größe_der_Datei": {"größe", "der", "datei"},
		"a\xffb":          {"a", "b"},
	} {
		if got := wordsOf(name); !reflect.DeepEqual(append([]string{}, got...), want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if n := len(wordsOf(strings.Repeat("a b ", 1000))); n > maxWords {
		t.Errorf("%d words", n)
	}
}
