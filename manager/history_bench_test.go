package manager

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// manyRecords is how long the history of the benchmarks is.
const manyRecords = 10_000

// longHistoryDir is longHistory's project, for TestMain to remove.
var longHistoryDir string

// longHistory is a project with that history, spread over ten versions; it is
// made once, which takes a minute.
var longHistory = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "history-bench-")
	if err != nil {
		return "", err
	}
	longHistoryDir = dir
	ctx := context.Background()
	m, err := New(ctx, dir, Options{})
	if err != nil {
		return "", err
	}
	defer m.Close()
	var versions []gitstore.ID
	for i := range 10 {
		r, err := m.Checkpoint(ctx, CheckpointRequest{Version: fmt.Sprintf("v%d", i)})
		if err != nil {
			return "", err
		}
		versions = append(versions, r.Commit)
	}
	s, err := m.Store(ctx)
	if err != nil {
		return "", err
	}
	for i := range manyRecords {
		r := m.newRecord(ActionRollback, fmt.Sprintf("v%d", i%10), fmt.Sprint("reason ", i%100))
		r.Time = r.Time.Add(time.Duration(i-manyRecords) * time.Minute)
		r.Outcome, r.Target, r.Safety, r.Verified = Completed, dir+"/.evoseal/rollback_target", "safety validated", true
		r.DurationMS = int64(i % 1000)
		line, err := json.Marshal(r)
		if err != nil {
			return "", err
		}
		if err := s.AppendNote(ctx, gitstore.History, versions[i%10], line, "bench"); err != nil {
			return "", err
		}
	}
	// The first to read fills the cache; BenchmarkHistoryWithoutCache has that.
	_, err = m.History(ctx, HistoryFilter{Limit: 1})
	return dir, err
})

func benchHistory(b *testing.B, f func(ctx context.Context, m *Manager) error) {
	dir, err := longHistory()
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	for b.Loop() {
		// A process of its own has nothing in memory.
		m, err := New(ctx, dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := f(ctx, m); err != nil {
			b.Fatal(err)
		}
		m.Close()
	}
}

func BenchmarkHistoryNewest20Of10000(b *testing.B) {
	benchHistory(b, func(ctx context.Context, m *Manager) error {
		records, err := m.History(ctx, HistoryFilter{Limit: 20})
		if err == nil && len(records) != 20 {
			err = fmt.Errorf("%d records", len(records))
		}
		return err
	})
}

func BenchmarkStatsOf10000(b *testing.B) {
	benchHistory(b, func(ctx context.Context, m *Manager) error {
		st, err := m.Stats(ctx, HistoryFilter{})
		if err == nil && st.Records != manyRecords {
			err = fmt.Errorf("%d records", st.Records)
		}
		return err
	})
}

func BenchmarkHistoryWithoutCache(b *testing.B) {
	benchHistory(b, func(ctx context.Context, m *Manager) error {
		s, err := m.Store(ctx)
		if err != nil {
			return err
		}
		if err := os.Remove(s.CacheDir() + "/history.lines"); err != nil && !os.IsNotExist(err) {
			return err
		}
		_, err = m.History(ctx, HistoryFilter{Limit: 20})
		return err
	})
}
