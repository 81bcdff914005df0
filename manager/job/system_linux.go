package job

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	getModes = unix.TCGETS
	setModes = unix.TCSETS
)

// watcherAttributes wake the watcher when we die while it is stopped with its
// group.
func watcherAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGCONT}
}

func commandAttributes(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: group, Pdeathsig: syscall.SIGKILL}
}

// rssUnit is what ru_maxrss counts in.
const rssUnit = 1024

// withoutTTOU does what stops a process in the background. The signal is blocked
// for this thread alone, so that nobody else's handling of it changes.
func withoutTTOU(do func()) {
	var set, old unix.Sigset_t
	bits := 8 * int(unsafe.Sizeof(set.Val[0]))
	n := int(unix.SIGTTOU) - 1
	set.Val[n/bits] |= 1 << (n % bits)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old) != nil {
		return
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	do()
}

// waitForChange waits until a child stopped or ended, and leaves it to be asked.
func waitForChange(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// waitNow makes the question after waitForChange return at once.
const waitNow = unix.WNOHANG

// haveZombies says that some child waits to be waited for.
func haveZombies() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// adopt makes us the parent of orphaned descendants, until undo.
func adopt() (undo func()) {
	var before int32
	if unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&before)), 0, 0, 0) != nil {
		return func() {}
	}
	if before != 0 || unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil {
		return func() {}
	}
	return func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }
}

// processes reads all processes from proc(5).
func processes() map[int]other {
	all := make(map[int]other)
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return all
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if p, ok := lookAt(pid); ok {
			all[pid] = p
		}
	}
	return all
}

// lookAt reads one process; false means that it is gone.
func lookAt(pid int) (other, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return other{}, false
	}
	// The name, in brackets, may hold anything. The fields after it are those from
	// the third on.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const third, starttime = 3, 22
	if len(fields) <= starttime-third {
		return other{}, false
	}
	var p other
	p.parent, _ = strconv.Atoi(string(fields[4-third]))
	p.group, _ = strconv.Atoi(string(fields[5-third]))
	p.started, _ = strconv.ParseInt(string(fields[starttime-third]), 10, 64)
	switch fields[0][0] {
	case 'Z', 'X', 'x':
		p.zombie = true
	case 'T', 't':
		p.stopped = true
	}
	return p, true
}

// kthreadd is the parent of the kernel's threads.
const kthreadd = 2

// marked says that a process has the token in its environment. It isn't sure of one
// whose environment is empty: that may be just about to begin another program.
func marked(pid int, p other, token string) (yes, sure bool) {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false, true
	}
	return bytes.Contains(env, []byte(token)), len(env) > 0 || p.parent == kthreadd
}
