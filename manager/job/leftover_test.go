package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/evoseal/git-evoseal-rollback/manager/job"
)

func TestNothingIsLeft(t *testing.T) {
	linuxOnly(t)
	for name, script := range map[string]string{
		"background":     "sleep 1000 & echo $! >> %s; exit 0",
		"deaf":           "sh -c 'trap \"\" TERM; echo $$ >> %s; while :; do sleep 0.01; done' & until [ -s %s ]; do sleep 0.01; done",
		"session":        "setsid sh -c 'echo $$ >> %s; exec sleep 1000' & until [ -s %s ]; do sleep 0.01; done",
		"daemon":         "(setsid sh -c 'sleep 1000 & echo $! >> %s' &) ; until [ -s %s ]; do sleep 0.01; done",
		"stopped":        "sleep 1000 & kill -STOP $!; echo $! >> %s",
		"stopped group":  "setsid sh -c 'echo $$ >> %s; exec sleep 1000' & until [ -s %s ]; do sleep 0.01; done; setsid sh -c \"kill -STOP -$(ps -o pgid= $$ | tr -d ' '); kill -CONT $$\"",
		"holding output": "sleep 1000 >&1 2>&1 & echo $! >> %s",
		// No mark, but its parent has.
		"unmarked child": "setsid sh -c 'env -i sleep 1000 & echo $! >> %s; wait' & until [ -s %s ]; do sleep 0.01; done",
	} {
		t.Run(name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "pids")
			r, out := run(t, strings.ReplaceAll(script, "%s", list), nil)
			if r.Code != 0 || r.Left == 0 {
				t.Errorf("%+v %s", r, out)
			}
			for _, pid := range pids(t, list, 1) {
				eventually(t, "it to be gone", func() bool { return gone(pid) })
			}
		})
	}
}

func linuxOnly(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who is left")
	}
}

// What only has to see the end of its input isn't cut off.
func TestTheLastOutputIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	fifo, log := filepath.Join(dir, "fifo"), filepath.Join(dir, "log")
	// A shell doesn't wait for such a tee.
	script := fmt.Sprintf("mkfifo %[1]s; (tee %[2]s <%[1]s >/dev/null &); exec >%[1]s; head -c 3000000 /dev/zero", fifo, log)
	r, out := run(t, script, nil)
	fi, err := os.Stat(log)
	if err != nil || fi.Size() != 3_000_000 || r.Code != 0 || r.Left != 0 {
		t.Errorf("%v %v %+v %s", fi, err, r, out)
	}
}

// escape leaves the group, the parents and the mark.
const escape = "(env -i PATH=\"$PATH\" setsid sh -c 'echo $$ >> %[1]s; exec sleep 1000' &); until [ -s %[1]s ]; do sleep 0.01; done; echo last words"

func TestDescendantsAreAdopted(t *testing.T) {
	linuxOnly(t)
	list := filepath.Join(t.TempDir(), "pids")
	cmd, result := runner(t, fmt.Sprintf(escape, list)+"; for i in 1 2 3 4 5 6 7 8 9; do (setsid true &); done; exit 3")
	cmd.Env = append(cmd.Env, descendantsVariable+"=1")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("%v %s", err, out)
	}
	if got, err := os.ReadFile(result); err != nil || string(got) != "3 0 1 <nil> false" {
		t.Errorf("%q %v", got, err)
	}
	for _, pid := range pids(t, list, 1) {
		eventually(t, "it to be gone", func() bool { return gone(pid) })
	}
}

// A command may orphan more than there is room for, as long as they die.
func TestDeadDescendantsAreBuried(t *testing.T) {
	linuxOnly(t)
	cmd, result := runner(t, `for i in 1 2 3; do (setsid true &); done
		until ps --ppid $PPID -o stat= | grep -q Z; do sleep 0.01; done
		while ps --ppid $PPID -o stat= | grep -q Z; do sleep 0.05; done
		exit 3`)
	cmd.Env = append(cmd.Env, descendantsVariable+"=1")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("%v %s", err, out)
	}
	if got, err := os.ReadFile(result); err != nil || string(got) != "3 0 0 <nil> false" {
		t.Errorf("%q %v", got, err)
	}
}

// Somebody who doesn't want to wait for the grace of what is left need not.
func TestSignalHurriesTheEnd(t *testing.T) {
	linuxOnly(t)
	list := filepath.Join(t.TempDir(), "pids")
	cmd, result := runner(t, "echo $$ > "+list+"; sh -c 'trap \"\" TERM; echo $$ >> "+list+"; while :; do sleep 0.01; done' & until [ $(wc -l <"+list+") = 2 ]; do sleep 0.01; done; exit 4")
	cmd.Env = append(cmd.Env, graceVariable+"=10m")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := pids(t, list, 2)
	eventually(t, "the command to end", func() bool { return gone(all[0]) })
	// The first may still be for the command.
	eventually(t, "the rest to end", func() bool {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		return gone(all[1])
	})
	_ = cmd.Wait()
	if got, err := os.ReadFile(result); err != nil || !strings.HasPrefix(string(got), "4 15 ") {
		t.Errorf("%q %v", got, err)
	}
}

// What escapes all the same holds nobody up, and takes nothing away.
func TestEscapedHolderOfOutput(t *testing.T) {
	linuxOnly(t)
	list := filepath.Join(t.TempDir(), "pids")
	r, out := run(t, fmt.Sprintf(escape, list), nil)
	for _, pid := range pids(t, list, 1) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("it didn't escape: %v", err)
		}
	}
	if r.Code != 0 || r.Left != 0 || out != "last words\n" {
		t.Errorf("%+v %q", r, out)
	}
}

// An embedding program's own children and signals are left alone.
func TestOthersAreLeftAlone(t *testing.T) {
	bystander, _ := startSleep(t)
	mine := make(chan os.Signal, 1)
	signal.Notify(mine, syscall.SIGUSR1)
	defer signal.Stop(mine)
	run(t, "sleep 1000 & exit 0", nil)
	if gone(bystander) {
		t.Error("a child of ours was ended")
	}
	for _, s := range []os.Signal{syscall.SIGTTOU, syscall.SIGINT, syscall.SIGTSTP} {
		if signal.Ignored(s) {
			t.Errorf("%s is ignored", s)
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	<-mine
}

func TestManyRunsLeaveNothing(t *testing.T) {
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("there is no /proc")
		}
		return len(list)
	}
	run(t, "exit 0", nil)
	files, routines := open(), runtime.NumGoroutine()
	for i := range 300 {
		if r, out := run(t, "echo words; exit 3", nil); r.Code != 3 || out != "words\n" || r.Left != 0 {
			t.Fatalf("run %d: %+v %q", i, r, out)
		}
	}
	eventually(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= routines+1 })
	if now := open(); now > files+1 {
		t.Errorf("%d files are open, and were %d", now, files)
	}
	self := fmt.Sprint(os.Getpid())
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])); f[1] == self {
			t.Errorf("a child is left: %s", stat)
		}
	}
}

func TestSeveralAtOnce(t *testing.T) {
	ends := make(chan string)
	for i := range 12 {
		go func() {
			var out bytes.Buffer
			r, err := Run(context.Background(), Command{
				Args: []string{"sh", "-c", fmt.Sprintf("sleep 1000 & setsid sleep 1000 & echo %d; exit %d", i, i)}, Stdout: &out, Grace: time.Second,
			})
			// setsid may not have come so far when the shell ends, but it is there.
			if err != nil || r.Code != i || out.String() != fmt.Sprintf("%d\n", i) || runtime.GOOS == "linux" && r.Left != 2 {
				ends <- fmt.Sprintf("%d: %+v %v %q", i, r, err, out.String())
			}
			ends <- ""
		}()
	}
	for range 12 {
		if problem := <-ends; problem != "" {
			t.Error(problem)
			<-ends
		}
	}
}

// Whoever runs a command can be killed at any moment, and takes it along.
func TestDiesWithUs(t *testing.T) {
	for name, more := range map[string]string{
		"running":       "while :; do sleep 1; done",
		"stopped group": "kill -STOP 0",
	} {
		t.Run(name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "pids")
			cmd, _ := runner(t, "trap '' TERM HUP INT; sleep 1000 & echo $! >> "+list+"; setsid sleep 1001 & echo $! >> "+list+"; echo $$ >> "+list+"; "+more)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all := pids(t, list, 3)
			if name == "stopped group" {
				eventually(t, "the stop", func() bool { return state(all[2]) == "T" })
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if runtime.GOOS != "linux" {
				all = append(all[:1], all[2])
			}
			for _, pid := range all {
				eventually(t, "all to be gone", func() bool { return gone(pid) })
			}
		})
	}
}

// A runner that is killed while it starts leaves nothing either.
func TestDiesWithUsAtAnyMoment(t *testing.T) {
	linuxOnly(t)
	for i := range 25 {
		token := fmt.Sprintf("%d.%d", 70000+os.Getpid(), i)
		cmd, _ := runner(t, "setsid sleep "+token+" & exec sleep "+token)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * time.Millisecond) // The moment is what differs, whatever it is.
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		eventually(t, "all to be gone", func() bool {
			lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, path := range lines {
				if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(token)) {
					return false
				}
			}
			return true
		})
	}
}
