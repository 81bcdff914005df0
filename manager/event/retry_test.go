package event

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-3": 0, "x": 0, "99999999999999999999": 0, "2147483647": 2147483647 * time.Second,
		testTime.Add(time.Minute).Format(http.TimeFormat): time.Minute - 89*time.Millisecond,
		testTime.Add(-time.Hour).Format(http.TimeFormat):  0,
	} {
		if got := retryAfter(value, testTime); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestBackoffGrowsWithinBounds(t *testing.T) {
	for attempt := 1; attempt < 100; attempt++ {
		most := longestPause
		if attempt < 8 {
			most = firstPause << (attempt - 1)
		}
		for range 50 {
			if d := (&hope{}).backoff(attempt); d < most/2 || d > most {
				t.Fatalf("attempt %d: %s", attempt, d)
			}
		}
	}
	if d := (&hope{time.Minute}).backoff(1); d < time.Minute {
		t.Errorf("a server's wish is cut to %s", d)
	}
}
