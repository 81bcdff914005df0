package job

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// attend goes along with the command until it ends.
func (j *job) attend(ctx context.Context, signals <-chan os.Signal) error {
	changes := j.child.changes()
	var timeout, kill, burial <-chan time.Time
	if j.c.Timeout > 0 {
		timer := time.NewTimer(j.c.Timeout)
		defer timer.Stop()
		timeout = timer.C
	}
	if j.c.Descendants {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		burial = ticker.C
	}
	done := ctx.Done()
	for {
		select {
		case s := <-signals:
			before := j.res.Interrupted
			j.got(s.(syscall.Signal))
			if before == 0 && j.res.Interrupted != 0 && kill == nil {
				// Whoever minds no signal is killed in the end, as with a timeout.
				kill = time.After(j.c.Grace)
			}
		case <-burial:
			j.bury()
		case <-timeout:
			j.res.TimedOut = true
			kill = j.ask()
		case <-done:
			done, kill = nil, j.ask()
		case <-kill:
			j.signal(syscall.SIGKILL)
		case ch := <-changes:
			if s := ch.stop(); s != 0 {
				j.stopped(s)
				continue
			}
			if err := j.finish(ch); err != nil || j.res.TimedOut {
				return err
			}
			return ctx.Err()
		}
	}
}

// signal sends to the group, and to the command if that made itself a group of its
// own, as shells and terminal programs do.
func (j *job) signal(s syscall.Signal) {
	if group, err := unix.Getpgid(j.child.pid); err == nil && group != j.watch.group() {
		j.child.signal(s)
	}
	j.watch.signal(s)
}

// ask asks the command to end, and says when to kill it. What is stopped has to go
// on to hear of it.
func (j *job) ask() <-chan time.Time {
	j.ending = true
	j.signal(syscall.SIGTERM)
	j.signal(syscall.SIGCONT)
	return time.After(j.c.Grace)
}

// interrupted keeps a signal by which somebody breaks the command off, and says
// whether it is one.
func (j *job) interrupted(s syscall.Signal) bool {
	switch s {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
		if j.res.Interrupted == 0 {
			j.res.Interrupted = s
		}
		return true
	}
	return false
}

// got passes a signal on.
func (j *job) got(s syscall.Signal) {
	j.interrupted(s)
	switch {
	case s == syscall.SIGTSTP:
		if orphaned() {
			// The system doesn't stop such processes either: nobody would continue them.
			return
		}
		// We stop when the command does. It may decide not to.
		j.stopping = true
	case s == syscall.SIGCONT:
		j.stopping = false
		j.tty.lost(j.watch.group())
		if j.tty != nil && (j.tty.wanted(j.c) || j.tty.stopped != nil) {
			j.tty.give(j.front())
		}
	case s == syscall.SIGWINCH && j.tty != nil && j.tty.given:
		// The kernel tells the group that has the foreground.
		return
	}
	j.signal(s)
}

// front is the group that the terminal is for: usually the watcher's.
func (j *job) front() int {
	if group, err := unix.Getpgid(j.child.pid); err == nil {
		return group
	}
	return j.watch.group()
}

// stopped is what a shell does when a job stops: it takes the terminal back, and
// tells the user. We tell our own shell, by stopping too.
func (j *job) stopped(s syscall.Signal) {
	group, still := j.child.stopped()
	if !still {
		// It was continued meanwhile.
		return
	}
	if j.ending {
		j.signal(syscall.SIGCONT)
		return
	}
	needsTerminal := s == syscall.SIGTTIN || s == syscall.SIGTTOU
	if needsTerminal && (j.tty.give(group) || j.tty != nil && j.tty.front() == group) {
		j.signal(syscall.SIGCONT)
		return
	}
	given := j.tty != nil && j.tty.given
	if !needsTerminal && !given && !j.stopping {
		// Whoever stopped the command may continue it.
		return
	}
	if orphaned() {
		// Nobody would continue us. The system ends what would wait for ever.
		if needsTerminal {
			j.signal(syscall.SIGHUP)
		}
		j.signal(syscall.SIGCONT)
		return
	}
	j.tty.takeBack(true)
	whom := 0 // Our whole group, which the user sees as one job.
	if j.stopping && !given && !needsTerminal {
		whom = os.Getpid()
	}
	// What follows is up to SIGCONT, of which we hear as of any other signal.
	_ = syscall.Kill(whom, syscall.SIGSTOP)
}
