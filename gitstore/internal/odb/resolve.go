package odb

import (
	"bytes"
	"errors"
	"io"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/delta"
)

var errTooDeep = errors.New("delta chain is too long")

// resolve rebuilds the object of a delta that lies at off. Its base, the base of
// that, and so on are found first, down to one that is whole or that was rebuilt a
// short time ago, and then made again from the bottom up: so neighbours in a chain,
// which lie and are read one after the other, cost one step each. The bytes are
// shared with others that read, and must not be changed.
func (p *pack) resolve(db *DB, f packFile, off int64, e entry) (Type, []byte, error) {
	var chain []step
	for e.kind == ofsDelta || e.kind == refDelta {
		if len(chain) > 0 {
			if typ, data, ok := db.bases.get(packedAt{p, off}); ok {
				return p.build(db, f, chain, typ, data)
			}
		}
		if len(chain) >= maxDeltaDepth {
			return 0, nil, errTooDeep
		}
		chain = append(chain, step{off, e})
		if e.kind == refDelta {
			base, ok := p.find(e.baseID)
			if !ok {
				typ, data, err := db.Read(e.baseID)
				if err != nil {
					return 0, nil, err
				}
				return p.build(db, f, chain, typ, data)
			}
			e.base = base
		}
		off = e.base
		var err error
		if e, err = f.entry(off); err != nil {
			return 0, nil, err
		}
	}
	key := packedAt{p, off}
	if typ, data, ok := db.bases.get(key); ok {
		return p.build(db, f, chain, typ, data)
	}
	data, err := f.inflateAll(e)
	if err != nil {
		return 0, nil, err
	}
	db.bases.put(key, e.kind, data)
	return p.build(db, f, chain, e.kind, data)
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
	var b bytes.Buffer
	// What a damaged header says is not believed beyond this.
	b.Grow(int(min(e.size, smallObject)))
	err := f.inflate(e, &b)
	return b.Bytes(), err
}

// deltaTarget is the size that a delta's first bytes promise.
func (f packFile) deltaTarget(e entry) (int64, error) {
	head := &beginning{most: int(min(e.size, delta.MaxHeader))}
	if err := f.inflate(e, head); err != nil && !errors.Is(err, errEnough) {
		return 0, err
	}
	_, n, _, err := delta.Sizes(head.b)
	return int64(n), err
}

// errEnough ends an inflation whose rest isn't needed.
var errEnough = errors.New("enough was read")

// beginning keeps the first bytes.
type beginning struct {
	b    []byte
	most int
}

var _ io.Writer = (*beginning)(nil)

func (w *beginning) Write(b []byte) (int, error) {
	w.b = append(w.b, b[:min(len(b), w.most-len(w.b))]...)
	if len(w.b) == w.most {
		return len(b), errEnough
	}
	return len(b), nil
}
