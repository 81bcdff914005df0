package odb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// history writes versions of some files, each a little different from the one
// before, as commits of which each is a pack, and returns the last.
func history(t testing.TB, db *DB, files, versions int) (tip ID, blobs []ID) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	content := make([][][]byte, files)
	for f := range content {
		for range 300 {
			content[f] = append(content[f], fmt.Appendf(nil, "\tx%d = call(%d, %q)\n", r.IntN(90), r.IntN(1000), "word"))
		}
	}
	for v := range versions {
		w, err := db.NewPack()
		if err != nil {
			t.Fatal(err)
		}
		lane := w.NewLane()
		put := func(typ Type, data []byte) ID {
			id, _, err := lane.Add(typ, data)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		var tree []byte
		for f := range content {
			content[f][r.IntN(300)] = fmt.Appendf(nil, "changed in %d: %d\n", v, r.Uint32())
			id := put(Blob, bytes.Join(content[f], nil))
			blobs = append(blobs, id)
			tree = AppendTreeEntry(tree, TreeEntry{Mode: 0o100644, Name: fmt.Sprintf("f%03d.go", f), ID: id})
		}
		parent := ""
		if v > 0 {
			parent = fmt.Sprintf("parent %s\n", tip)
		}
		who := fmt.Sprintf("a <b> %d +0000", 1_000_000_000+v)
		tip = put(Commit, fmt.Appendf(nil, "tree %s\n%sauthor %s\ncommitter %s\n\nversion %d\n", put(Tree, tree), parent, who, who, v))
		if _, err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		w.Release()
	}
	return tip, blobs
}

func setRef(t testing.TB, dir string, tip ID) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "refs/heads/x"), fmt.Appendf(nil, "%s\n", tip), 0o644); err != nil {
		t.Fatal(err)
	}
}

func size(t *testing.T, dir string) int64 {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	var sum int64
	for _, path := range found {
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sum += fi.Size()
	}
	return sum
}

func aggressive(t testing.TB, db *DB, tip ID, d Deltas) Collected {
	t.Helper()
	reach := db.NewReach()
	if err := reach.Walk(context.Background(), []ID{tip}); err != nil {
		t.Fatal(err)
	}
	done, err := db.Collect(context.Background(), Collection{Reach: reach, Deltas: &d})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestDeltifiedPackIsGits(t *testing.T) {
	dir, db := newRepository(t)
	tip, blobs := history(t, db, 8, 60)
	setRef(t, dir, tip)
	big, err := db.WriteLoose(Blob, noise(3, mostDelta+1))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := db.WriteLoose(Tree, AppendTreeEntry(nil, TreeEntry{Mode: 0o100644, Name: "big", ID: big}))
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, nil, "update-ref", "refs/heads/big", git(t, dir, nil, "commit-tree", "-p", tip.String(), "-m", "big", tree.String()))
	top, err := ParseID(git(t, dir, nil, "rev-parse", "big"))
	if err != nil {
		t.Fatal(err)
	}
	before := allObjects(t, dir)
	done := aggressive(t, db, top, Deltas{Depth: 50})
	if done.Deltas < 400 || len(done.Damaged) != 0 {
		t.Errorf("%+v", done)
	}
	if after := allObjects(t, dir); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if n := wholePacks(t, dir); n != 1 {
		t.Errorf("%d packs", n)
	}
	fsck(t, dir)
	pack, _ := filepath.Glob(filepath.Join(dir, "objects/pack/*.idx"))
	if out := git(t, dir, nil, "verify-pack", "-v", pack[0]); strings.Contains(out, "chain length = 51:") || !strings.Contains(out, "chain length = 2:") {
		t.Error("chains are longer than asked for, or there are none")
	}
	git(t, t.TempDir(), nil, "clone", "-q", "--mirror", dir, ".")
	ours := size(t, dir)
	// Beside it, git's own: without reusing what it finds.
	git(t, dir, nil, "repack", "-adfq")
	if theirs := size(t, dir); ours > theirs*11/10 {
		t.Errorf("%d bytes, git needs %d", ours, theirs)
	}
	for _, id := range blobs {
		if _, _, err := db.Read(id); err != nil {
			t.Error(err)
		}
	}
	// And a second time, from git's own deltas.
	aggressive(t, db, top, Deltas{Workers: 1})
	if after := allObjects(t, dir); after != before {
		t.Error("objects are lost")
	}
	fsck(t, dir)
}

func TestDeltifyLeavesDamageAlone(t *testing.T) {
	dir, db := newRepository(t)
	tip, _ := history(t, db, 2, 10)
	setRef(t, dir, tip)
	reach := db.NewReach()
	if err := reach.Walk(context.Background(), []ID{tip}); err != nil {
		t.Fatal(err)
	}
	hurt := db.snapshot()[3]
	fi, err := os.Stat(hurt.path(".pack"))
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		fresh, err := Open(db.Dir())
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Close()
		for id := range reach.seen {
			if _, _, err := fresh.Read(id); err == nil {
				n++
			}
		}
		return n
	}
	flip(t, hurt.path(".pack"), int(fi.Size())/2)
	readable := count()
	if readable == reach.Len() {
		t.Fatal("nothing is damaged: the test proves nothing")
	}
	done, err := db.Collect(context.Background(), Collection{Reach: reach, Deltas: &Deltas{}, Expire: time.Now().Add(time.Hour),
		Settle: func(context.Context) (func(), error) { return func() {}, nil }})
	if err != nil || len(done.Damaged) != 1 || !hurt.has(".pack") || !hurt.has(".idx") {
		t.Errorf("%+v %v", done, err)
	}
	if n := count(); n != readable {
		t.Errorf("%d objects can be read, %d could", n, readable)
	}
}

func TestCancelledDeltifyChangesNothing(t *testing.T) {
	dir, db := newRepository(t)
	tip, _ := history(t, db, 4, 10)
	setRef(t, dir, tip)
	before, packs := allObjects(t, dir), wholePacks(t, dir)
	reach := db.NewReach()
	if err := reach.Walk(context.Background(), []ID{tip}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := db.Collect(ctx, Collection{Reach: reach, Deltas: &Deltas{}, Progress: func(done, _ int64) {
		if done > 0 {
			cancel()
		}
	}})
	if err == nil {
		t.Error("cancelled, and done all the same")
	}
	if after := allObjects(t, dir); after != before || wholePacks(t, dir) != packs {
		t.Error("something changed")
	}
	if left, _ := filepath.Glob(filepath.Join(db.Dir(), "evoseal_*")); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

// BenchmarkReadChains reads all objects of long chains, in the order of the disk.
func BenchmarkReadChains(b *testing.B) {
	dir := b.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "objects/pack"), 0o755); err != nil {
		b.Fatal(err)
	}
	db, err := Open(filepath.Join(dir, "objects"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tip, _ := history(b, db, 20, 200)
	aggressive(b, db, tip, Deltas{})
	p := db.snapshot()[0]
	f, err := p.acquire()
	if err != nil {
		b.Fatal(err)
	}
	list, err := p.entries(f)
	f.release()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var n int64
		for _, e := range list {
			_, size, err := p.copy(db, e.id, e.off, io.Discard)
			if err != nil {
				b.Fatal(err)
			}
			n += size
		}
		b.SetBytes(n)
		db.bases = baseCache{}
	}
}
