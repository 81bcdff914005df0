package event

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// deadline is only there so that a test that hangs says so.
const deadline = 30 * time.Second

// childEnv makes the test program a process that writes to shared files.
const childEnv = "EVENT_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := child(name, os.Getenv(childEnv+"_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const childEvents = 100

func child(name, dir string) error {
	sink, err := Open(SinkConfig{Name: name, Kind: File, Path: "events.jsonl"}, Env{Dir: dir})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for i := range childEvents {
		// Up to 20 kB, so that a line is more than a page or a pipe's atomic size.
		e := testEvent(RollbackCompleted, fmt.Sprintf("%s/%d", name, i), strings.Repeat("x", i*200))
		if _, err := sink.To.Deliver(ctx, e); err != nil {
			return err
		}
		r := Result{Sink: name, Time: testTime.Add(time.Duration(i)), OK: true, EventID: e.ID}
		if i%10 == 9 {
			if err := SaveResults(filepath.Join(dir, "cache", "sinks.json"), []Result{r}); err != nil {
				return err
			}
		}
	}
	return nil
}

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)

func testEvent(t Type, subject, reason string) Event {
	e, err := New(t, "/srv/my app", subject, testTime, RollbackData{RecordID: "r1", Version: subject, Reason: reason})
	if err != nil {
		panic(err)
	}
	return e
}

// open makes a sink of a configuration that must be good.
func openSink(t *testing.T, config SinkConfig, dir string) Sink {
	t.Helper()
	if config.Name == "" {
		config.Name = "test"
	}
	sink, err := Open(config, Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return sink
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// receive waits for a value.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatal("nothing more comes")
		}
		return v
	case <-time.After(deadline):
		t.Fatal("nothing comes")
	}
	panic("unreachable")
}

// until waits for something to become so.
func until(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it doesn't come to be")
		}
	}
}

// checkLeaks makes the test fail if it leaves goroutines or open files behind.
// It must be called first, so that it looks last.
func checkLeaks(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		for end := time.Now().Add(deadline); ; time.Sleep(5 * time.Millisecond) {
			if runtime.NumGoroutine() <= goroutines && openFiles(t) <= files {
				return
			}
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				stacks = stacks[:runtime.Stack(stacks, true)]
				t.Fatalf("%d goroutines and %d files became %d and %d:\n%s", goroutines, files, runtime.NumGoroutine(), openFiles(t), stacks)
			}
		}
	})
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func logTo(w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: w})
}

// lines reads a file of events.
func lines(t *testing.T, path string) []Event {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []Event
	for line := range strings.Lines(string(data)) {
		e, err := Decode([]byte(line))
		if err != nil {
			t.Fatalf("%v: %.200q", err, line)
		}
		all = append(all, e)
	}
	return all
}

func mustWrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, kind error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) || (kind != nil && !errors.Is(err, kind)) {
		t.Errorf("got %v, want one with %q", err, text)
	}
}
