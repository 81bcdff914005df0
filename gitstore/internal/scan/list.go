package scan

import (
	"errors"
	"slices"
	"strings"
	"syscall"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/ignore"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"golang.org/x/sys/unix"
)

// dirState is what a directory inherits from those above it.
type dirState struct {
	// path is below the project's top, inScope below the top of the repository
	// whose rules hold.
	path, inScope string
	scope         *Scope
	rules         *ignore.Matcher
	// onlyTracked: the directory is ignored, and walked because the index names
	// something in it. Git lets no rule bring anything else back here.
	onlyTracked bool
}

// batch is how many files that must be read make a task of their own, so that
// one wide directory keeps every processor busy.
const batch = 64

// dir reads one directory, and takes over h.
func (w *walker) dir(r *reader, h *dirfd.Handle, d *Dir, state dirState) {
	defer h.Release()
	if w.list.Stopped() {
		return
	}
	defer w.finish(r, d)
	if err := r.names.read(h.FD); err != nil {
		d.Failed = true
		w.fail(state.path, err)
		return
	}
	w.enter(h, d, &state, &r.names)
	unread := w.entries(h, d, state, &r.names)
	w.descend(h, d, state)
	for len(unread) > batch {
		part := unread[len(unread)-batch:]
		unread = unread[:len(unread)-batch]
		held := h.Hold()
		d.pending.Add(1)
		w.list.Push(func(r *reader) {
			defer held.Release()
			w.read(r, held, d, state.path, part)
			w.finish(r, d)
		})
	}
	w.read(r, h, d, state.path, unread)
}

// entries looks at all names and returns the positions of the files that must be
// read.
func (w *walker) entries(h *dirfd.Handle, d *Dir, state dirState, names *nameList) (unread []int) {
	d.Entries = make([]Entry, 0, names.len())
	var files, bytes int64
	for i := range names.len() {
		name := names.at(i)
		if name == ".git" || name == ".evoseal" {
			continue
		}
		e, clean, ok := w.entry(h, d, state, name)
		if !ok {
			continue
		}
		d.Entries = append(d.Entries, e)
		switch {
		case e.Mode == ModeDir:
		case clean:
			d.same++
			files++
			bytes += e.Stat.Size
		default:
			unread = append(unread, len(d.Entries)-1)
		}
	}
	w.opts.Progress.Files.Add(files)
	w.opts.Progress.Bytes.Add(bytes)
	return unread
}

// enter takes in what the directory itself changes: its own .gitignore, and the
// rules of a repository of its own.
func (w *walker) enter(h *dirfd.Handle, d *Dir, state *dirState, names *nameList) {
	if names.has(".git") {
		w.nested(state, d.parent == nil)
	}
	if state.scope == nil || state.onlyTracked {
		return
	}
	if names.has(".gitignore") {
		data, err := readSmall(h.FD, ".gitignore")
		if err == nil {
			state.rules = state.rules.WithFile(data)
		} else if withholdsRules(err) {
			w.fail(join(state.path, ".gitignore"), err)
		}
	}
}

// withholdsRules says that there are rules which aren't known, so that what they leave
// out would be recorded. The file itself may be readable a moment later, or be in the
// cache. git follows no symbolic link here either, and takes no directory for rules.
func withholdsRules(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && errno != unix.ENOENT && errno != unix.ELOOP && errno != unix.EISDIR
}

// nested lets a repository's own rules hold from here on down. The project's own
// rules hold already; a .git that is no repository's is left out with a word.
func (w *walker) nested(state *dirState, top bool) {
	scope := w.opts.Nested(state.path)
	if scope == nil {
		w.mu.Lock()
		w.tree.Special = append(w.tree.Special, Failure{join(state.path, ".git"), ErrNoRepository})
		w.mu.Unlock()
	}
	if scope == nil || top {
		return
	}
	w.mu.Lock()
	w.tree.Nested = append(w.tree.Nested, Nested{Path: state.path, Submodule: w.isGitlink(*state)})
	w.mu.Unlock()
	if state.scope != nil {
		state.scope, state.rules, state.inScope, state.onlyTracked = scope, scope.Rules, "", false
	}
}

func (w *walker) isGitlink(state dirState) bool {
	if state.scope == nil || state.scope.Tracked == nil {
		return false
	}
	tracked, err := state.scope.Tracked()
	return err == nil && tracked.IsGitlink(state.inScope)
}

// entry looks at one name, which is good for the call only. The second result says
// that the cache vouches for its content, the third that it is to be recorded.
func (w *walker) entry(h *dirfd.Handle, d *Dir, state dirState, name string) (e Entry, clean, ok bool) {
	st, err := dirfd.Lstat(h.FD, name)
	if err == unix.ENOENT {
		return Entry{}, false, false
	}
	if err != nil {
		w.fail(join(state.path, name), err)
		return Entry{}, false, false
	}
	mode := gitMode(st)
	if w.ignored(state, name, mode == ModeDir) {
		return Entry{}, false, false
	}
	if mode == ModeDir && w.opts.Never != nil && w.opts.Never(st.Dev, st.Ino) {
		return Entry{}, false, false
	}
	if mode == 0 {
		w.mu.Lock()
		w.tree.Special = append(w.tree.Special, Failure{join(state.path, name), ErrSpecial})
		w.mu.Unlock()
		return Entry{}, false, false
	}
	was, found := d.cached.Find(name)
	if found {
		// The cache's own text: it was checked when it was recorded.
		name = was.Name
	} else {
		name = strings.Clone(name)
		if w.opts.CheckName != nil {
			if err := w.opts.CheckName(name); err != nil {
				w.fail(join(state.path, name), err)
				return Entry{}, false, false
			}
		}
	}
	e = Entry{Name: name, Mode: mode, Perm: st.Perm(), Stat: known(st)}
	if mode == ModeDir {
		e.Sub = &Dir{Name: name, Perm: e.Perm, parent: d}
		e.Sub.pending.Store(1)
		if found {
			e.Sub.cached = d.cached.Sub(was)
		}
		return e, false, true
	}
	if found && !was.Racy && was.Mode == mode && was.Stat == e.Stat && w.opts.Stored(was.ID) {
		e.ID = was.ID
		return e, true, true
	}
	return e, false, true
}

// ignored applies the rules, and the index, which outranks them.
func (w *walker) ignored(state dirState, name string, isDir bool) bool {
	if state.scope == nil || !state.onlyTracked && !state.rules.Ignored(name, isDir) {
		return false
	}
	tracked := w.tracked(state)
	path := join(state.inScope, name)
	if isDir {
		return !tracked.HasBelow(path) && !tracked.IsGitlink(path)
	}
	return !tracked.Has(path)
}

// tracked returns the index's paths. An index that can't be read fails the
// walk: without it, tracked files would silently be left out.
func (w *walker) tracked(state dirState) *gitindex.PathSet {
	if state.scope.Tracked == nil {
		return &gitindex.PathSet{}
	}
	set, err := state.scope.Tracked()
	if err != nil {
		w.list.Stop(err)
		return &gitindex.PathSet{}
	}
	return set
}

// descend hands the sub-directories out, the first one last so that it comes
// first off the stack and the pack keeps the order of names.
func (w *walker) descend(h *dirfd.Handle, d *Dir, state dirState) {
	for i := range slices.Backward(d.Entries) {
		sub := d.Entries[i].Sub
		if sub == nil {
			continue
		}
		next := state
		next.path, next.inScope = join(state.path, sub.Name), join(state.inScope, sub.Name)
		if state.scope != nil {
			next.onlyTracked = state.onlyTracked || state.rules.Ignored(sub.Name, true)
			next.rules = state.rules.Enter(sub.Name)
		}
		parent := h.Hold()
		d.pending.Add(1)
		w.list.Push(func(r *reader) {
			defer parent.Release()
			sh, err := parent.Open(sub.Name)
			if err != nil {
				w.lost(d, i, next.path, err)
				w.finish(r, d)
				return
			}
			w.dir(r, sh, sub, next)
		})
	}
}

// lost takes an entry out again: without a word when it was deleted meanwhile.
func (w *walker) lost(d *Dir, i int, path string, err error) {
	d.Entries[i].Mode, d.Entries[i].Sub = 0, nil
	if !errors.Is(err, unix.ENOENT) {
		w.fail(path, err)
	}
}

// read brings the content of the entries at those positions.
func (w *walker) read(r *reader, h *dirfd.Handle, d *Dir, path string, positions []int) {
	if w.list.Stopped() {
		return
	}
	var files, bytes, read int64
	for _, i := range positions {
		e := &d.Entries[i]
		err := r.entry(h.FD, e)
		switch {
		case err == nil:
			files++
			bytes += e.Stat.Size
			read += e.Stat.Size
			if was, ok := d.cached.Find(e.Name); ok && was.Mode == e.Mode && odb.ID(was.ID) == e.ID {
				r.same++
			}
		case isFileError(err):
			w.lost(d, i, join(path, e.Name), err)
		default:
			w.list.Stop(err)
			return
		}
	}
	w.mu.Lock()
	d.same += r.same
	d.read = d.read || len(positions) > 0
	w.mu.Unlock()
	r.same = 0
	w.opts.Progress.Files.Add(files)
	w.opts.Progress.Bytes.Add(bytes)
	w.opts.Progress.Read.Add(read)
}
