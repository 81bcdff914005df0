package gitstoretest

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ExpectedTree computes the id of the tree that a checkpoint of the project at
// dir has: every path of [Recorded] but those in leaveOut and below them, as the
// bytes that are on disk. Git hashes all of it, with no filter in between, in a
// repository of its own; the project is only read.
func ExpectedTree(tb testing.TB, dir string, leaveOut ...string) string {
	tb.Helper()
	o := newOracle(tb)
	root := &node{}
	for _, path := range Recorded(tb, dir) {
		if !slices.ContainsFunc(leaveOut, func(out string) bool { return path == out || strings.HasPrefix(path, out+"/") }) {
			o.files = append(o.files, root.add(strings.Split(path, "/"), filepath.Join(dir, path)))
		}
	}
	o.hashFiles(dir)
	o.hashTrees(root)
	return root.id
}

// Recorded lists, in order and with slashes, the files and symbolic links that a
// checkpoint of the project at dir holds: those that git's rules and index name,
// and those of repositories inside, by their own rules and index.
func Recorded(tb testing.TB, dir string) []string {
	tb.Helper()
	found := make(map[string]bool)
	collect(tb, dir, "", found)
	return slices.Sorted(maps.Keys(found))
}

// collect adds what the repository at top/prefix says of its files.
func collect(tb testing.TB, top, prefix string, found map[string]bool) {
	tb.Helper()
	at := filepath.Join(top, prefix)
	out := pipe(tb, at, environmentOf(tb, at), "", "ls-files", "-co", "--exclude-standard", "-z")
	for path := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		// A repository inside is listed with a slash at its end.
		path = strings.TrimSuffix(path, "/")
		if path == "" || ours(path) || behindSymlink(tb, at, path) {
			continue
		}
		full := prefix + path
		fi, err := os.Lstat(filepath.Join(top, full))
		switch {
		case missing(err):
			// The index names it, the disk doesn't have it.
		case err != nil:
			tb.Fatal(err)
		case fi.Mode().IsRegular() || fi.Mode()&fs.ModeSymlink != 0:
			found[full] = true
		case fi.IsDir() && exists(filepath.Join(top, full, ".git")):
			collect(tb, top, full+"/", found)
		}
	}
}

// environmentOf lends a plain directory an empty repository, so that git can
// apply the rules that lie in it.
func environmentOf(tb testing.TB, dir string) []string {
	tb.Helper()
	if exists(filepath.Join(dir, ".git")) {
		return nil
	}
	lent := tb.TempDir()
	Git(tb, lent, "init", "-q", "--bare", ".")
	return []string{"GIT_DIR=" + lent, "GIT_WORK_TREE=" + dir}
}

// ours are names that are never recorded.
func ours(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if name == ".git" || name == ".evoseal" {
			return true
		}
	}
	return false
}

// behindSymlink says that a directory on the way has become a symbolic link, so
// that the path, which the index still names, isn't there any more.
func behindSymlink(tb testing.TB, top, path string) bool {
	tb.Helper()
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		fi, err := os.Lstat(filepath.Join(top, dir))
		if err != nil && !missing(err) {
			tb.Fatal(err)
		}
		if err == nil && !fi.IsDir() {
			return true
		}
	}
	return false
}

// node is a file or directory of the expected tree.
type node struct {
	mode, id string
	// path is where a file lies; empty for a directory.
	path string
	subs map[string]*node
}

func (n *node) add(names []string, path string) *node {
	for _, name := range names {
		if n.subs == nil {
			n.mode, n.subs = "040000", make(map[string]*node)
		}
		if n.subs[name] == nil {
			n.subs[name] = &node{}
		}
		n = n.subs[name]
	}
	n.path = path
	return n
}

// oracle hashes by git's plumbing, in a repository of its own.
type oracle struct {
	testing.TB
	scratch string
	env     []string
	files   []*node
}

func newOracle(tb testing.TB) *oracle {
	tb.Helper()
	repo := filepath.Join(tb.TempDir(), "oracle.git")
	Git(tb, filepath.Dir(repo), "init", "-q", "--bare", "--object-format=sha1", repo)
	return &oracle{TB: tb, scratch: tb.TempDir(), env: []string{"GIT_DIR=" + repo}}
}

func (o *oracle) git(dir, input string, args ...string) string {
	o.Helper()
	return pipe(o.TB, dir, o.env, input, args...)
}

// hashFiles names the content of all files, without keeping it: the names are
// all that is wanted. A symbolic link's is where it leads.
func (o *oracle) hashFiles(dir string) {
	o.Helper()
	var names strings.Builder
	for i, n := range o.files {
		fi, err := os.Lstat(n.path)
		if err != nil {
			o.Fatal(err)
		}
		from := n.path
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			n.mode = "120000"
			from = o.leadsTo(n.path, i)
		case fi.Mode()&0o100 != 0:
			n.mode = "100755"
		default:
			n.mode = "100644"
		}
		names.WriteString(cQuote(from) + "\n")
	}
	ids := strings.Fields(o.git(dir, names.String(), "hash-object", "--no-filters", "--stdin-paths"))
	if len(ids) != len(o.files) {
		o.Fatalf("git hash-object named %d of %d files", len(ids), len(o.files))
	}
	for i, n := range o.files {
		n.id = ids[i]
	}
}

// leadsTo puts a symbolic link's destination into a file.
func (o *oracle) leadsTo(link string, i int) string {
	o.Helper()
	dest, err := os.Readlink(link)
	if err != nil {
		o.Fatal(err)
	}
	path := filepath.Join(o.scratch, fmt.Sprint(i))
	if err := os.WriteFile(path, []byte(dest), 0o600); err != nil {
		o.Fatal(err)
	}
	return path
}

// hashTrees makes the trees from the leaves up, one call of git for each level.
func (o *oracle) hashTrees(root *node) {
	o.Helper()
	for _, level := range slices.Backward(levels(root)) {
		var input strings.Builder
		for _, n := range level {
			for name, sub := range n.subs {
				typ := "blob"
				if sub.subs != nil {
					typ = "tree"
				}
				fmt.Fprintf(&input, "%s %s %s\t%s\x00", sub.mode, typ, sub.id, name)
			}
			input.WriteByte(0)
		}
		ids := strings.Fields(o.git(o.scratch, input.String(), "mktree", "-z", "--batch", "--missing"))
		if len(ids) != len(level) {
			o.Fatalf("git mktree made %d of %d trees", len(ids), len(level))
		}
		for i, n := range level {
			n.id = ids[i]
		}
	}
}

// levels lists the directories by their depth, the top first.
func levels(root *node) [][]*node {
	var all [][]*node
	for level := []*node{root}; len(level) > 0; {
		all = append(all, level)
		var next []*node
		for _, n := range level {
			for _, sub := range n.subs {
				if sub.subs != nil {
					next = append(next, sub)
				}
			}
		}
		level = next
	}
	return all
}

// cQuote writes a name as git reads it where lines are names.
func cQuote(name string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(name) {
		fmt.Fprintf(&b, `\%03o`, name[i])
	}
	b.WriteByte('"')
	return b.String()
}
