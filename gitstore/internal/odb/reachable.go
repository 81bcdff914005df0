package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// Reach is the set of objects that some roots lead to: of a commit its tree and
// parents, of a tree its entries, of a tag its object. It is for one goroutine.
//
// Commits of other repositories, which the trees of submodules name, are not
// followed, nor are the parents of those in Shallow, which aren't there.
type Reach struct {
	db *DB
	// Shallow are commits that count as having no parents.
	Shallow map[ID]bool
	// Forgiving steps over objects that are missing or damaged, as suits roots that
	// nobody promised to be whole.
	Forgiving bool

	// seen has the name by which each object was first found.
	seen  map[ID]NameKey
	order uint32
	todo  []reached
}

// NameKey sorts objects so that those that are likely to resemble each other are
// neighbours: the same base name first, then the same directory, then the order in
// which they were found, which follows history.
type NameKey struct{ Base, Dir, Order uint32 }

type reached struct {
	id ID
	// typ is what the object must be, zero when nothing says.
	typ  Type
	name NameKey
}

// NewReach returns an empty set.
func (db *DB) NewReach() *Reach { return &Reach{db: db, seen: make(map[ID]NameKey)} }

// Has says whether a root leads to the object.
func (r *Reach) Has(id ID) bool {
	_, ok := r.seen[id]
	return ok
}

// Name is the key of the name by which the object was first found.
func (r *Reach) Name(id ID) NameKey { return r.seen[id] }

// Forget takes an object out, so that the next Walk looks at what it leads to again.
func (r *Reach) Forget(id ID) { delete(r.seen, id) }

// Len is the number of objects.
func (r *Reach) Len() int { return len(r.seen) }

// Walk adds all that the roots lead to. Every commit, tree and tag is read and
// verified; of blobs it is only looked up that they are stored. An object that is
// missing or damaged is an error that matches [ErrCorrupt].
func (r *Reach) Walk(ctx context.Context, roots []ID) error {
	for _, id := range roots {
		r.push(id, 0, NameKey{})
		for n := 0; len(r.todo) > 0; n++ {
			if n%256 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			next := r.todo[len(r.todo)-1]
			r.todo = r.todo[:len(r.todo)-1]
			if err := r.expand(next); err != nil && (!r.Forgiving || !errors.Is(err, ErrCorrupt)) {
				r.todo = nil
				return err
			}
		}
	}
	return nil
}

func (r *Reach) push(id ID, typ Type, name NameKey) {
	if id.IsZero() {
		return
	}
	if _, ok := r.seen[id]; !ok {
		name.Order = r.order
		r.order++
		r.seen[id] = name
		r.todo = append(r.todo, reached{id, typ, name})
	}
}

func (r *Reach) expand(o reached) error {
	typ := o.typ
	if typ == 0 {
		got, _, err := r.db.Size(o.id)
		if err != nil {
			return r.lacks(o.id, err)
		}
		typ = got
	}
	if typ == Blob {
		if err := r.db.Lookup(o.id); err != nil {
			return r.lacks(o.id, err)
		}
		return nil
	}
	data, err := r.db.ReadType(o.id, typ)
	if err != nil {
		return r.lacks(o.id, err)
	}
	switch typ {
	case Commit:
		return r.commit(o.id, data)
	case Tag:
		return r.tag(o.id, data)
	}
	return r.tree(o, data)
}

// lacks takes an object back that isn't there. One that is damaged stays: what is
// left of it is not for us to throw away.
func (r *Reach) lacks(id ID, err error) error {
	if errors.Is(err, ErrNotFound) {
		delete(r.seen, id)
	}
	return err
}

func (r *Reach) commit(id ID, data []byte) error {
	for line := range bytes.Lines(data) {
		key, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		if len(key) == 0 {
			break
		}
		kind := Tree
		switch string(key) {
		case "tree":
		case "parent":
			if kind = Commit; r.Shallow[id] {
				continue
			}
		default:
			continue
		}
		to, err := ParseID(string(value))
		if err != nil {
			return &CorruptError{ID: id, File: r.db.dir, Err: err}
		}
		r.push(to, kind, NameKey{})
	}
	return nil
}

func (r *Reach) tag(id ID, data []byte) error {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	value, ok := bytes.CutPrefix(line, []byte("object "))
	to, err := ParseID(string(value))
	if !ok || err != nil {
		return &CorruptError{ID: id, File: r.db.dir, Err: fmt.Errorf("malformed tag: %q", line)}
	}
	r.push(to, 0, NameKey{})
	return nil
}

func (r *Reach) tree(o reached, data []byte) error {
	list, err := ParseTree(data)
	if err != nil {
		return &CorruptError{ID: o.id, File: r.db.dir, Err: err}
	}
	dir := o.name.Base ^ o.name.Dir*31
	for _, e := range list {
		const kinds, gitlink, directory = 0o170000, 0o160000, 0o040000
		typ := Blob
		switch e.Mode & kinds {
		case gitlink:
			continue
		case directory:
			typ = Tree
		}
		r.push(e.ID, typ, NameKey{Base: baseKey(e.Name), Dir: dir})
	}
	return nil
}

// baseKey is FNV-1a of a base name, behind the last letters of it, so that files
// of one kind stand together.
func baseKey(name string) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	end := uint32(0)
	for i := max(0, len(name)-2); i < len(name); i++ {
		end = end<<8 | uint32(name[i])
	}
	return end<<16 | h>>16
}
