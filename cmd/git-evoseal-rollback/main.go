// Git-evoseal-rollback records a project's tree as checkpoints and brings any of
// them back, byte for byte, into a directory of its own. It never touches the
// live project.
//
// It is a subcommand of git: `git evoseal-rollback -h` lists its commands, and
// docs/git-evoseal-rollback.1 is its manual page.
//
// # How it is built
//
// commands is the one table of all commands; help, the manual page, completion
// and dispatch are made from it. A command is an options struct with two
// methods, see [runner]. Everything that it may know of the process comes in
// with its [call]; results go to call.out, and what went wrong is returned: the
// one place that turns errors into exit codes is exit.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// version is set by the linker; see [buildVersion].
var version string

func main() {
	os.Exit(mainCode())
}

func mainCode() int {
	return execute(context.Background(), &process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		stdoutTTY:     term.IsTerminal(int(os.Stdout.Fd())),
		stderrTTY:     term.IsTerminal(int(os.Stderr.Fd())),
		width:         func() int { return terminalWidth(os.Stdout) },
		errWidth:      func() int { return terminalWidth(os.Stderr) },
		prepareTrees:  prepareTrees,
		collectLater:  func() { collectFrom(heapFloor) },
		interruptible: interruptible,
		getenv:        os.Getenv, chdir: os.Chdir, getwd: os.Getwd, now: time.Now,
	}, os.Args[1:])
}

// interruptible ends with the first signal, which asks for an orderly end. Giving the
// signals back to the system right then lets a second one kill.
func interruptible(ctx context.Context) context.Context {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

func terminalWidth(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil {
		return w
	}
	return 0
}
