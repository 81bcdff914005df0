package gitstore

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
)

// ChangeKind says what happened to a path.
type ChangeKind string

// The kinds of change.
const (
	Added    ChangeKind = "added"
	Deleted  ChangeKind = "deleted"
	Modified ChangeKind = "modified"
	// ModeChanged files have the same bytes and other permission bits.
	ModeChanged ChangeKind = "mode"
	Renamed     ChangeKind = "renamed"
)

// Change is one path that differs between two trees.
type Change struct {
	Kind ChangeKind
	// Path is where it is in the newer tree, or was for a deletion; OldPath is
	// set for a rename.
	Path, OldPath string
	// Modes are Git's, 0 where there is no file; Perms are the permission bits.
	OldMode, NewMode uint32
	OldPerm, NewPerm Perm
	OldID, NewID     ID
}

// DiffRequest says what to compare.
type DiffRequest struct {
	Old Checkpoint
	// New is the other checkpoint; nil compares with the live project.
	New *Checkpoint
	// Paths restricts the comparison, as in [MaterialiseRequest].
	Paths []string
}

// Diff is what differs between two trees.
type Diff struct {
	Changes []Change

	s    *Store
	live bool
}

// Diff compares a checkpoint with another or with the live project, of which
// only files that changed since they were last recorded are read.
func (s *Store) Diff(ctx context.Context, req DiffRequest) (*Diff, error) {
	filter, err := newPathFilter(req.Paths)
	if err != nil {
		return nil, err
	}
	d := &differ{s: s, filter: filter, limit: newEntryLimit(req.Old)}
	if req.New != nil {
		d.limit.left.Add(newEntryLimit(*req.New).left.Load())
	}
	oldMeta, err := s.Meta(req.Old)
	if err != nil {
		return nil, err
	}
	// The live tree keeps names of the cache.
	cache := s.openCache()
	defer cache.Close()
	var newMeta Meta
	var root node
	if req.New != nil {
		root.id = req.New.Tree
		newMeta, err = s.Meta(*req.New)
	} else {
		root, newMeta, err = s.liveTree(ctx, cache)
	}
	if err != nil {
		return nil, err
	}
	if err := d.compare(ctx, "", node{id: req.Old.Tree}, root); err != nil {
		return nil, err
	}
	out := &Diff{s: s, live: req.New == nil}
	d.findRenames(out)
	if err := d.comparePerms(req.Old, oldMeta, newMeta); err != nil {
		return nil, err
	}
	d.compareEmptyDirs(oldMeta, newMeta)
	slices.SortFunc(d.changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	out.Changes = d.changes
	return out, nil
}

// liveTree names the live project's files without storing anything.
func (s *Store) liveTree(ctx context.Context, cache *statcache.Cache) (node, Meta, error) {
	tree, err := s.scanProject(ctx, scan.Options{
		Cache:   cache,
		Stored:  func(ID) bool { return true },
		NewLane: func() scan.Lane { return namer{odb.NewHasher()} },
	}, false)
	if err != nil {
		return node{}, Meta{}, err
	}
	if len(tree.Failed) > 0 {
		return node{}, Meta{}, &PartialError{Paths: tree.Failed}
	}
	return node{id: tree.Root.ID, dir: tree.Root}, newMeta(s.project, tree), nil
}

// namer is a lane that computes names and keeps nothing.
type namer struct{ h *odb.Hasher }

func (n namer) Add(typ odb.Type, data []byte) (ID, bool, error) {
	n.h.Start(typ, int64(len(data)))
	n.h.Write(data)
	id, err := n.h.Sum()
	return id, false, err
}

func (n namer) AddStream(typ odb.Type, size int64, r io.Reader) (ID, bool, error) {
	n.h.Start(typ, size)
	got, err := io.Copy(n.h, io.LimitReader(r, size+1))
	if err != nil {
		return ID{}, false, err
	}
	if got != size {
		return ID{}, false, odb.ErrSize
	}
	id, err := n.h.Sum()
	return id, false, err
}

// node is a directory of either side: a stored tree, or a live directory.
type node struct {
	id  ID
	dir *scan.Dir
}

type nodeEntry struct {
	name string
	mode uint32
	node
}

type differ struct {
	s       *Store
	filter  *pathFilter
	limit   *entryLimit
	changes []Change
}

// list returns a directory's entries sorted by name alone, so that a file and a
// directory of one name meet.
func (d *differ) list(n node) ([]nodeEntry, error) {
	var out []nodeEntry
	switch {
	case n.dir != nil:
		for _, e := range n.dir.Entries {
			if e.Mode != 0 && !e.ID.IsZero() {
				out = append(out, nodeEntry{strings.Clone(e.Name), e.Mode, node{e.ID, e.Sub}})
			}
		}
	case !n.id.IsZero():
		list, err := d.s.db.ReadTree(n.id)
		if err == nil {
			err = d.limit.take(len(list))
		}
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			out = append(out, nodeEntry{e.Name, e.Mode, node{id: e.ID}})
		}
	}
	slices.SortFunc(out, func(a, b nodeEntry) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// compare goes down both sides at once, past what is the same.
func (d *differ) compare(ctx context.Context, path string, from, to node) error {
	if from.id == to.id {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	a, err := d.list(from)
	if err != nil {
		return err
	}
	b, err := d.list(to)
	if err != nil {
		return err
	}
	for len(a) > 0 || len(b) > 0 {
		var x, y nodeEntry
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].name < b[0].name:
			x, a = a[0], a[1:]
		case len(a) == 0 || b[0].name < a[0].name:
			y, b = b[0], b[1:]
		default:
			x, y, a, b = a[0], b[0], a[1:], b[1:]
		}
		if err := d.pair(ctx, joinPath(path, cmp.Or(x.name, y.name)), x, y); err != nil {
			return err
		}
	}
	return nil
}

// pair compares what one name is on both sides; a mode of 0 is nothing.
func (d *differ) pair(ctx context.Context, path string, x, y nodeEntry) error {
	if !d.filter.wants(path, x.mode == scan.ModeDir || y.mode == scan.ModeDir) {
		return nil
	}
	if x.mode == scan.ModeDir || y.mode == scan.ModeDir {
		var from, to node
		if x.mode == scan.ModeDir {
			from = x.node
		} else if x.mode != 0 {
			d.add(Change{Kind: Deleted, Path: path, OldMode: x.mode, OldID: x.id})
		}
		if y.mode == scan.ModeDir {
			to = y.node
		} else if y.mode != 0 {
			d.add(Change{Kind: Added, Path: path, NewMode: y.mode, NewID: y.id})
		}
		return d.compare(ctx, path, from, to)
	}
	c := Change{Path: path, OldMode: x.mode, NewMode: y.mode, OldID: x.id, NewID: y.id}
	switch {
	case x.mode == 0:
		c.Kind = Added
	case y.mode == 0:
		c.Kind = Deleted
	case x.id != y.id:
		c.Kind = Modified
	case x.mode != y.mode:
		c.Kind = ModeChanged
	default:
		return nil
	}
	d.add(c)
	return nil
}

func (d *differ) add(c Change) { d.changes = append(d.changes, c) }

// comparePerms finds what only the meta notes tell: the same bytes under other
// permission bits.
func (d *differ) comparePerms(old Checkpoint, from, to Meta) error {
	oldModes, newModes := modeMap(from), modeMap(to)
	touched := make(map[string]*Change, len(d.changes))
	gone := make(map[string]bool)
	for i := range d.changes {
		c := &d.changes[i]
		touched[c.Path] = c
		gone[c.OldPath] = true
	}
	return d.s.walkTree(old, func(path string, mode uint32, id ID) error {
		if mode == scan.ModeSymlink || !d.filter.wants(path, false) || gone[path] {
			return nil
		}
		c := touched[path]
		newMode := mode
		if c != nil {
			if newMode = c.NewMode; newMode == 0 || newMode == scan.ModeSymlink {
				return nil
			}
		}
		a, b := permIn(oldModes, from.Base, path, mode), permIn(newModes, to.Base, path, newMode)
		switch {
		case c != nil:
			c.OldPerm, c.NewPerm = a, b
		case a != b:
			d.add(Change{Kind: ModeChanged, Path: path, OldMode: mode, NewMode: mode, OldPerm: a, NewPerm: b, OldID: id, NewID: id})
		}
		return nil
	})
}

func modeMap(m Meta) map[string]Perm {
	out := make(map[string]Perm, len(m.Modes))
	for _, mode := range m.Modes {
		out[string(mode.Path)] = mode.Perm
	}
	return out
}

func permIn(modes map[string]Perm, base BaseModes, path string, mode uint32) Perm {
	if p, ok := modes[path]; ok {
		return p
	}
	return base.of(mode)
}

// compareEmptyDirs reports directories that are empty on one side only and
// aren't there at all on the other.
func (d *differ) compareEmptyDirs(from, to Meta) {
	report := func(a, b Meta, kind ChangeKind) {
		other := make(map[Path]bool, len(b.EmptyDirs))
		for _, p := range b.EmptyDirs {
			other[p] = true
		}
		for _, p := range a.EmptyDirs {
			below := func(c Change) bool { return isBelow(c.Path, string(p)) && c.Kind != kind }
			if other[p] || !d.filter.wants(string(p), true) || slices.ContainsFunc(d.changes, below) {
				continue
			}
			c := Change{Kind: kind, Path: string(p) + "/"}
			if kind == Added {
				c.NewMode = scan.ModeDir
			} else {
				c.OldMode = scan.ModeDir
			}
			d.add(c)
		}
	}
	report(to, from, Added)
	report(from, to, Deleted)
}

// ErrNoText says that a file has no text to compare.
var ErrNoText = errors.New("not text")
