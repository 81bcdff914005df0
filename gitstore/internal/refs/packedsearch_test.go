package refs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// manyNames are so many that looking for one is worth a search.
func manyNames() (names []string) {
	for i := range 1000 {
		names = append(names, fmt.Sprintf("refs/tags/v%05d", i))
	}
	return names
}

// packedText is packed-refs with these names, some with what their tags lead to.
func packedText(rng *rand.Rand, names []string) []byte { return paddedText(rng, names, 0) }

// paddedText is packedText whose first line is longer by some bytes.
func paddedText(rng *rand.Rand, names []string, pad int) []byte {
	var b bytes.Buffer
	b.WriteString("# pack-refs with: peeled fully-peeled sorted " + strings.Repeat(" ", pad) + "\n")
	for _, name := range names {
		fmt.Fprintf(&b, "%040x %s\n", rng.Uint64(), name)
		if rng.IntN(2) == 0 {
			fmt.Fprintf(&b, "^%040x\n", rng.Uint64())
		}
	}
	return b.Bytes()
}

// writePacked writes packed-refs and waits until its stamp tells its state.
func writePacked(t *testing.T, dir string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, "packed-refs")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	time.Sleep(settled + 50*time.Millisecond)
}

func openWithJournal(t *testing.T, dir string) *DB {
	t.Helper()
	journal := filepath.Join(dir, "journal")
	if err := os.MkdirAll(journal, 0o755); err != nil {
		t.Fatal(err)
	}
	return Open(dir, Options{JournalDir: journal})
}

// A search by halving finds what a search in all lines finds, wherever the lines begin.
func TestSearchPacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 7, 60, 3000} {
		for _, longest := range []int{1, 300, 960} {
			var names []string
			for range n {
				names = append(names, "refs/tags/v"+strings.Repeat("x", rng.IntN(longest))+fmt.Sprint(rng.IntN(5*n)))
			}
			slices.Sort(names)
			names = slices.Compact(names)
			for pad := 0; pad < 1100; pad += 1 + 10*n {
				sameFound(t, names, paddedText(rng, names, pad))
			}
		}
	}
}

// sameFound searches data for the names in it, and for others.
func sameFound(t *testing.T, names []string, data []byte) {
	t.Helper()
	lines, ordered, err := newPackedLines(data)
	if err != nil || !ordered {
		t.Fatal(ordered, err)
	}
	s := packedSearch{f: bytes.NewReader(data), size: int64(len(data)), lines: bufio.NewReaderSize(nil, searchBlock)}
	asked := []string{"", "refs/", "refs/tags/v", "refs/tags/w"}
	for _, name := range names {
		asked = append(asked, name, name+"/", name[:len(name)-1])
	}
	for _, name := range asked {
		got, found, err := s.from(name)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue // the first line is too long, and all are read
		}
		if err != nil {
			t.Fatalf("%d names, %q: %v", len(names), name, err)
		}
		i, _ := lines.search(name)
		if found != (i < len(lines.refs)) || found && got.Name != string(lines.name(lines.refs[i])) {
			t.Fatalf("%d names in %d bytes: %q is followed by %q, %v", len(names), len(data), name, got.Name, found)
		}
	}
}

// What was found in order is known to be so by the next process, until packed-refs
// is another one.
func TestPackedOrderIsKept(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	names := manyNames()
	writePacked(t, dir, packedText(rng, names))
	if _, _, err := openWithJournal(t, dir).searchPacked(names[7]); !errors.Is(err, errUnordered) {
		t.Fatalf("nobody has read it yet: %v", err)
	}
	if _, err := openWithJournal(t, dir).Read(names[7]); err != nil {
		t.Fatal(err)
	}
	db := openWithJournal(t, dir)
	if r, found, err := db.searchPacked(names[7]); err != nil || !found || r.Name != names[7] {
		t.Fatal(r, found, err)
	}
	if r, found, err := db.searchPacked(names[7] + "/"); err != nil || !found || r.Name != names[8] {
		t.Fatal(r, found, err)
	}
	writePacked(t, dir, packedText(rng, append([]string{"refs/tags/a"}, names...)))
	if _, _, err := openWithJournal(t, dir).searchPacked(names[7]); !errors.Is(err, errUnordered) {
		t.Fatalf("it is another one now: %v", err)
	}
}

// Who looks for many has all of them in memory soon.
func TestManySearches(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(11, 11))
	names := manyNames()
	writePacked(t, dir, packedText(rng, names))
	for range 2 {
		db := openWithJournal(t, dir)
		for _, name := range names {
			if _, err := db.Read(name); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if db.packed == nil {
			t.Error("they aren't in memory")
		}
	}
}

// A short one is looked through, and nothing is kept of it.
func TestShortPacked(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(9, 9))
	writePacked(t, dir, packedText(rng, []string{"refs/tags/a", "refs/tags/b"}))
	if _, err := openWithJournal(t, dir).Read("refs/tags/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal", orderedFile)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Without order there is nothing to be searched by halving.
func TestUnorderedPacked(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(5, 6))
	names := manyNames()
	slices.Reverse(names)
	writePacked(t, dir, packedText(rng, names))
	for range 2 {
		db := openWithJournal(t, dir)
		for _, name := range names {
			if _, err := db.Read(name); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "journal", orderedFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it isn't in order: %v", err)
	}
}

// A bit that falls over on the disk, which changes no time, may not make a ref read as
// none: its name would be given to another.
func TestRottenPacked(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(7, 8))
	names := manyNames()
	data := packedText(rng, names)
	writePacked(t, dir, data)
	openWithJournal(t, dir).Read(names[0])
	path := filepath.Join(dir, "packed-refs")
	for _, flip := range []int{len(data) / 2, len(data) / 3, len(data) / 5} {
		rotten := slices.Clone(data)
		at := flip + bytes.IndexByte(rotten[flip:], 'v')
		rotten[at] ^= 'v' ^ 'z'
		if err := os.WriteFile(path, rotten, 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(settled + 50*time.Millisecond)
		// Stands for rot, which leaves the times as they were: the note is made to fit.
		db := openWithJournal(t, dir)
		stamp, err := db.PackedStamp()
		if err != nil {
			t.Fatal(err)
		}
		db.noteOrdered(stamp, data)
		for i, name := range names {
			_, err := openWithJournal(t, dir).Read(name)
			if lost := errors.Is(err, ErrNotFound); lost && bytes.Contains(rotten, []byte(" "+names[i]+"\n")) {
				t.Fatalf("%s is there, and reads as none", name)
			}
			if err != nil && !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
			db.noteOrdered(stamp, data)
		}
	}
}
