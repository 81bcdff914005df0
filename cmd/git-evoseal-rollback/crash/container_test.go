//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
)

// inside is the command as it is run in a container, where no process has the number
// that it has outside, and /proc shows nobody outside.
func inside(cmd *exec.Cmd) *exec.Cmd {
	in := exec.Command("unshare", append([]string{"--pid", "--fork", "--mount-proc", "--"}, cmd.Args...)...)
	in.Dir, in.Env = cmd.Dir, cmd.Env
	return in
}

func needContainers(t *testing.T) {
	t.Helper()
	if s := ended(inside(exec.Command("true"))); s.code != 0 {
		t.Skipf("no namespace of process numbers can be had: %v", s)
	}
}

// TestTheLivingOutsideAreLeftAlone stops a command before one of its calls, and then
// runs others in a container, which see nothing of it but its locks: they may wait in
// vain, but take nothing of its away.
//
// EVOSEAL_CRASH=all tries every call of every command, a number every so many.
func TestTheLivingOutsideAreLeftAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	needContainers(t)
	f := newFixtures(t)
	for _, c := range commands() {
		if ordinary() && c.name != "second checkpoint" && c.name != "third rollback" && c.name != "gc" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			p := f.prepare(c)
			step := stride(t, len(p.calls), 2)
			for k := step / 2; k < len(p.calls); k += step {
				p.outside(t, filepath.Join(f.dir, "outside"), k)
				if ordinary() {
					break
				}
			}
		})
	}
}

// outside stops the command before its k-th call.
func (p *prepared) outside(t *testing.T, root string, k int) {
	w, err := p.fresh(root)
	must(t, err)
	live, err := w.liveTree()
	must(t, err)
	at := ""
	_, s, err := w.traced(trace.Options{Timeout: 3 * time.Minute, Enter: func(n int, c *trace.Call) trace.Action {
		if n == k {
			at = c.String()
			// All at once: each may have to wait for what is held.
			var done []chan said
			for _, args := range [][]string{{"doctor"}, {"gc"}, {"verify", "--all"}, {"history", "verify"}} {
				ch := make(chan said, 1)
				done = append(done, ch)
				go func() { ch <- ended(inside(w.command(args...))) }()
			}
			for _, ch := range done {
				if got := <-ch; !slices.Contains([]int{0, 10, codeBusy}, got.code) || strings.Contains(got.err, "goroutine ") {
					t.Errorf("%s before %s, in a container: %v", p.name, at, got)
				}
			}
		}
		return trace.Action{}
	}}, p.args...)
	must(t, err)
	if s.code != 0 {
		t.Errorf("%s, others in a container before %s: %v", p.name, at, s)
	}
	own := p.names
	defer func() { p.names = own }()
	p.names = w.allowed(p.names)
	p.judge(w, live, true).report(t, "others in a container before "+at)
}

// allowed adds what the others leave who were at work meanwhile.
func (w world) allowed(names map[string]bool) map[string]bool {
	all := map[string]bool{}
	for name := range names {
		all[name] = true
	}
	for _, name := range []string{"packed-refs", "evoseal/checkpoints", "evoseal/packs.lock", "evoseal/objects.lock", "evoseal/target.lock", "evoseal/history.lines", "evoseal/verdicts.lines", "evoseal/prune.lock", "evoseal/chain.lock"} {
		all[".evoseal/.git/"+name] = true
	}
	return all
}

// TestGCOfAContainer has gc.pid as a git gc leaves it whose process is in a container:
// its number is nobody's here. As long as it lives, no gc of ours begins.
func TestGCOfAContainer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	needContainers(t)
	w := newWorld(t, filepath.Join(roomFor(t), "world"), buildProgram(t))
	w.mustRun(t, "checkpoint", "v1")
	number := filepath.Join(w.root, "number")
	const far = "n=$(cat /proc/sys/kernel/pid_max); echo $((n - 9)) > /proc/sys/kernel/ns_last_pid && { sleep 600 & echo $! > \"$0\"; wait; }"
	gc := inside(exec.Command("sh", "-c", far, number))
	gc.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, gc.Start())
	end := func() {
		syscall.Kill(-gc.Process.Pid, syscall.SIGKILL)
		gc.Wait()
	}
	defer end()
	var pid string
	for range 200 {
		data, _ := os.ReadFile(number)
		if pid = strings.TrimSpace(string(data)); pid != "" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if pid == "" {
		t.Skip("no process number can be chosen in a container")
	}
	host, err := os.Hostname()
	must(t, err)
	pidFile := filepath.Join(w.store(), "gc.pid")
	must(t, os.WriteFile(pidFile, []byte(fmt.Sprintf("%s %s", pid, host)), 0o644))
	if s := w.run("gc"); s.code != codeBusy {
		t.Errorf("beside a git gc in a container: %v", s)
	}
	if s := ended(inside(w.command("gc"))); s.code != codeBusy {
		t.Errorf("in another container, beside a git gc: %v", s)
	}
	if _, err := os.Stat(pidFile); err != nil {
		t.Error(err)
	}
	// Its own is known for dead by its lock, also where a living process has the number.
	must(t, os.WriteFile(pidFile, []byte(fmt.Sprintf("1 %s evoseal", host)), 0o644))
	w.mustRun(t, "gc")
	must(t, os.WriteFile(pidFile, []byte(fmt.Sprintf("1 %s evoseal", host)), 0o644))
	if s := ended(inside(w.command("gc"))); s.code != 0 {
		t.Errorf("in a container, after a gc that died: %v", s)
	}
}
