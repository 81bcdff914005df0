package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
)

// DamagedPackError says that a pack isn't what its index promises. Such a pack is
// left where it is: what is whole in it can still be read.
type DamagedPackError struct {
	// Pack is the file's name without extension.
	Pack string
	Err  error

	pack *pack
}

func (e *DamagedPackError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Pack, e.Err) }

// Is matches [ErrCorrupt].
func (e *DamagedPackError) Is(target error) bool { return target == ErrCorrupt }

func (e *DamagedPackError) Unwrap() error { return e.Err }

func (p *pack) damaged(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &DamagedPackError{Pack: p.name, Err: err, pack: p}
}

// copier brings entries of packs into a new one as they are, deflated, with their
// checksums compared in passing. A delta goes along when its base is in the new
// pack already; so no two deltas can end up resting on each other, whichever of
// several copies of their objects was taken.
type copier struct {
	w *PackWriter
	// done is where in the new pack each object is.
	done map[ID]int64
	// again are objects of which there was more than one copy. Of each, one goes,
	// so the one that stays is verified afterwards.
	again []ID
	// waiting are deltas whose base hasn't been copied yet, and may never be.
	waiting []waiting

	out     []byte
	entries []packed
	base    int64
	buf     []byte
}

type waiting struct {
	src *source
	e   rawEntry
	on  ID
}

func newCopier(w *PackWriter) *copier {
	return &copier{w: w, done: make(map[ID]int64), base: w.end}
}

// next is where the next entry will lie.
func (c *copier) next() int64 { return c.base + int64(len(c.out)) }

func (c *copier) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	at := c.w.reserve(int64(len(c.out)), c.entries)
	if at != c.base {
		return errors.New("two writers in one pack")
	}
	if _, err := c.w.tmp.WriteAt(c.out, at); err != nil {
		return c.w.fail(err)
	}
	c.base, c.out, c.entries = at+int64(len(c.out)), c.out[:0], c.entries[:0]
	return nil
}

// copyPack copies what is wanted of a pack.
func (c *copier) copyPack(ctx context.Context, src *source, wanted func(ID) bool) error {
	if err := src.open(); err != nil {
		return src.damaged(err)
	}
	before := len(c.waiting)
	defer func() {
		if len(c.waiting) == before {
			src.close()
		}
	}()
	r := &rawReader{f: src.file, buf: c.buf[:0]}
	defer func() { c.buf = r.buf }()
	for i, e := range src.entries {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !wanted(e.id) {
			continue
		}
		if _, ok := c.done[e.id]; ok {
			c.again = append(c.again, e.id)
			continue
		}
		if err := c.copyEntry(src, r, e); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) copyEntry(src *source, r *rawReader, e rawEntry) error {
	parsed, raw, err := r.header(e)
	if err != nil {
		return src.damaged(fmt.Errorf("object %s: %w", e.id, err))
	}
	var on ID
	switch parsed.kind {
	case ofsDelta:
		base, ok := at(src.entries, parsed.base)
		if !ok {
			return src.damaged(fmt.Errorf("object %s is a delta on nothing", e.id))
		}
		on = base.id
	case refDelta:
		on = parsed.baseID
	}
	if on.IsZero() {
		return c.take(src, e, nil, e.off, raw)
	}
	base, ok := c.done[on]
	if !ok {
		c.waiting = append(c.waiting, waiting{src, e, on})
		return nil
	}
	var head [maxEntryHeader]byte
	h := appendOffset(appendEntryHeader(head[:0], ofsDelta, parsed.size), c.next()-base)
	if raw != nil {
		raw = raw[parsed.data-e.off:]
	}
	return c.take(src, e, h, parsed.data, raw)
}

// take appends an entry, whose bytes from the offset data are raw, or in the pack
// when that is nil, behind the header head.
func (c *copier) take(src *source, e rawEntry, head []byte, data int64, raw []byte) error {
	if raw == nil {
		return c.stream(src, e, head, data)
	}
	at := int64(len(c.out))
	c.out = append(append(c.out, head...), raw...)
	p := packed{id: e.id, crc: crc32.ChecksumIEEE(c.out[at:]), off: at}
	c.entries = append(c.entries, p)
	c.done[e.id] = c.base + at
	if len(c.out) >= rawWindow {
		return c.flush()
	}
	return nil
}

// stream appends an entry that is too large to hold. Its checksum covers the old
// header too.
func (c *copier) stream(src *source, e rawEntry, head []byte, data int64) error {
	if err := c.flush(); err != nil {
		return err
	}
	old := make([]byte, data-e.off)
	if _, err := src.file.ReadAt(old, e.off); err != nil {
		return src.damaged(err)
	}
	was, is := crc32.ChecksumIEEE(old), crc32.ChecksumIEEE(head)
	if _, err := c.w.tmp.WriteAt(head, c.base); err != nil {
		return c.w.fail(err)
	}
	n := int64(len(head))
	buf := make([]byte, rawWindow)
	for off := data; off < e.end; {
		b := buf[:min(rawWindow, e.end-off)]
		if _, err := src.file.ReadAt(b, off); err != nil {
			return src.damaged(err)
		}
		was, is = crc32.Update(was, crc32.IEEETable, b), crc32.Update(is, crc32.IEEETable, b)
		if _, err := c.w.tmp.WriteAt(b, c.base+n); err != nil {
			return c.w.fail(err)
		}
		off += int64(len(b))
		n += int64(len(b))
	}
	if was != e.crc {
		return src.damaged(fmt.Errorf("object %s: %w", e.id, errCRC))
	}
	c.done[e.id] = c.base
	c.w.reserve(n, []packed{{id: e.id, crc: is}})
	c.base += n
	return nil
}

// settle copies the deltas that had to wait. Those whose base stays behind are
// rebuilt and stored whole.
func (c *copier) settle(ctx context.Context) error {
	r := &rawReader{buf: c.buf[:0]}
	for progress := true; progress && len(c.waiting) > 0; {
		was := c.waiting
		c.waiting, progress = nil, false
		for _, w := range was {
			if _, ok := c.done[w.e.id]; ok {
				c.again = append(c.again, w.e.id)
				continue
			}
			before := len(c.waiting)
			if r.f != w.src.file {
				r.f, r.buf = w.src.file, r.buf[:0]
			}
			if err := c.copyEntry(w.src, r, w.e); err != nil {
				return err
			}
			progress = progress || len(c.waiting) == before
		}
	}
	if err := c.flush(); err != nil || len(c.waiting) == 0 {
		return err
	}
	return c.rebuild(ctx)
}

func (c *copier) rebuild(ctx context.Context) error {
	lane := c.w.NewLane()
	for _, w := range c.waiting {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, ok := c.done[w.e.id]; ok {
			c.again = append(c.again, w.e.id)
			continue
		}
		var data bytes.Buffer
		typ, _, err := w.src.copy(c.w.db, w.e.id, w.e.off, &data)
		if err != nil {
			return w.src.damaged(err)
		}
		if _, _, err := lane.Add(typ, data.Bytes()); err != nil {
			return err
		}
		c.done[w.e.id] = -1
	}
	return lane.flush()
}

// packLoose brings a loose object. One that is damaged is a [CorruptError].
func (db *DB) packLoose(lane *Lane, id ID) error {
	if typ, size, err := db.looseHeader(id); err == nil && size >= BigObject {
		return db.copyBigLoose(lane, id, typ, size)
	}
	var data bytes.Buffer
	typ, _, err := db.copyLoose(id, &data)
	if err != nil {
		return err
	}
	_, _, err = lane.Add(typ, data.Bytes())
	return err
}

// copyBigLoose reads the object once before it is brought: what comes of a stream
// that is damaged would be another object.
func (db *DB) copyBigLoose(lane *Lane, id ID, typ Type, size int64) error {
	if _, _, err := db.copyLoose(id, io.Discard); err != nil {
		return err
	}
	_, _, r, done, err := db.openLoose(id)
	if err != nil {
		return err
	}
	defer done()
	_, _, err = lane.AddStream(typ, size, r)
	return err
}
