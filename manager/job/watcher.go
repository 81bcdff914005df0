package job

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// watcher is the shell that leads the command's group.
type watcher struct {
	cmd *exec.Cmd
	// end is the end of the pipe that only we have; said is what it says.
	end, said *os.File
}

// watching waits for a line, which says that all is well, or for the end of the
// pipe, which says that we are dead. A signal makes read fail as the end does, so
// only a second failure without one is the end. The marked processes go first, until
// twice none is seen, since they may just be starting others and can't be told while
// they begin another program. The last kill is its own.
const watching = `trap '' TERM TSTP TTIN TTOU USR1 USR2 PIPE
trap 's=1; echo 1' HUP
trap 's=1; echo 2' INT
trap 's=1; echo 3' QUIT
echo 0
while :; do
	s=
	read -r line && exit 0
	[ -n "$s" ] || break
done
none=0
for i in 1 2 3 4 5 6 7 8 9; do
	none=$((none + 1))
	for f in $(grep -ls -e "$EVOSEAL_WATCHED" /proc/[0-9]*/environ 2>/dev/null); do
		p=${f#/proc/}; p=${p%/environ}
		[ "$p" = $$ ] || { kill -KILL "$p" 2>/dev/null && none=0; }
	done
	[ $none -lt 2 ] || break
	sleep 0.01 2>/dev/null
done
kill -KILL 0`

// slowest is how long a healthy watcher may take for an answer on a busy machine.
const slowest = 10 * time.Second

// startWatcher starts it, without the mark itself, and waits until it no longer
// minds signals.
func startWatcher(token string) (*watcher, error) {
	in, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	said, out, err := os.Pipe()
	if err != nil {
		end.Close()
		return nil, err
	}
	defer out.Close()
	w := &watcher{cmd: exec.Command("/bin/sh", "-c", watching), end: end, said: said}
	w.cmd.Dir, w.cmd.Stdin, w.cmd.Stdout = "/", in, out
	w.cmd.Env = []string{"PATH=/usr/bin:/bin:" + os.Getenv("PATH"), "EVOSEAL_WATCHED=" + token}
	w.cmd.SysProcAttr = watcherAttributes()
	if err := w.cmd.Start(); err != nil {
		end.Close()
		said.Close()
		return nil, fmt.Errorf("the command's process group can't be made: %w", err)
	}
	out.Close()
	if _, err := io.ReadFull(said, make([]byte, len("0\n"))); err != nil {
		w.release()
		return nil, fmt.Errorf("the command's process group can't be made: %w", err)
	}
	return w, nil
}

func (w *watcher) group() int { return w.cmd.Process.Pid }

// signal sends to the whole group. The watcher outlives all but SIGKILL.
func (w *watcher) signal(s syscall.Signal) { _ = syscall.Kill(-w.group(), s) }

// release lets the watcher end and returns which of HUP, INT and QUIT its group
// got first, or 0. It may have been stopped or killed with its group; until it is
// waited for, the group's number stays its own in either case.
func (w *watcher) release() syscall.Signal {
	_ = syscall.Kill(w.group(), syscall.SIGCONT)
	_, _ = w.end.WriteString("\n")
	w.end.Close()
	_ = w.said.SetReadDeadline(time.Now().Add(slowest))
	heard, _ := io.ReadAll(w.said)
	w.said.Close()
	w.signal(syscall.SIGKILL)
	_ = w.cmd.Wait()
	first, _, _ := strings.Cut(string(heard), "\n")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return syscall.Signal(n)
}
