package gitindex

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEncodeReadByGit(t *testing.T) {
	for _, test := range indexes {
		if test.name == "sparse" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			r := newRepo(t)
			r.fill()
			test.make(r)
			want, status := r.listing(), r.git("status", "--porcelain", "-z")
			entries, err := Decode(r.index())
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := Encode(&b, Pointers(entries)); err != nil {
				t.Fatal(err)
			}
			r.setIndex(b.Bytes())
			sameListing(t, r.listing(), want)
			if got := r.git("status", "--porcelain", "-z"); got != status {
				t.Errorf("status is now %q, not %q", got, status)
			}
			checkRewrite(t, entries)
		})
	}
}

// statEntry is the entry of a file as the work tree has it.
func statEntry(t *testing.T, r *repo, name, id string, mode uint32) Entry {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(r.path(name), &st); err != nil {
		t.Fatal(err)
	}
	mtime, ctime := statTimes(&st)
	e := Entry{
		Name: name, Mode: mode, Dev: uint32(st.Dev), Ino: uint32(st.Ino), UID: st.Uid, GID: st.Gid, Size: uint32(st.Size),
		MTimeSec: uint32(mtime.Sec), MTimeNsec: uint32(mtime.Nsec), CTimeSec: uint32(ctime.Sec), CTimeNsec: uint32(ctime.Nsec),
	}
	if _, err := hex.Decode(e.ID[:], []byte(id)); err != nil {
		t.Fatal(err)
	}
	return e
}

// fromTree makes the index of HEAD out of its tree and the work tree alone.
func fromTree(t *testing.T, r *repo) (entries []Entry, tree []TreeNode) {
	t.Helper()
	root := TreeNode{}
	hex.Decode(root.ID[:], []byte(strings.TrimSpace(r.git("rev-parse", "HEAD^{tree}"))))
	nodes := map[string]*TreeNode{"": &root}
	for line := range strings.SplitSeq(strings.TrimSuffix(r.git("ls-tree", "-r", "-t", "-z", "HEAD"), "\x00"), "\x00") {
		var mode uint32
		var kind, id string
		meta, name, _ := strings.Cut(line, "\t")
		if _, err := fmt.Sscanf(meta, "%o %s %s", &mode, &kind, &id); err != nil {
			t.Fatal(err)
		}
		if kind == "tree" {
			n := &TreeNode{Path: name}
			hex.Decode(n.ID[:], []byte(id))
			nodes[name] = n
			continue
		}
		if kind == "commit" {
			e := Entry{Name: name, Mode: mode}
			hex.Decode(e.ID[:], []byte(id))
			entries = append(entries, e)
		} else {
			entries = append(entries, statEntry(t, r, name, id, mode))
		}
	}
	tree = count(entries, nodes)
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(tree, TreeNode.Compare)
	return entries, tree
}

// count fills in how much lies below each node.
func count(entries []Entry, nodes map[string]*TreeNode) (tree []TreeNode) {
	dirOf := func(name string) string { return strings.TrimPrefix(path.Dir("/"+name), "/") }
	for _, e := range entries {
		for dir := dirOf(e.Name); ; dir = dirOf(dir) {
			nodes[dir].Entries++
			if dir == "" {
				break
			}
		}
	}
	for name := range nodes {
		if name != "" {
			nodes[dirOf(name)].Subtrees++
		}
	}
	for _, n := range nodes {
		tree = append(tree, *n)
	}
	return tree
}

func TestEncodeFromStat(t *testing.T) {
	r := newRepo(t)
	r.fill()
	entries, tree := fromTree(t, r)
	for _, nodes := range [][]TreeNode{nil, tree} {
		var b bytes.Buffer
		if err := Encode(&b, Pointers(entries), nodes...); err != nil {
			t.Fatal(err)
		}
		r.setIndex(b.Bytes())
		// diff-files compares stat data and never reads a file.
		if out := r.git("diff-files", "--name-only"); out != "vendor/sub\n" && out != "" {
			t.Errorf("git would have to read %q", out)
		}
		if out := r.git("status", "--porcelain", "--ignore-submodules=all"); out != "" {
			t.Errorf("status: %q", out)
		}
		if got, want := r.git("write-tree", "--missing-ok"), r.git("rev-parse", "HEAD^{tree}"); got != want {
			t.Errorf("write-tree gives %s, not %s", got, want)
		}
		r.git("fsck", "--strict", "--cache", "--no-dangling")
	}
}

// TestTreeByteForByte compares the whole file, cache of trees and all, with what
// git writes.
func TestTreeByteForByte(t *testing.T) {
	r := newRepo(t)
	r.fill()
	_, tree := fromTree(t, r)
	r.git("read-tree", "HEAD")
	want := r.index()
	entries, err := Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Encode(&b, Pointers(entries), tree...); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%d bytes differ from git's %d", b.Len(), len(want))
	}
	// Git believes the cache, which shows that it was read: a wrong id comes
	// out again.
	other := strings.TrimSpace(r.git("rev-parse", "HEAD:dir"))
	hex.Decode(tree[0].ID[:], []byte(other))
	b.Reset()
	if err := Encode(&b, Pointers(entries), tree...); err != nil {
		t.Fatal(err)
	}
	r.setIndex(b.Bytes())
	if got := strings.TrimSpace(r.git("write-tree")); got != other {
		t.Errorf("write-tree made %s itself", got)
	}
}

func TestEncodeRefuses(t *testing.T) {
	file := func(name string) Entry { return Entry{Name: name, Mode: 0o100644} }
	with := func(e Entry, f func(*Entry)) []Entry { f(&e); return []Entry{e} }
	two := []Entry{file("a/b"), file("c")}
	for name, test := range map[string]struct {
		entries []Entry
		tree    []TreeNode
	}{
		"out of order":       {entries: []Entry{file("b"), file("a")}},
		"double":             {entries: []Entry{file("a"), file("a")}},
		"empty name":         {entries: []Entry{file("")}},
		"zero byte":          {entries: []Entry{file("a\x00b")}},
		"stage":              {entries: with(file("a"), func(e *Entry) { e.Stage = 4 })},
		"no mode":            {entries: with(file("a"), func(e *Entry) { e.Mode = 0 })},
		"directory":          {entries: with(file("a/"), func(e *Entry) { e.Mode = 0o40000 })},
		"tree of a conflict": {with(file("a"), func(e *Entry) { e.Stage = 1 }), []TreeNode{{Entries: 1}}},
		"tree of a plan":     {with(file("a"), func(e *Entry) { e.IntentToAdd = true }), []TreeNode{{Entries: 1}}},
		"no top":             {two, []TreeNode{{Path: "a", Entries: 1}}},
		"wrong count":        {two, []TreeNode{{Entries: 1}}},
		"missing subtree":    {two, []TreeNode{{Entries: 2, Subtrees: 1}}},
		"subtree too many":   {two, []TreeNode{{Entries: 2}, {Path: "a", Entries: 1}}},
		"no such directory":  {two, []TreeNode{{Entries: 2, Subtrees: 1}, {Path: "c", Entries: 0}}},
		"grandchild":         {[]Entry{file("a/b/c")}, []TreeNode{{Entries: 1, Subtrees: 1}, {Path: "a/b", Entries: 1}}},
		"trees out of order": {[]Entry{file("a/x"), file("b/x")}, []TreeNode{{Entries: 2, Subtrees: 2}, {Path: "b", Entries: 1}, {Path: "a", Entries: 1}}},
	} {
		var b bytes.Buffer
		if err := Encode(&b, Pointers(test.entries), test.tree...); !errors.Is(err, ErrEntry) || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes written", name, err, b.Len())
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	if err := Encode(full, Pointers(two)); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a full disk gives %v", err)
	}
}

func TestTreeOrder(t *testing.T) {
	var nodes []TreeNode
	for _, p := range []string{"aa/b", "b/z", "a/aa", "", "ab", "a/b/c", "a", "aa", "b", "a/b"} {
		nodes = append(nodes, TreeNode{Path: p})
	}
	slices.SortFunc(nodes, TreeNode.Compare)
	want := []string{"", "a", "a/b", "a/b/c", "a/aa", "b", "b/z", "aa", "aa/b", "ab"}
	for i, n := range nodes {
		if n.Path != want[i] {
			t.Errorf("%d: %q, not %q", i, n.Path, want[i])
		}
	}
}

// manyEntries is an index of the size that the speed is meant for.
func manyEntries(n int) []Entry {
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{Name: fmt.Sprintf("src/package%04d/sub/file_%06d.go", i/40, i), Mode: 0o100644, Ino: uint32(i), Size: 4711}
	}
	return entries
}

func BenchmarkEncode(b *testing.B) {
	entries := manyEntries(100_000)
	b.ReportAllocs()
	for b.Loop() {
		var out bytes.Buffer
		if err := Encode(&out, Pointers(entries)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	var out bytes.Buffer
	if err := Encode(&out, Pointers(manyEntries(100_000))); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(out.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
