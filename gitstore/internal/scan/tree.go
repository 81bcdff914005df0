package scan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
)

// Git's modes of tree entries.
const (
	ModeFile    = 0o100644
	ModeExec    = 0o100755
	ModeSymlink = 0o120000
	ModeDir     = 0o40000
	ModeGitlink = 0o160000
)

// Tree is a project as it was read.
type Tree struct {
	Root *Dir
	// Files and Bytes count what was recorded; Read counts the bytes of those
	// files that had to be opened.
	Files, Bytes, Read int64
	// Failed are the paths that could not be recorded as they are.
	Failed []Failure
	// Special are sockets, pipes and devices, which have no content to record, and
	// what only bears a name that no tree may hold.
	Special []Failure
	Nested  []Nested
}

// Failure is a path and why it was left out.
type Failure struct {
	Path string
	Err  error
}

func (f Failure) Error() string { return fmt.Sprintf("%q: %v", f.Path, f.Err) }

func (f Failure) Unwrap() error { return f.Err }

// Nested is a repository inside the project, recorded as ordinary files.
type Nested struct {
	Path      string
	Submodule bool
}

// Dir is a directory.
type Dir struct {
	Name    string
	Perm    uint32
	Entries []Entry
	ID      odb.ID

	parent *Dir
	cached statcache.Dir
	// pending counts what must be done before the tree can be built: the listing
	// itself, batches of files, and directories below.
	pending atomic.Int32
	// same counts the entries that are as the cache has them, read says that any
	// of them had to be read to know it.
	same int
	read bool
	// kept says that the directory, with all below it, is what the cache tells.
	kept bool
	// Failed says that the directory could not be listed: it is not empty but
	// unknown.
	Failed bool
}

// Entry is an entry of a directory. A mode of 0 marks one that vanished or
// failed while it was read.
type Entry struct {
	Name string
	Mode uint32
	// Perm are the permission bits, 07777.
	Perm uint32
	ID   odb.ID
	Stat statcache.Stat
	Sub  *Dir
}

// Path is the directory's path below the project's top, with slashes; empty for
// the top.
func (d *Dir) Path() string {
	if d.parent == nil {
		return ""
	}
	return join(d.parent.Path(), d.Name)
}

// join makes a path of its own: a name may be text of the cache.
func join(dir, name string) string {
	if dir == "" {
		return strings.Clone(name)
	}
	return dir + "/" + name
}

// Recorded says whether anything below the directory is recorded; a Git tree
// can't hold one without.
func (d *Dir) Recorded() bool { return !d.ID.IsZero() }

// build writes the directory's tree, once those below are built, and so names it. An
// unchanged directory keeps its tree without being encoded or hashed again.
func (d *Dir) build(lane Lane, stored func(odb.ID) bool) (err error) {
	same, recorded, kept := d.same, 0, !d.read
	for i := range d.Entries {
		e := &d.Entries[i]
		if e.Sub != nil {
			if e.ID = e.Sub.ID; e.Sub.cached.Known() && odb.ID(e.Sub.cached.Tree()) == e.ID {
				same++
			}
			kept = kept && e.Sub.kept
		}
		if e.Mode != 0 && !e.ID.IsZero() {
			recorded++
		}
	}
	if same == len(d.Entries) && same == d.cached.Len() && d.cached.Known() && !d.Failed {
		if tree := odb.ID(d.cached.Tree()); recorded > 0 == !tree.IsZero() && (recorded == 0 || stored(tree)) {
			d.ID, d.kept = tree, kept
			return nil
		}
	}
	if recorded == 0 {
		return nil
	}
	list := make([]Entry, 0, recorded)
	for _, e := range d.Entries {
		if e.Mode != 0 && !e.ID.IsZero() {
			list = append(list, e)
		}
	}
	d.ID, _, err = lane.Add(odb.Tree, encodeTree(list))
	return err
}

// encodeTree sorts as Git does: a directory as if its name ended in a slash.
func encodeTree(list []Entry) []byte {
	slices.SortFunc(list, func(a, b Entry) int { return CompareNames(a.Name, a.Mode, b.Name, b.Mode) })
	n := 0
	for _, e := range list {
		n += len(e.Name) + 28
	}
	out := make([]byte, 0, n)
	for _, e := range list {
		out = odb.AppendTreeEntry(out, odb.TreeEntry{Mode: e.Mode, Name: e.Name, ID: e.ID})
	}
	return out
}

// CompareNames orders two entries of one tree as Git does.
func CompareNames(a string, modeA uint32, b string, modeB uint32) int {
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	return cmp.Compare(nameEnd(a, n, modeA), nameEnd(b, n, modeB))
}

func nameEnd(name string, n int, mode uint32) int {
	if len(name) > n {
		return int(name[n])
	}
	if mode == ModeDir {
		return '/'
	}
	return -1
}

// Kept says that the stat cache still tells all of it.
func (t *Tree) Kept() bool { return t.Root.kept }

// WriteCache stores what was read as the next stat cache, with the packs that hold
// it. The cache that the walk was given must still be open.
func (t *Tree) WriteCache(w *statcache.Writer, packs [][20]byte) error {
	return w.Commit(t.Root.cache(w), packs)
}

func (d *Dir) cache(w *statcache.Writer) statcache.Place {
	if d.kept {
		return w.Keep(d.cached)
	}
	entries := make([]statcache.Entry, 0, len(d.Entries))
	var children []statcache.Place
	for _, e := range d.Entries {
		if e.Mode == 0 {
			continue
		}
		if e.Sub != nil {
			children = append(children, e.Sub.cache(w))
		}
		entries = append(entries, statcache.Entry{Name: e.Name, Mode: e.Mode, ID: e.ID, Stat: e.Stat})
	}
	return w.Add(d.ID, entries, children)
}

// Walk calls f for every directory and entry, parents first, in the order of
// names. The entry is nil for the top; dir is the directory that the entry is, or
// nil, and in the one that holds it.
func (t *Tree) Walk(f func(in, dir *Dir, e *Entry)) {
	f(nil, t.Root, nil)
	t.Root.walk(f)
}

func (d *Dir) walk(f func(in, dir *Dir, e *Entry)) {
	for i := range d.Entries {
		e := &d.Entries[i]
		if e.Mode == 0 {
			continue
		}
		f(d, e.Sub, e)
		if e.Sub != nil {
			e.Sub.walk(f)
		}
	}
}

// PathOf is the path of one of the directory's entries.
func (d *Dir) PathOf(e *Entry) string { return join(d.Path(), e.Name) }
