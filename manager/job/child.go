package job

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// child is the command's own process. We wait for it ourselves and not by os/exec,
// which doesn't tell of stops.
type child struct {
	pid  int
	mu   sync.Mutex
	gone bool
}

// change is a stop or the end.
type change struct {
	status unix.WaitStatus
	usage  unix.Rusage
	err    error
}

// stop is the signal that stopped the command, or 0. On BSDs the methods of
// WaitStatus don't take SIGSTOP for one.
func (ch change) stop() syscall.Signal {
	const stopped = 0x7f
	if ch.err != nil || ch.status&0xff != stopped {
		return 0
	}
	return syscall.Signal(ch.status >> 8 & 0xff)
}

func (ch change) end() bool { return ch.stop() == 0 }

// changes tells of every stop, and at last of the end, or of an error instead.
func (c *child) changes() <-chan change {
	told := make(chan change)
	go func() {
		for {
			ch, ok := c.next()
			if !ok {
				continue
			}
			told <- ch
			if ch.end() {
				return
			}
		}
	}()
	return told
}

// next waits for a change; false means that it passed before we could ask.
func (c *child) next() (ch change, ok bool) {
	waitForChange(c.pid)
	if waitNow != 0 {
		// The number is another's as soon as the end is taken, so nobody may send a
		// signal meanwhile.
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	pid, err := unix.Wait4(c.pid, &ch.status, unix.WUNTRACED|waitNow, &ch.usage)
	if waitNow == 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	switch {
	case err == unix.EINTR:
		return ch, false
	case err != nil:
		ch.err = err
	case pid == 0:
		return ch, false
	}
	c.gone = ch.end()
	return ch, true
}

// signal sends to the command alone.
func (c *child) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		_ = syscall.Kill(c.pid, s)
	}
}

// stopped says that the command is stopped right now, and in which group it is.
func (c *child) stopped() (group int, yes bool) {
	p, ok := lookAt(c.pid)
	return p.group, ok && p.stopped
}
