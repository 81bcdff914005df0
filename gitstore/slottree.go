package gitstore

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// slotTree is what was written into a slot, as its index has it.
type slotTree struct {
	top *slotDir
	// settled is as in [Slot].
	settled int64
}

// slotDir is a directory of it. Its items are in the order of a Git tree, which
// is the order of the index, too.
type slotDir struct {
	path  string
	items []slotItem
	// tree is computed from the items: a directory with the right one holds the
	// very entries of that tree, by hash.
	tree ID
	// touched says that something in this very directory was written or removed,
	// touchedBelow that something in one below it was.
	touched      atomic.Bool
	touchedBelow bool
	// stamp is what the file system said of the directory while it held its items and
	// nothing else, zero when that isn't known.
	stamp dirStamp
}

// slotItem is a file, or a directory.
type slotItem struct {
	name string
	file *gitindex.Entry
	sub  *slotDir
	// was is the item of that name and kind in what is brought up to date.
	was *slotItem
	// written files are this rollback's.
	written bool
}

// find returns the file or directory of that name, nil for none.
func (d *slotDir) find(name string, dir bool) *slotItem {
	mode := uint32(scan.ModeFile)
	if dir {
		mode = scan.ModeDir
	}
	lo, hi := 0, len(d.items)
	for lo < hi {
		mid := (lo + hi) / 2
		if d.items[mid].compare(name, mode) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(d.items) && d.items[lo].name == name && (d.items[lo].sub != nil) == dir {
		return &d.items[lo]
	}
	return nil
}

func (it *slotItem) compare(name string, mode uint32) int {
	return scan.CompareNames(it.name, it.kind(), name, mode)
}

// kind is the mode of a directory, or of any file.
func (it *slotItem) kind() uint32 {
	if it.sub != nil {
		return scan.ModeDir
	}
	return scan.ModeFile
}

// follow finds, for each item, the one of its name and kind in what the directory held
// before.
func (d *slotDir) follow(was *slotDir) {
	old := was.items
	for i := range d.items {
		it := &d.items[i]
		for len(old) > 0 && old[0].compare(it.name, it.kind()) < 0 {
			old = old[1:]
		}
		if len(old) > 0 && old[0].name == it.name && old[0].kind() == it.kind() {
			it.was = &old[0]
		}
	}
}

// appendTo gathers the entries of an index, which has the order of the trees, and
// settles what was touched where.
func (d *slotDir) appendTo(index []*gitindex.Entry) []*gitindex.Entry {
	for i := range d.items {
		it := &d.items[i]
		if it.sub == nil {
			index = append(index, it.file)
			continue
		}
		index = it.sub.appendTo(index)
		d.touchedBelow = d.touchedBelow || it.sub.touchedBelow || it.sub.touched.Load()
	}
	return index
}

// readSlot reads what was written into a slot.
func (s *Store) readSlot(slot *Slot) (*slotTree, error) {
	b := newSlotDirBuilder(false)
	_, err := s.slotRuns(slot, func(run []gitindex.Entry) { b.runs <- run })
	top := b.end()
	if err != nil {
		return nil, err
	}
	tree := &slotTree{top, slot.Settled}
	s.readStamps(slot, tree.top)
	return tree, nil
}

// slotIndex reads a slot's index.
func (s *Store) slotIndex(slot *Slot) ([]gitindex.Entry, error) {
	return s.slotRuns(slot, func([]gitindex.Entry) {})
}

// slotRuns is slotIndex that hands entries on as they are read, which may turn out to
// be in vain.
func (s *Store) slotRuns(slot *Slot, use func(run []gitindex.Entry)) ([]gitindex.Entry, error) {
	if slot.Damaged {
		return nil, malformed("the store has lost what it knew of the directory")
	}
	f, err := durable.Open(filepath.Join(s.slotDir(slot.id), "index"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkIndexSize(f, fi.Size()); err != nil {
		return nil, err
	}
	return gitindex.Stream(f, int(fi.Size()), use)
}

// checkIndexSize refuses an index that has far more bytes than its entries can take: it
// would be read into memory.
func checkIndexSize(f *os.File, size int64) error {
	const room, perEntry = 64 << 20, 1 << 10
	var head [12]byte
	if _, err := f.ReadAt(head[:], 0); err != nil || size > room+perEntry*int64(binary.BigEndian.Uint32(head[8:])) {
		return malformed(fmt.Sprintf("an index of %d bytes has only a few entries", size))
	}
	return nil
}

// newSlotDir builds the directories of an index, with what wasn't asked for, and so not
// written, or without.
func newSlotDir(entries []gitindex.Entry, unwritten bool) *slotDir {
	b := newSlotDirBuilder(unwritten)
	b.runs <- entries
	return b.end()
}

// slotDirBuilder builds the directories of an index from its entries, which come in run
// by run.
type slotDirBuilder struct {
	runs chan []gitindex.Entry
	top  slotDir
	done sync.WaitGroup
}

func newSlotDirBuilder(unwritten bool) *slotDirBuilder {
	b := &slotDirBuilder{runs: make(chan []gitindex.Entry, 64)}
	full := make(chan *slotDir, 256)
	b.done.Go(func() {
		n := treeNamer{hash: odb.NewVerifier()}
		for d := range full {
			n.name(d)
		}
	})
	b.done.Go(func() {
		defer close(full)
		t := slotTreeBuilder{done: full}
		t.enter(&b.top)
		for run := range b.runs {
			for i := range run {
				if unwritten || !run[i].SkipWorktree {
					t.add(&run[i])
				}
			}
		}
		for len(t.open) > 0 {
			t.close()
		}
	})
	return b
}

// end returns the directory at the top, once no more entries come.
func (b *slotDirBuilder) end() *slotDir {
	close(b.runs)
	b.done.Wait()
	return &b.top
}

type slotTreeBuilder struct {
	// open are the directories from the top to the one that is being filled.
	open []openSlotDir
	// slab is where the items of those that are full go.
	slab []slotItem
	// done gets them, those below before the one that they are in.
	done chan<- *slotDir
}

type openSlotDir struct {
	*slotDir
	filling []slotItem
}

func (b *slotTreeBuilder) enter(d *slotDir) {
	depth := len(b.open)
	if depth < cap(b.open) {
		// The last one of that depth left room for its items.
		b.open = b.open[:depth+1]
		b.open[depth].slotDir = d
		return
	}
	b.open = append(b.open, openSlotDir{slotDir: d})
}

func (b *slotTreeBuilder) add(e *gitindex.Entry) {
	last := &b.open[len(b.open)-1]
	for len(b.open) > 1 && !isBelow(e.Name, last.path) {
		b.close()
		last = &b.open[len(b.open)-1]
	}
	at := len(last.path)
	if at > 0 {
		at++
	}
	for {
		n := strings.IndexByte(e.Name[at:], '/')
		if n < 0 {
			break
		}
		sub := &slotDir{path: e.Name[:at+n]}
		last.filling = append(last.filling, slotItem{name: e.Name[at : at+n], sub: sub})
		b.enter(sub)
		last, at = &b.open[len(b.open)-1], at+n+1
	}
	last.filling = append(last.filling, slotItem{name: e.Name[at:], file: e})
}

// slabItems is how many items are allocated at once.
const slabItems = 1 << 12

func (b *slotTreeBuilder) close() {
	last := &b.open[len(b.open)-1]
	n := len(last.filling)
	if cap(b.slab)-len(b.slab) < n {
		b.slab = make([]slotItem, 0, max(slabItems, n))
	}
	from := len(b.slab)
	b.slab = append(b.slab, last.filling...)
	last.items = b.slab[from:len(b.slab):len(b.slab)]
	last.filling = last.filling[:0]
	b.done <- last.slotDir
	b.open = b.open[:len(b.open)-1]
}

// treeNamer computes the names of trees.
type treeNamer struct {
	hash *odb.Hasher
	buf  []byte
}

// name finds the name of the tree that the directory's items make.
func (n *treeNamer) name(d *slotDir) {
	n.buf = n.buf[:0]
	for i := range d.items {
		it := &d.items[i]
		e := odb.TreeEntry{Mode: scan.ModeDir, Name: it.name}
		if it.sub != nil {
			e.ID = it.sub.tree
		} else {
			e.Mode, e.ID = it.file.Mode, it.file.ID
		}
		n.buf = odb.AppendTreeEntry(n.buf, e)
	}
	// A verifier looks for no collisions, so it always has a sum.
	d.tree, _ = n.hash.Name(odb.Tree, n.buf)
}
