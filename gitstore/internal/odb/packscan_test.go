package odb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func scanOf(t testing.TB, dir string, body []byte) *packScan {
	t.Helper()
	head := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), 0)
	path := filepath.Join(dir, "scanned.pack")
	data := append(append(head, body...), make([]byte, 20)...)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	db, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := db.scanPack(packFile{File: f, length: int64(len(data))})
	if err != nil && s == nil {
		t.Fatal(err)
	}
	return s
}

func packEntry(typ Type, base ID, data []byte) []byte {
	b := appendEntryHeader(nil, typ, int64(len(data)))
	if typ == refDelta {
		b = append(b, base[:]...)
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(data)
	w.Close()
	return append(b, z.Bytes()...)
}

// Each delta lies before its base, and noise lies between them: all are found, each
// once its base has its name.
func TestScanOfAReversedChain(t *testing.T) {
	const n = 2000
	r := rand.New(rand.NewPCG(3, 4))
	content := []byte("base")
	var ids []ID
	var entries [][]byte
	for i := range n {
		id, err := Hash(Blob, content)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			entries = append(entries, packEntry(Blob, ID{}, content))
		} else {
			// Copies all of its base but for the byte that it adds, in front.
			delta := append(binary.AppendUvarint(nil, uint64(len(content)-1)), binary.AppendUvarint(nil, uint64(len(content)))...)
			delta = append(append(delta, 1, content[0]), 0x80|0x30, byte(len(content)-1), byte((len(content)-1)>>8))
			entries = append(entries, packEntry(refDelta, ids[i-1], delta))
		}
		ids = append(ids, id)
		content = append([]byte{byte('a' + i%26)}, content...)
	}
	var body []byte
	for i := n - 1; i >= 0; i-- {
		body = append(body, entries[i]...)
		if i%100 == 0 {
			for range 5000 {
				body = append(body, byte(r.Uint32()))
			}
		}
	}
	s := scanOf(t, t.TempDir(), body)
	for i, id := range ids {
		if _, found := s.at[id]; !found {
			t.Fatalf("object %d of %d is not found, %d are", i, n, len(s.found))
		}
	}
	if len(s.found) != n || s.gaps == 0 {
		t.Errorf("%d objects and %d gaps", len(s.found), s.gaps)
	}
}

func FuzzScanPack(f *testing.F) {
	base := []byte("some text that is a base\n")
	id, err := Hash(Blob, base)
	if err != nil {
		f.Fatal(err)
	}
	whole := packEntry(Blob, ID{}, base)
	f.Add(whole)
	f.Add(append(bytes.Clone(whole[:7]), whole...))
	f.Add(append(packEntry(refDelta, id, []byte{byte(len(base)), 4, 0x90, 4}), whole...))
	f.Add(append(bytes.Clone(whole), append([]byte{0x64, byte(len(whole))}, packEntry(Blob, ID{}, []byte{byte(len(base)), 4, 0x90, 4})[1:]...)...))
	f.Add(packEntry(Tree, ID{}, nil))
	f.Add([]byte{0x38, 0x78, 0x9c, 0x38, 0x78, 0x9c})
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte) {
		s := scanOf(t, dir, body)
		for _, e := range s.found {
			if e.off < packHeader || e.off >= int64(packHeader+len(body)) {
				t.Errorf("an object at %d", e.off)
			}
		}
	})
}
