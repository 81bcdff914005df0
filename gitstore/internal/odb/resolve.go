package odb

import (
	"bytes"
	"errors"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/delta"
)

// errBigDelta says that an object, or what it is built upon, is too big to be held in
// memory several times over.
var errBigDelta = errors.New("delta of a big object")

// resolve rebuilds the object of a delta that lies at off. Its base, the base of
// that, and so on are found first, down to one that is whole or that was rebuilt a
// short time ago, and then made again from the bottom up: so neighbours in a chain,
// which lie and are read one after the other, cost one step each. The bytes are
// shared with others that read, and must not be changed. Left is how many bases that
// lie in other packs may still be read.
func (p *pack) resolve(db *DB, f packFile, off int64, e entry, left *int) (Type, []byte, error) {
	chain, typ, data, err := p.descend(db, f, off, e, left)
	if err != nil {
		return 0, nil, err
	}
	return p.build(db, f, chain, typ, data)
}

// descend finds the deltas down to what the last of them lies on.
func (p *pack) descend(db *DB, f packFile, off int64, e entry, left *int) (chain []step, typ Type, data []byte, err error) {
	for e.kind == ofsDelta || e.kind == refDelta {
		if len(chain) > 0 {
			if typ, data, ok := db.bases.get(packedAt{p, off}); ok {
				return chain, typ, data, nil
			}
		}
		if len(chain) >= maxBases {
			return nil, 0, nil, errDeltaDeep
		}
		chain = append(chain, step{off, e})
		if e.kind == refDelta {
			base, ok := p.find(e.baseID)
			if !ok {
				var base smallWriter
				typ, err := db.readBase(e.baseID, &base, left)
				return chain, typ, base.Bytes(), err
			}
			e.base = base
		}
		off = e.base
		if e, err = f.entry(off); err != nil {
			return chain, 0, nil, err
		}
	}
	key := packedAt{p, off}
	if typ, data, ok := db.bases.get(key); ok {
		return chain, typ, data, nil
	}
	if data, err = f.inflateAll(e); err == nil {
		db.bases.put(key, e.kind, data)
	}
	return chain, e.kind, data, err
}

// step is one delta of a chain.
type step struct {
	off int64
	e   entry
}

// build applies the deltas, of which the last lies on data.
func (p *pack) build(db *DB, f packFile, chain []step, typ Type, data []byte) (Type, []byte, error) {
	for i := len(chain) - 1; i >= 0; i-- {
		d, err := f.inflateAll(chain[i].e)
		if err != nil {
			return 0, nil, err
		}
		if _, to, _, err := delta.Sizes(d); err == nil && int64(to) > spoolMemory {
			return 0, nil, errBigDelta
		}
		if data, err = delta.Apply(data, d); err != nil {
			return 0, nil, err
		}
		if i > 0 {
			db.bases.put(packedAt{p, chain[i].off}, typ, data)
		}
	}
	return typ, data, nil
}

// inflateAll returns an entry's own bytes: a delta's for a delta.
func (f packFile) inflateAll(e entry) ([]byte, error) {
	if e.size > spoolMemory {
		return nil, errBigDelta
	}
	var b bytes.Buffer
	err := f.inflate(e, &b)
	return b.Bytes(), err
}

// smallWriter takes no more than fits in memory several times over.
type smallWriter struct{ bytes.Buffer }

func (w *smallWriter) Write(b []byte) (int, error) {
	if w.Len()+len(b) > spoolMemory {
		return 0, errBigDelta
	}
	return w.Buffer.Write(b)
}
