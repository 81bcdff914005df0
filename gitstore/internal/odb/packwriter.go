package odb

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/deflate"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/klauspost/compress/zlib"
)

// PackWriter collects new objects into one pack. Its methods may be called by
// many goroutines; a [Lane] belongs to one.
type PackWriter struct {
	db  *DB
	tmp *durable.File

	// loose are the loose objects there were at the start: asking the file
	// system for each new object would cost a system call apiece.
	loose map[ID]struct{}
	reuse reuse
	// again packs what is stored already, too.
	again bool
	// elsewhere says that something was found stored, and in no pack of this
	// directory.
	elsewhere atomic.Bool
	// replacing is for a pack that is to take the place of others. It isn't marked:
	// see announce.
	replacing bool
	// keep marks the pack from before it is published until Release.
	keep *keep

	mu      sync.Mutex
	claimed map[ID]struct{}
	entries []packed
	end     int64
	err     error
	lanes   []*Lane
}

// Packed is what [PackWriter.Finish] published.
type Packed struct {
	// Name is the pack's name without extension, empty when there was nothing
	// to write.
	Name string
	// Objects is the number of objects, Bytes the size of the pack.
	Objects int
	Bytes   int64
}

// deflateLevel is the fastest, for big objects as package deflate has it for all others.
// Measured on a source tree, file by file: of zlib's default it takes a third of the time
// and 115 % of the room, and the levels between save half of that for as much time again.
// A first checkpoint is mostly deflating, and gc --aggressive has time.
const deflateLevel = zlib.BestSpeed

const packHeader = 12

// NewPack starts a pack. It must end in Finish and Release, or in Abort.
func (db *DB) NewPack() (*PackWriter, error) {
	if err := os.MkdirAll(filepath.Join(db.dir, "pack"), 0o777); err != nil {
		return nil, err
	}
	// What git removed meanwhile isn't stored any more.
	if err := db.Refresh(); err != nil {
		return nil, err
	}
	tmp, err := db.create(tempPack)
	if err != nil {
		return nil, err
	}
	return &PackWriter{
		db: db, tmp: tmp, loose: db.looseIDs(), reuse: reuse{before: db.whole()}, claimed: make(map[ID]struct{}), end: packHeader,
	}, nil
}

func (w *PackWriter) stored(id ID) bool {
	if w.reusePacked(id) {
		return true
	}
	found := w.reuseLoose(id)
	for _, alt := range w.db.alternates {
		found = found || alt.Has(id)
	}
	if found {
		w.elsewhere.Store(true)
	}
	return found
}

// Homes are the checksums of packs that hold, after Finish, all that the writer was
// given or asked about and has; none when some of it lies elsewhere.
func (w *PackWriter) Homes() [][sha1.Size]byte {
	if w.elsewhere.Load() {
		return nil
	}
	return w.db.packSums()
}

// claim says whether the caller is the first to bring this object.
func (w *PackWriter) claim(id ID) bool {
	if !w.again && w.stored(id) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.claimed[id]; ok {
		return false
	}
	w.claimed[id] = struct{}{}
	return true
}

// Has says whether the object is in the database or already in this pack.
func (w *PackWriter) Has(id ID) bool {
	w.mu.Lock()
	_, ok := w.claimed[id]
	w.mu.Unlock()
	return ok || w.stored(id)
}

// Empty says that nothing new was brought so far.
func (w *PackWriter) Empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.claimed) == 0
}

// reserve takes n bytes of the pack for the entries, whose offsets are relative
// to its start.
func (w *PackWriter) reserve(n int64, entries []packed) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.end
	w.end += n
	for _, e := range entries {
		e.off += at
		w.entries = append(w.entries, e)
	}
	return at
}

func (w *PackWriter) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	return err
}

// NewLane returns a lane for one goroutine.
func (w *PackWriter) NewLane() *Lane {
	l := &Lane{w: w, hash: NewHasher()}
	w.mu.Lock()
	w.lanes = append(w.lanes, l)
	w.mu.Unlock()
	return l
}

// Lane hashes and deflates objects on behalf of one goroutine and hands them to
// the pack in batches.
type Lane struct {
	w       *PackWriter
	hash    *Hasher
	small   deflate.Deflater
	buf     bytes.Buffer
	entries []packed
	// big and read are for streams, made when they are first needed.
	big  *zlib.Writer
	read []byte
}

// laneBatch is how much a lane gathers before it writes: enough to make the
// system call's cost vanish, little enough to bound memory.
const laneBatch = 1 << 20

// Add brings an object whose bytes are at hand. The second result says whether
// it was new.
func (l *Lane) Add(typ Type, data []byte) (ID, bool, error) {
	l.hash.Start(typ, int64(len(data)))
	l.hash.Write(data)
	id, err := l.hash.Sum()
	if err != nil || !l.w.claim(id) {
		return id, false, err
	}
	start := l.buf.Len()
	l.header(typ, int64(len(data)))
	l.buf.Grow(min(len(data), laneBatch) + maxEntryHeader + 64)
	l.buf.Write(l.small.AppendZlib(l.buf.AvailableBuffer(), data))
	l.entries = append(l.entries, packed{id: id, crc: crc32.ChecksumIEEE(l.buf.Bytes()[start:]), off: int64(start)})
	if l.buf.Len() >= laneBatch {
		return id, true, l.flush()
	}
	return id, true, nil
}

func (l *Lane) header(typ Type, size int64) {
	l.buf.Write(appendEntryHeader(l.buf.AvailableBuffer(), typ, size))
}

func (l *Lane) flush() error {
	if l.buf.Len() == 0 {
		return nil
	}
	at := l.w.reserve(int64(l.buf.Len()), l.entries)
	if _, err := l.w.tmp.WriteAt(l.buf.Bytes(), at); err != nil {
		return l.w.fail(err)
	}
	l.buf.Reset()
	l.entries = l.entries[:0]
	return nil
}

// BigObject is the size from which an object is better brought by AddStream.
const BigObject = 8 << 20

// ErrSize says that a stream held more or fewer bytes than announced.
var ErrSize = errors.New("content changed its size while it was read")

// AddStream brings an object of exactly size bytes with memory that doesn't
// grow with it. The deflated form waits in a file of its own until the object's
// name says whether it is new.
func (l *Lane) AddStream(typ Type, size int64, r io.Reader) (ID, bool, error) {
	spool, err := l.w.db.create(tempPack)
	if err != nil {
		return ID{}, false, l.w.fail(err)
	}
	defer spool.Discard()
	if l.big == nil {
		l.big, _ = zlib.NewWriterLevel(nil, deflateLevel)
		l.read = make([]byte, 256<<10)
	}
	if err := l.flush(); err != nil {
		return ID{}, false, err
	}
	l.header(typ, size)
	head := bytes.Clone(l.buf.Bytes())
	l.buf.Reset()
	sum := &crcWriter{w: spool}
	if _, err := sum.Write(head); err != nil {
		return ID{}, false, l.w.fail(err)
	}
	l.hash.Start(typ, size)
	l.big.Reset(sum)
	n, err := io.CopyBuffer(io.MultiWriter(l.hash, l.big), struct{ io.Reader }{io.LimitReader(r, size+1)}, l.read)
	if err != nil {
		return ID{}, false, err
	}
	if n != size {
		return ID{}, false, ErrSize
	}
	if err := l.big.Close(); err != nil {
		return ID{}, false, l.w.fail(err)
	}
	id, err := l.hash.Sum()
	if err != nil || !l.w.claim(id) {
		return id, false, err
	}
	return id, true, l.adopt(spool.File, packed{id: id, crc: sum.crc}, sum.n)
}

// adopt appends a spooled entry to the pack.
func (l *Lane) adopt(spool *os.File, e packed, n int64) error {
	at := l.w.reserve(n, []packed{e})
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return l.w.fail(err)
	}
	if _, err := io.CopyBuffer(io.NewOffsetWriter(l.w.tmp, at), struct{ io.Reader }{spool}, l.read); err != nil {
		return l.w.fail(err)
	}
	return nil
}

type crcWriter struct {
	w   io.Writer
	n   int64
	crc uint32
}

func (c *crcWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b[:n])
	return n, err
}

// Abort throws the pack away. It does nothing after Finish.
func (w *PackWriter) Abort() { w.tmp.Discard() }

// Release lets git collect the pack's objects as any others: a ref names them by
// now, or never will.
func (w *PackWriter) Release() { w.keep.release() }

// Finish writes what the lanes still hold, makes pack and index durable and
// publishes them, the index last: a pack without an index is invisible to every
// reader. Until Release, git's collecting leaves the pack alone. No lane may be
// used any more.
func (w *PackWriter) Finish() (Packed, error) {
	for _, l := range w.lanes {
		if err := l.flush(); err != nil {
			return Packed{}, err
		}
	}
	if w.err != nil {
		return Packed{}, w.err
	}
	if len(w.entries) == 0 {
		w.Abort()
		return Packed{}, nil
	}
	index := make(chan []byte, 1)
	go func() { index <- encodeIndex(w.entries) }()
	sum, err := w.seal()
	body := <-index
	if err != nil {
		return Packed{}, err
	}
	name := fmt.Sprintf("pack-%x", sum)
	if err := w.publish(name, sealIndex(body, sum)); err != nil {
		w.Release()
		return Packed{}, err
	}
	return Packed{Name: name, Objects: len(w.entries), Bytes: w.end + sha1.Size}, w.db.Refresh()
}

func (w *PackWriter) publish(name string, index []byte) (err error) {
	dir := filepath.Join(w.db.dir, "pack")
	idx, err := w.db.create(tempIndex)
	if err != nil {
		return err
	}
	defer idx.Discard()
	if _, err := idx.Write(index); err != nil {
		return err
	}
	if err := errors.Join(idx.Sync(), w.tmp.Sync()); err != nil {
		return err
	}
	done, err := w.announce(name)
	if err != nil {
		return err
	}
	defer done()
	if err := w.tmp.Rename(filepath.Join(dir, name+".pack")); err != nil {
		return err
	}
	if err := durable.SyncDir(dir); err != nil {
		return err
	}
	if err := idx.Publish(filepath.Join(dir, name+".idx")); err != nil {
		return err
	}
	// Who sweeps may have taken it for a dead process's, which wrote the same pack.
	_, err = os.Lstat(filepath.Join(dir, name+".pack"))
	return err
}

// announce says whose the pack is that is about to be published, so that it is swept
// should its writer die before the index is there.
//
// A mark keeps git from removing the pack, and git-repack(1) also leaves out of its
// own new pack whatever a marked one holds, before it removes all that it found
// unmarked. That is good for objects that nothing names yet. But a pack that was
// copied from others may yet be given up: then git would have counted on it and
// removed the others. Unmarked, git takes everything from whichever pack it finds it
// in.
func (w *PackWriter) announce(name string) (done func(), err error) {
	if !w.replacing {
		w.keep, err = w.db.keepPack(name)
		return func() {}, err
	}
	fi, err := w.tmp.Stat()
	if err != nil {
		return nil, err
	}
	list, err := w.db.announceRemoval([]*source{{pack: &pack{name: name}, data: identity(fi)}})
	if err != nil {
		return nil, err
	}
	return list.Discard, nil
}

// seal writes header and trailer. The header holds the number of objects, which
// is known only now, and comes first in the checksum: so the pack is read once
// more, from the page cache.
func (w *PackWriter) seal() ([sha1.Size]byte, error) {
	var head [packHeader]byte
	copy(head[:], "PACK")
	binary.BigEndian.PutUint32(head[4:], 2)
	binary.BigEndian.PutUint32(head[8:], uint32(len(w.entries)))
	var sum [sha1.Size]byte
	if _, err := w.tmp.WriteAt(head[:], 0); err != nil {
		return sum, err
	}
	h := sha1.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{io.NewSectionReader(w.tmp, 0, w.end)}, make([]byte, 1<<20)); err != nil {
		return sum, err
	}
	copy(sum[:], h.Sum(nil))
	_, err := w.tmp.WriteAt(sum[:], w.end)
	return sum, err
}
