package odb

import (
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/delta"
)

// otherBase is what a base that is looked for elsewhere takes of those that may be read
// for an object: two packs that are both damaged could send each other in circles.
const otherBase = 64

// resolveChecked is resolve for a chain of which something is damaged, cause: all that
// the object at off is built upon is compared with its name, from the bottom up, and what
// isn't right is read from another copy, as git does. The result itself is still to be
// compared.
func (p *pack) resolveChecked(db *DB, f packFile, off int64, cause error, left *int) (Type, []byte, error) {
	places, below := p.chainOf(f, off)
	names := p.namesAt(places)
	var typ Type
	var data []byte
	if below != (ID{}) {
		var base smallWriter
		if t, err := db.readBase(below, &base, left); err == nil {
			typ, data = t, base.Bytes()
		}
	}
	h := NewVerifier()
	for i := len(places) - 1; i >= 0; i-- {
		typ, data = f.onTop(places[i], typ, data)
		if i == 0 {
			break
		}
		id, known := names[places[i]]
		if data != nil && known && check(h, typ, data, id) == nil {
			continue
		}
		data = nil
		if !known {
			continue
		}
		var other smallWriter
		if t, err := db.readElsewhere(id, p.name, &other, left); err == nil {
			typ, data = t, other.Bytes()
		}
	}
	if data == nil {
		return 0, nil, cause
	}
	return typ, data, nil
}

// chainOf are the places of the object at off and of all that it is built upon in the same
// pack, as far as they can be told; below is what the last of them lies on elsewhere, the
// null id for none.
func (p *pack) chainOf(f packFile, off int64) (places []int64, below ID) {
	for len(places) < maxBases && !slices.Contains(places, off) {
		places = append(places, off)
		e, err := f.entry(off)
		switch {
		case err != nil:
			return places, ID{}
		case e.kind == ofsDelta:
			off = e.base
		case e.kind == refDelta:
			at, ok := p.find(e.baseID)
			if !ok {
				return places, e.baseID
			}
			off = at
		default:
			return places, ID{}
		}
	}
	return places, ID{}
}

// onTop is the object of the entry at off, which lies on typ and data where it is a
// delta; nil for what is damaged.
func (f packFile) onTop(off int64, typ Type, data []byte) (Type, []byte) {
	e, err := f.entry(off)
	if err != nil {
		return 0, nil
	}
	own, err := f.inflateAll(e)
	if err != nil {
		return 0, nil
	}
	if own == nil {
		own = []byte{}
	}
	if e.kind != ofsDelta && e.kind != refDelta {
		return e.kind, own
	}
	if data == nil {
		return 0, nil
	}
	if _, to, _, err := delta.Sizes(own); err != nil || int64(to) > spoolMemory {
		return 0, nil
	}
	if data, err = delta.Apply(data, own); err != nil {
		return 0, nil
	}
	if data == nil {
		data = []byte{}
	}
	return typ, data
}

// readElsewhere reads an object of which one pack's copy is damaged.
func (db *DB) readElsewhere(id ID, not string, into *smallWriter, left *int) (Type, error) {
	if *left -= otherBase; *left < 0 {
		return 0, errDeltaDeep
	}
	for _, q := range db.snapshot() {
		off, ok := q.find(id)
		if !ok || q.name == not || q.gone.Load() || q.hollow.Load() {
			continue
		}
		into.Reset()
		if typ, _, err := q.copyTo(db, id, off, into, left); err == nil {
			return typ, nil
		}
	}
	into.Reset()
	if typ, _, err := db.copyLoose(id, into); err == nil {
		return typ, nil
	}
	for _, alt := range db.alternates {
		into.Reset()
		if typ, _, err := alt.tryCopies(id, into, true, left); err == nil {
			return typ, nil
		}
	}
	return 0, &NotFoundError{ID: id}
}

// nameAt is the object that lies at off in the pack.
func (p *pack) nameAt(off int64) (ID, bool) {
	id, ok := p.namesAt([]int64{off})[off]
	return id, ok
}

// namesAt are the objects that lie at these places. It looks through all of the index,
// which only damage is worth.
func (p *pack) namesAt(places []int64) map[int64]ID {
	names := make(map[int64]ID, len(places))
	if p.open() != nil {
		return names
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var fault error
	defer guardFault(&fault)
	p.idx.namesAt(places, names)
	return names
}

func (x *packIndex) namesAt(places []int64, names map[int64]ID) {
	defer runtime.KeepAlive(x)
	wanted := make(map[int64]bool, len(places))
	for _, off := range places {
		wanted[off] = true
	}
	for i := range len(x.ids) / 20 {
		if off := x.offset(i); wanted[off] {
			names[off] = ID(x.ids[i*20 : i*20+20])
		}
	}
}
