//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
)

// besides are what people may run in the store at any time. They don't wait for locks,
// as whoever holds one stands still meanwhile.
var besides = [][]string{
	{"worktree", "prune"},
	{"-c", "core.filesRefLockTimeout=0", "-c", "core.packedRefsTimeout=0", "pack-refs", "--all"},
	{"repack", "-q", "-a", "-d"},
}

// TestPlainGitBesideEachCall has plain git tidy the store up before a command's calls
// that change files: the command doesn't notice, and what it did is whole.
//
// EVOSEAL_CRASH=all tries every call of every command, a number every so many.
func TestPlainGitBesideEachCall(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	f := newFixtures(t)
	looks := 0
	for _, c := range commands() {
		if ordinary() && !c.often {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			p := f.prepare(c)
			for i, args := range besides {
				step := stride(t, len(p.calls), []int{30, 10, 6}[i])
				looks += p.beside(t, filepath.Join(f.dir, "beside"), step, args)
			}
		})
	}
	t.Logf("git was run before %d calls", looks)
}

// beside runs the command once, and git before every so many of its calls.
func (p *prepared) beside(t *testing.T, root string, step int, args []string) int {
	w, err := p.fresh(root)
	must(t, err)
	live, err := w.liveTree()
	must(t, err)
	times := 0
	_, s, err := w.traced(trace.Options{Enter: func(n int, _ *trace.Call) trace.Action {
		if _, err := os.Stat(w.store()); n%step == 0 && err == nil {
			times++
			w.git(w.store(), args...)
		}
		return trace.Action{}
	}}, p.args...)
	must(t, err)
	what := fmt.Sprintf("beside git %s", strings.Join(args, " "))
	if s.code != 0 {
		t.Errorf("%s, %s: %v", p.name, what, s)
	}
	// What git leaves isn't left over.
	own := maps.Clone(p.names)
	for _, name := range []string{"packed-refs", "evoseal/checkpoints", "info/refs", "objects/info/packs", "objects/pack/pack-X.bitmap", "objects/pack/pack-X.rev"} {
		p.names[".evoseal/.git/"+name] = true
	}
	defer func() { p.names = own }()
	j := p.judge(w, live, true)
	j.report(t, what)
	return times
}
