package gitstore

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// slotTree is what was written into a slot, as its index has it.
type slotTree struct {
	top *slotDir
	// written is when the index was: a file that was changed then, or later, may
	// have been changed again without its stat data showing it.
	written time.Time
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
}

// slotItem is a file, or a directory.
type slotItem struct {
	name string
	file *gitindex.Entry
	sub  *slotDir
}

// find returns the file or directory of that name.
func (d *slotDir) find(name string, dir bool) (slotItem, bool) {
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
		return d.items[lo], true
	}
	return slotItem{}, false
}

func (it slotItem) compare(name string, mode uint32) int {
	own := uint32(scan.ModeFile)
	if it.sub != nil {
		own = scan.ModeDir
	}
	return scan.CompareNames(it.name, own, name, mode)
}

// appendTo gathers the entries of an index, which has the order of the trees, and
// settles what was touched where.
func (d *slotDir) appendTo(index []gitindex.Entry) []gitindex.Entry {
	for _, it := range d.items {
		if it.sub == nil {
			index = append(index, *it.file)
			continue
		}
		index = it.sub.appendTo(index)
		d.touchedBelow = d.touchedBelow || it.sub.touchedBelow || it.sub.touched.Load()
	}
	return index
}

// readSlot reads what was written into a slot.
func (s *Store) readSlot(slot *Slot) (*slotTree, error) {
	if slot.Damaged {
		return nil, malformed("the store has lost what it knew of the directory")
	}
	f, err := os.Open(filepath.Join(s.slotDir(slot.id), "index"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, fi.Size())
	n, err := dirfd.ReadFull(int(f.Fd()), data)
	if err != nil {
		return nil, err
	}
	entries, err := gitindex.Decode(data[:n])
	if err != nil {
		return nil, err
	}
	return &slotTree{top: newSlotDir(entries), written: fi.ModTime()}, nil
}

// newSlotDir builds the directories of an index.
func newSlotDir(entries []gitindex.Entry) *slotDir {
	b := slotTreeBuilder{hash: odb.NewVerifier()}
	b.open = append(b.open, &slotDir{})
	for i := range entries {
		// What wasn't asked for was not written.
		if !entries[i].SkipWorktree {
			b.add(&entries[i])
		}
	}
	for len(b.open) > 1 {
		b.close()
	}
	b.name(b.open[0])
	return b.open[0]
}

type slotTreeBuilder struct {
	// open are the directories from the top to the one that is being filled.
	open []*slotDir
	hash *odb.Hasher
	buf  []byte
}

func (b *slotTreeBuilder) add(e *gitindex.Entry) {
	last := b.open[len(b.open)-1]
	for len(b.open) > 1 && !isBelow(e.Name, last.path) {
		b.close()
		last = b.open[len(b.open)-1]
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
		last.items = append(last.items, slotItem{name: e.Name[at : at+n], sub: sub})
		b.open = append(b.open, sub)
		last, at = sub, at+n+1
	}
	last.items = append(last.items, slotItem{name: e.Name[at:], file: e})
}

func (b *slotTreeBuilder) close() {
	last := len(b.open) - 1
	b.name(b.open[last])
	b.open = b.open[:last]
}

// name computes the name of the tree that the directory's items make.
func (b *slotTreeBuilder) name(d *slotDir) {
	b.buf = b.buf[:0]
	for _, it := range d.items {
		e := odb.TreeEntry{Mode: scan.ModeDir, Name: it.name}
		if it.sub != nil {
			e.ID = it.sub.tree
		} else {
			e.Mode, e.ID = it.file.Mode, it.file.ID
		}
		b.buf = odb.AppendTreeEntry(b.buf, e)
	}
	b.hash.Start(odb.Tree, int64(len(b.buf)))
	b.hash.Write(b.buf)
	// A verifier looks for no collisions, so it always has a sum.
	d.tree, _ = b.hash.Sum()
}
