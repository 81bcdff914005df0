package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Command says what to run.
type Command struct {
	// Args are the program, which is looked up in the PATH of Env, and its arguments.
	Args []string
	// Dir is where it runs; empty is the own working directory.
	Dir string
	// Env is its environment; nil is the own one.
	Env []string
	// An *os.File is handed over as it is, so that a terminal stays one. Anything
	// else is copied. Nil is /dev/null.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Timeout bounds how long it may take; zero is no bound.
	Timeout time.Duration
	// Grace is how long it may go on after it was asked to end, by the clock, the
	// context or a signal that we got, before it is killed; zero is five seconds.
	Grace time.Duration
}

// Result is how a command ended.
type Result struct {
	// Code is its exit code, or 128 and Signal where a signal ended it, as shells
	// have it.
	Code   int
	Signal syscall.Signal
	// TimedOut says that it took longer than its Timeout.
	TimedOut bool
	// Interrupted is the signal by which somebody broke it off: one of HUP, INT,
	// QUIT and TERM that we got meanwhile, or Ctrl-C and Ctrl-\ on the terminal; zero
	// for none. Whoever runs commands for somebody else passes Code on all the same:
	// it is not 0 unless the command went on to do its work.
	Interrupted syscall.Signal
	// Left is how many processes it left behind, which were ended.
	Left int
	// Took is by the clock, the other two by processor; MaxRSS is in bytes. They
	// don't count what was left behind.
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

const (
	codeCantRun  = 126
	codeNotFound = 127
)

const (
	defaultGrace = 5 * time.Second
	// drain is how long copied output may still flow when nobody is left to write.
	drain = 2 * time.Second
)

// Run runs the command and waits for it and all that it left behind. The error is
// a [StartError], or the context's, by which the command was ended; the result then
// still says how. Several may run at once, but the terminal has room for one.
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

// lookUp finds the program as a shell does.
func lookUp(c Command) (string, *StartError) {
	name := c.Args[0]
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) && c.Dir != "" {
			path = filepath.Join(c.Dir, path)
		}
		return name, runnable(name, path)
	}
	denied := error(nil)
	for _, dir := range filepath.SplitList(variable(c.Env, "PATH")) {
		if dir == "" {
			dir = "."
		}
		path := filepath.Join(dir, name)
		if !filepath.IsAbs(path) && c.Dir != "" {
			path = filepath.Join(c.Dir, path)
		}
		err := runnable(name, path)
		if err == nil {
			abs, absErr := filepath.Abs(path)
			if absErr != nil {
				return "", &StartError{name, codeCantRun, absErr}
			}
			return abs, nil
		}
		if err.Code == codeCantRun {
			denied = err.Err
		}
	}
	if denied != nil {
		return "", &StartError{name, codeCantRun, denied}
	}
	return "", &StartError{name, codeNotFound, exec.ErrNotFound}
}

func runnable(name, path string) *StartError {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &StartError{name, codeCantRun, fs.ErrPermission}
	case err != nil:
		return &StartError{name, codeNotFound, err}
	case fi.IsDir():
		return &StartError{name, codeCantRun, errors.New("it is a directory")}
	case fi.Mode()&0o111 == 0:
		return &StartError{name, codeCantRun, fs.ErrPermission}
	}
	return nil
}

// variable is the last value that an environment gives a name.
func variable(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}
