package safety

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"
)

func TestCommitAndUndo(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%v", plain), func(t *testing.T) {
			w := newWorld(t)
			out := w.guard.DefaultTarget()
			target := w.choose(Request{})
			target.seams.plain = plain
			if there, err := target.Exists(); there || err != nil {
				t.Errorf("exists: %v, %v", there, err)
			}
			if err := target.SwapPrevious(); !errors.Is(err, ErrNoPrevious) {
				t.Errorf("undo of nothing: %v", err)
			}
			if _, err := target.OpenPrevious(); !errors.Is(err, ErrNoPrevious) || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("open previous: %v", err)
			}
			if _, err := target.Open(); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("open: %v", err)
			}
			for i, want := range []string{"", "1", "2", "3"} {
				w.commit(target, fmt.Sprint(i+1))
				w.expect(out, fmt.Sprint(i+1))
				w.expect(out+".previous", want)
			}
			w.must(target.SwapPrevious())
			w.expect(out, "3")
			w.expect(out+".previous", "4")
			w.must(target.SwapPrevious())
			w.expect(out, "4")
			dir, err := target.Open()
			w.must(err)
			if !exists(dir, "generation") {
				t.Error("the handle leads elsewhere")
			}
			dir.Close()
			w.unlock()
			w.must(os.RemoveAll(out))
			again := w.choose(Request{})
			if has, err := again.HasPrevious(); !has || err != nil {
				t.Errorf("previous: %v, %v", has, err)
			}
			w.must(again.SwapPrevious())
			w.expect(out, "3")
			w.noLeftovers(w.project + "/.evoseal")
		})
	}
}

func TestCommitWithoutPrevious(t *testing.T) {
	w := newWorld(t)
	out := w.top + "/free/out"
	target := w.choose(Request{Path: out})
	w.commit(target, "1")
	w.commit(target, "2")
	p := w.stage(target, "3")
	w.must(p.Commit(CommitOptions{Mode: 0o750}))
	w.expect(out, "3")
	w.expect(out+".previous", "1")
	w.noLeftovers(w.top + "/free")
	info, err := os.Stat(out)
	w.must(err)
	if info.Mode().Perm() != 0o750 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := p.Commit(CommitOptions{}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second commit: %v", err)
	}
	w.must(p.Cleanup())
	w.expect(out, "3")
}

func TestPendingIsPrivate(t *testing.T) {
	w := newWorld(t)
	w.mkdir(w.top + "/free/plain")
	want, err := os.Stat(w.top + "/free/plain")
	w.must(err)
	target := w.choose(Request{Path: w.top + "/free/out"})
	p := w.stage(target, "1")
	info, err := os.Stat(p.Path())
	w.must(err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("pending mode %v", info.Mode())
	}
	w.must(p.Commit(CommitOptions{}))
	info, err = os.Stat(w.top + "/free/out")
	w.must(err)
	if info.Mode().Perm() != want.Mode().Perm() {
		t.Errorf("target mode %v, a plain mkdir gives %v", info.Mode(), want.Mode())
	}
}

func TestForeignPreviousIsKept(t *testing.T) {
	w := newWorld(t)
	out := w.top + "/free/out"
	target := w.choose(Request{Path: out})
	w.commit(target, "1")
	p := w.stage(target, "2")
	w.mkdir(out + ".previous")
	w.write(out+".previous/generation", "theirs")
	if err := p.Commit(CommitOptions{KeepPrevious: true}); refusedBy(err) != RuleNotOurs {
		t.Errorf("got %v", err)
	}
	w.must(p.Cleanup())
	w.expect(out, "1")
	w.expect(out+".previous", "theirs")
	w.noLeftovers(w.top + "/free")
}

// TestPlainExchangeFails: without an exchange the target is away for an
// instant, and comes back if the new tree can't take its place.
func TestPlainExchangeFails(t *testing.T) {
	w := newWorld(t)
	out := w.top + "/free/out"
	target := w.choose(Request{Path: out})
	w.commit(target, "1")
	p := w.stage(target, "2")
	target.seams = seams{plain: true, before: func(step string) {
		if step == "place" {
			w.expect(out, "")
			w.must(os.Rename(p.Path(), w.top+"/stolen"))
		}
	}}
	if err := p.Commit(CommitOptions{KeepPrevious: true}); err == nil || errors.Is(err, ErrLeftovers) {
		t.Errorf("commit: %v", err)
	}
	w.must(p.Cleanup())
	w.expect(out, "1")
	w.noLeftovers(w.top + "/free")
}

// killed stands for a process that dies: no line of the commit's own runs after it.
type killed struct{}

// killAt makes the n-th step of a target's work the last, and reports whether
// it came to that.
func killAt(target *Target, n int, work func()) (died bool) {
	step := 0
	target.seams.before = func(string) {
		if step == n {
			panic(killed{})
		}
		step++
	}
	defer func() {
		target.seams.before = nil
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			died = true
		}
	}()
	work()
	return false
}

// TestKilledCommit kills a commit before each of its steps, kills the sweep
// after it before each of its own, and then wants the old tree or the new one,
// a previous tree that fits, and no leftovers.
func TestKilledCommit(t *testing.T) {
	for _, plain := range []bool{false, true} {
		for _, keep := range []bool{false, true} {
			for before := range 3 {
				t.Run(fmt.Sprintf("plain=%v keep=%v before=%d", plain, keep, before), func(t *testing.T) {
					steps := 0
					for n := 0; killedCommit(t, plain, keep, before, n); n++ {
						steps = n + 1
					}
					if least := 3 + before; steps < least {
						t.Errorf("only %d steps, want at least %d", steps, least)
					}
				})
			}
		}
	}
}

func killedCommit(t *testing.T, plain, keep bool, before, n int) bool {
	w := newWorld(t)
	out := w.top + "/free/out"
	first := w.choose(Request{Path: out})
	for i := range before {
		w.commit(first, fmt.Sprint(i+1))
	}
	target := w.choose(Request{Path: out})
	target.seams.plain = plain
	p := w.stage(target, "new")
	died := killAt(target, n, func() { w.must(p.Commit(CommitOptions{KeepPrevious: keep})) })
	if died {
		p.dir.Close() // a dead process holds no lock
	}
	for m := 0; ; m++ {
		again := w.choose(Request{Path: out})
		again.seams.plain = plain
		if !killAt(again, m, func() { _, err := again.Sweep(); w.must(err) }) {
			w.checkAfterKill(again, out, before, keep, died)
			return died
		}
	}
}

// checkAfterKill knows what a target with so many generations before it may hold.
func (w *world) checkAfterKill(target *Target, out string, before int, keep, died bool) {
	w.t.Helper()
	name := func(i int) string {
		if i < 1 {
			return ""
		}
		return fmt.Sprint(i)
	}
	old, older := name(before), name(before-1)
	got, previous := w.generation(out), w.generation(out+".previous")
	switch {
	case got == "new" && (keep && previous != old || !keep && previous != older):
		w.t.Errorf("the new tree is there, but before it was %q", previous)
	case got != "new" && (!died || got != old || previous != older):
		w.t.Errorf("target %q, previous %q; want %q, %q", got, previous, old, older)
	}
	w.noLeftovers(w.top + "/free")
	w.commit(target, "next")
	w.expect(out, "next")
	w.expect(out+".previous", map[bool]string{true: got, false: previous}[got != ""])
}

func TestKilledUndo(t *testing.T) {
	for _, plain := range []bool{false, true} {
		steps := 0
		for n, died := 0, true; died; n++ {
			w := newWorld(t)
			out := w.top + "/free/out"
			target := w.choose(Request{Path: out})
			w.commit(target, "1")
			w.commit(target, "2")
			target.seams.plain = plain
			died = killAt(target, n, func() { w.must(target.SwapPrevious()) })
			again := w.choose(Request{Path: out})
			_, err := again.Sweep()
			w.must(err)
			state := w.generation(out) + w.generation(out+".previous")
			if state != "12" && (state != "21" || !died) {
				t.Errorf("killed at step %d: %q", n, state)
			}
			w.noLeftovers(w.top + "/free")
			steps = n
		}
		if steps < 2 || plain && steps < 4 {
			t.Errorf("plain=%v: only %d steps", plain, steps)
		}
	}
}
