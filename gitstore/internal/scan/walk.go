package scan

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/ignore"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/worklist"
)

// Lane takes the content of files on behalf of one goroutine and names it;
// [odb.Lane] is one.
type Lane interface {
	Add(odb.Type, []byte) (odb.ID, bool, error)
	AddStream(odb.Type, int64, io.Reader) (odb.ID, bool, error)
}

// Scope is a repository's own idea of which of its files matter.
type Scope struct {
	// Rules are in force at its top, before the top's own .gitignore.
	Rules *ignore.Matcher
	// Tracked returns the paths of its index, which no rule leaves out. It is
	// asked only once something is ignored, from any goroutine.
	Tracked func() (*gitindex.PathSet, error)
}

// Options say what to walk and how.
type Options struct {
	// Top is a handle on the project's top.
	Top *os.File
	// Scope holds the project's rules; nil records ignored files too.
	Scope *Scope
	// Nested returns the scope of a repository found at path below the top, nil
	// when what is there is none.
	Nested func(path string) *Scope
	// Never is asked about every directory and says whether it must be stepped
	// over, such as a store that lies inside the project.
	Never func(dev, ino uint64) bool
	// CheckName refuses a name that a Git tree should not hold.
	CheckName func(string) error
	Cache     *statcache.Cache
	// Stored says whether a blob that the cache names is still in the database.
	Stored  func(odb.ID) bool
	NewLane func() Lane
	// Workers is the number of goroutines; zero is one a processor.
	Workers  int
	Progress *Progress
}

// Progress counts while the walk goes on; any goroutine may read it.
type Progress struct{ Files, Bytes, Read atomic.Int64 }

var (
	// ErrChanged says that a file changed each time it was read.
	ErrChanged = errors.New("changed while it was read")
	// ErrSpecial says that there is no content to record.
	ErrSpecial = errors.New("not a file, directory or symbolic link")
	// ErrNoRepository says that a .git, which no tree may hold, is no repository's
	// either.
	ErrNoRepository = errors.New("named .git, but no repository")
)

// Walk reads the project and builds its trees. What can't be read is in the Tree's Failed; an error
// means that the walk as a whole could not be done.
func Walk(ctx context.Context, opts Options) (*Tree, error) {
	w := &walker{opts: opts, list: worklist.New[*reader](ctx), tree: &Tree{Root: &Dir{}}}
	if w.opts.Progress == nil {
		w.opts.Progress = &Progress{}
	}
	// A handle of its own, not a duplicate, since listing moves its position.
	fd, err := dirfd.OpenDir(int(opts.Top.Fd()), ".")
	if err != nil {
		return nil, err
	}
	top := dirfd.New(fd)
	st, err := dirfd.Fstat(top.FD)
	if err != nil {
		top.Release()
		return nil, err
	}
	root := w.tree.Root
	root.Perm, root.cached = st.Perm(), opts.Cache.Root()
	root.pending.Store(1)
	state := dirState{scope: opts.Scope}
	if opts.Scope != nil {
		state.rules = opts.Scope.Rules
	}
	w.list.Push(func(r *reader) { w.dir(r, top, root, state) })
	if err := w.list.Run(opts.Workers, func() *reader {
		return &reader{lane: opts.NewLane(), trees: opts.NewLane(), stopped: w.list.Stopped}
	}); err != nil {
		return nil, err
	}
	if root.ID.IsZero() {
		if root.ID, _, err = opts.NewLane().Add(odb.Tree, nil); err != nil {
			return nil, err
		}
	}
	t := w.tree
	byPath := func(a, b Failure) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(t.Failed, byPath)
	t.Failed = slices.CompactFunc(t.Failed, func(a, b Failure) bool { return a.Path == b.Path })
	slices.SortFunc(t.Special, byPath)
	slices.SortFunc(t.Nested, func(a, b Nested) int { return strings.Compare(a.Path, b.Path) })
	t.Files, t.Bytes, t.Read = w.opts.Progress.Files.Load(), w.opts.Progress.Bytes.Load(), w.opts.Progress.Read.Load()
	return t, nil
}

type walker struct {
	opts Options
	list *worklist.List[*reader]

	// mu guards the lists in tree and the counts in its directories.
	mu   sync.Mutex
	tree *Tree
}

// finish takes one off what a directory waits for. Whoever takes the last one off
// builds its tree, which may be the last that the directory above waits for.
func (w *walker) finish(r *reader, d *Dir) {
	for ; d != nil && d.pending.Add(-1) == 0 && !w.list.Stopped(); d = d.parent {
		if err := d.build(r.trees, w.opts.Stored); err != nil {
			w.list.Stop(err)
		}
	}
}

func (w *walker) fail(path string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tree.Failed = append(w.tree.Failed, Failure{path, err})
}
