package odb

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// packOf is a pack of one blob, whose zlib stream is the caller's.
func packOf(size int, stream []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), 1)
	b = append(appendEntryHeader(b, Blob, int64(size)), stream...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// A writer that flushes all the time makes streams longer than zlib's bound. Git reads
// them, and so do we.
func TestStreamThatWasFlushedOften(t *testing.T) {
	for _, size := range []int{0, 1, 5, 300, 20_000, smallObject - 1, smallObject} {
		dir, _ := newRepository(t)
		blob := make([]byte, size)
		rng := rand.New(rand.NewPCG(1, uint64(size)))
		for i := range blob {
			blob[i] = byte(rng.Uint32())
		}
		var stream bytes.Buffer
		z := zlib.NewWriter(&stream)
		for rest := blob; len(rest) > 0; {
			n := min(64, len(rest))
			z.Write(rest[:n])
			z.Flush()
			rest = rest[n:]
		}
		for range 100 {
			z.Flush()
		}
		z.Close()
		id, err := ParseID(git(t, dir, blob, "hash-object", "--stdin"))
		if err != nil {
			t.Fatal(err)
		}
		git(t, dir, packOf(size, stream.Bytes()), "index-pack", "--stdin")
		fsck(t, dir)
		db, err := Open(filepath.Join(dir, "objects"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, got, err := db.Read(id); err != nil || !bytes.Equal(got, blob) {
			t.Errorf("%d bytes in a stream of %d: %v", size, stream.Len(), err)
		}
	}
}

// Where a pack was cut off, what lay behind it is corrupt, whichever question is asked.
func TestSizeInAShortPack(t *testing.T) {
	_, db := newRepository(t)
	ids := writePack(t, db, [][]byte{[]byte("one"), bytes.Repeat([]byte("two"), 1000)})
	pack := onlyIndex(t, filepath.Dir(db.Dir()))
	pack = pack[:len(pack)-len(".idx")] + ".pack"
	if err := os.Chmod(pack, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(pack, packHeader+20); err != nil {
		t.Fatal(err)
	}
	fresh, err := Open(db.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	for _, id := range ids {
		if _, _, err := fresh.Size(id); !errors.Is(err, ErrCorrupt) {
			t.Errorf("size: %v", err)
		}
		if _, _, err := fresh.Read(id); !errors.Is(err, ErrCorrupt) {
			t.Errorf("read: %v", err)
		}
	}
}
