package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// launcherName, as the first argument, makes this program the launcher of
// another.
const launcherName = "launch"

// sample is what one run of a command took.
type sample struct {
	// Wall is the time by the clock, CPU that of all processors, in the program
	// and in the kernel on its behalf, children included.
	Wall, CPU time.Duration
	// Peak is the most memory, in bytes, that one of its processes held.
	Peak int64
}

// then is what two commands take one after another.
func (s sample) then(next sample) sample {
	return sample{s.Wall + next.Wall, s.CPU + next.CPU, max(s.Peak, next.Peak)}
}

// command is a program with its arguments and the directory that it runs in.
type command struct {
	dir  string
	argv []string
}

// measure runs a command by way of a launcher. Linux counts the memory of the
// process that starts another as the other's peak, since they share it until the
// exec; the launcher is small where this program, having made trees and
// histories, is not.
func measure(ctx context.Context, c command, env []string) (sample, error) {
	var s sample
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{launcherName}, c.argv...)...)
	cmd.Dir, cmd.Env = c.dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("%s %s: %w\n%s", filepath.Base(c.argv[0]), strings.Join(c.argv[1:], " "), errors.Join(ctx.Err(), err), stderr.String())
	}
	return s, json.Unmarshal(out, &s)
}

// launch runs a command, prints its sample and returns its exit code.
func launch(argv []string) int {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	err := cmd.Run()
	s := sample{Wall: time.Since(start)}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.Peak = u.Maxrss
		if runtime.GOOS == "linux" {
			s.Peak *= 1024
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return 1
	}
	return 0
}
