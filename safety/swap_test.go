package safety

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// The tests here change the world between check and write, and make sure that
// nothing outside is written, whatever the engine answers.

func TestSwappedParent(t *testing.T) {
	w := newWorld(t)
	parent := w.top + "/free"
	target := w.choose(Request{Path: parent + "/out"})
	w.must(os.Rename(parent, parent+"-moved"))
	w.link(w.outside, parent)
	p, err := target.Pending()
	w.must(err) // the handle still leads to the directory that was checked
	file, err := openAt(p.Dir(), "precious", unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	w.must(err)
	w.must(file.Close())
	if _, err := p.Root(); !errors.Is(err, ErrChanged) {
		t.Errorf("root: %v", err)
	}
	if err := p.Commit(CommitOptions{}); !errors.Is(err, ErrChanged) {
		t.Errorf("commit: %v", err)
	}
	w.must(p.Cleanup())
	w.untouched()
	w.noLeftovers(parent + "-moved")
}

func TestPlantedParent(t *testing.T) {
	w := newWorld(t)
	target := w.choose(Request{Path: w.top + "/free/new/er/out"})
	w.link(w.outside, w.top+"/free/new")
	if _, err := target.Pending(); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	w.untouched()
}

func TestSwappedTarget(t *testing.T) {
	for _, step := range []string{"sync", "publish", "mark", "exchange"} {
		t.Run(step, func(t *testing.T) {
			w := newWorld(t)
			out := w.top + "/free/out"
			target := w.choose(Request{Path: out})
			w.commit(target, "1")
			p := w.stage(target, "2")
			target.seams.before = func(at string) {
				if at == step {
					w.must(os.Rename(out, out+"-moved"))
					w.link(w.outside, out)
				}
			}
			if err := p.Commit(CommitOptions{}); !errors.Is(err, ErrChanged) {
				t.Errorf("commit: %v", err)
			}
			w.must(p.Cleanup())
			if to, err := os.Readlink(out); err != nil || to != w.outside {
				t.Errorf("the link was replaced: %q, %v", to, err)
			}
			w.expect(out+"-moved", "1")
			w.noLeftovers(w.top + "/free")
			w.untouched()
			if _, err := target.Open(); !errors.Is(err, ErrChanged) {
				t.Errorf("open: %v", err)
			}
		})
	}
}

func TestAppearedTarget(t *testing.T) {
	for _, step := range []string{"sync", "publish"} {
		for _, plain := range []bool{false, true} {
			w := newWorld(t)
			out := w.top + "/free/out"
			target := w.choose(Request{Path: out})
			p := w.stage(target, "1")
			target.seams = seams{plain: plain, before: func(at string) {
				if at == step {
					w.mkdir(out)
					w.write(out+"/generation", "theirs")
				}
			}}
			if err := p.Commit(CommitOptions{}); !errors.Is(err, ErrChanged) {
				t.Errorf("commit: %v", err)
			}
			w.must(p.Cleanup())
			w.expect(out, "theirs")
			w.noLeftovers(w.top + "/free")
		}
	}
}

// TestFilledTarget: a target that was empty and is not any more holds something of somebody.
func TestFilledTarget(t *testing.T) {
	w := newWorld(t)
	out := w.top + "/free/out"
	w.mkdir(out)
	target := w.choose(Request{Path: out})
	p := w.stage(target, "1")
	w.write(out+"/generation", "theirs")
	if err := p.Commit(CommitOptions{}); refusedBy(err) != RuleNotOurs {
		t.Errorf("commit: %v", err)
	}
	w.must(p.Cleanup())
	w.expect(out, "theirs")
}

func TestSwappedInsidePending(t *testing.T) {
	w := newWorld(t)
	target := w.choose(Request{Path: w.top + "/free/out"})
	p, err := target.Pending()
	w.must(err)
	root, err := p.Root()
	w.must(err)
	defer root.Close()
	w.must(root.Mkdir("sub", 0o755))
	w.must(os.Remove(p.Path() + "/sub"))
	w.link(w.outside, p.Path()+"/sub")
	if err := root.WriteFile("sub/precious", []byte("x"), 0o644); err == nil {
		t.Error("the write followed a link")
	}
	w.must(p.Cleanup())
	w.untouched()
}

func TestSwappedPending(t *testing.T) {
	w := newWorld(t)
	target := w.choose(Request{Path: w.top + "/free/out"})
	p := w.stage(target, "1")
	w.must(os.Rename(p.Path(), w.top+"/stolen"))
	w.link(w.outside, p.Path())
	if _, err := p.Root(); !errors.Is(err, ErrChanged) {
		t.Errorf("root: %v", err)
	}
	if err := p.Commit(CommitOptions{}); !errors.Is(err, ErrChanged) {
		t.Errorf("commit: %v", err)
	}
	if err := p.Cleanup(); err == nil {
		t.Error("cleanup says that it removed what is not there")
	}
	w.must(os.Remove(p.Path()))
	w.mkdir(p.Path() + "/theirs")
	if _, err := target.Sweep(); err != nil { // by its name and owner it is a dead run's
		t.Error(err)
	}
	w.untouched()
	w.expect(w.top+"/stolen", "1")
}

// TestRacer swaps the parent for a link to a place that the rules refuse, over
// and over, while rollbacks run. They may fail, or write where the parent was
// moved to; they may not write behind the link.
func TestRacer(t *testing.T) {
	w := newWorld(t)
	parent, protected := w.top+"/free", w.project+"/src/deep"
	stop := make(chan struct{})
	var racer sync.WaitGroup
	racer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if os.Rename(parent, parent+"-moved") != nil {
				continue
			}
			_ = os.Symlink(protected, parent)
			_ = os.Remove(parent)
			_ = os.Rename(parent+"-moved", parent)
		}
	})
	done, refused := 0, 0
	for range 300 {
		if racedRollback(w, parent+"/out") == nil {
			done++
		} else {
			refused++
		}
	}
	close(stop)
	racer.Wait()
	t.Logf("%d done, %d refused", done, refused)
	if entries, err := os.ReadDir(protected); err != nil || len(entries) > 0 {
		t.Fatalf("%s was touched: %v, %v", protected, entries, err)
	}
	target := w.choose(Request{Path: parent + "/out"})
	_, err := target.Sweep()
	w.must(err)
	w.commit(target, "last")
	w.expect(parent+"/out", "last")
	w.noLeftovers(parent)
}

func racedRollback(w *world, path string) error {
	d, err := w.guard.Choose(Request{Path: path})
	if err != nil {
		return err
	}
	defer d.Target.Close()
	p, err := d.Target.Pending()
	if err != nil {
		return err
	}
	defer p.Cleanup()
	root, err := p.Root()
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range []string{".ours", "precious"} {
		if err := root.WriteFile(name, []byte("overwritten"), 0o644); err != nil {
			return err
		}
	}
	return p.Commit(CommitOptions{KeepPrevious: true})
}
