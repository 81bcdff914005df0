package odb

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// packIndex is a version 2 pack index, mapped: a lookup touches a few pages
// whatever the size of the pack. It is unmapped when nobody has it any more, so each
// method must keep it until its last look into the mapping.
type packIndex struct {
	data   []byte
	count  int
	ids    []byte
	offs   []byte
	offs64 []byte

	unmap runtime.Cleanup
}

const (
	indexHeader  = 8
	indexFanout  = 256 * 4
	indexTrailer = 2 * 20
)

var indexMagic = []byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}

func openIndex(path string) (*packIndex, error) {
	f, err := durable.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() < indexHeader+indexFanout+indexTrailer {
		return nil, fmt.Errorf("%s is too short for a pack index", path)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(fi.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	x, err := parseIndex(data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), unix.Munmap(data))
	}
	x.unmap = runtime.AddCleanup(x, func(data []byte) { unix.Munmap(data) }, data)
	return x, nil
}

// parseIndex checks what the lookups rely on, so that a damaged index yields
// errors and misses but never a read out of bounds.
func parseIndex(data []byte) (x *packIndex, err error) {
	defer guardFault(&err)
	if !bytes.Equal(data[:indexHeader], indexMagic) {
		return nil, errors.New("not a version 2 pack index")
	}
	x = &packIndex{data: data}
	prev := uint32(0)
	for i := range 256 {
		n := binary.BigEndian.Uint32(data[indexHeader+4*i:])
		if n < prev {
			return nil, errors.New("pack index has a fan-out that decreases")
		}
		prev = n
	}
	x.count = int(prev)
	rest := data[indexHeader+indexFanout : len(data)-indexTrailer]
	if len(rest) < x.count*28 {
		return nil, errors.New("pack index is truncated")
	}
	x.ids, rest = rest[:x.count*20], rest[x.count*20:]
	rest = rest[x.count*4:] // checksums of the deflated bytes, which the object's name makes needless
	x.offs, x.offs64 = rest[:x.count*4], rest[x.count*4:]
	return x, nil
}

// guardFault turns the fault of a mapped page that can't be read (a bad disk,
// a truncated file) into an error instead of the end of the process.
func guardFault(err *error) {
	if r := recover(); r != nil {
		fault, ok := r.(interface{ Addr() uintptr })
		if !ok {
			panic(r)
		}
		*err = fmt.Errorf("pack index can't be read: fault at %#x", fault.Addr())
	}
}

func (x *packIndex) close() error {
	x.unmap.Stop()
	return unix.Munmap(x.data)
}

// find returns the position of id in the index.
func (x *packIndex) find(id ID) (i int, ok bool) {
	lo := 0
	if id[0] > 0 {
		lo = int(binary.BigEndian.Uint32(x.data[indexHeader+4*(int(id[0])-1):]))
	}
	hi := int(binary.BigEndian.Uint32(x.data[indexHeader+4*int(id[0]):]))
	i = lo + sort.Search(hi-lo, func(i int) bool {
		return bytes.Compare(x.ids[(lo+i)*20:(lo+i)*20+20], id[:]) >= 0
	})
	ok = i < hi && ID(x.ids[i*20:i*20+20]) == id
	runtime.KeepAlive(x)
	return i, ok
}

// offset returns a negative number when the index points outside itself.
func (x *packIndex) offset(i int) int64 {
	off := int64(binary.BigEndian.Uint32(x.offs[i*4:]))
	if off&(1<<31) != 0 {
		at := int(off&^(1<<31)) * 8
		if at+8 > len(x.offs64) {
			return -1
		}
		off = int64(binary.BigEndian.Uint64(x.offs64[at:]))
	}
	runtime.KeepAlive(x)
	return off
}

// checksum verifies the whole index against its trailer.
func (x *packIndex) checksum() (err error) {
	defer runtime.KeepAlive(x)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer guardFault(&err)
	body := x.data[:len(x.data)-20]
	if sha1.Sum(body) != [20]byte(x.data[len(body):]) {
		return errors.New("pack index does not match its own checksum")
	}
	return nil
}

func (x *packIndex) packChecksum() [20]byte {
	defer runtime.KeepAlive(x)
	return [20]byte(x.data[len(x.data)-40:])
}

// packed is one object of a pack in the making.
type packed struct {
	id  ID
	crc uint32
	off int64
}

// encodeIndex sorts the entries and returns the index, version 2, but for the two
// checksums at its end.
func encodeIndex(entries []packed) []byte {
	slices.SortFunc(entries, func(a, b packed) int { return bytes.Compare(a.id[:], b.id[:]) })
	out := make([]byte, 0, indexHeader+indexFanout+len(entries)*28+indexTrailer)
	out = append(out, indexMagic...)
	var fanout [256]uint32
	for _, e := range entries {
		fanout[e.id[0]]++
	}
	total := uint32(0)
	for _, n := range fanout {
		total += n
		out = binary.BigEndian.AppendUint32(out, total)
	}
	for _, e := range entries {
		out = append(out, e.id[:]...)
	}
	for _, e := range entries {
		out = binary.BigEndian.AppendUint32(out, e.crc)
	}
	var large []int64
	for _, e := range entries {
		off := uint32(e.off)
		if e.off >= 1<<31 {
			off = 1<<31 | uint32(len(large))
			large = append(large, e.off)
		}
		out = binary.BigEndian.AppendUint32(out, off)
	}
	for _, off := range large {
		out = binary.BigEndian.AppendUint64(out, uint64(off))
	}
	return out
}

// sealIndex adds the pack's checksum and the index's own.
func sealIndex(index []byte, packSum [20]byte) []byte {
	index = append(index, packSum[:]...)
	sum := sha1.Sum(index)
	return append(index, sum[:]...)
}
