package job

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// other is what the system says of a process.
type other struct {
	parent, group int
	// started is only good for comparing.
	started         int64
	zombie, stopped bool
}

const (
	// linger is how long what is left may take to end by itself, such as a tee that
	// has yet to see the end of its input.
	linger = 200 * time.Millisecond
	// undying is how long something may take to die of SIGKILL. What survives that
	// waits for a disk or a device.
	undying = 2 * time.Second
)

// endRest ends what the command left behind, and returns how much that was. A
// signal that asks us to end makes it hurry.
func (j *job) endRest(signals <-chan os.Signal) int {
	left := j.await(linger, nil, nil)
	if len(left) == 0 {
		return 0
	}
	count := len(left)
	asked := map[int]bool{}
	left = j.await(j.c.Grace, signals, func(pid int) {
		if !asked[pid] {
			asked[pid] = true
			_ = unix.Kill(pid, unix.SIGTERM)
			_ = unix.Kill(pid, unix.SIGCONT)
		}
	})
	if len(left) > 0 {
		j.await(undying, nil, func(pid int) { _ = unix.Kill(pid, unix.SIGKILL) })
	}
	return count
}

// await does something to all that is left, again and again, until nothing is or
// the time is over. It has to look, as nobody tells of processes that aren't our
// children.
func (j *job) await(most time.Duration, signals <-chan os.Signal, do func(pid int)) []int {
	const shortest, longest = time.Millisecond, 20 * time.Millisecond
	// Whoever has an empty environment for longer than that wants it so.
	const enough = 5
	deadline := time.After(most)
	looks := 0
	for pause := shortest; ; pause = min(2*pause, longest) {
		left, sure := j.rest()
		if looks++; len(left) > 0 {
			looks = 0
		} else if sure || looks > enough {
			return nil
		}
		if do != nil {
			for _, pid := range left {
				do(pid)
			}
		}
		select {
		case <-time.After(pause):
		case <-deadline:
			return left
		case s := <-signals:
			if j.interrupted(s.(syscall.Signal)) {
				return left
			}
		}
	}
}

// rest finds the living processes of the job: those in its group, those that have
// its mark, our adopted children, and the children of all these. It isn't sure when
// there are some that it can't tell.
func (j *job) rest() (found []int, sure bool) {
	all, self, sure := processes(), os.Getpid(), true
	ours := map[int]bool{}
	for pid, p := range all {
		// An older one can't be of the job, whatever it looks like.
		if pid == self || pid == j.watch.group() || p.started < j.since {
			delete(all, pid)
			continue
		}
		adopted := j.c.Descendants && p.parent == self && !j.before[pid]
		if p.zombie {
			if adopted {
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
			delete(all, pid)
			continue
		}
		if adopted || p.group == j.watch.group() {
			ours[pid] = true
			continue
		}
		yes, known := marked(pid, p, j.token)
		ours[pid] = yes
		sure = sure && known
	}
	for more := true; more; {
		more = false
		for pid, p := range all {
			if !ours[pid] && ours[p.parent] {
				ours[pid], more = true, true
			}
		}
	}
	for pid, yes := range ours {
		if yes {
			found = append(found, pid)
		}
	}
	return found, sure
}

// bury waits for adopted children that died meanwhile, so that a command which
// makes many of them doesn't run out of processes.
func (j *job) bury() {
	if !haveZombies() {
		return
	}
	self := os.Getpid()
	for pid, p := range processes() {
		if p.parent == self && p.zombie && !j.before[pid] && pid != j.child.pid && pid != j.watch.group() {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// children are the ones that we have already.
func children() map[int]bool {
	found, self := map[int]bool{}, os.Getpid()
	for pid, p := range processes() {
		if p.parent == self {
			found[pid] = true
		}
	}
	return found
}
