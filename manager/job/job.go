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
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// job is one run of one command.
type job struct {
	c    Command
	path string
	// token is what every process of the job has in its environment.
	token string
	watch *watcher
	// since is when the watcher began, and before are the children from earlier.
	since  int64
	before map[int]bool
	child  *child
	tty    *terminal
	pipes  pipes
	// ending says that the command was asked to end, stopping that a stop of the
	// command is to be ours as well.
	ending, stopping bool
	res              Result
}

// markName is the variable that holds the mark: the tokens of this job and of those
// that it is part of.
const markName = "EVOSEAL_JOB"

// passedOn are the signals that the command hears of.
var passedOn = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT,
}

func (j *job) run(ctx context.Context) (Result, error) {
	// The system ends the command with the thread that started it, and the terminal
	// is taken back with a signal blocked on this one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	// Signals are ours before there is anybody to pass them on to, so that none is
	// lost in between.
	signals := make(chan os.Signal, 16)
	if wanted := slices.DeleteFunc(slices.Clone(passedOn), signal.Ignored); len(wanted) > 0 {
		// What nohup and the like ignore, the command is to ignore as well.
		signal.Notify(signals, wanted...)
	}
	defer signal.Stop(signals)
	j.tty = openTerminal()
	defer j.tty.close()
	if j.c.Descendants {
		j.before = children()
		defer adopt()()
	}
	if err := j.start(); err != nil {
		return Result{Code: codeCantRun, Took: time.Since(start)}, err
	}
	err := j.attend(ctx, signals)
	j.tty.takeBack(false)
	j.res.Left = j.endRest(signals)
	heard := j.watch.release()
	j.pipes.drain()
	signal.Stop(signals)
	for len(signals) > 0 {
		j.interrupted((<-signals).(syscall.Signal))
	}
	j.keyboard(heard)
	j.res.Took = time.Since(start)
	return j.res, err
}

func (j *job) start() (err error) {
	defer func() {
		if err != nil {
			j.pipes.close()
		}
	}()
	j.token = rand.Text()
	cmd := &exec.Cmd{Path: j.path, Args: j.c.Args, Dir: j.c.Dir, Env: append(slices.Clip(j.c.Env), j.mark())}
	if err := j.pipes.connect(cmd, j.c); err != nil {
		return err
	}
	if j.watch, err = startWatcher(j.token); err != nil {
		return err
	}
	if p, ok := lookAt(j.watch.group()); ok {
		j.since = p.started
	}
	// The group has the foreground before the command is there to miss it.
	if j.tty.wanted(j.c) {
		j.tty.give(j.watch.group())
	}
	cmd.SysProcAttr = commandAttributes(j.watch.group())
	err = cmd.Start()
	if errors.Is(err, unix.ENOEXEC) && script(within(j.c.Dir, j.path)) {
		again := &exec.Cmd{Path: "/bin/sh", Args: append([]string{"sh", j.path}, j.c.Args[1:]...), Dir: cmd.Dir, Env: cmd.Env,
			Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr, SysProcAttr: cmd.SysProcAttr}
		cmd, err = again, again.Start()
	}
	if err != nil {
		j.tty.takeBack(false)
		j.watch.release()
		return &StartError{j.c.Args[0], codeCantRun, errors.Unwrap(err)}
	}
	j.child = &child{pid: cmd.Process.Pid}
	_ = cmd.Process.Release()
	j.pipes.started()
	return nil
}

func (j *job) mark() string {
	outer := variable(j.c.Env, markName)
	if outer == "" {
		// A cleaned environment doesn't take the command out of the job that we are in.
		outer = os.Getenv(markName)
	}
	return markName + "=" + strings.TrimSpace(outer+" "+j.token)
}

// keyboard keeps that the command ended because of what the user typed. On a
// terminal, Ctrl-C goes to the command's group and not to us.
func (j *job) keyboard(heard syscall.Signal) {
	if j.tty == nil || !j.tty.lent || j.res.Interrupted != 0 || j.res.Code == 0 || j.ending {
		return
	}
	// Not every shell gets to tell what it heard.
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if heard == 0 && j.res.Code == 128+int(s) {
			heard = s
		}
	}
	j.res.Interrupted = heard
}

// finish keeps how the command ended.
func (j *job) finish(ch change) error {
	if ch.err != nil {
		j.res.Code = codeCantRun
		return errLost
	}
	j.res.UserTime, j.res.SystemTime = time.Duration(ch.usage.Utime.Nano()), time.Duration(ch.usage.Stime.Nano())
	j.res.MaxRSS = int64(ch.usage.Maxrss) * rssUnit
	if ch.status.Signaled() {
		j.res.Signal = ch.status.Signal()
		j.res.Code = 128 + int(j.res.Signal)
	} else {
		j.res.Code = ch.status.ExitStatus()
	}
	return nil
}
