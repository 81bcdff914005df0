package job

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// watcher is the shell that leads the command's group.
type watcher struct {
	cmd *exec.Cmd
	// end is the end of the pipe that only we have.
	end *os.File
}

// watching waits for a line, which says that all is well, or for the end of the
// pipe, which says that we are dead. It says when it no longer minds signals. The
// marked processes that left the group go first: the last kill is its own.
const watching = `trap '' HUP INT QUIT TERM TSTP TTIN TTOU USR1 USR2
echo
read -r line && exit
for f in $(grep -ls -- "$EVOSEAL_WATCHED" /proc/[0-9]*/environ 2>/dev/null); do
	p=${f#/proc/}; p=${p%/environ}
	[ "$p" = $$ ] || kill -KILL "$p" 2>/dev/null
done
kill -KILL 0`

// startWatcher starts it, without the mark itself.
func startWatcher(mark string) (*watcher, error) {
	in, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	ready, out, err := os.Pipe()
	if err != nil {
		end.Close()
		return nil, err
	}
	defer ready.Close()
	w := &watcher{cmd: exec.Command("/bin/sh", "-c", watching), end: end}
	w.cmd.Dir, w.cmd.Stdin, w.cmd.Stdout = "/", in, out
	w.cmd.Env = []string{"PATH=/usr/bin:/bin", "EVOSEAL_WATCHED=" + mark[len(markName)+1:]}
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = w.cmd.Start()
	out.Close()
	if err == nil {
		if _, err = ready.Read(make([]byte, 1)); err != nil {
			w.release()
		}
	} else {
		end.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("the command's process group can't be made: %w", err)
	}
	return w, nil
}

func (w *watcher) group() int { return w.cmd.Process.Pid }

// signal sends to the whole group. The watcher itself ignores all that can be.
func (w *watcher) signal(s syscall.Signal) { _ = syscall.Kill(-w.group(), s) }

// release lets the watcher end in peace.
func (w *watcher) release() {
	_, _ = w.end.WriteString("\n")
	w.end.Close()
	// It may have been killed with its group.
	_ = w.cmd.Wait()
}
