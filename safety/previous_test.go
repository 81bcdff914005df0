package safety

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// renew brings the previous tree up to another generation.
func (w *world) renew(target *Target, generation string) *Pending {
	w.t.Helper()
	p, err := target.PendingPrevious()
	w.must(err)
	root, err := p.Root()
	w.must(err)
	defer root.Close()
	w.must(root.WriteFile("generation", []byte(generation), 0o644))
	return p
}

func TestPreviousTreeIsUsedAgain(t *testing.T) {
	w := newWorld(t)
	out := w.top + "/free/out"
	target := w.choose(Request{Path: out})
	if _, err := target.PendingPrevious(); !errors.Is(err, ErrNoPrevious) {
		t.Errorf("without one: %v", err)
	}
	w.commit(target, "1")
	w.commit(target, "2")
	var was, is unix.Stat_t
	w.must(unix.Lstat(out+".previous", &was))
	p := w.renew(target, "3")
	if has, err := target.HasPrevious(); has || err != nil {
		t.Errorf("it is still there while it changes: %v", err)
	}
	// Everything in it was brought along.
	if _, err := os.Stat(filepath.Join(p.Path(), "locked/file")); err != nil {
		t.Error(err)
	}
	locked, err := os.Open(p.Path())
	w.must(err)
	defer locked.Close()
	w.must(p.Remove(locked, "locked"))
	w.must(p.Remove(locked, "nothing"))
	if !target.inUse(p.name) {
		t.Error("another run's sweep would take it away")
	}
	w.must(p.Commit(CommitOptions{KeepPrevious: true}))
	w.expect(out, "3")
	w.expect(out+".previous", "2")
	w.must(unix.Lstat(out, &is))
	if was.Ino != is.Ino {
		t.Error("it is another directory")
	}
	w.noLeftovers(w.top + "/free")
	w.must(target.SwapPrevious())
	w.expect(out, "2")
}

func TestPreviousTreeThatIsNotOurs(t *testing.T) {
	w := newWorld(t)
	out := w.top + "/free/out"
	target := w.choose(Request{Path: out})
	w.commit(target, "1")
	w.commit(target, "2")
	w.must(os.RemoveAll(out + ".previous"))
	w.mkdir(out + ".previous")
	w.write(out+".previous/mine", "mine")
	if _, err := target.PendingPrevious(); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a foreign one: %v", err)
	}
	w.must(os.RemoveAll(out + ".previous"))
	w.link(w.outside, out+".previous")
	if _, err := target.PendingPrevious(); err == nil {
		t.Error("a link was followed")
	}
	w.untouched()
}

// TestKilledRenewal kills a commit of a renewed tree before each of its steps. The
// target is the old tree or the new one; what was to be renewed may be gone.
func TestKilledRenewal(t *testing.T) {
	for _, plain := range []bool{false, true} {
		steps := 0
		for n, died := 0, true; died; n++ {
			w := newWorld(t)
			out := w.top + "/free/out"
			target := w.choose(Request{Path: out})
			w.commit(target, "1")
			w.commit(target, "2")
			target.seams.plain = plain
			p := w.renew(target, "new")
			if died = killAt(target, n, func() { w.must(p.Commit(CommitOptions{KeepPrevious: true})) }); died {
				p.dir.Close()
			}
			again := w.choose(Request{Path: out})
			_, err := again.Sweep()
			w.must(err)
			got, previous := w.generation(out), w.generation(out+".previous")
			if (got != "new" || previous != "2") && (!died || got != "2" || previous != "") {
				t.Errorf("killed at step %d: target %q, previous %q", n, got, previous)
			}
			w.noLeftovers(w.top + "/free")
			w.commit(again, "next")
			w.expect(out, "next")
			steps = n
		}
		if steps < 4 {
			t.Errorf("plain=%v: only %d steps", plain, steps)
		}
	}
}
