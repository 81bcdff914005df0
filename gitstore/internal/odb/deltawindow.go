package odb

import (
	"bytes"
	"context"
	"hash/crc32"
	"io"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/delta"
	"github.com/klauspost/compress/zlib"
)

// packLevel is for what is packed to stay: 9 takes three times as long for 3 % less.
// What is short, as most deltas are, gets the best there is: it costs little then,
// and saves 7 %.
const (
	packLevel  = 6
	shortLevel = zlib.BestCompression
	short      = 512
)

// deltaPacker finds deltas for a row of objects and writes them, on behalf of one
// goroutine.
type deltaPacker struct {
	run    *deltaRun
	window []*base
	held   int
	z      *zlib.Writer
	zShort *zlib.Writer
	lane   *Lane

	// batch has been deflated into buf and not been written yet.
	batch []written
	buf   bytes.Buffer
	best  []byte
	try   []byte
}

// base is an object of the window.
type base struct {
	data  []byte
	typ   Type
	index *delta.Index
	depth int
	place *place
}

func (b *base) memory() int {
	if b.index == nil {
		return len(b.data)
	}
	return len(b.data) + b.index.Size()
}

// place is where in the pack an object is, once that is known.
type place struct{ off int64 }

// written is an entry that waits for its place.
type written struct {
	id    ID
	typ   Type
	size  int64
	on    *place
	place *place
	// from and to bound its deflated bytes.
	from, to int
}

func newDeltaPacker(run *deltaRun) *deltaPacker {
	z, _ := zlib.NewWriterLevel(nil, packLevel)
	zShort, _ := zlib.NewWriterLevel(nil, shortLevel)
	return &deltaPacker{run: run, z: z, zShort: zShort}
}

// pack writes a row of objects. An object's base comes before it in the row, and so
// in the pack.
func (p *deltaPacker) pack(ctx context.Context, row []candidate) error {
	p.window, p.held = p.window[:0], 0
	for _, c := range row {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.one(c); err != nil {
			return err
		}
		p.run.tell(c.size)
	}
	return p.flush()
}

func (p *deltaPacker) one(c candidate) error {
	if c.size > mostDelta {
		return p.whole(c)
	}
	typ, data, err := p.run.r.db.Read(c.id)
	if err != nil {
		return p.run.failed(c.id, err)
	}
	self := &base{data: data, typ: typ, place: &place{}}
	on, content := (*base)(nil), data
	if len(data) >= leastDelta {
		if on = p.search(self); on != nil {
			content = p.best
		}
	}
	if err := p.add(c.id, self, on, content); err != nil {
		return err
	}
	if len(data) >= leastDelta {
		p.enter(self, on)
	}
	return nil
}

// search finds the base in the window that makes the smallest delta, which is in
// best then. The nearest come first: they are likely the best, and a small delta
// ends the other tries early. A base that rests on others already must be the
// better for it, so that chains stay short.
func (p *deltaPacker) search(self *base) (found *base) {
	n := len(self.data)
	limit, depth := n/2-20, 0
	for i := len(p.window) - 1; i >= 0; i-- {
		b := p.window[i]
		if b.typ != self.typ || b.depth >= p.run.o.Depth {
			continue
		}
		allowed := limit * (p.run.o.Depth - b.depth) / (p.run.o.Depth - depth)
		if len(b.data) < n/32 || n-len(b.data) >= allowed || allowed <= 0 {
			continue
		}
		if b.index == nil {
			b.index = delta.NewIndex(b.data)
			p.held += b.index.Size()
		}
		d, ok := b.index.Encode(p.try[:0], self.data, allowed)
		if !ok {
			continue
		}
		p.best, p.try = d, p.best
		found, limit, depth = b, len(d)-1, b.depth
	}
	if found != nil {
		self.depth = found.depth + 1
	}
	return found
}

// enter puts an object into the window, and the base that it was found to be like
// behind it again, where it stays for longer.
func (p *deltaPacker) enter(self, on *base) {
	if on != nil {
		for i, b := range p.window {
			if b == on {
				p.window = append(append(p.window[:i], p.window[i+1:]...), on)
				break
			}
		}
	}
	p.window = append(p.window, self)
	p.held += self.memory()
	most := windowBytes / p.run.o.Workers
	for len(p.window) > p.run.o.Window || p.held > most && len(p.window) > 1 {
		p.held -= p.window[0].memory()
		p.window[0] = nil
		p.window = p.window[1:]
	}
}

// add deflates an object, or its delta on another.
func (p *deltaPacker) add(id ID, self, on *base, content []byte) error {
	w := written{id: id, typ: self.typ, size: int64(len(content)), place: self.place, from: p.buf.Len()}
	if on != nil {
		w.typ, w.on = ofsDelta, on.place
		p.run.deltas.Add(1)
	}
	z := p.z
	if len(content) < short {
		z = p.zShort
	}
	z.Reset(&p.buf)
	if _, err := z.Write(content); err != nil {
		return p.run.w.fail(err)
	}
	if err := z.Close(); err != nil {
		return p.run.w.fail(err)
	}
	w.to = p.buf.Len()
	p.batch = append(p.batch, w)
	if p.buf.Len() >= laneBatch {
		return p.flush()
	}
	return nil
}

// flush writes what was deflated. Only here, while nobody else takes room in the
// pack, is it known how far each entry lies from its base.
func (p *deltaPacker) flush() error {
	if len(p.batch) == 0 {
		return nil
	}
	w := p.run.w
	out := make([]byte, 0, p.buf.Len()+len(p.batch)*8)
	w.mu.Lock()
	at := w.end
	for _, e := range p.batch {
		start := len(out)
		e.place.off = at + int64(start)
		out = appendEntryHeader(out, e.typ, e.size)
		if e.on != nil {
			out = appendOffset(out, e.place.off-e.on.off)
		}
		out = append(out, p.buf.Bytes()[e.from:e.to]...)
		w.entries = append(w.entries, packed{id: e.id, crc: crc32.ChecksumIEEE(out[start:]), off: e.place.off})
	}
	w.end += int64(len(out))
	w.mu.Unlock()
	p.batch = p.batch[:0]
	p.buf.Reset()
	if _, err := w.tmp.WriteAt(out, at); err != nil {
		return w.fail(err)
	}
	return nil
}

// whole stores an object that is too large for a delta, as a stream.
func (p *deltaPacker) whole(c candidate) error {
	if p.lane == nil {
		p.lane = p.run.w.NewLane()
	}
	r := p.run.r.db.Reader(c.id)
	defer r.Close()
	id, _, err := p.lane.AddStream(c.typ, c.size, io.Reader(r))
	if err == nil && id != c.id {
		err = &CorruptError{ID: c.id, File: p.run.r.db.dir}
	}
	if err != nil {
		return p.run.failed(c.id, err)
	}
	return nil
}
