package job

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// passedOn are the signals that the command hears of.
var passedOn = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT,
}

func (j *job) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pgid: j.watch.group(), Pdeathsig: syscall.SIGKILL}
	if j.tty != nil {
		a.Foreground, a.Ctty = true, j.tty.fd
	}
	return a
}

// watchStops tells each time that the process stops, until it is reaped.
func watchStops(pid int) <-chan struct{} {
	// One that waits to be told is enough.
	stops := make(chan struct{}, 1)
	go func() {
		for {
			switch err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED, nil); err {
			case nil:
				select {
				case stops <- struct{}{}:
				default:
				}
			case unix.EINTR:
			default:
				return
			}
		}
	}()
	return stops
}

func maxRSS(state *os.ProcessState) int64 {
	if ru, ok := state.SysUsage().(*syscall.Rusage); ok {
		return ru.Maxrss * 1024
	}
	return 0
}

// endRest ends what the command left behind and returns how much that was.
func (j *job) endRest(grace time.Duration) int {
	left := j.rest()
	if len(left) == 0 {
		return 0
	}
	count := len(left)
	// Polling has no end to wait for: these aren't our children.
	const pause = 5 * time.Millisecond
	deadline := time.Now().Add(grace)
	for s := unix.SIGTERM; len(left) > 0; left = j.rest() {
		for _, pid := range left {
			_ = unix.Kill(pid, s)
			if s == unix.SIGTERM {
				_ = unix.Kill(pid, unix.SIGCONT)
			}
		}
		time.Sleep(pause)
		if time.Now().After(deadline) {
			if s == unix.SIGKILL {
				// What survives that waits for a disk or a device.
				break
			}
			s, deadline = unix.SIGKILL, time.Now().Add(time.Second)
		}
	}
	return count
}

// rest finds the living processes of the job.
func (j *job) rest() []int {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	mark := []byte(j.mark)
	var found []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == j.watch.group() || pid == os.Getpid() {
			continue
		}
		group, state := groupOf(dir)
		if state == 'Z' || state == 'X' {
			continue
		}
		if group == j.watch.group() {
			found = append(found, pid)
		} else if env, err := os.ReadFile(dir + "/environ"); err == nil && bytes.Contains(env, mark) {
			found = append(found, pid)
		}
	}
	return found
}

// groupOf reads a process's group and state from proc(5).
func groupOf(dir string) (group int, state byte) {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0, 'X'
	}
	// The name, in brackets, may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 || len(fields[0]) != 1 {
		return 0, 'X'
	}
	group, _ = strconv.Atoi(string(fields[2]))
	return group, fields[0][0]
}
