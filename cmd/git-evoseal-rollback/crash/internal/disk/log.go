package disk

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Kind says what an operation does.
type Kind int

// Kinds of operations.
const (
	// Create makes an empty file, Truncate empties one.
	Create Kind = iota
	Truncate
	// Write gives a file the content that Op.Data is: all of it.
	Write
	Mkdir
	// Link gives the file at Path a second name, To.
	Link
	// Symlink makes a link at Path that holds To.
	Symlink
	// Rename moves Path to To, in place of what is there; Exchange swaps the two.
	Rename
	Exchange
	// Unlink removes a name, of an empty directory too.
	Unlink
	Chmod
	// Sync makes a file's content durable, or a directory's names.
	Sync
	SyncAll
)

// Op is one operation. Paths are relative to the directory of the log.
type Op struct {
	Kind     Kind
	Path, To string
	Data     []byte
	Mode     fs.FileMode
}

func (o Op) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", o.Kind, o.Path, o.To))
}

func (k Kind) String() string {
	return []string{"create", "truncate", "write", "mkdir", "link", "symlink", "rename", "exchange", "unlink", "chmod", "sync", "sync all"}[k]
}

// node is a file, a directory or a symbolic link.
type node struct {
	mode fs.FileMode
	// data is a file's content or what a link holds; synced and syncedMode are what
	// is durable of it.
	data, synced []byte
	syncedMode   fs.FileMode
	// entries are a directory's names, durable those that are.
	entries, durable map[string]*node
}

func newDir(mode fs.FileMode) *node {
	return &node{mode: mode | fs.ModeDir, syncedMode: mode | fs.ModeDir, entries: make(map[string]*node), durable: make(map[string]*node)}
}

func (n *node) isDir() bool { return n.mode.IsDir() }

// change is one change of names in one directory. Moves are changes of two names at
// once: from goes, and to becomes what it was.
type change struct {
	dir *node
	// set are the new values of names; nil removes one.
	set map[string]*node
	// was are the values before.
	was map[string]*node
}

// Log is a run's operations on top of a directory.
type Log struct {
	base string
	ops  []Op
	// now is the state after all operations.
	now *state
}

// NewLog begins a log on the directory as it is now; what is in base is read at each
// Cut, so it must stay.
func NewLog(base string) (*Log, error) {
	now, err := begin(base, Strict)
	return &Log{base: base, now: now}, err
}

// Add adds an operation that was done.
func (l *Log) Add(o Op) error {
	l.ops = append(l.ops, o)
	return l.now.apply(o)
}

// Has says whether there is something at path, after all operations so far.
func (l *Log) Has(path string) bool {
	_, _, n := l.now.find(path)
	return n != nil
}

// Len is how many operations there are.
func (l *Log) Len() int { return len(l.ops) }

// At is the n-th.
func (l *Log) At(n int) Op { return l.ops[n] }

// state is a file system in the middle of a log.
type state struct {
	root *node
	// pending are changes of names that no sync has made durable, in order.
	pending []change
	// touched are files whose content or mode may not be durable.
	touched map[*node]bool
	model   Model
}

// begin is the state of a directory before any operation.
func begin(base string, model Model) (*state, error) {
	root, err := load(base)
	return &state{root: root, touched: make(map[*node]bool), model: model}, err
}

// load reads a directory, all of which is durable.
func load(dir string) (*node, error) {
	fi, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	n := &node{mode: fi.Mode(), syncedMode: fi.Mode()}
	switch {
	case fi.IsDir():
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		n = newDir(fi.Mode())
		for _, e := range entries {
			if n.entries[e.Name()], err = load(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
			n.durable[e.Name()] = n.entries[e.Name()]
		}
	case fi.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(dir)
		n.data, n.synced = []byte(to), []byte(to)
		return n, err
	default:
		n.data, err = os.ReadFile(dir)
		n.synced = n.data
		return n, err
	}
	return n, nil
}

// find returns a path's directory, its last name and what it leads to.
func (s *state) find(path string) (dir *node, name string, n *node) {
	path = filepath.Clean(path)
	if path == "." {
		return nil, "", s.root
	}
	dir = s.root
	parts := strings.Split(path, "/")
	for _, part := range parts[:len(parts)-1] {
		dir = dir.entries[part]
		if dir == nil || !dir.isDir() {
			return nil, "", nil
		}
	}
	name = parts[len(parts)-1]
	return dir, name, dir.entries[name]
}

// apply does one operation. One on a file without a name is none: nothing leads there.
func (s *state) apply(o Op) error {
	dir, name, n := s.find(o.Path)
	switch o.Kind {
	case Create, Mkdir, Symlink:
		if dir == nil {
			return fmt.Errorf("%s: no such directory", o)
		}
		made := &node{mode: o.Mode, syncedMode: o.Mode}
		switch o.Kind {
		case Mkdir:
			made = newDir(o.Mode)
		case Symlink:
			made.mode |= fs.ModeSymlink
			made.data, made.synced = []byte(o.To), []byte(o.To)
		}
		s.rename(change{dir: dir, set: map[string]*node{name: made}})
	case Truncate, Write, Chmod:
		if n == nil {
			return nil
		}
		switch o.Kind {
		case Chmod:
			n.mode = n.mode.Type() | o.Mode
		default:
			n.data = o.Data
		}
		s.touched[n] = true
	case Unlink:
		if n == nil {
			return fmt.Errorf("%s: no such file", o)
		}
		s.rename(change{dir: dir, set: map[string]*node{name: nil}})
	case Link, Rename, Exchange:
		return s.move(o, dir, name, n)
	case Sync:
		s.sync(n)
	case SyncAll:
		s.settle(func(change) bool { return true })
		for n := range s.touched {
			s.harden(n)
		}
	}
	return nil
}

func (s *state) move(o Op, dir *node, name string, n *node) error {
	toDir, toName, there := s.find(o.To)
	if n == nil || toDir == nil || o.Kind == Exchange && there == nil {
		return fmt.Errorf("%s: no such file", o)
	}
	from, to := map[string]*node{name: nil}, map[string]*node{toName: n}
	switch o.Kind {
	case Exchange:
		from[name] = there
	case Link:
		from = nil
	}
	if dir == toDir {
		for name, n := range from {
			to[name] = n
		}
		from = nil
	}
	s.rename(change{dir: toDir, set: to})
	if from != nil {
		s.rename(change{dir: dir, set: from})
	}
	return nil
}

// rename changes names that are not durable yet.
func (s *state) rename(c change) {
	c.was = make(map[string]*node)
	for name, n := range c.set {
		c.was[name] = c.dir.entries[name]
		if n == nil {
			delete(c.dir.entries, name)
		} else {
			c.dir.entries[name] = n
		}
	}
	s.pending = append(s.pending, c)
}

func (s *state) sync(n *node) {
	if n == nil {
		return
	}
	if s.model == Journal {
		s.settle(func(change) bool { return true })
	} else if n.isDir() {
		s.settle(func(c change) bool { return c.dir == n })
	}
	s.harden(n)
}

// settle makes pending changes durable.
func (s *state) settle(which func(change) bool) {
	s.pending = slices.DeleteFunc(s.pending, func(c change) bool {
		if which(c) {
			c.do()
			return true
		}
		return false
	})
}

func (c change) do() {
	for name, n := range c.set {
		if n == nil {
			delete(c.dir.durable, name)
		} else {
			c.dir.durable[name] = n
		}
	}
}

func (s *state) harden(n *node) {
	n.synced, n.syncedMode = n.data, n.mode
	delete(s.touched, n)
}
