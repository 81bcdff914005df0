package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExecSinkHandsOverTheEvent(t *testing.T) {
	checkLeaks(t)
	for name, value := range map[string]string{
		"EVOSEAL_TOKEN": "evr_secret", "GIT_DIR": "/wrong", "GIT_INDEX_FILE": "/wrong", "EVOSEAL_EVENT_ID": "old", "KEPT": "yes",
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	sink := openSink(t, SinkConfig{Kind: Exec, Command: "cat >event.json; env >env.txt"}, dir)
	e := testEvent(RollbackFailed, "v1", strings.Repeat("long ", 40_000)) // More than a pipe holds.
	if attempts, err := sink.To.Deliver(testContext(t), e); err != nil || attempts != 1 {
		t.Fatal(attempts, err)
	}
	got := lines(t, filepath.Join(dir, "event.json"))
	if len(got) != 1 || got[0].ID != e.ID || !bytes.Equal(got[0].Data, e.Data) {
		t.Errorf("%d events, %.300v", len(got), got)
	}
	env, err := os.ReadFile(filepath.Join(dir, "env.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"EVOSEAL_EVENT_ID=" + e.ID + "\n", "EVOSEAL_EVENT_TYPE=" + string(RollbackFailed) + "\n", "KEPT=yes\n"} {
		if !strings.Contains(string(env), want) {
			t.Errorf("no %q in %s", want, env)
		}
	}
	for _, unwanted := range []string{"GIT_", "EVOSEAL_TOKEN", "evr_secret", "=old"} {
		if strings.Contains(string(env), unwanted) {
			t.Errorf("%q in %s", unwanted, env)
		}
	}
}

func TestExecSinkTellsHowItEnded(t *testing.T) {
	checkLeaks(t)
	long := testEvent(RollbackFailed, "v1", strings.Repeat("long ", 40_000))
	for _, c := range []struct{ command, want string }{
		{"exit 3", "exit status 3"},
		{"kill -9 $$", "killed"},
		{"/nonexistent/program", "exit status 127"},
		{"true", ""},          // Which doesn't read the event.
		{"exec >&- 2>&-", ""}, // Whose output ends before it does.
		{"(sleep 0.1; cat >/dev/null) & exit 0", ""},
	} {
		_, err := openSink(t, SinkConfig{Kind: Exec, Command: c.command}, "").To.Deliver(testContext(t), long)
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", c.command, err)
		}
		if c.want != "" {
			wantError(t, err, nil, c.want)
		}
	}
	_, err := openSink(t, SinkConfig{Kind: Exec, Command: "true"}, "/nonexistent").To.Deliver(testContext(t), long)
	wantError(t, err, os.ErrNotExist, "can't be started")
}

func TestExecSinkLogsOutputWithinBounds(t *testing.T) {
	checkLeaks(t)
	var log bytes.Buffer
	sink, err := Open(SinkConfig{Name: "loud", Kind: Exec, Command: `echo hello; head -c 3000000 /dev/zero | tr '\0' x; echo bye >&2`}, Env{Logger: logTo(&log)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.To.Deliver(testContext(t), testEvent(RollbackFailed, "v1", "")); err != nil {
		t.Fatal(err)
	}
	if s := log.String(); !strings.Contains(s, "hello") || strings.Contains(s, "bye") || len(s) > 2*keptOutput || !strings.Contains(s, "[DEBUG]") {
		t.Errorf("%d bytes: %.300s", len(s), s)
	}
}

// Whoever writes to the pipe that the test reads holds it open, so the pipe's
// end says that all of them are dead.
func TestExecSinkKillsTheWholeGroup(t *testing.T) {
	for name, command := range map[string]string{
		"child":                  `exec 3>fifo; sleep 1000`,
		"grandchild":             `exec 3>fifo; (sh -c 'sleep 1000; true' & wait) & wait`,
		"orphan":                 `exec 3>fifo; (sleep 1000 &); exit 0`,
		"deaf":                   `exec 3>fifo; trap '' TERM INT HUP; sleep 1000 & sleep 1000`,
		"silent":                 `exec 3>fifo >/dev/null 2>&1; sleep 1000 & sleep 1000`,
		"holds the event unread": `exec 3>fifo 4<&0; sleep 1000 <&4 & sleep 1000`,
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			dir := t.TempDir()
			fifo := filepath.Join(dir, "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			sink := openSink(t, SinkConfig{Kind: Exec, Command: command}, dir)
			ctx, cancel := context.WithCancel(testContext(t))
			failed := make(chan error, 1)
			go func() {
				_, err := sink.To.Deliver(ctx, testEvent(RollbackFailed, "v1", strings.Repeat("x", 200_000)))
				failed <- err
			}()
			alive, err := os.Open(fifo) // Waits for the program to start.
			if err != nil {
				t.Fatal(err)
			}
			defer alive.Close()
			cancel()
			wantError(t, receive(t, failed), context.Canceled, "killed")
			if _, err := io.ReadAll(alive); err != nil {
				t.Error(err)
			}
		})
	}
}

// What runs in the background and holds no output goes on.
func TestExecSinkLeavesTheBackgroundAlone(t *testing.T) {
	checkLeaks(t)
	dir := t.TempDir()
	gate, result := filepath.Join(dir, "gate"), filepath.Join(dir, "result")
	if err := errors.Join(syscall.Mkfifo(gate, 0o600), syscall.Mkfifo(result, 0o600)); err != nil {
		t.Fatal(err)
	}
	sink := openSink(t, SinkConfig{Kind: Exec, Command: "(cat gate >result) >/dev/null 2>&1 &"}, dir)
	if _, err := sink.To.Deliver(testContext(t), testEvent(RollbackFailed, "v1", "")); err != nil {
		t.Fatal(err)
	}
	write := make(chan error, 1)
	go func() { write <- os.WriteFile(gate, []byte("alive"), 0) }()
	got, err := os.ReadFile(result)
	if err = errors.Join(err, receive(t, write)); err != nil || string(got) != "alive" {
		t.Errorf("%q %v", got, err)
	}
}

func TestExecSinkIsEndedByItsTimeout(t *testing.T) {
	checkLeaks(t)
	bus := NewBus(Options{Sinks: []Sink{openSink(t, SinkConfig{Kind: Exec, Command: "sleep 1000", Timeout: 50 * time.Millisecond}, "")}})
	bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
	bus.Close(context.Background())
	r := bus.Results()
	if len(r) != 1 || r[0].OK || !strings.Contains(r[0].Error, "killed") {
		t.Errorf("%+v", r)
	}
	if data, err := json.Marshal(r); err != nil || !strings.Contains(string(data), `"attempts":1`) {
		t.Errorf("%s %v", data, err)
	}
}
