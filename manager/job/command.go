package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Command says what to run. It is not changed by [Run] and may be run again,
// unless one of its readers is at its end.
type Command struct {
	// Args are the program, which is looked up in the PATH of Env, and its arguments.
	Args []string
	// Dir is where it runs; empty is the own working directory.
	Dir string
	// Env is its environment; nil is the own one. The variable EVOSEAL_JOB is added.
	Env []string
	// An *os.File is handed over as it is, so that a terminal stays one. Anything
	// else is copied; a reader that never ends keeps a goroutine after the command
	// is gone, and a writer that never returns keeps Run. Nil is /dev/null.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Timeout bounds how long it may take; zero is no bound.
	Timeout time.Duration
	// Grace is how long it may go on after it was asked to end, by the clock, the
	// context or a signal that we got, before it is killed; zero is five seconds.
	// What it leaves behind has as long once more.
	Grace time.Duration
	// Descendants makes this process the parent of all that the command orphans
	// meanwhile (on Linux, see PR_SET_CHILD_SUBREAPER in prctl(2)), so that nothing
	// escapes by clearing its environment. Every child that the process gets during
	// Run is then held for the command's, and ended. So it is for programs that do
	// nothing else at that time.
	Descendants bool
}

// Result is how a command ended.
type Result struct {
	// Code is its exit code, or 128 and Signal where a signal ended it, as shells
	// have it.
	Code   int
	Signal syscall.Signal
	// TimedOut says that it took longer than its Timeout.
	TimedOut bool
	// Interrupted is the signal by which somebody broke it off, zero for none. One
	// is HUP, INT, QUIT or TERM that this process was sent meanwhile, which the
	// command was told of. The other is Ctrl-C, Ctrl-\ or the loss of the terminal,
	// of which only the command hears: these count unless it ended with code 0, since
	// programs are free to take Ctrl-C for an answer. A command that sends its whole
	// group such a signal can't be told from that.
	//
	// Whoever runs a command for somebody else should return Code all the same: it
	// is 128 and the signal where the command died of it, and else what the command
	// made of it, perhaps 0.
	Interrupted syscall.Signal
	// Left is how many processes it left behind that did not end by themselves
	// within a moment, and were ended.
	Left int
	// Took is by the clock, the other two by processor; MaxRSS is in bytes. They
	// don't count what was left behind. Linux counts the memory of the process that
	// starts another, so MaxRSS is at least what this one had.
	Took, UserTime, SystemTime time.Duration
	MaxRSS                     int64
}

// ErrNotStarted says that a command can't be run at all. See [StartError].
var ErrNotStarted = errors.New("the command can't be started")

// StartError says why, with the exit code that shells have for it: 127 for a
// program that isn't there, 126 for one that can't be run.
type StartError struct {
	Name string
	Code int
	Err  error
}

func (e *StartError) Error() string {
	if e.Code == codeNotFound {
		return fmt.Sprintf("%s: command not found", e.Name)
	}
	return fmt.Sprintf("%s can't be run: %v", e.Name, e.Err)
}

// Is matches [ErrNotStarted].
func (e *StartError) Is(target error) bool { return target == ErrNotStarted }

func (e *StartError) Unwrap() error { return e.Err }

// errLost is what comes of a program that waits for all its children, whoever
// started them.
var errLost = errors.New("how the command ended can't be told, because somebody else waited for it")

const (
	codeCantRun  = 126
	codeNotFound = 127
)

const defaultGrace = 5 * time.Second

// Run runs the command and waits for it and all that it left behind. The error is
// a [StartError], or the context's, by which the command was ended; the result then
// still says how. Any other error means that the surroundings can't be made: no
// shell for the watcher, no pipes, no more processes.
//
// Several may run at once, but the terminal has room for one. While a command
// runs, the signals that are passed on have no other effect on this process;
// nothing of that stays behind.
func Run(ctx context.Context, c Command) (Result, error) {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return Result{Code: codeNotFound}, &StartError{Name: "the command", Code: codeNotFound, Err: errors.New("it is empty")}
	}
	if c.Env == nil {
		c.Env = os.Environ()
	}
	if c.Grace == 0 {
		c.Grace = defaultGrace
	}
	path, err := lookUp(c)
	if err != nil {
		return Result{Code: err.Code}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{Code: 128 + int(syscall.SIGTERM)}, err
	}
	j := &job{c: c, path: path}
	return j.run(ctx)
}
