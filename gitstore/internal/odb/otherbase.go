package odb

import (
	"runtime"
	"runtime/debug"
)

// otherBase is what a base that is looked for elsewhere takes of those that may be read
// for an object: two packs that are both damaged could send each other in circles.
const otherBase = 64

// buildElsewhere builds upon copies that lie elsewhere of what is damaged in a chain, as
// git does: the deepest first, and where that isn't to be had, what lies on it. The
// result is still to be compared with its name. Cause is what is wrong with the chain.
func (p *pack) buildElsewhere(db *DB, f packFile, chain []step, cause error, left *int) (Type, []byte, error) {
	for i := len(chain) - 1; i >= 0; i-- {
		id := chain[i].e.baseID
		if chain[i].e.kind == ofsDelta {
			var ok bool
			if id, ok = p.nameAt(chain[i].e.base); !ok {
				continue
			}
		}
		var base smallWriter
		typ, err := db.readElsewhere(id, p.name, &base, left)
		if err != nil {
			continue
		}
		if typ, data, err := p.build(db, f, chain[:i+1], typ, base.Bytes()); err == nil {
			return typ, data, nil
		}
	}
	return 0, nil, cause
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

// nameAt is the object that lies at off in the pack. It looks through all of the index,
// which only damage is worth.
func (p *pack) nameAt(off int64) (id ID, ok bool) {
	if p.open() != nil {
		return id, false
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var fault error
	defer func() { ok = ok && fault == nil }()
	defer guardFault(&fault)
	return p.idx.nameAt(off)
}

func (x *packIndex) nameAt(off int64) (id ID, ok bool) {
	defer runtime.KeepAlive(x)
	for i := range len(x.ids) / 20 {
		if x.offset(i) == off {
			return ID(x.ids[i*20 : i*20+20]), true
		}
	}
	return id, false
}
