package job

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// job is one run of one command.
type job struct {
	c    Command
	path string
	// mark is what every process of the job has in its environment.
	mark  string
	cmd   *exec.Cmd
	watch *watcher
	tty   *terminal
	pipes pipes
	res   Result
}

// markName is the variable that holds the mark.
const markName = "EVOSEAL_JOB"

func (j *job) run(ctx context.Context) (Result, error) {
	// Pdeathsig is about the thread that started the command, so that one must not
	// end before.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	j.mark = markName + "=" + rand.Text()
	start := time.Now()
	// Signals are ours before there is anybody to pass them on to, so that none is
	// lost in between.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	if err := j.start(); err != nil {
		return Result{Code: codeCantRun, Took: time.Since(start)}, err
	}
	ended := make(chan *os.ProcessState, 1)
	go func() {
		state, _ := j.cmd.Process.Wait()
		ended <- state
	}()
	err := j.attend(ctx, signals, ended)
	j.res.Left = j.endRest(j.c.Grace)
	j.watch.release()
	j.pipes.drain(drain)
	j.res.Took = time.Since(start)
	return j.res, err
}

func (j *job) start() (err error) {
	defer func() {
		if err != nil {
			j.pipes.close()
		}
	}()
	j.tty = openTerminal(j.c.Stdin, j.c.Stdout, j.c.Stderr)
	j.cmd = &exec.Cmd{Path: j.path, Args: j.c.Args, Dir: j.c.Dir, Env: append(slices.Clip(j.c.Env), j.mark)}
	if err := j.pipes.connect(j.cmd, j.c); err != nil {
		return err
	}
	if j.watch, err = startWatcher(j.mark); err != nil {
		return err
	}
	j.cmd.SysProcAttr = j.attributes()
	if err = j.cmd.Start(); err != nil {
		j.watch.release()
		j.tty.takeBack()
		return &StartError{j.c.Args[0], codeCantRun, errors.Unwrap(err)}
	}
	j.pipes.started()
	return nil
}

// attend goes along with the command until it ends.
func (j *job) attend(ctx context.Context, signals <-chan os.Signal, ended <-chan *os.ProcessState) error {
	stops := watchStops(j.cmd.Process.Pid)
	var timeout, kill <-chan time.Time
	if j.c.Timeout > 0 {
		timeout = time.After(j.c.Timeout)
	}
	done := ctx.Done()
	for {
		select {
		case s := <-signals:
			before := j.res.Interrupted
			j.got(s.(syscall.Signal))
			if before == 0 && j.res.Interrupted != 0 {
				// Whoever minds no signal is killed in the end, as with a timeout.
				kill = time.After(j.c.Grace)
			}
		case <-stops:
			// Without a terminal, whoever stopped the command may continue it.
			if j.tty != nil {
				j.suspend(0)
			}
		case <-timeout:
			j.res.TimedOut = true
			kill = j.ask()
		case <-done:
			done, kill = nil, j.ask()
		case <-kill:
			j.watch.signal(syscall.SIGKILL)
			j.cmd.Process.Kill()
		case state := <-ended:
			j.tty.takeBack()
			j.finish(state)
			if j.res.TimedOut {
				return nil
			}
			return ctx.Err()
		}
	}
}

// ask asks the group to end, and says when to kill it. What is stopped has to go on
// to hear of it.
func (j *job) ask() <-chan time.Time {
	j.watch.signal(syscall.SIGTERM)
	j.watch.signal(syscall.SIGCONT)
	return time.After(j.c.Grace)
}

// got passes a signal on.
func (j *job) got(s syscall.Signal) {
	switch s {
	case syscall.SIGTSTP:
		j.watch.signal(s)
		j.suspend(syscall.Getpid())
		return
	case syscall.SIGCONT:
		// A shell brought the job back to the foreground.
		j.tty.give(j.watch.group())
	case syscall.SIGWINCH:
		if j.tty != nil {
			// The kernel tells the group that has the foreground.
			return
		}
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
		if j.res.Interrupted == 0 {
			j.res.Interrupted = s
		}
	}
	j.watch.signal(s)
}

// suspend stops us, or with a pid of 0 our whole group, since the command stopped,
// and goes on with it when somebody continues us.
func (j *job) suspend(pid int) {
	j.tty.takeBack()
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	j.tty.give(j.watch.group())
	j.watch.signal(syscall.SIGCONT)
}

// finish keeps how the command ended.
func (j *job) finish(state *os.ProcessState) {
	if state == nil {
		j.res.Code = codeCantRun
		return
	}
	j.res.UserTime, j.res.SystemTime = state.UserTime(), state.SystemTime()
	j.res.MaxRSS = maxRSS(state)
	status, ok := state.Sys().(syscall.WaitStatus)
	switch {
	case ok && status.Signaled():
		j.res.Signal = status.Signal()
		j.res.Code = 128 + int(j.res.Signal)
	default:
		j.res.Code = state.ExitCode()
	}
	// On a terminal, Ctrl-C goes to the command's group and not to us.
	if j.tty != nil && j.res.Interrupted == 0 {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
			if j.res.Code == 128+int(s) {
				j.res.Interrupted = s
			}
		}
	}
}
