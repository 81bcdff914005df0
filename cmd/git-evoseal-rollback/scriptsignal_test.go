package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// cmdSignal sends a signal to a program once a file is there, and wants an exit
// code: signal TERM 143 file program [args...]. A KILL has no exit code.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signal name code file program [args...]")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	path, err := exec.LookPath(args[3])
	ts.Check(err)
	cmd := exec.Command(path, args[4:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "GIT_CONFIG_NOSYSTEM=1", "GORACE=atexit_sleep_ms=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	// What is left of a killed one may hold the pipe.
	cmd.WaitDelay = 10 * time.Second
	ts.Check(cmd.Start())
	waitForFile(ts, args[2])
	ts.Check(cmd.Process.Signal(unix.SignalNum("SIG" + args[0])))
	err = cmd.Wait()
	if got := cmd.ProcessState.Sys().(syscall.WaitStatus); got.Signaled() && args[0] == "KILL" {
		return
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != want {
		ts.Fatalf("%v, want exit code %d\n%s", err, want, stderr.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("stderr"), []byte(stderr.String()), 0o644))
}

func waitForFile(ts *testscript.TestScript, name string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(name)); err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never came", name)
		}
	}
}

// cmdGone waits until no process has a text in its command line: gone text.
func cmdGone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: gone text")
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		found := ""
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		ts.Check(err)
		for _, path := range lines {
			if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), args[0]) {
				found = path
			}
		}
		if found == "" {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s still runs %q", found, args[0])
		}
	}
}
