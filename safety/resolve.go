package safety

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links one path may hold, as in Linux.
const maxLinks = 40

var errDangling = errors.New("symbolic link leads nowhere")

// step is one existing directory on the way to a place, held open.
type step struct {
	name string
	dir  *os.File
	id   fileID
}

// place is where a path leads: every directory on the way, held by a handle,
// and the names at its end that don't exist yet.
type place struct {
	asked   string   // the absolute path as it was spelled, with its links
	steps   []step   // from "/" to the deepest existing directory
	rest    []string // what is missing below
	file    bool     // rest is one name, and it exists, but is no directory
	aliases []string // the same place by other names, through bind mounts
}

// resolve walks from "/" to the absolute path, one handle after the other, and
// follows links itself. What it returns was never looked up twice, so nothing
// that happens to the path later changes what it means.
func resolve(path string, mounts []mount) (*place, error) {
	if strings.ContainsRune(path, 0) {
		return nil, fmt.Errorf("path holds a NUL byte: %w", unix.EINVAL)
	}
	fd, err := unix.Open("/", searchFlags, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	root := os.NewFile(uintptr(fd), "/")
	top, err := lookAtHandle(root)
	p := &place{asked: filepath.Clean(path), steps: []step{{dir: root, id: top.id}}}
	w := walker{place: p, todo: strings.Split(path, "/")}
	w.own = len(w.todo)
	for err == nil && len(w.todo) > 0 {
		err = w.next()
	}
	if err != nil {
		p.close()
		return nil, err
	}
	for _, name := range otherNames(mounts, p.existing(), p.last().id) {
		p.aliases = append(p.aliases, filepath.Join(name, filepath.Join(p.rest...)))
	}
	return p, nil
}

// walker is a resolution under way.
type walker struct {
	place *place
	todo  []string // components still to walk
	own   int      // how many of todo, counted from its end, come from the path and not from a link
	links int
}

func (w *walker) next() error {
	p, name, fromLink := w.place, w.todo[0], len(w.todo) > w.own
	w.todo = w.todo[1:]
	if !fromLink {
		w.own = len(w.todo)
	}
	switch {
	case name == "" || name == ".":
		return nil
	case p.file:
		return &fs.PathError{Op: "open", Path: p.path(), Err: unix.ENOTDIR}
	case name == "..":
		w.up()
		return nil
	case len(p.rest) > 0:
		p.rest = append(p.rest, name)
		return nil
	}
	e, err := lookAt(p.last().dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && fromLink:
		return fmt.Errorf("%w: %s", errDangling, filepath.Join(p.path(), name))
	case errors.Is(err, fs.ErrNotExist):
		p.rest = []string{name}
	case err != nil:
		return err
	case e.isLink():
		return w.follow(name)
	case e.isDir():
		return w.enter(name)
	default:
		p.rest, p.file = []string{name}, true
	}
	return nil
}

// up handles "..", which leads from "/" to "/".
func (w *walker) up() {
	p := w.place
	if n := len(p.rest); n > 0 {
		p.rest = p.rest[:n-1]
	} else if n := len(p.steps); n > 1 {
		p.steps[n-1].dir.Close()
		p.steps = p.steps[:n-1]
	}
}

func (w *walker) enter(name string) error {
	dir, err := openAt(w.place.last().dir, name, searchFlags, 0)
	if err != nil {
		return err
	}
	e, err := lookAtHandle(dir)
	if err != nil {
		dir.Close()
		return err
	}
	w.place.steps = append(w.place.steps, step{name: name, dir: dir, id: e.id})
	return nil
}

func (w *walker) follow(name string) error {
	if w.links++; w.links > maxLinks {
		return pathError("open", w.place.last().dir, name, unix.ELOOP)
	}
	to, err := readLinkAt(w.place.last().dir, name)
	if err != nil {
		return err
	}
	if strings.HasPrefix(to, "/") {
		for len(w.place.steps) > 1 {
			w.up()
		}
	}
	w.todo = slices.Concat(strings.Split(to, "/"), w.todo)
	return nil
}

func (p *place) last() step { return p.steps[len(p.steps)-1] }

func (p *place) close() {
	for _, s := range p.steps {
		s.dir.Close()
	}
}

// existing returns the path of the deepest existing directory.
func (p *place) existing() string {
	names := make([]string, len(p.steps))
	for i, s := range p.steps {
		names[i] = s.name
	}
	return "/" + filepath.Join(names...)
}

// path returns the place's absolute path without links.
func (p *place) path() string { return filepath.Join(p.existing(), filepath.Join(p.rest...)) }

// names returns every path, free of links, that leads to the place.
func (p *place) names() []string { return append([]string{p.path()}, p.aliases...) }

// below returns the names that lead from step i to the place.
func (p *place) below(i int) []string {
	var names []string
	for _, s := range p.steps[i+1:] {
		names = append(names, s.name)
	}
	return append(names, p.rest...)
}

// find returns the index of the step with this identity, or -1.
func (p *place) find(id fileID) int {
	return slices.IndexFunc(p.steps, func(s step) bool { return s.id == id })
}

// contains reports whether q is p or lies below it, by identity as far as p
// exists, and by name through every bind mount.
func (p *place) contains(q *place) bool {
	if i := q.find(p.last().id); i >= 0 {
		if below := q.below(i); len(below) >= len(p.rest) && slices.Equal(below[:len(p.rest)], p.rest) {
			return true
		}
	}
	for _, outer := range p.names() {
		for _, inner := range q.names() {
			if within(outer, inner) {
				return true
			}
		}
	}
	return false
}

// within reports whether the clean absolute path inner is outer or lies below it.
func within(outer, inner string) bool {
	rest, ok := strings.CutPrefix(inner, strings.TrimSuffix(outer, "/"))
	return ok && (rest == "" || rest[0] == '/')
}
