package job

import (
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	getModes = unix.TIOCGETA
	setModes = unix.TIOCSETA
)

func watcherAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func commandAttributes(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: group}
}

// rssUnit is what ru_maxrss counts in.
const rssUnit = 1

// withoutTTOU does what stops a process in the background. Threads have no masks
// that could be had here.
func withoutTTOU(do func()) {
	if !signal.Ignored(syscall.SIGTTOU) {
		signal.Ignore(syscall.SIGTTOU)
		defer signal.Reset(syscall.SIGTTOU)
	}
	do()
}

// waitForChange is left to the question itself, which waits.
func waitForChange(int) {}

const waitNow = 0

func haveZombies() bool { return false }

func adopt() (undo func()) { return func() {} }

func processes() map[int]other {
	all := make(map[int]other)
	list, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return all
	}
	for i := range list {
		all[int(list[i].Proc.P_pid)] = otherOf(&list[i])
	}
	return all
}

// lookAt reads one process; false means that it is gone.
func lookAt(pid int) (other, bool) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(p.Proc.P_pid) != pid {
		return other{}, false
	}
	return otherOf(p), true
}

func otherOf(p *unix.KinfoProc) other {
	// From sys/proc.h.
	const stop, zombie = 4, 5
	return other{
		parent: int(p.Eproc.Ppid), group: int(p.Eproc.Pgid), started: p.Proc.P_starttime.Nano(),
		stopped: p.Proc.P_stat == stop, zombie: p.Proc.P_stat == zombie,
	}
}

// marked can't be told here: environments are not for others to read.
func marked(int, other, string) (yes, sure bool) { return false, true }
