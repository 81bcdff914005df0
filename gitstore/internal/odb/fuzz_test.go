package odb

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"
)

// FuzzIndex makes sure that no index makes a lookup read beside it.
func FuzzIndex(f *testing.F) {
	var entries []packed
	for i := range 5 {
		entries = append(entries, packed{id: sha1.Sum([]byte{byte(i)}), off: int64(i) << 30})
	}
	good := sealIndex(encodeIndex(entries), [20]byte{1})
	f.Add(good, []byte{0})
	for _, at := range []int{4, 8, 8 + 1020, indexHeader + indexFanout + 3, len(good) - 60} {
		bad := bytes.Clone(good)
		bad[at] ^= 0xff
		f.Add(bad, []byte{1})
	}
	f.Add(good[:len(good)-50], []byte{2})
	f.Fuzz(func(t *testing.T, data, key []byte) {
		if len(data) < indexHeader+indexFanout+indexTrailer {
			return
		}
		x, err := parseIndex(data)
		if err != nil {
			return
		}
		for i := range x.count {
			id := ID(x.ids[i*20 : i*20+20])
			if at, ok := x.find(id); ok && ID(x.ids[at*20:at*20+20]) != id {
				t.Fatalf("%s was found at %d, where another stands", id, at)
			}
			x.offset(i)
		}
		x.find(sha1.Sum(key))
	})
}

// FuzzEntry makes sure that the header of a packed object is read within its bytes.
func FuzzEntry(f *testing.F) {
	for _, s := range []string{"\x30", "\xb0\x01", "\xe5\x02\x80\x00", "\x75" + strings.Repeat("i", 20), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\x60\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ""} {
		f.Add([]byte(s), int64(12))
	}
	f.Fuzz(func(t *testing.T, data []byte, off int64) {
		e, used, err := parseEntry(data, off)
		if err == nil && (used > len(data) || e.size < 0 || off >= 0 && e.base > off) {
			t.Errorf("%d bytes used of %d, size %d, base %d of %d", used, len(data), e.size, e.base, off)
		}
	})
}

// FuzzTree makes sure that what is decoded encodes to the same bytes, but for
// spellings of the mode.
func FuzzTree(f *testing.F) {
	good := AppendTreeEntry(AppendTreeEntry(nil, TreeEntry{Mode: 0o100644, Name: "a", ID: ID{1}}), TreeEntry{Mode: 0o40000, Name: "b", ID: ID{2}})
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte("100644 \x00" + strings.Repeat("i", 20)))
	f.Add([]byte("77777777777777777777 a\x00" + strings.Repeat("i", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ParseTree(data)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range list {
			again = AppendTreeEntry(again, e)
		}
		second, err := ParseTree(again)
		if err != nil || len(second) != len(list) || len(again) > len(data) {
			t.Errorf("%d entries became %d: %v", len(list), len(second), err)
		}
	})
}

// FuzzLoose makes sure that a loose file is content only if it hashes to its name.
func FuzzLoose(f *testing.F) {
	deflate := func(s string) []byte {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		z.Write([]byte(s))
		z.Close()
		return b.Bytes()
	}
	for _, s := range []string{"blob 3\x00abc", "blob 9999999999999\x00abc", "tree 0\x00", "blob -1\x00", "blob 3", "\x00", "tag 18446744073709551616\x00x"} {
		f.Add(deflate(s))
	}
	f.Add([]byte("not deflated"))
	f.Add(deflate("blob 3\x00abc")[:8])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		db := &DB{dir: dir, staging: dir}
		id, err := Hash(Blob, []byte("abc"))
		if err != nil {
			t.Fatal(err)
		}
		path := db.loosePath(id)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
		typ, got, err := db.Read(id)
		if err == nil && (typ != Blob || string(got) != "abc") {
			t.Errorf("a %v of %q", typ, got)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzPack makes sure that a damaged pack gives its objects or errors, never other
// bytes.
func FuzzPack(f *testing.F) {
	base, other := []byte(strings.Repeat("base", 30)), []byte("other")
	id, err := Hash(Blob, other)
	if err != nil {
		f.Fatal(err)
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(other)
	w.Close()
	whole := append([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01\x35"), z.Bytes()...)
	f.Add(whole)
	f.Add(append(bytes.Clone(whole[:12]), 0x65, 0x00))
	f.Add(append(append(bytes.Clone(whole[:12]), 0x75), id[:]...))
	f.Add(append(bytes.Clone(whole[:12]), base...))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte) {
		pack := filepath.Join(dir, "pack")
		name := filepath.Join(pack, "pack-x")
		idx := sealIndex(encodeIndex([]packed{{id: id, off: packHeader}}), [20]byte{})
		err := errors.Join(os.MkdirAll(pack, 0o755), os.WriteFile(name+".pack", append(bytes.Clone(body), make([]byte, 20)...), 0o644), os.WriteFile(name+".idx", idx, 0o644))
		if err != nil {
			t.Fatal(err)
		}
		db, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if typ, got, err := db.Read(id); err == nil && (typ != Blob || !bytes.Equal(got, other)) {
			t.Errorf("a %v of %q", typ, got)
		}
		db.Size(id)
	})
}
