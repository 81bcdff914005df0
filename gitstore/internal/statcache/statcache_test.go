package statcache

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func build(t testing.TB, path string) {
	t.Helper()
	w, err := NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	old := Stat{Size: 3, Mtime: 1_000_000_001, Ctime: 1_000_000_002, Ino: 9}
	sub := w.Add([20]byte{2}, []Entry{{Name: "x", Mode: 0o100755, ID: [20]byte{7}, Stat: old}}, nil)
	root := w.Add([20]byte{1}, []Entry{
		{Name: "a", Mode: 0o100644, ID: [20]byte{5}, Stat: old},
		{Name: "now", Mode: 0o100644, ID: [20]byte{6}, Stat: Stat{Mtime: w.now, Ctime: w.now}},
		{Name: "sub", Mode: 0o40000, ID: [20]byte{2}},
		{Name: "z", Mode: 0o120000, ID: [20]byte{8}, Stat: old},
	}, []Place{sub})
	if err := w.Commit(root, [][packSize]byte{{1}, {2}}); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	build(t, path)
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root := c.Root()
	if root.Len() != 4 || root.Tree() != [20]byte{1} {
		t.Fatalf("root has %d entries", root.Len())
	}
	a, ok := root.Find("a")
	if !ok || a.ID != [20]byte{5} || a.Size != 3 || a.Ino != 9 || a.Racy {
		t.Errorf("a is %+v", a)
	}
	if now, ok := root.Find("now"); !ok || !now.Racy {
		t.Errorf("a file as new as the cache is %+v", now)
	}
	sub, ok := root.Find("sub")
	if x, found := root.Sub(sub).Find("x"); !ok || !found || x.Mode != 0o100755 {
		t.Errorf("sub/x is %+v", x)
	}
	for _, name := range []string{"", "b", "zz", "A"} {
		if _, ok := root.Find(name); ok {
			t.Errorf("%q is found", name)
		}
	}
	if root.Sub(a).Len() != 0 {
		t.Error("a file has entries")
	}
}

// TestKept copies what is unchanged from one cache to the next, again and again.
func TestKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	old := Stat{Size: 3, Mtime: 1_000_000_001, Ctime: 1_000_000_002, Ino: 9}
	file := func(name string, id byte) Entry {
		return Entry{Name: name, Mode: 0o100644, ID: [20]byte{id}, Stat: old}
	}
	dir := func(name string) Entry { return Entry{Name: name, Mode: modeDir} }
	w, err := NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	deep := w.Add([20]byte{1}, []Entry{file("deepest", 1)}, nil)
	sub := w.Add([20]byte{2}, []Entry{dir("deep"), file("x", 2)}, []Place{deep})
	other := w.Add([20]byte{3}, []Entry{file("y", 3)}, nil)
	if err := w.Commit(w.Add([20]byte{4}, []Entry{dir("other"), dir("sub")}, []Place{other, sub}), nil); err != nil {
		t.Fatal(err)
	}
	for generation := byte(0); generation < 4; generation++ {
		c, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		// The names of the two go the other way round, so that records move.
		first, _ := c.Root().Find("other")
		second, _ := c.Root().Find("sub")
		if w, err = NewWriter(path); err != nil {
			t.Fatal(err)
		}
		a := w.Keep(c.Root().Sub(first))
		changed := w.Add([20]byte{5}, []Entry{file("z", generation)}, nil)
		b := w.Keep(c.Root().Sub(second))
		root := w.Add([20]byte{6, generation}, []Entry{dir("changed"), dir("other"), dir("sub")}, []Place{changed, a, b})
		if err := w.Commit(root, [][packSize]byte{{generation}}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if c, err = Open(path); err != nil {
			t.Fatal(err)
		}
		found := make(map[string]byte)
		visit(c.Root(), 0, func(e Entry) { found[e.Name] = e.ID[0] })
		if found["deepest"] != 1 || found["x"] != 2 || found["y"] != 3 || found["z"] != generation || len(found) != 8 {
			t.Fatalf("generation %d: %v", generation, found)
		}
		if packs := c.Packs(); len(packs) != 1 || packs[0] != [packSize]byte{generation} {
			t.Errorf("packs %v", packs)
		}
		c.Close()
	}
}

func TestNoneIsEmpty(t *testing.T) {
	c, err := Open(filepath.Join(t.TempDir(), "none"))
	if err != nil || c.Root().Len() != 0 || c.Close() != nil {
		t.Errorf("missing cache: %v", err)
	}
}

// visit looks at everything that a cache leads to, within reason.
func visit(d Dir, depth int, f func(Entry)) {
	for i := range min(d.Len(), 1000) {
		e := d.Entry(i)
		f(e)
		if depth < 5 {
			visit(d.Sub(e), depth+1, f)
		}
	}
}

// No flip and no cut may change what the cache says: it may only say less.
func TestDamageReadsAsLess(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cache")
	build(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string][20]byte)
	c, _ := Open(path)
	visit(c.Root(), 0, func(e Entry) { known[e.Name] = e.ID })
	c.Close()
	for i := range good {
		for _, data := range [][]byte{flip(good, i), good[:i]} {
			bad := filepath.Join(dir, "bad")
			if err := os.WriteFile(bad, data, 0o644); err != nil {
				t.Fatal(err)
			}
			c, err := Open(bad)
			if err != nil {
				continue
			}
			visit(c.Root(), 0, func(e Entry) {
				if known[e.Name] != e.ID {
					t.Fatalf("damage at %d: %q is %x", i, e.Name, e.ID)
				}
			})
			c.Close()
		}
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1 << (i % 8)
	return b
}

func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "cache")
	build(f, path)
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "cache")
		os.WriteFile(path, data, 0o644)
		if c, err := Open(path); err == nil {
			visit(c.Root(), 0, func(e Entry) { c.Root().Find(e.Name) })
			c.Close()
		}
	})
}
