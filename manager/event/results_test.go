package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestResultsOfProcessesAreMerged(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(t.TempDir(), "cache", "sinks.json")
	if got, err := LoadResults(path); err != nil || got != nil {
		t.Fatal(got, err)
	}
	save := func(results ...Result) {
		t.Helper()
		if err := SaveResults(path, results); err != nil {
			t.Fatal(err)
		}
	}
	save()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("nothing was saved as something", err)
	}
	save(Result{Sink: "b", Time: testTime, Error: "old"}, Result{Sink: "a", Kind: File, Time: testTime, OK: true, Attempts: 1})
	save(Result{Sink: "b", Time: testTime.Add(1), Error: "new", Dropped: 3}, Result{Sink: "a", Time: testTime.Add(-1), Error: "late"})
	got, err := LoadResults(path)
	if err != nil || len(got) != 2 || !got[0].OK || got[1].Error != "new" || got[1].Dropped != 3 {
		t.Errorf("%v %+v", err, got)
	}
	for _, broken := range []string{"", "{", `{"schema":9}`, strings.Repeat(" ", maxResultsSize+1)} {
		mustWrite(t, path, broken)
		if _, err := LoadResults(path); !errors.Is(err, errResults) {
			t.Errorf("%.10q: %v", broken, err)
		}
	}
	var many []Result
	for i := range maxResults + 50 {
		many = append(many, Result{Sink: fmt.Sprint(i), Time: testTime.Add(time.Duration(i))})
	}
	save(many...)
	got, err = LoadResults(path)
	if err != nil || len(got) != maxResults {
		t.Errorf("%v %d", err, len(got))
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	if data, err := json.Marshal(got[0]); err != nil || !strings.Contains(string(data), `"sink":"100"`) {
		t.Errorf("%s %v", data, err)
	}
}
