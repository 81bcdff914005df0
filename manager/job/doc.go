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
// The command is in a process group of its own. On a terminal that group has the
// foreground, so that Ctrl-C and Ctrl-Z reach the command as they would without
// us; when it stops, so do we, and `fg` goes on with both. Without a terminal, the
// signals that we get are passed on. The terminal's modes are put back when the
// command left them changed.
//
// The group's leader is a small shell, the watcher, that does nothing but wait for
// the end of a pipe whose other end only we have. While it lives nobody else can
// get the group's number, and when we are killed, even by SIGKILL, the pipe ends
// and it kills the group.
//
// # What is left
//
// When the command ends, what it left behind is ended as well: what is in its
// group, and, on Linux, what carries the mark that the command got in its
// environment, wherever it went. Only a process that both leaves the group and
// clears its environment escapes.
//
// # Limits
//
// Off Linux, processes that leave the group are not found, and a command that
// stops itself isn't noticed.
package job
