//go:build !linux

package job

import (
	"os"
	"syscall"
	"time"
)

// passedOn are the signals that the command hears of.
var passedOn = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT,
}

func (j *job) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pgid: j.watch.group()}
	if j.tty != nil {
		a.Foreground, a.Ctty = true, j.tty.fd
	}
	return a
}

func watchStops(int) <-chan struct{} { return nil }

func maxRSS(state *os.ProcessState) int64 {
	if ru, ok := state.SysUsage().(*syscall.Rusage); ok {
		return ru.Maxrss
	}
	return 0
}

// endRest ends the group. Who is in it can't be asked for here, so it isn't
// counted.
func (j *job) endRest(time.Duration) int {
	j.watch.signal(syscall.SIGTERM)
	j.watch.signal(syscall.SIGKILL)
	return 0
}
