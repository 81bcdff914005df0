package gitindex

import (
	"cmp"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// TreeNode is a directory of the index whose tree object is known.
type TreeNode struct {
	// Path is below the top, which is "".
	Path string
	// Entries is the number of index entries below, at any depth.
	Entries int
	// Subtrees is the number of nodes directly below.
	Subtrees int
	ID       [20]byte
}

// Compare is git's order: a directory before those in it, and names in one
// directory by length first, then by bytes.
func (n TreeNode) Compare(o TreeNode) int {
	a, b := n.Path, o.Path
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, "/")
		y, b, _ = strings.Cut(b, "/")
		if c := compareNames(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// appendTree appends the body of a TREE extension. A cache that names other
// entries than the index has would make git commit the wrong tree, so the nodes
// must fit the entries and each other.
func appendTree(b []byte, entries []*Entry, tree []TreeNode) ([]byte, error) {
	for _, e := range entries {
		if e.Stage != 0 || e.IntentToAdd {
			return nil, fmt.Errorf("%w: %q is in no tree, so none can be cached", ErrEntry, e.Name)
		}
	}
	type open struct {
		path, last string
		left       int
	}
	// The parent of the first node expects the top alone.
	parents := []open{{left: 1}}
	for i, n := range tree {
		for len(parents) > 0 && parents[len(parents)-1].left == 0 {
			parents = parents[:len(parents)-1]
		}
		if len(parents) == 0 {
			return nil, n.misfit("more nodes than their parents count")
		}
		p := &parents[len(parents)-1]
		name, ok := n.nameIn(p.path, i == 0)
		if !ok || i > 0 && compareNames(p.last, name) >= 0 {
			return nil, n.misfit("out of order")
		}
		if n.Entries != countBelow(entries, n.Path) || n.Subtrees < 0 || i > 0 && n.Entries == 0 {
			return nil, n.misfit("wrong count")
		}
		p.left--
		p.last = name
		parents = append(parents, open{path: n.Path, left: n.Subtrees})
		b = append(b, name...)
		b = append(b, 0)
		b = strconv.AppendInt(b, int64(n.Entries), 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(n.Subtrees), 10)
		b = append(b, '\n')
		b = append(b, n.ID[:]...)
	}
	for _, p := range parents {
		if p.left != 0 {
			return nil, fmt.Errorf("%w: tree %q lacks %d subtrees", ErrEntry, p.path, p.left)
		}
	}
	return b, nil
}

func (n TreeNode) misfit(why string) error {
	return fmt.Errorf("%w: tree %q: %s", ErrEntry, n.Path, why)
}

// nameIn is the last component of the path of a directory directly in parent.
func (n TreeNode) nameIn(parent string, top bool) (name string, ok bool) {
	if top {
		return "", n.Path == ""
	}
	name = n.Path
	if parent != "" {
		if name, ok = strings.CutPrefix(name, parent+"/"); !ok {
			return "", false
		}
	}
	return name, name != "" && strings.IndexByte(name, '/') < 0
}

// countBelow counts the entries in a directory at any depth.
func countBelow(entries []*Entry, dir string) int {
	if dir == "" {
		return len(entries)
	}
	from := func(s string) int {
		return sort.Search(len(entries), func(i int) bool { return entries[i].Name >= s })
	}
	return from(dir+"0") - from(dir+"/") // '0' comes next after '/'
}
