//go:build linux && (amd64 || arm64)

package trace

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrNotPermitted says that this process may not trace others.
var ErrNotPermitted = errors.New("ptrace is not permitted")

// Action is what becomes of a call. The zero value lets it pass.
type Action struct {
	// Kill ends the program with SIGKILL instead of the call.
	Kill bool
	// Fail makes the call fail with this error and have no effect.
	Fail unix.Errno
}

// Options say what to look at.
type Options struct {
	// Root is the directory below which calls count. It must be free of symbolic links.
	Root string
	// Enter is asked before each call that counts, with the number of such calls
	// before it; nil lets all pass.
	Enter func(n int, c *Call) Action
	// Exit is told of each call that was made.
	Exit func(c *Call)
	// Alone leaves programs that it starts untraced: one with a process group of its own
	// would wait for ever.
	Alone bool
	// Timeout ends a program that takes longer; zero is a minute.
	Timeout time.Duration
}

// Result is how the program ended.
type Result struct {
	// Code is its exit code, -1 when a signal ended it.
	Code   int
	Signal unix.Signal
	// Calls is how many calls counted.
	Calls int
	// Hung says that the timeout ended it.
	Hung bool
}

// Run starts the command and traces it until it ends. Output goes only to files: a
// pipe to this process would be read by nobody. Several runs may be traced at once.
func Run(cmd *exec.Cmd, o Options) (Result, error) {
	type answer struct {
		result Result
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		// Only the thread that starts a process may trace it. The thread ends with
		// the goroutine, so that whatever it failed to reap is not another's child.
		runtime.LockOSThread()
		result, err := run(cmd, o)
		done <- answer{result, err}
	}()
	a := <-done
	return a.result, a.err
}

func run(cmd *exec.Cmd, o Options) (Result, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Ptrace = true
	// A group of its own is what the threads are waited for by.
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		if errors.Is(err, unix.EPERM) {
			err = errors.Join(ErrNotPermitted, err)
		}
		return Result{}, err
	}
	pid := cmd.Process.Pid
	t := &tracer{o: o, pid: pid, forms: forms(), threads: make(map[int]*thread)}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
		return Result{}, fmt.Errorf("wait for the program to start: %w", err)
	}
	t.threads[pid] = &thread{}
	follow := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if !o.Alone {
		follow |= unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK
	}
	if err := unix.PtraceSetOptions(pid, follow); err != nil {
		unix.Kill(-pid, unix.SIGKILL)
		return Result{}, errors.Join(ErrNotPermitted, err)
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	var ended, hung atomic.Bool
	watch := time.AfterFunc(o.Timeout, func() {
		if !ended.Load() {
			hung.Store(true)
			unix.Kill(-pid, unix.SIGKILL)
		}
	})
	defer watch.Stop()
	err := unix.PtraceSyscall(pid, 0)
	if err == nil {
		err = t.loop()
	}
	ended.Store(true)
	cmd.Process.Release()
	t.result.Hung = hung.Load()
	return t.result, err
}

// thread is what is known of one.
type thread struct {
	// begun says that the stop with which each new thread starts is behind it.
	begun bool
	// inside is the call that it is making, nil when that is none that counts.
	inside *Call
	// fail is what that call shall return.
	fail unix.Errno
}

type tracer struct {
	o       Options
	pid     int
	forms   map[uint64]form
	threads map[int]*thread
	// busy is the thread inside a call, waiting those that stand before theirs.
	busy    int
	waiting []waiting
	result  Result
}

type waiting struct {
	thread int
	call   *Call
}

// loop handles stops until the program and all its threads are gone.
func (t *tracer) loop() error {
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-t.pid, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return fmt.Errorf("wait for the traced program: %w", err)
		}
		if status.Exited() || status.Signaled() {
			if tid == t.pid {
				t.result.Code, t.result.Signal = -1, 0
				if status.Exited() {
					t.result.Code = status.ExitStatus()
				} else {
					t.result.Signal = status.Signal()
				}
			}
			delete(t.threads, tid)
			if t.busy == tid {
				t.next()
			}
			continue
		}
		// A thread that another one's exit or a kill has ended meanwhile is gone.
		if err := t.stopped(tid, status); err != nil && !errors.Is(err, unix.ESRCH) {
			unix.Kill(-t.pid, unix.SIGKILL)
			return err
		}
	}
}

func (t *tracer) stopped(tid int, status unix.WaitStatus) error {
	th := t.threads[tid]
	if th == nil {
		th = &thread{}
		t.threads[tid] = th
	}
	sig := status.StopSignal()
	switch {
	case sig == unix.SIGTRAP|0x80:
		th.begun = true
		return t.atCall(tid, th)
	case sig == unix.SIGTRAP:
		th.begun = true
		return unix.PtraceSyscall(tid, 0)
	case sig == unix.SIGSTOP && !th.begun:
		th.begun = true
		return unix.PtraceSyscall(tid, 0)
	}
	return unix.PtraceSyscall(tid, int(sig))
}

// stopInfo is struct ptrace_syscall_info of linux/ptrace.h, as far as it is needed.
type stopInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	// nr is the call's number on entry, its result on exit.
	nr   uint64
	args [6]uint64
	_    [2]uint64
}

const (
	onEntry = 1
	onExit  = 2
)

func (t *tracer) atCall(tid int, th *thread) error {
	var info stopInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return errno
	}
	switch info.op {
	case onEntry:
		return t.enter(tid, decode(t.forms, tid, info.nr, info.args))
	case onExit:
		return t.exit(tid, th, int64(info.nr))
	}
	return unix.PtraceSyscall(tid, 0)
}

func (t *tracer) below(path string) bool {
	return path == t.o.Root || strings.HasPrefix(path, t.o.Root+"/")
}

func (t *tracer) enter(tid int, c *Call) error {
	if c == nil || !t.below(c.Path) && !t.below(c.To) {
		return unix.PtraceSyscall(tid, 0)
	}
	if t.busy != 0 {
		t.waiting = append(t.waiting, waiting{tid, c})
		return nil
	}
	return t.ask(tid, c)
}

func (t *tracer) ask(tid int, c *Call) error {
	var a Action
	if t.o.Enter != nil {
		a = t.o.Enter(t.result.Calls, c)
	}
	t.result.Calls++
	if a.Kill {
		return unix.Kill(-t.pid, unix.SIGKILL)
	}
	th := t.threads[tid]
	if th == nil {
		return unix.ESRCH
	}
	th.inside, th.fail = c, a.Fail
	t.busy = tid
	if a.Fail != 0 {
		if err := skip(tid); err != nil {
			return err
		}
	}
	return unix.PtraceSyscall(tid, 0)
}

func (t *tracer) exit(tid int, th *thread, result int64) error {
	c := th.inside
	if c == nil {
		return unix.PtraceSyscall(tid, 0)
	}
	if th.fail != 0 {
		result = -int64(th.fail)
		if err := answer(tid, result); err != nil {
			return err
		}
	}
	th.inside, th.fail = nil, 0
	c.Result = result
	if t.o.Exit != nil {
		t.o.Exit(c)
	}
	err := unix.PtraceSyscall(tid, 0)
	if err2 := t.next(); err2 != nil {
		err = err2
	}
	return err
}

// next lets the thread go on that has waited longest.
func (t *tracer) next() error {
	t.busy = 0
	for t.busy == 0 && len(t.waiting) > 0 {
		w := t.waiting[0]
		t.waiting = t.waiting[1:]
		// Its path may be another by now: names were resolved when it stopped.
		if err := t.ask(w.thread, w.call); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}
