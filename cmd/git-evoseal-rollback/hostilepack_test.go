package main

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// forgedPack is a pack with its index, made entry by entry: of what no git would
// write.
type forgedPack struct {
	body    bytes.Buffer
	entries []forgedEntry
}

type forgedEntry struct {
	id     string
	offset int64
	crc    uint32
}

// Types of packed objects, in git's numbering.
const (
	packedTree     = 2
	packedBlob     = 3
	packedOffset   = 6
	packedRefDelta = 7
)

func newForgedPack() *forgedPack {
	p := &forgedPack{}
	p.body.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x00")
	return p
}

// add appends an entry that claims to be the object id and, inflated, to have that
// size; base is what stands between header and content.
func (p *forgedPack) add(id string, kind byte, size int64, base, deflated []byte) int64 {
	at := int64(p.body.Len())
	c := kind<<4 | byte(size&15)
	var entry []byte
	for size >>= 4; size > 0; size >>= 7 {
		entry = append(entry, c|0x80)
		c = byte(size & 0x7f)
	}
	entry = slices.Concat(append(entry, c), base, deflated)
	p.body.Write(entry)
	p.entries = append(p.entries, forgedEntry{id, at, crc32.ChecksumIEEE(entry)})
	return at
}

func (p *forgedPack) blob(content []byte) (id string, offset int64) {
	id = blobID(content)
	return id, p.add(id, packedBlob, int64(len(content)), nil, deflated(content))
}

// write puts pack and index into the store.
func (p *forgedPack) write(w *hostileWorld, name string) {
	w.Helper()
	pack := p.body.Bytes()
	binary.BigEndian.PutUint32(pack[8:], uint32(len(p.entries)))
	sum := sha1.Sum(pack)
	slices.SortFunc(p.entries, func(a, b forgedEntry) int { return strings.Compare(a.id, b.id) })
	var fanout [256]uint32
	var ids, crcs, offsets []byte
	for _, e := range p.entries {
		raw := rawID(e.id)
		for i := int(raw[0]); i < 256; i++ {
			fanout[i]++
		}
		ids = append(ids, raw...)
		crcs = binary.BigEndian.AppendUint32(crcs, e.crc)
		offsets = binary.BigEndian.AppendUint32(offsets, uint32(e.offset))
	}
	idx := []byte("\xfftOc\x00\x00\x00\x02")
	for _, n := range fanout {
		idx = binary.BigEndian.AppendUint32(idx, n)
	}
	idx = slices.Concat(idx, ids, crcs, offsets, sum[:])
	own := sha1.Sum(idx)
	base := w.store("objects", "pack", "pack-"+hex.EncodeToString(sum[:]))
	w.must(os.WriteFile(base+".pack", append(pack, sum[:]...), 0o444))
	w.must(os.WriteFile(base+".idx", append(idx, own[:]...), 0o444))
	w.Logf("%s: a pack of %d KiB", name, len(pack)>>10)
}

// remove takes all forged packs away again.
func (w *hostileWorld) removePacks(keep []string) {
	w.Helper()
	for _, path := range w.packs() {
		if !slices.Contains(keep, path) {
			w.must(os.Remove(path))
		}
	}
}

func (w *hostileWorld) packs() []string {
	w.Helper()
	found, err := filepath.Glob(w.store("objects", "pack", "*"))
	w.must(err)
	return found
}

func blobID(content []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

func deflated(content []byte) []byte {
	var b bytes.Buffer
	deflater.Reset(&b)
	deflater.Write(content)
	deflater.Close()
	return b.Bytes()
}

// deflater is for ten thousand small objects, of which each takes a thousandth of the
// time that its memory takes to be made.
var deflater = zlib.NewWriter(io.Discard)

// deltaOf makes a delta's text: the two sizes and the commands.
func deltaOf(from, to uint64, commands []byte) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(nil, from), to), commands...)
}

// back encodes how far before an entry its base lies.
func back(distance int64) []byte {
	out := []byte{byte(distance & 0x7f)}
	for distance >>= 7; distance > 0; distance >>= 7 {
		distance--
		out = append([]byte{byte(distance&0x7f) | 0x80}, out...)
	}
	return out
}

// forged is an id that names nothing.
func forgedID(n int) string { return fmt.Sprintf("%040x", 0xdead0000+n) }

func TestHostileDeltas(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	keep := w.packs()
	base := []byte(strings.Repeat("base", 100))
	copyAll := []byte{0x80 | 0x10 | 0x20, byte(len(base)), byte(len(base) >> 8)}
	plain := deltaOf(uint64(len(base)), uint64(len(base)), copyAll)
	id := forgedID(0)
	addDelta := func(p *forgedPack, id string, kind byte, base, delta []byte) int64 {
		return p.add(id, kind, int64(len(delta)), base, deflated(delta))
	}
	cases := map[string]func(p *forgedPack){
		"itself by name":   func(p *forgedPack) { addDelta(p, id, packedRefDelta, []byte(rawID(id)), plain) },
		"itself by offset": func(p *forgedPack) { addDelta(p, id, packedOffset, back(0), plain) },
		"before the pack":  func(p *forgedPack) { addDelta(p, id, packedOffset, back(1<<40), plain) },
		"into the header":  func(p *forgedPack) { addDelta(p, id, packedOffset, back(8), plain) },
		"endless offset":   func(p *forgedPack) { addDelta(p, id, packedOffset, bytes.Repeat([]byte{0xff}, 30), plain) },
		"a missing base":   func(p *forgedPack) { addDelta(p, id, packedRefDelta, []byte(rawID(forgedID(9))), plain) },
		"a circle": func(p *forgedPack) {
			addDelta(p, id, packedRefDelta, []byte(rawID(forgedID(1))), plain)
			addDelta(p, forgedID(1), packedRefDelta, []byte(rawID(forgedID(2))), plain)
			addDelta(p, forgedID(2), packedRefDelta, []byte(rawID(id)), plain)
		},
		"a long chain by name": func(p *forgedPack) {
			first, _ := p.blob(base)
			for n := range 6000 {
				addDelta(p, forgedID(n), packedRefDelta, []byte(rawID(first)), plain)
				first = forgedID(n)
			}
			addDelta(p, forgedID(6000), packedRefDelta, []byte(rawID(first)), plain)
			id = forgedID(6000)
		},
		"a long chain by offset": func(p *forgedPack) {
			_, at := p.blob(base)
			for n := range 6000 {
				here := int64(p.body.Len())
				at = addDelta(p, forgedID(n), packedOffset, back(here-at), plain)
			}
			id = forgedID(5999)
		},
		"an empty delta": func(p *forgedPack) {
			first, _ := p.blob(base)
			addDelta(p, id, packedRefDelta, []byte(rawID(first)), nil)
		},
		"a delta of noise": func(p *forgedPack) {
			first, _ := p.blob(base)
			addDelta(p, id, packedRefDelta, []byte(rawID(first)), bytes.Repeat([]byte{0xff}, 300))
		},
		"a result of 2^63": func(p *forgedPack) {
			first, _ := p.blob(base)
			addDelta(p, id, packedRefDelta, []byte(rawID(first)), deltaOf(400, 1<<63, copyAll))
		},
		"a base of 2^63": func(p *forgedPack) {
			first, _ := p.blob(base)
			addDelta(p, id, packedRefDelta, []byte(rawID(first)), deltaOf(1<<63, 400, copyAll))
		},
		"copies past its end": func(p *forgedPack) {
			first, _ := p.blob(base)
			addDelta(p, id, packedRefDelta, []byte(rawID(first)), deltaOf(400, 400, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}))
		},
		"a huge result": func(p *forgedPack) {
			// 16 MiB a command of seven bytes, 20,000 times: 320 GiB.
			big := make([]byte, 1<<24)
			first, _ := p.blob(big)
			delta := deltaOf(1<<24, 20000*0xffffff, bytes.Repeat([]byte{0x80 | 0x70, 0xff, 0xff, 0xff}, 20000))
			addDelta(p, id, packedRefDelta, []byte(rawID(first)), delta)
		},
		"a result of 4 GiB": func(p *forgedPack) {
			first, _ := p.blob(make([]byte, 1<<24))
			delta := deltaOf(1<<24, 256*0xffffff, bytes.Repeat([]byte{0x80 | 0x70, 0xff, 0xff, 0xff}, 256))
			addDelta(p, id, packedRefDelta, []byte(rawID(first)), delta)
		},
		"a size of 2^59":     func(p *forgedPack) { p.add(id, packedBlob, 1<<59, nil, deflated(base)) },
		"more than its size": func(p *forgedPack) { p.add(id, packedBlob, 1, nil, deflated(base)) },
		"less than its size": func(p *forgedPack) { p.add(id, packedBlob, 1<<20, nil, deflated(base)) },
		"no zlib":            func(p *forgedPack) { p.add(id, packedBlob, 400, nil, base) },
		"type 0":             func(p *forgedPack) { p.add(id, 0, 400, nil, deflated(base)) },
		"type 5":             func(p *forgedPack) { p.add(id, 5, 400, nil, deflated(base)) },
		"other bytes":        func(p *forgedPack) { p.add(id, packedBlob, int64(len(base)), nil, deflated(base)) },
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			w := &hostileWorld{T: t, base: w.base, dir: w.dir, sentinel: w.sentinel, live: w.live}
			id = forgedID(0)
			p := newForgedPack()
			build(p)
			p.write(w, name)
			w.forge(w.tree("100644 f", id))
			w.evil(14)
			if soaking() {
				w.forge(id)
				w.evil(14)
			}
			w.inStore("", "update-ref", "-d", "refs/tags/evil")
			w.goodComesBack()
			w.removePacks(keep)
			t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
		})
	}
	w.survives()
}
