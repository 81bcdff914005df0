package gitstore

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A branch can be checked out over a project with submodules.
func TestBranchKeepsSubmodules(t *testing.T) {
	inner := newWorld(t)
	inner.git("init", "-q", ".")
	inner.write("f", "x")
	head := inner.commitAll("inner")
	w := newWorld(t)
	w.git("init", "-q", "-b", "main", ".")
	w.write("lib.a", "sorts before a directory, and behind a link", "a", "one")
	w.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.dir, "lib")
	w.commitAll("with a submodule")
	w.write("a", "changed")
	s := w.store()
	c := w.record(s, RecordRequest{Version: "v1"})
	b, err := s.WriteBranch(context.Background(), "rescue", c.Checkpoint)
	w.must(err)
	if !slices.Equal(b.Submodules, []string{"lib"}) || b.Converts {
		t.Errorf("%+v", b)
	}
	if got := w.git("ls-tree", "rescue", "lib"); got != "160000 commit "+head+"\tlib" {
		t.Errorf("lib is %q", got)
	}
	w.git("checkout", "-q", "--", "a")
	w.git("switch", "-q", "rescue")
	if out := w.git("status", "--porcelain"); out != "" {
		t.Errorf("status: %s", out)
	}
	if data, err := os.ReadFile(filepath.Join(w.dir, "a")); err != nil || string(data) != "changed" {
		t.Errorf("%q %v", data, err)
	}
	if out := w.git("fsck", "--strict", "--no-dangling"); out != "" {
		t.Errorf("git fsck: %s", out)
	}
}

func TestBranchTellsOfConversions(t *testing.T) {
	for attributes, want := range map[string]bool{
		"*.txt text eol=crlf\n":             true,
		"# *.txt text\n":                    false,
		"*.png binary\n*.x -text -filter":   false,
		"*.c ident":                         true,
		"*.bin filter=lfs diff=lfs -text\n": true,
		"*.txt text=auto\r\n":               true,
		"*.md linguist-documentation":       false,
	} {
		w := newWorld(t)
		w.git("init", "-q", ".")
		w.write("sub/.gitattributes", attributes, "sub/a.txt", "x\r\n")
		s := w.store()
		c := w.record(s, RecordRequest{Version: "v1"})
		b, err := s.WriteBranch(context.Background(), "b", c.Checkpoint)
		w.must(err)
		if b.Converts != want {
			t.Errorf("%q: converts %v", attributes, b.Converts)
		}
	}
}
