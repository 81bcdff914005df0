package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/evoseal/git-evoseal-rollback/manager/job"
)

// childVariable makes the test binary run a command as a program would, and say
// how it ended in a file.
const (
	childVariable       = "EVOSEAL_TEST_RUN"
	descendantsVariable = "EVOSEAL_TEST_DESCENDANTS"
	graceVariable       = "EVOSEAL_TEST_GRACE"
)

func TestMain(m *testing.M) {
	result := os.Getenv(childVariable)
	if result == "" {
		os.Exit(m.Run())
	}
	os.Unsetenv(childVariable)
	grace, err := time.ParseDuration(os.Getenv(graceVariable))
	if err != nil {
		grace = 300 * time.Millisecond
	}
	r, err := Run(context.Background(), Command{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Grace: grace,
		Descendants: os.Getenv(descendantsVariable) != "",
	})
	text := fmt.Sprintf("%d %d %d %v", r.Code, int(r.Interrupted), r.Left, err)
	if os.Getenv(descendantsVariable) != "" {
		text += fmt.Sprintf(" %v", adopts())
	}
	text += foreground()
	if os.WriteFile(result+".tmp", []byte(text), 0o644) != nil || os.Rename(result+".tmp", result) != nil {
		os.Exit(99)
	}
	os.Exit(r.Code)
}

func run(t *testing.T, script string, change func(*Command)) (Result, string) {
	t.Helper()
	var out bytes.Buffer
	c := Command{Args: []string{"sh", "-c", script}, Stdout: &out, Stderr: &out, Grace: 300 * time.Millisecond}
	if change != nil {
		change(&c)
	}
	r, err := Run(context.Background(), c)
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return r, out.String()
}

func TestCodes(t *testing.T) {
	for script, want := range map[string]Result{
		"exit 0":                       {Code: 0},
		"exit 3":                       {Code: 3},
		"exit 255":                     {Code: 255},
		"kill -TERM $$":                {Code: 143, Signal: syscall.SIGTERM},
		"kill -KILL $$":                {Code: 137, Signal: syscall.SIGKILL},
		"kill -SEGV $$":                {Code: 139, Signal: syscall.SIGSEGV},
		"kill -KILL 0":                 {Code: 137, Signal: syscall.SIGKILL},
		"trap 'exit 7' TERM; kill $$":  {Code: 7},
		"exec 0<&- 1>&- 2>&-; exit 4":  {Code: 4},
		"kill -INT 0; exit 5":          {Code: 130, Signal: syscall.SIGINT},
		"kill -HUP 0; exit 5":          {Code: 129, Signal: syscall.SIGHUP},
		"trap '' TERM; kill 0; exit 6": {Code: 6},
	} {
		r, _ := run(t, script, nil)
		if r.Code != want.Code || r.Signal != want.Signal || r.Interrupted != 0 || r.TimedOut || r.Left != 0 {
			t.Errorf("%s: %+v", script, r)
		}
	}
}

func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	for name, perm := range map[string]os.FileMode{"plain": 0o644, "nonsense": 0o755} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("\x7fELF nonsense"), perm); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]int{
		"there-is-no-such-program": 127, dir + "/none": 127, dir: 126, dir + "/nonsense": 126, "": 127, "nonsense": 126,
	} {
		r, err := Run(context.Background(), Command{Args: []string{name}, Env: []string{"PATH=" + dir}})
		var start *StartError
		if !errors.As(err, &start) || !errors.Is(err, ErrNotStarted) || start.Code != want || r.Code != want {
			t.Errorf("%q: %v %+v", name, err, r)
		}
	}
	if os.Geteuid() == 0 {
		// Root may run nothing without an execute bit either.
		if _, err := Run(context.Background(), Command{Args: []string{dir + "/plain"}}); !errors.Is(err, os.ErrPermission) {
			t.Errorf("without the bit: %v", err)
		}
	}
	for _, bad := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "plain")} {
		r, err := Run(context.Background(), Command{Args: []string{"true"}, Dir: bad})
		if !errors.Is(err, ErrNotStarted) || r.Code != 126 || !strings.Contains(err.Error(), bad) {
			t.Errorf("in %s: %v %+v", bad, err, r)
		}
	}
	if _, err := Run(context.Background(), Command{}); !errors.Is(err, ErrNotStarted) {
		t.Errorf("nothing: %v", err)
	}
}

func TestEnvironmentDirectoryAndStreams(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "prog"), []byte("#!/bin/sh\npwd; echo $A; cat; echo err >&2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	r, err := Run(context.Background(), Command{
		Args: []string{"./prog"}, Dir: dir, Env: []string{"A=1", "A=2", "PATH=" + os.Getenv("PATH")},
		Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &errs,
	})
	if err != nil || r.Code != 0 || out.String() != dir+"\n2\ninput" || errs.String() != "err\n" {
		t.Errorf("%v %+v %q %q", err, r, out.String(), errs.String())
	}
	if r.MaxRSS <= 0 || r.Took <= 0 {
		t.Errorf("resources: %+v", r)
	}
}

// Shells run a script that doesn't say by what.
func TestScriptWithoutInterpreter(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prog"), []byte("echo \"$0 $1\"; exit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := Run(context.Background(), Command{Args: []string{"./prog", "one"}, Dir: dir, Stdout: &out})
	if err != nil || r.Code != 3 || out.String() != "./prog one\n" {
		t.Errorf("%v %+v %q", err, r, out.String())
	}
}

// A writer may be slower than what is waited for a silent pipe.
func TestSlowWriterGetsAll(t *testing.T) {
	w := &slow{}
	const size = 64<<10 + 32<<10
	r, _ := run(t, fmt.Sprintf("head -c %d /dev/zero", size), func(c *Command) { c.Stdout = w })
	if r.Code != 0 || w.n != size {
		t.Errorf("%d bytes came, %+v", w.n, r)
	}
}

type slow struct{ counter }

func (s *slow) Write(p []byte) (int, error) {
	if s.n == 0 {
		time.Sleep(2500 * time.Millisecond)
	}
	return s.counter.Write(p)
}

// A reader that never ends, a writer that fails and output of any size hold nobody
// up.
func TestStreamsThatMisbehave(t *testing.T) {
	never, end := io.Pipe()
	defer end.Close()
	run(t, "exit 0", func(c *Command) { c.Stdin = never })
	run(t, "head -c 300000 /dev/zero; exit 0", func(c *Command) { c.Stdout = broken{} })
	count := &counter{}
	r, _ := run(t, "head -c 200000000 /dev/zero", func(c *Command) { c.Stdout = count })
	if r.Code != 0 || count.n != 200_000_000 {
		t.Errorf("%d bytes came, %+v", count.n, r)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// pids reads the processes that a script wrote, one a line, when there are so many.
func pids(t *testing.T, path string, n int) []int {
	t.Helper()
	var all []int
	eventually(t, "the script to write its processes", func() bool {
		data, err := os.ReadFile(path)
		all = nil
		for _, f := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(f); err == nil {
				all = append(all, pid)
			}
		}
		return err == nil && len(all) >= n
	})
	return all
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// gone says that a process ended; one that nobody waits for counts.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	s := state(pid)
	return runtime.GOOS == "linux" && (s == "" || s == "Z" || s == "X")
}

// state is what proc(5) says; empty for a process that isn't there.
func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[0]
}

func startSleep(t *testing.T) (pid int, cmd *exec.Cmd) {
	t.Helper()
	cmd = exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid, cmd
}

func TestTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		code   int
	}{
		"asked":       {"exec sleep 1000", 143},
		"goes along":  {"trap 'exit 9' TERM; while :; do sleep 0.01; done", 9},
		"deaf":        {"trap '' TERM INT HUP QUIT; while :; do sleep 0.01; done", 137},
		"stopped":     {"kill -STOP $$; sleep 1000", 143},
		"all stopped": {"kill -STOP 0; sleep 1000", 143},
		// It leaves the group as the command itself, since it doesn't lead the group.
		"session":      {"exec setsid sleep 1000", 143},
		"deaf session": {"trap '' TERM; exec setsid sleep 1000", 137},
	} {
		r, _ := run(t, c.script, func(cmd *Command) { cmd.Timeout = 50 * time.Millisecond })
		if !r.TimedOut || r.Code != c.code {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestCancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	started := &onWrite{do: cancel}
	r, err := Run(ctx, Command{Args: []string{"sh", "-c", "echo started; exec sleep 1000"}, Stdout: started})
	if !errors.Is(err, context.Canceled) || r.Code != 143 || r.TimedOut || r.Interrupted != 0 {
		t.Errorf("%v %+v", err, r)
	}
	if _, err := Run(ctx, Command{Args: []string{"true"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("before the start: %v", err)
	}
}

type onWrite struct{ do func() }

func (o *onWrite) Write(p []byte) (int, error) {
	o.do()
	return len(p), nil
}

// runner starts the test binary as a program that runs a script.
func runner(t *testing.T, script string) (cmd *exec.Cmd, result string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	result = filepath.Join(t.TempDir(), "result")
	cmd = exec.Command(self, "sh", "-c", script)
	cmd.Env = append(os.Environ(), childVariable+"="+result)
	return cmd, result
}

func TestSignalsArePassedOn(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		list := filepath.Join(t.TempDir(), "pids")
		cmd, result := runner(t, "sleep 1000 & echo $! >> "+list+"; echo $$ >> "+list+"; exec sleep 1001")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all := pids(t, list, 2)
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		got, err := os.ReadFile(result)
		if want := fmt.Sprintf("%d %d", 128+int(s), int(s)); err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s: %q %v, want %q", s, got, err, want)
		}
		for _, pid := range all {
			eventually(t, "all to be gone", func() bool { return gone(pid) })
		}
	}
}

// A command that minds no signal doesn't keep us from ending.
func TestDeafToSignals(t *testing.T) {
	list := filepath.Join(t.TempDir(), "pids")
	cmd, result := runner(t, "trap '' HUP INT QUIT TERM; echo $$ >> "+list+"; while :; do sleep 0.01; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids(t, list, 1)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got, err := os.ReadFile(result); err != nil || !strings.HasPrefix(string(got), "137 15 ") {
		t.Errorf("%q %v", got, err)
	}
}

// Signals that are no end reach the command as well, and a stop is a stop of both.
func TestStopAndContinue(t *testing.T) {
	list := filepath.Join(t.TempDir(), "pids")
	cmd, result := runner(t, "trap 'exit 8' USR1; echo $$ >> "+list+"; while :; do :; done")
	// With us as the shell, so that somebody is there to continue it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid, us := pids(t, list, 1)[0], cmd.Process.Pid
	for range 3 {
		if err := cmd.Process.Signal(syscall.SIGTSTP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both to stop", func() bool { return state(pid) == "T" && state(us) == "T" })
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both to go on", func() bool { return state(pid) != "T" && state(us) != "T" })
	}
	if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got, err := os.ReadFile(result); err != nil || string(got) != "8 0 0 <nil>" {
		t.Errorf("%q %v", got, err)
	}
}

// What nohup made us ignore isn't the command's business either.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	list := filepath.Join(t.TempDir(), "pids")
	inner, result := runner(t, "trap 'exit 8' TERM; echo $$ >> "+list+"; kill -HUP $$; while :; do sleep 0.01; done")
	cmd := exec.Command("sh", append([]string{"-c", "trap '' HUP; exec \"$0\" \"$@\""}, inner.Args...)...)
	cmd.Env = inner.Env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids(t, list, 1)
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait()
	if got, err := os.ReadFile(result); err != nil || string(got) != "8 15 0 <nil>" {
		t.Errorf("%q %v", got, err)
	}
}
