package job

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminal is the one that controls us, whoever has its foreground. A nil one is
// none. All is done on the thread that runs the job.
type terminal struct {
	file *os.File
	own  int
	// given says that the command has the foreground from us, lent that it had it
	// some time.
	given, lent bool
	// modes are ours, and stopped those of the command while it is stopped.
	modes, stopped *unix.Termios
}

func openTerminal() *terminal {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	return &terminal{file: f, own: unix.Getpgrp()}
}

func (t *terminal) close() {
	if t != nil {
		t.file.Close()
	}
}

// do runs something with the file's descriptor, which Fd would make blocking.
func (t *terminal) do(f func(fd int) error) (err error) {
	conn, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	if ctrlErr := conn.Control(func(fd uintptr) { err = f(int(fd)) }); ctrlErr != nil {
		return ctrlErr
	}
	return err
}

// front is the group that has the foreground, or -1.
func (t *terminal) front() int {
	group := -1
	_ = t.do(func(fd int) (err error) {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	return group
}

// wanted says that a command which reads this and writes that is to have the
// foreground from the start. In a pipeline it isn't: the others of our group, such
// as a pager, need the terminal as well, and a command that needs it nevertheless
// stops and gets it then.
func (t *terminal) wanted(c Command) bool {
	in, ok := c.Stdin.(*os.File)
	if t == nil || !ok || t.front() != t.own {
		return false
	}
	// Only the terminal that controls us tells us who has its foreground.
	if front, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCGPGRP); err != nil || front != t.own {
		return false
	}
	if out, ok := c.Stdout.(*os.File); ok {
		fi, err := out.Stat()
		return err != nil || fi.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0
	}
	return true
}

// give lets a group have the foreground, if it is ours to give.
func (t *terminal) give(group int) bool {
	if t == nil || t.front() != t.own {
		return false
	}
	t.modes = t.getModes()
	// A command that was stopped finds the modes that it left.
	if t.stopped != nil {
		t.setModes(t.stopped)
		t.stopped = nil
	}
	t.given = t.do(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, group) }) == nil
	t.lent = t.lent || t.given
	return t.given
}

// takeBack puts our own group into the foreground again, and the modes back that
// the terminal had; it keeps those of a command that only stopped. A terminal that
// hung up can't be had; nobody is there to miss it.
func (t *terminal) takeBack(stopped bool) {
	if t == nil || !t.given {
		return
	}
	t.given = false
	withoutTTOU(func() {
		_ = t.do(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, t.own) })
		now := t.getModes()
		if now == nil || t.modes == nil || *now == *t.modes {
			return
		}
		t.setModes(t.modes)
		if stopped {
			t.stopped = now
		}
	})
}

// lost sees that somebody, such as a shell that continues us in the background,
// disposed of the foreground while the command had it.
func (t *terminal) lost(group int) {
	if t == nil || !t.given {
		return
	}
	front := t.front()
	t.given = front == group || front > 0 && unix.Kill(-front, 0) == unix.ESRCH
}

func (t *terminal) getModes() (modes *unix.Termios) {
	_ = t.do(func(fd int) (err error) {
		modes, err = unix.IoctlGetTermios(fd, getModes)
		return err
	})
	return modes
}

func (t *terminal) setModes(modes *unix.Termios) {
	_ = t.do(func(fd int) error { return unix.IoctlSetTermios(fd, setModes, modes) })
}

// orphaned says that no shell is there to continue our group once it stops. The
// shell is the first ancestor outside of the group; it must be of our session.
func orphaned() bool {
	own := unix.Getpgrp()
	session, err := unix.Getsid(0)
	if err != nil {
		return true
	}
	const farthest = 1000
	pid := unix.Getppid()
	for range farthest {
		if pid <= 0 {
			return true
		}
		group, err := unix.Getpgid(pid)
		if err != nil {
			return true
		}
		if group != own {
			theirs, err := unix.Getsid(pid)
			return err != nil || theirs != session
		}
		p, ok := lookAt(pid)
		if !ok {
			return true
		}
		pid = p.parent
	}
	return true
}
