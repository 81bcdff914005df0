package gitindex

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// indexes are the shapes of an unsplit index with SHA-1 names that git writes,
// with the version each must have for the case to be what its name says.
var indexes = []struct {
	name    string
	version uint32
	make    func(r *repo)
}{
	{"version 2", 2, func(r *repo) {}},
	{"version 3", 3, func(r *repo) { r.flags() }},
	{"version 4", 4, func(r *repo) { r.git("update-index", "--index-version", "4") }},
	{"version 4 with flags", 4, func(r *repo) {
		r.flags()
		r.conflict()
		r.longNames()
		r.git("update-index", "--index-version", "4")
	}},
	{"conflict", 2, func(r *repo) { r.conflict() }},
	{"long names", 2, func(r *repo) { r.longNames() }},
	{"empty", 2, func(r *repo) { r.git("read-tree", "--empty") }},
	{"offset table", 2, func(r *repo) { r.git("-c", "index.threads=4", "update-index", "--force-write-index") }},
	{"untracked cache and monitor", 2, func(r *repo) { r.git("update-index", "--force-untracked-cache") }},
	{"unmerged undo", 2, func(r *repo) {
		r.conflict()
		r.write("conflict/both", "solved")
		r.git("add", "conflict/both")
	}},
	{"sparse", 3, func(r *repo) { r.git("sparse-checkout", "set", "--cone", "--sparse-index", "b/c") }},
}

func TestDecodeWhatGitWrites(t *testing.T) {
	for _, test := range indexes {
		t.Run(test.name, func(t *testing.T) {
			r := newRepo(t)
			r.fill()
			test.make(r)
			data := r.index()
			if v := binary.BigEndian.Uint32(data[4:]); v != test.version {
				t.Fatalf("git wrote version %d", v)
			}
			entries, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			sameListing(t, describe(entries), r.listing())
			unhashed := slices.Clone(data)
			clear(unhashed[len(data)-checksumSize:])
			if again, err := Decode(unhashed); err != nil || !slices.Equal(entries, again) {
				t.Errorf("without a checksum: %v", err)
			}
			data[len(data)/2] ^= 1
			if _, err := Decode(data); !errors.Is(err, ErrCorrupt) {
				t.Errorf("a flipped bit gives %v", err)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	r := newRepo(t)
	r.fill()
	r.git("update-index", "--split-index")
	if _, err := Decode(r.index()); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a split index gives %v", err)
	}
	plain := testIndex(t, 3)
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, ErrCorrupt},
		{"signature", change(plain, 0, 'X'), ErrCorrupt},
		{"version 1", change(plain, 7, 1), ErrUnsupported},
		{"version 5", change(plain, 7, 5), ErrUnsupported},
		{"too many entries", change(plain, 8, 0xff), ErrCorrupt},
		{"one entry too many", change(plain, 11, 4), ErrCorrupt},
		{"extended flag in version 2", change(plain, headerSize+statSize+20, 0x40), ErrCorrupt},
		{"name too long for its length", change(plain, headerSize+statSize+21, 2), ErrCorrupt},
		{"out of order", change(plain, headerSize+statSize+22, 'b'), ErrCorrupt},
		{"empty name", change(plain, headerSize+statSize+21, 0, 0), ErrCorrupt},
		{"required extension", extend(plain, "need", "body"), ErrUnsupported},
		{"truncated extension", extend(plain, "TREE", "body")[:len(plain)+8], ErrCorrupt},
	} {
		sameStreamed(t, unhash(test.data))
		if _, err := Decode(unhash(test.data)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if got, err := Decode(unhash(extend(plain, "NEWX", "body"))); err != nil || len(got) != 3 {
		t.Errorf("an optional extension: %v", err)
	}
}

// TestHostileNames repeats one long name in many small entries of version 4.
func TestHostileNames(t *testing.T) {
	b := []byte("DIRC\x00\x00\x00\x04")
	const count = 20_000
	b = binary.BigEndian.AppendUint32(b, count)
	for i := range count {
		b = append(b, make([]byte, statSize+20)...)
		name := "x"
		if i == 0 {
			name = strings.Repeat("x", 1<<20)
		}
		b = append(b, 0xf, 0xff, 0)
		b = append(b, name...)
		b = append(b, 0)
	}
	b = append(b, make([]byte, checksumSize)...)
	if _, err := Decode(b); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if _, err := readTrackedBytes(t, b, 20); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// TestDamage truncates an index at each byte and flips each bit, unhashed so that
// the checksum is no help.
func TestDamage(t *testing.T) {
	r := newRepo(t)
	r.fill()
	r.flags()
	for _, version := range []string{"3", "4"} {
		if version == "4" {
			r.git("update-index", "--index-version", "4")
		}
		data := unhash(r.index())
		for n := range len(data) {
			Decode(data[:n])
			if _, err := readReader(data[:n], 20); err == nil && n < len(data)-checksumSize-1000 {
				t.Errorf("%d of %d bytes pass for an index", n, len(data))
			}
			for bit := range 8 {
				data[n] ^= 1 << bit
				sameStreamed(t, data)
				readReader(data, 20)
				data[n] ^= 1 << bit
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := newRepo(f)
	r.write("a/b", "x")
	r.write("a/c/d", "x")
	r.git("add", "-A")
	f.Add(unhash(r.index()))
	r.write("planned", "x")
	r.git("add", "-N", "planned")
	r.git("update-index", "--index-version", "4")
	f.Add(unhash(r.index()))
	r.git("update-index", "--split-index")
	f.Add(unhash(r.index()))
	f.Fuzz(func(t *testing.T, data []byte) {
		sameStreamed(t, data)
		entries, err := Decode(data)
		if err == nil {
			checkRewrite(t, entries)
		}
		if set, err := readReader(data, 20); err == nil {
			for _, p := range set.paths {
				if name := set.name(p); p.kind == pathFile && !strings.HasSuffix(name, "/") && !set.Has(name) {
					t.Fatalf("%q is not found", name)
				}
			}
		}
		readReader(data, 32)
	})
}

// checkRewrite encodes what was decoded, and decodes it again.
func checkRewrite(t *testing.T, entries []Entry) {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, Pointers(entries)); errors.Is(err, ErrEntry) {
		return // such as a sparse directory
	} else if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		entries[i].Mode = canonical(entries[i].Mode)
	}
	if !slices.Equal(entries, again) {
		t.Fatal("entries changed on the way through Encode and Decode")
	}
}

// readReader is ReadTracked without the files.
func readReader(data []byte, idSize int) (*PathSet, error) {
	var b pathSetBuilder
	if _, err := b.addIndex(data, idSize); err != nil {
		return nil, err
	}
	return b.finish(), nil
}

// testIndex is one with short names.
func testIndex(t testing.TB, n int) []byte {
	t.Helper()
	var entries []Entry
	for i := range n {
		entries = append(entries, Entry{Name: string(rune('a' + i)), Mode: 0o100644, Size: uint32(i)})
	}
	var b bytes.Buffer
	if err := Encode(&b, Pointers(entries)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func change(data []byte, at int, to ...byte) []byte {
	data = slices.Clone(data)
	copy(data[at:], to)
	return data
}

func unhash(data []byte) []byte {
	data = slices.Clone(data)
	if len(data) >= checksumSize {
		clear(data[len(data)-checksumSize:])
	}
	return data
}

// extend adds an extension, and the checksum that then is right.
func extend(data []byte, name, body string) []byte {
	b := slices.Clone(data[:len(data)-checksumSize])
	b = append(b, name...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}
