package job

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is the one that we have the foreground of. A nil one is none.
type terminal struct {
	fd    int
	own   int
	modes *term.State
	// given says that the command's group has it.
	given bool
}

// openTerminal returns nil unless one of the files that the command gets is the
// terminal that controls us, and we are in its foreground.
func openTerminal(files ...any) *terminal {
	for _, f := range files {
		if f, ok := f.(*os.File); ok && f != nil {
			if t := terminalOf(int(f.Fd())); t != nil {
				return t
			}
		}
	}
	return nil
}

func terminalOf(fd int) *terminal {
	front, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || front != unix.Getpgrp() {
		return nil
	}
	t := &terminal{fd: fd, own: front, given: true}
	if t.modes, err = term.GetState(fd); err != nil {
		return nil
	}
	return t
}

// takeBack puts our own group into the foreground again, and the modes back that
// the terminal had. In the background that would stop us, so the signal for it is
// ignored meanwhile.
func (t *terminal) takeBack() {
	if t == nil || !t.given {
		return
	}
	t.given = false
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	// A terminal that hung up can't be had; nobody is there to miss it.
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, t.own)
	_ = term.Restore(t.fd, t.modes)
}

// give lets a group have the foreground, if it is ours to give.
func (t *terminal) give(group int) {
	if t == nil || t.given {
		return
	}
	if front, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP); err != nil || front != t.own {
		return
	}
	t.given = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) == nil
}
