package event

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestProcessesShareAFile(t *testing.T) {
	const processes = 8
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var running []*exec.Cmd
	for p := range processes {
		cmd := exec.CommandContext(testContext(t), program)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=p%d", childEnv, p), childEnv+"_DIR="+dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	next := make(map[string]int)
	for _, e := range lines(t, filepath.Join(dir, "events.jsonl")) {
		name, n, _ := strings.Cut(e.Subject, "/")
		if n != fmt.Sprint(next[name]) {
			t.Fatalf("%s came when %d was due", e.Subject, next[name])
		}
		next[name]++
	}
	results, err := LoadResults(filepath.Join(dir, "cache", "sinks.json"))
	if err != nil || len(results) != processes {
		t.Fatalf("%v %+v", err, results)
	}
	for p := range processes {
		name := fmt.Sprintf("p%d", p)
		if next[name] != childEvents {
			t.Errorf("%s: %d events", name, next[name])
		}
		if r := results[p]; r.Sink != name || !r.Time.Equal(testTime.Add(childEvents-1)) {
			t.Errorf("result %+v", r)
		}
	}
}

func TestFileSinkMakesAPrivateFile(t *testing.T) {
	checkLeaks(t)
	t.Setenv("HOME", t.TempDir())
	sink := openSink(t, SinkConfig{Kind: File, Path: "~/events.jsonl"}, "/nonexistent")
	for range 2 {
		if _, err := sink.To.Deliver(testContext(t), testEvent(RollbackFailed, "v1", "a\nb")); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(os.Getenv("HOME"), "events.jsonl")
	if got := lines(t, path); len(got) != 2 {
		t.Errorf("%d events", len(got))
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestFileSinkEndsABrokenLine(t *testing.T) {
	checkLeaks(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	mustWrite(t, path, `{"broken":`)
	if _, err := openSink(t, SinkConfig{Kind: File, Path: path}, "").To.Deliver(testContext(t), testEvent(RollbackFailed, "v1", "")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken, whole, _ := strings.Cut(string(data), "\n")
	if _, err := Decode([]byte(whole)); err != nil || broken != `{"broken":` {
		t.Errorf("%s %v", data, err)
	}
}

func TestFileSinkRefusesWhatIsNoFile(t *testing.T) {
	checkLeaks(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustWrite(t, at("real"), "")
	if err := errors.Join(os.Mkdir(at("dir"), 0o700), os.Symlink("real", at("link")), syscall.Mkfifo(at("fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	// With somebody who reads, opening the pipe works.
	read, err := os.OpenFile(at("fifo"), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	for path, want := range map[string]string{
		at("dir"): "directory", at("link"): "symbolic link", at("fifo"): "not a regular file", "/dev/null": "not a regular file", at("no/such"): "no such",
	} {
		_, err := openSink(t, SinkConfig{Kind: File, Path: path}, "").To.Deliver(testContext(t), testEvent(RollbackFailed, "v1", ""))
		wantError(t, err, nil, want)
	}
	if data, err := os.ReadFile(at("real")); err != nil || len(data) != 0 {
		t.Errorf("written through the link: %q %v", data, err)
	}
	for _, path := range []string{".git/hooks/x", "a/.GIT/refs/heads/main", "/srv/.evoseal/.git/refs/tags/v1"} {
		_, err := Open(SinkConfig{Name: "x", Kind: File, Path: path}, Env{Dir: dir})
		wantError(t, err, ErrConfig, ".git")
	}
}

func TestFileSinkWaitsForTheLockWithinItsTime(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(t.TempDir(), "f")
	mustWrite(t, path, "")
	held, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	sink := openSink(t, SinkConfig{Kind: File, Path: path}, "")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = sink.To.Deliver(ctx, testEvent(RollbackFailed, "v1", ""))
	wantError(t, err, context.DeadlineExceeded, "locked")
	done := make(chan error, 1)
	go func() {
		_, err := sink.To.Deliver(testContext(t), testEvent(RollbackFailed, "v2", ""))
		done <- err
	}()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, done); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, path); len(got) != 1 || got[0].Subject != "v2" {
		t.Errorf("%+v", got)
	}
}

func TestFileSinkLeavesNoPartOfALine(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system limits no file's size")
	}
	// A limit on the size of files breaks a write off in the middle, as a full
	// disk does, and only in the process that sets it.
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(testContext(t), "/bin/sh", "-c", `ulimit -f 3; trap '' XFSZ; exec "$0"`, program)
	cmd.Env = append(os.Environ(), childEnv+"=p0", childEnv+"_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "file too large") {
		t.Fatalf("%v %s", err, out)
	}
	if got := lines(t, filepath.Join(dir, "events.jsonl")); len(got) == 0 || len(got) == childEvents {
		t.Errorf("%d whole lines", len(got))
	}
}
