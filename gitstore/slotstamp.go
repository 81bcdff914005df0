package gitstore

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// stampFile, beside a slot's index, is what the file system said of each of its
// directories when that held what the index names and nothing else. A directory of
// which it still says so need not be listed to know that nobody put anything into
// it. It is a cache: without it, directories are listed.
//
// The file is stampMagic and then, for each directory in the order of the index, the
// top first, its tree's name and its stamp: inode, times of change of its names and of
// anything, in nanoseconds since the Unix epoch. Numbers are of 64 bits, little-endian.
// Whatever in it is damaged is like no directory, and so needs no checksum.
const (
	stampFile  = "evoseal.directories"
	stampMagic = "EVSD0001"
	stampSize  = 20 + 8 + 8 + 8
)

// dirStamp tells a directory from what it becomes when a name is added to it or taken
// away.
type dirStamp struct {
	ino          uint64
	mtime, ctime int64
}

func stampOf(st dirfd.Stat) dirStamp { return dirStamp{st.Ino, st.Mtime, st.Ctime} }

// readStamps gives the directories their stamps, where they still are what was stamped.
func (s *Store) readStamps(slot *Slot, top *slotDir) {
	f, err := durable.Open(filepath.Join(s.slotDir(slot.id), stampFile))
	if err != nil {
		return
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return
	}
	data := make([]byte, fi.Size())
	n, err := dirfd.ReadFull(int(f.Fd()), data)
	if rest, ok := bytes.CutPrefix(data[:n], []byte(stampMagic)); err == nil && ok {
		top.readStamp(rest)
	}
}

// readStamp takes a directory's stamp and those of the ones below, and returns the rest.
func (d *slotDir) readStamp(data []byte) []byte {
	if len(data) < stampSize {
		return nil
	}
	number := func(at int) uint64 { return binary.LittleEndian.Uint64(data[at:]) }
	if ID(data[:20]) == d.tree {
		d.stamp = dirStamp{number(20), int64(number(28)), int64(number(36))}
	}
	data = data[stampSize:]
	for i := range d.items {
		if sub := d.items[i].sub; sub != nil {
			data = sub.readStamp(data)
		}
	}
	return data
}

// writeStamps keeps the stamps for whoever brings the slot up to date.
func (s *Store) writeStamps(m *Materialised) error {
	data := m.root.appendStamp([]byte(stampMagic), m.started)
	return os.WriteFile(filepath.Join(s.slotDir(m.slot.id), stampFile), data, 0o644)
}

// appendStamp leaves out stamps that aren't from before the work was started: whoever
// changed the directory after it was looked at may have done so with the same times.
func (d *slotDir) appendStamp(b []byte, started int64) []byte {
	stamp := d.stamp
	if max(stamp.mtime, stamp.ctime) >= started {
		stamp = dirStamp{}
	}
	b = append(b, d.tree[:]...)
	b = binary.LittleEndian.AppendUint64(b, stamp.ino)
	b = binary.LittleEndian.AppendUint64(b, uint64(stamp.mtime))
	b = binary.LittleEndian.AppendUint64(b, uint64(stamp.ctime))
	for i := range d.items {
		if sub := d.items[i].sub; sub != nil {
			b = sub.appendStamp(b, started)
		}
	}
	return b
}
