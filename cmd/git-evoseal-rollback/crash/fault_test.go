//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
	"golang.org/x/sys/unix"
)

// fault is an error that calls are made to fail with.
type fault struct {
	errno unix.Errno
	// calls are those that can fail so, all when empty.
	calls []string
	// lasting faults stay: every such call after the first fails too.
	lasting bool
	// often is for those that the ordinary run tries at every call.
	often bool
}

func (f fault) String() string {
	s := unix.ErrnoName(f.errno)
	if f.lasting {
		s += " from"
	}
	return s
}

func (f fault) hits(c *trace.Call) bool {
	return len(f.calls) == 0 || slices.Contains(f.calls, c.Name)
}

func faults() []fault {
	grow := []string{
		"openat", "write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "syncfs", "mkdirat", "linkat", "symlinkat",
		"renameat", "renameat2", "copy_file_range", "sendfile", "fallocate",
	}
	names := []string{"openat", "mkdirat", "unlinkat", "renameat", "renameat2", "linkat", "symlinkat", "fchmod", "fchmodat", "utimensat", "ftruncate"}
	return []fault{
		{errno: unix.EIO},
		{errno: unix.ENOSPC, calls: grow},
		{errno: unix.ENOSPC, calls: grow, lasting: true},
		{errno: unix.EIO, lasting: true},
		{errno: unix.EDQUOT, calls: grow},
		{errno: unix.EACCES, calls: names},
		{errno: unix.EROFS, calls: names, lasting: true},
		{errno: unix.EPERM, calls: []string{"fchmod", "fchmodat"}, often: true},
		{errno: unix.EMFILE, calls: []string{"openat"}},
		{errno: unix.EMFILE, calls: []string{"openat"}, lasting: true},
		{errno: unix.EXDEV, calls: []string{"renameat", "renameat2", "linkat", "copy_file_range"}},
	}
}

// failing makes one call after another fail, in each way, until the command is done
// before it comes to that call.
func (p *prepared) failing(t *testing.T, total *tally) {
	if p.perseveres {
		t.Skip("it is tested by what it tries")
	}
	var sum tally
	for i, fault := range faults() {
		hits := 0
		for _, c := range p.calls {
			if fault.hits(&c) {
				hits++
			}
		}
		step, from := 1, 0
		if !ordinary() || !fault.often {
			// Where not all are tried, others are with each fault.
			step = stride(t, hits, 1)
			from = i * 7 % step
		}
		if ordinary() && !fault.often && (i+len(p.name))%4 != 0 {
			// The ordinary run tries other faults with each command.
			continue
		}
		p.sweep(t, from, step, func(w world, k int) string { return p.failAt(t, w, k, fault, &sum) })
	}
	t.Logf("%d calls, %d made to fail: %d commands failed, %d were done all the same", len(p.calls), sum.of(countedFaults), sum.of(countedFailed), sum.of(countedSurvived))
	total.add(&sum)
}

// failAt makes the k-th of those calls fail that the fault hits, and says which it was.
func (p *prepared) failAt(t *testing.T, w world, k int, f fault, sum *tally) string {
	live, err := w.liveTree()
	if err != nil {
		t.Error(err)
		return ""
	}
	at, hits, injected := "", 0, 0
	result, said, err := w.traced(trace.Options{Enter: func(n int, c *trace.Call) trace.Action {
		if !f.hits(c) {
			return trace.Action{}
		}
		hits++
		if hits-1 == k {
			at = fmt.Sprintf("call %d, %s", n, c)
		}
		if hits-1 == k || hits > k && f.lasting {
			injected++
			return trace.Action{Fail: f.errno}
		}
		return trace.Action{}
	}}, p.args...)
	if err != nil {
		t.Error(err)
		return ""
	}
	if at == "" {
		return ""
	}
	sum.count(countedFaults+", "+f.String(), injected)
	j := &judgement{p: p, w: w}
	j.ended(result, said)
	if p.done(said) {
		sum.count(countedSurvived, 1)
	} else {
		sum.count(countedFailed, 1)
	}
	more := p.judge(w, live, false)
	j.wrong = append(j.wrong, more.wrong...)
	if p.done(said) && more.seen != nil {
		for _, wrong := range more.seen.missing(p.new) {
			if !told(wrong, said) {
				j.addf("it said that it was done, but %s", wrong)
			}
		}
	}
	if len(j.wrong) > 0 {
		j.addf("it had said: %v", said)
	}
	j.report(t, fmt.Sprintf("%s %s", f, at))
	return at
}

// told says that something beside the point wasn't done, and that there was a warning.
func told(wrong string, s said) bool {
	for what, warning := range map[string]string{
		"ref refs/heads/latest ": "the branch that plain git checks out can't be moved",
		seenPrevious + " ":       "could not be put away",
	} {
		if strings.HasPrefix(wrong, what) && strings.Contains(s.err, warning) {
			return true
		}
	}
	return false
}

// guardFailed is the exit code of a guard that went wrong itself.
const guardFailed = 125

// done says whether a run did what it should.
func (p *prepared) done(s said) bool {
	return s.code == p.code && (p.code == 0 || !strings.Contains("\n"+s.err, "\nerror: "))
}

// ended judges how a command speaks of its failure.
func (j *judgement) ended(r trace.Result, s said) {
	switch {
	case r.Hung:
		j.addf("it hung")
	case r.Signal != 0:
		j.addf("it died of %v", r.Signal)
	case strings.Contains(s.err, "goroutine ") || strings.Contains(s.err, "panic"):
		j.addf("it showed its stack")
	case j.p.done(s):
	case !slices.Contains([]int{1, 10, 11, 12, 13, 14, 15, 16, guardFailed}, s.code) || s.code == guardFailed && j.p.args[0] != "guard":
		j.addf("its exit code is %d", s.code)
	case strings.Count("\n"+s.err, "\nerror: ") != 1:
		j.addf("it failed without exactly one error")
	}
}
