package safety

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSweep(t *testing.T) {
	w := newWorld(t)
	free := w.top + "/free"
	target := w.choose(Request{Path: free + "/out"})
	dead := w.stage(target, "dead")
	w.must(dead.dir.Close()) // as if its process had gone
	live := w.stage(target, "live")
	defer live.Cleanup()
	const hex = "0123456789abcdef"
	w.mkdir(free + "/.out.trash-" + hex)
	keep := []string{
		".other.pending-" + hex, ".out.pending-" + hex + "0", ".out.pending-xyz", "out.pending-" + hex, ".out.x.pending-" + hex,
	}
	for _, name := range keep {
		w.mkdir(free + "/" + name)
	}
	w.link(w.outside, free+"/.out.pending-"+strings.Repeat("a", 16))
	w.write(free+"/.out.trash-"+strings.Repeat("b", 16), "a file of somebody's")

	removed, err := target.Sweep()
	w.must(err)
	want := []string{dead.Path(), free + "/.out.trash-" + hex}
	slices.Sort(want)
	slices.Sort(removed)
	if !slices.Equal(removed, want) {
		t.Errorf("removed %q, want %q", removed, want)
	}
	for _, name := range append(keep, filepath.Base(live.Path()), ".out.pending-"+strings.Repeat("a", 16), ".out.trash-"+strings.Repeat("b", 16)) {
		if _, err := os.Lstat(free + "/" + name); err != nil {
			t.Error(err)
		}
	}
	w.untouched()
	w.must(live.Commit(CommitOptions{}))
	w.expect(free+"/out", "live")
}

// TestSweepOfLiveExchange: two projects may share a target, and their locks
// don't exclude each other, so a commit in the middle of its work is left alone.
func TestSweepOfLiveExchange(t *testing.T) {
	for _, step := range []string{"exchange", "settle", "trash", "previous"} {
		w := newWorld(t)
		out := w.top + "/free/out"
		target := w.choose(Request{Path: out})
		w.commit(target, "1")
		w.commit(target, "2")
		p := w.stage(target, "3")
		target.seams.before = func(at string) {
			if at != step {
				return
			}
			removed, err := w.choose(Request{Path: out}).Sweep()
			if err != nil || len(removed) > 0 {
				t.Errorf("at %s: removed %q, %v", step, removed, err)
			}
		}
		w.must(p.Commit(CommitOptions{KeepPrevious: true}))
		w.expect(out, "3")
		w.expect(out+".previous", "2")
		w.noLeftovers(w.top + "/free")
	}
}

// TestHostileMarker: a marker can't make the sweep touch anything but the target's neighbours.
func TestHostileMarker(t *testing.T) {
	for _, line := range []string{
		``, `{`, `{"other":"../outside"}` + "\n",
		`{"other":"out.previous","aside":"../outside/precious","keep":true}` + "\n",
		`{"other":"victim","aside":".out.aside-0123456789abcdef","keep":true}` + "\n",
		`{"other":".out.pending-0123456789abcdef","aside":".out.aside-0123456789abcdef","keep":tr`,
		strings.Repeat("x", 3*maxMarker),
	} {
		w := newWorld(t)
		free := w.top + "/free"
		w.mkdir(free + "/victim")
		w.write(free+"/.out.swap", line)
		target := w.choose(Request{Path: free + "/out"})
		removed, err := target.Sweep()
		if err != nil || len(removed) > 0 {
			t.Errorf("%.40q: removed %q, %v", line, removed, err)
		}
		w.untouched()
		if entries, _ := os.ReadDir(free); len(entries) != 1 || entries[0].Name() != "victim" {
			t.Errorf("%.40q: left %v", line, entries)
		}
	}
	w := newWorld(t)
	w.link(w.outside+"/precious", w.top+"/free/.out.swap")
	target := w.choose(Request{Path: w.top + "/free/out"})
	if _, err := target.Sweep(); err != nil {
		t.Error(err)
	}
	w.untouched()
}

// TestSweepOfOthers: in a shared directory another user's names stay.
func TestSweepOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make another user's files")
	}
	w := newWorld(t)
	theirs := w.top + "/free/.out.pending-0123456789abcdef"
	w.mkdir(theirs)
	w.must(os.Chown(theirs, 4242, 4242))
	w.write(w.top+"/free/.out.swap", "")
	w.must(os.Chown(w.top+"/free/.out.swap", 4242, 4242))
	target := w.choose(Request{Path: w.top + "/free/out"})
	removed, err := target.Sweep()
	if err != nil || len(removed) > 0 || !exists(target.parent, ".out.swap") {
		t.Errorf("removed %q, %v", removed, err)
	}
	w.must(os.Chown(w.top+"/free", 4242, 4242)) // but in their own directory they are the owner
	removed, err = target.Sweep()
	if err != nil || len(removed) != 1 {
		t.Errorf("removed %q, %v", removed, err)
	}
}

func TestRemoveTree(t *testing.T) {
	w := newWorld(t)
	target := w.choose(Request{Path: w.top + "/free/out"})
	p := w.stage(target, "1")
	for _, dir := range []string{"locked/no", "none", "search"} {
		w.must(os.Chmod(p.Path()+"/locked", 0o755))
		w.mkdir(p.Path() + "/" + dir + "/deep")
		w.write(p.Path()+"/"+dir+"/deep/file", "x")
	}
	w.link(w.outside, p.Path()+"/link")
	w.link("loop", p.Path()+"/loop")
	w.must(os.Chmod(p.Path()+"/none", 0))
	w.must(os.Chmod(p.Path()+"/search", 0o111))
	w.must(os.Chmod(p.Path()+"/locked/no", 0o555))
	w.must(os.Chmod(p.Path()+"/locked", 0o555))
	for i := range removeBatch + 10 { // more than one reading
		w.write(p.Path()+"/many-"+strconv.Itoa(i), "")
	}
	root, err := p.Root()
	w.must(err)
	deep := "."
	for range 3*maxDepth + 5 { // more than one move up
		deep += "/d"
	}
	w.must(root.MkdirAll(deep, 0o755))
	for at := deep; at != "."; at = filepath.Dir(at) {
		w.must(root.Chmod(at, 0o555))
	}
	w.must(root.Close())
	w.must(p.Cleanup())
	w.must(p.Cleanup())
	w.noLeftovers(w.top + "/free")
	w.untouched()
}
