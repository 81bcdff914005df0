// Package job runs a command as a shell runs a job in the foreground, and lets
// nothing of it live on.
//
//	res, err := job.Run(ctx, job.Command{
//		Args: []string{"make", "test"}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
//	})
//	os.Exit(res.Code)
//
// # The group
//
// The command is in a process group of its own, and the signals that we get are
// passed on to it. With the terminal as its input, the group has the foreground, so
// that Ctrl-C and Ctrl-Z reach the command as they would without us. When it stops,
// so do we, and `fg` and `bg` go on with both. In a pipeline, where a pager may
// need the terminal too, the command gets the foreground only when it stops for the
// lack of it. The terminal's modes are put back when the command left them changed.
//
// The group's leader is a small shell, the watcher, that does nothing but wait for
// the end of a pipe whose other end only we have. While it lives nobody else can
// get the group's number; it tells which keys the group heard of; and when we are
// killed, even by SIGKILL, the pipe ends and it kills what has the mark below, its
// group, and so itself. On Linux the system also kills the command itself then.
//
// # What is left
//
// When the command ends, what it left behind is asked to end and then killed: what
// is in its group, and, on Linux, what carries the mark that the command got in its
// environment (EVOSEAL_JOB), wherever it went, with all children. A program that
// only has to see the end of its input, such as tee, may do so first.
//
// # Limits
//
// On Linux, a process escapes that leaves the group, loses the mark (by env -i,
// sudo, or a daemon started on request by somebody who isn't of the job, such as
// systemd or docker) and whose parent is gone. [Command].Descendants catches it
// unless somebody outside of the job started it; but when we are killed by SIGKILL
// nothing does. Nor is anything killed then that left the group, once the command
// killed the watcher (kill -9 0). What runs as another user can't be killed at all
// unless we may.
//
// On darwin, only the group and the living children of its members are found, and
// when we are killed, only the group is.
package job
