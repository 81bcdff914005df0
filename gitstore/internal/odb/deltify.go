package odb

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Deltas says how to look for deltas. The zero value works.
type Deltas struct {
	// Window is how many neighbours each object is compared with, Depth how long a
	// chain of deltas may get. The more of both, the smaller the pack; a chain costs
	// time when it is read. Zero is 16 and 50.
	Window, Depth int
	// Workers is how many goroutines look; zero is one a processor.
	Workers int
}

func (d Deltas) withDefaults() Deltas {
	if d.Window == 0 {
		d.Window = 16
	}
	if d.Depth == 0 {
		d.Depth = 50
	}
	if d.Workers == 0 {
		d.Workers = runtime.GOMAXPROCS(0)
	}
	return d
}

// candidate is an object that is to be packed.
type candidate struct {
	id   ID
	name NameKey
	size int64
	typ  Type
}

const (
	// leastDelta and mostDelta are the sizes between which objects become deltas. A
	// delta of less saves nothing; reading one of more would need memory for it and
	// its base, where an object that is stored whole streams.
	leastDelta = 50
	mostDelta  = 4 << 20
	// windowBytes bounds the memory that all windows take.
	windowBytes = 128 << 20
)

// deltify compresses all that is wanted anew. Objects that are alike are brought
// together by sorting: by type, by name, and by age, since a version is most like
// the one before it. Git sorts by size where we do by age (Documentation/technical/
// pack-heuristics.txt); the trees of a history are all of one size. Every object of
// the new pack is to be verified.
func (r *repacking) deltify(ctx context.Context, w *PackWriter) ([]ID, error) {
	o := r.deltas.withDefaults()
	list, err := r.candidates(ctx)
	if err != nil {
		return nil, err
	}
	run := &deltaRun{r: r, w: w, o: o}
	for _, c := range list {
		run.total += c.size
	}
	segments := split(list, o.Workers)
	var next atomic.Int64
	var workers sync.WaitGroup
	errs := make([]error, o.Workers)
	for i := range o.Workers {
		workers.Go(func() {
			p := newDeltaPacker(run)
			for errs[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= len(segments) {
					return
				}
				errs[i] = p.pack(ctx, segments[n])
			}
			// The others have nothing to go on for.
			next.Store(int64(len(segments)))
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	r.made = int(run.deltas.Load())
	ids := make([]ID, len(list))
	for i, c := range list {
		ids[i] = c.id
	}
	return ids, nil
}

// candidates lists what is wanted of the sources and of what lies loose, sorted.
func (r *repacking) candidates(ctx context.Context) ([]candidate, error) {
	var list []candidate
	taken := make(map[ID]struct{})
	add := func(id ID) error {
		if _, ok := taken[id]; ok || !r.wanted(id) {
			return nil
		}
		taken[id] = struct{}{}
		typ, size, err := r.db.Size(id)
		if err != nil {
			return err
		}
		list = append(list, candidate{id: id, name: r.name(id), size: size, typ: typ})
		return nil
	}
	for _, s := range r.sources {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ids, err := s.idx.all()
		if err != nil {
			return nil, s.damaged(err)
		}
		for _, e := range ids {
			if err := add(e.id); err != nil {
				return nil, s.damaged(err)
			}
		}
	}
	for _, id := range r.loose {
		if err := add(id); err != nil {
			return nil, err
		}
		r.packedLoose = append(r.packedLoose, id)
	}
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.name.Base, b.name.Base), cmp.Compare(a.name.Dir, b.name.Dir),
			cmp.Compare(b.name.Order, a.name.Order))
	})
	return list, nil
}

// split cuts the list into parts that workers take one after the other. At a cut
// neighbours lose each other, so the parts are long, and end with a name.
func split(list []candidate, workers int) [][]candidate {
	const least = 2000
	size := max(least, len(list)/(workers*8))
	var parts [][]candidate
	for len(list) > 0 {
		n := min(size, len(list))
		for n < len(list) && list[n].typ == list[n-1].typ && list[n].name.Base == list[n-1].name.Base && list[n].name.Dir == list[n-1].name.Dir {
			n++
		}
		parts = append(parts, list[:n])
		list = list[n:]
	}
	return parts
}

// deltaRun is what the workers share.
type deltaRun struct {
	r     *repacking
	w     *PackWriter
	o     Deltas
	total int64

	deltas, done atomic.Int64
	telling      sync.Mutex
}

// tell reports progress.
func (d *deltaRun) tell(n int64) {
	done := d.done.Add(n)
	if d.r.progress == nil {
		return
	}
	d.telling.Lock()
	defer d.telling.Unlock()
	d.r.progress(done, d.total)
}

// failed blames the pack that an object can't be read from.
func (d *deltaRun) failed(id ID, err error) error {
	for _, s := range d.r.sources {
		if off, ok := s.find(id); ok {
			if _, _, bad := s.copy(d.r.db, id, off, discard{}); bad != nil {
				return s.damaged(bad)
			}
		}
	}
	return err
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
