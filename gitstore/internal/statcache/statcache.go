package statcache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"
	"unsafe"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// Stat is what the file system says of a file and the cache compares.
// Times are nanoseconds since the Unix epoch.
type Stat struct {
	Size  int64
	Mtime int64
	Ctime int64
	Ino   uint64
}

// Entry is a file or a sub-directory as it was.
type Entry struct {
	Name string
	// Mode is Git's: 0100644, 0100755, 0120000 or, for a directory, 040000.
	Mode uint32
	// ID is the blob's or tree's name.
	ID [20]byte
	Stat
	// Racy entries must not be trusted.
	Racy bool

	// child is how far before the record of its parent that of a directory lies.
	child uint64
}

const (
	magic      = "EVSC0003"
	headerSize = 8 + 8 + 8 + 8 + 8
	dirHeader  = 4 + 4 + 4 + 20 + 8
	packSize   = 20
	entrySize  = 4 + 2 + 2 + 4 + 8 + 8 + 8 + 8 + 20

	flagRacy = 1 << 0
)

// table takes a moment to make, and most runs of the program need none.
var table = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// Cache is a mapped stat cache. A nil Cache is an empty one. Any number of
// goroutines may read it.
type Cache struct {
	data []byte
	root uint64
	// packs is where the names of packs begin.
	packs uint64
}

// Open maps the cache at path. A missing, truncated or foreign file is an empty
// cache: the error says why, for the log, and the nil Cache works.
func Open(path string) (*Cache, error) {
	f, err := durable.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() < headerSize || fi.Size() > 1<<40 {
		return nil, fmt.Errorf("%s has an impossible size", path)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(fi.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	c := &Cache{data: data}
	if err := c.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), unix.Munmap(data))
	}
	return c, nil
}

func (c *Cache) check() (err error) {
	defer faults(&err)()
	if string(c.data[:8]) != magic {
		return errors.New("not a stat cache of this version")
	}
	if binary.LittleEndian.Uint64(c.data[8:]) != uint64(len(c.data)) {
		return errors.New("stat cache is truncated")
	}
	c.root = binary.LittleEndian.Uint64(c.data[16:])
	c.packs = binary.LittleEndian.Uint64(c.data[24:])
	if c.packs < headerSize || c.packs > uint64(len(c.data)) || (uint64(len(c.data))-c.packs)%packSize != 0 {
		return errors.New("stat cache is malformed")
	}
	if uint64(headSum(c.data[:32], c.data[c.packs:])) != binary.LittleEndian.Uint64(c.data[32:]) {
		return errors.New("stat cache has a damaged head")
	}
	return nil
}

// headSum covers what no directory's record does.
func headSum(head, packs []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, table()), table(), packs)
}

// Packs are the checksums of packs that hold, together, every object that the cache
// names. None of them says that nothing is known of that.
func (c *Cache) Packs() [][packSize]byte {
	if c == nil {
		return nil
	}
	var out [][packSize]byte
	var err error
	defer faults(&err)()
	for b := c.data[c.packs:]; len(b) > 0; b = b[packSize:] {
		out = append(out, [packSize]byte(b))
	}
	return out
}

// faults turns an unreadable page of the mapping into an error.
func faults(err *error) func() {
	was := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(was)
		if r := recover(); r != nil {
			if _, ok := r.(interface{ Addr() uintptr }); !ok {
				panic(r)
			}
			*err = errors.New("stat cache can't be read")
		}
	}
}

// Close unmaps the cache; no name or directory from it may be used any more.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	return unix.Munmap(c.data)
}

// Dir is a directory's record. The zero Dir is an empty one.
type Dir struct {
	c *Cache
	// at is where the record lies; below so many bytes before it are those of all
	// directories below.
	at, below uint64

	tree    [20]byte
	count   int
	entries []byte
	names   []byte
}

// Root returns the record of the project's top.
func (c *Cache) Root() Dir {
	if c == nil {
		return Dir{}
	}
	return c.dir(c.root)
}

func (c *Cache) dir(at uint64) (d Dir) {
	var err error
	defer func() {
		if err != nil {
			d = Dir{}
		}
	}()
	defer faults(&err)()
	size := c.packs
	if at < headerSize || at > size-min(size, dirHeader) {
		return Dir{}
	}
	rec := c.data[at:size]
	count := uint64(binary.LittleEndian.Uint32(rec))
	names := uint64(binary.LittleEndian.Uint32(rec[4:]))
	length := dirHeader + count*entrySize + names
	if length > uint64(len(rec)) {
		return Dir{}
	}
	rec = rec[:length]
	if crc32.Update(crc32.Checksum(rec[:8], table()), table(), rec[12:]) != binary.LittleEndian.Uint32(rec[8:]) {
		return Dir{}
	}
	below := binary.LittleEndian.Uint64(rec[32:])
	if below > at-headerSize {
		return Dir{}
	}
	return Dir{
		c: c, at: at, below: below, tree: [20]byte(rec[12:32]), count: int(count),
		entries: rec[dirHeader : dirHeader+count*entrySize],
		names:   rec[dirHeader+count*entrySize:],
	}
}

// Len is the number of entries, Tree the name of the directory's tree when it
// was recorded.
func (d Dir) Len() int { return d.count }

// Known says that the cache has a record of the directory.
func (d Dir) Known() bool { return d.c != nil }

// Tree is the tree that the directory made; null when unknown.
func (d Dir) Tree() [20]byte { return d.tree }

// Name returns the i-th name without copying it: it lives as long as the cache.
func (d Dir) Name(i int) string {
	e := d.entries[i*entrySize:]
	off := uint64(binary.LittleEndian.Uint32(e))
	n := uint64(binary.LittleEndian.Uint16(e[4:]))
	if n == 0 || off+n > uint64(len(d.names)) {
		return ""
	}
	return unsafe.String(&d.names[off], int(n))
}

// Entry returns the i-th entry.
func (d Dir) Entry(i int) Entry {
	e := d.entries[i*entrySize : (i+1)*entrySize]
	le := binary.LittleEndian
	out := Entry{
		Name: d.Name(i),
		Racy: le.Uint16(e[6:])&flagRacy != 0,
		Mode: le.Uint32(e[8:]),
		Stat: Stat{
			Size: int64(le.Uint64(e[12:])), Mtime: int64(le.Uint64(e[20:])),
			Ctime: int64(le.Uint64(e[28:])), Ino: le.Uint64(e[36:]),
		},
		ID: [20]byte(e[44:64]),
	}
	if out.Mode == modeDir {
		out.child, out.Size = uint64(out.Size), 0
	}
	return out
}

// Find returns the entry of that name.
func (d Dir) Find(name string) (Entry, bool) {
	lo, hi := 0, d.count
	for lo < hi {
		mid := (lo + hi) / 2
		if d.Name(mid) < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < d.count && d.Name(lo) == name {
		return d.Entry(lo), true
	}
	return Entry{}, false
}

// Sub returns the record of a sub-directory, given its entry.
func (d Dir) Sub(e Entry) Dir {
	if d.c == nil || e.Mode != modeDir || e.child > d.below {
		return Dir{}
	}
	return d.c.dir(d.at - e.child)
}

const modeDir = 0o40000
