package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// allObjects is what git finds in the repository: ids, types and sizes.
func allObjects(t *testing.T, dir string) string {
	t.Helper()
	return git(t, dir, nil, "cat-file", "--batch-all-objects", "--batch-check")
}

// wholePacks lets git verify every pack, entry by entry.
func wholePacks(t *testing.T, dir string) (packs int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.idx"))
	if err != nil {
		t.Fatal(err)
	}
	for _, idx := range found {
		git(t, dir, nil, "verify-pack", idx)
	}
	return len(found)
}

// noise are bytes that nothing makes smaller.
func noise(seed byte, n int) []byte {
	r := rand.New(rand.NewChaCha8([32]byte{seed}))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestConsolidateMovesEverything(t *testing.T) {
	dir, db := newRepository(t)
	for i := range 12 {
		writePack(t, db, [][]byte{fmt.Appendf(nil, "pack %d", i), noise(byte(i), 1000*i)})
	}
	// Deltas of both kinds, some on objects that lie in other packs as well.
	text := bytes.Repeat([]byte("line of text\n"), 1000)
	var versions [][]byte
	for i := range 30 {
		versions = append(versions, append(fmt.Appendf(nil, "version %d\n", i), text...))
	}
	ids := writePack(t, db, versions)
	names := fmt.Sprint(strings.ReplaceAll(strings.Trim(fmt.Sprint(ids), "[]"), " ", "\n"), "\n")
	pack := git(t, dir, []byte(names), "pack-objects", "--no-reuse-delta", "--delta-base-offset", filepath.Join(dir, "objects/pack/pack"))
	other := git(t, dir, []byte(names), "pack-objects", "--window=0", "--no-reuse-delta", filepath.Join(dir, "objects/pack/pack"))
	if pack == other || !strings.Contains(git(t, dir, nil, "verify-pack", "-v", filepath.Join(dir, "objects/pack/pack-"+pack+".idx")), "chain length") {
		t.Fatalf("git made no deltas: the test proves nothing: %q %q", pack, other)
	}
	big := noise(99, rawWindow*3)
	writePack(t, db, [][]byte{big})
	loose, err := db.WriteLoose(Blob, []byte("loose"))
	if err != nil {
		t.Fatal(err)
	}
	before := allObjects(t, dir)
	done, err := db.Consolidate(context.Background(), Consolidation{})
	if err != nil || len(done.Damaged) != 0 || done.Loose != 1 || done.Packs < 12 {
		t.Fatalf("%+v %v", done, err)
	}
	if after := allObjects(t, dir); after != before {
		t.Errorf("objects before\n%s\nafter\n%s", before, after)
	}
	if n := wholePacks(t, dir); n > 2 {
		t.Errorf("%d packs are left", n)
	}
	fsck(t, dir)
	if _, err := os.Lstat(db.loosePath(loose)); err == nil {
		t.Error("what was packed is still loose")
	}
	fresh, err := Open(db.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	for i, id := range ids {
		for _, from := range []*DB{db, fresh} {
			if _, got, err := from.Read(id); err != nil || !bytes.Equal(got, versions[i]) {
				t.Errorf("version %d: %v", i, err)
			}
		}
	}
	if again, err := db.Consolidate(context.Background(), Consolidation{}); err != nil || again.Packs+again.Loose != 0 {
		t.Errorf("nothing was to do, and %+v was done: %v", again, err)
	}
}

func TestProgression(t *testing.T) {
	for _, c := range []struct {
		sizes []int64
		most  int64
		want  int
	}{
		{nil, 0, 0}, {[]int64{5}, 0, 0}, {[]int64{1, 1}, 0, 2}, {[]int64{1, 2, 6, 18}, 0, 0},
		{[]int64{1, 1, 1, 600}, 0, 3}, {[]int64{1, 3, 5, 600}, 0, 3}, {[]int64{300, 600, 601}, 0, 3},
		{[]int64{1, 1, 1, 9, 9}, 0, 5}, {[]int64{1, 1, 1, 9, 9}, 12, 4}, {[]int64{1, 1, 1, 9, 9}, 2, 2},
	} {
		var packs []*source
		for _, n := range c.sizes {
			packs = append(packs, &source{size: n})
		}
		if got := progression(packs, Consolidation{MaxBytes: c.most}); got != c.want {
			t.Errorf("%v within %d: %d, want %d", c.sizes, c.most, got, c.want)
		}
	}
}

// TestConsolidationIsCheapInTheLongRun counts what hundreds of packs, one after the
// other, cost.
func TestConsolidationIsCheapInTheLongRun(t *testing.T) {
	const rounds = 250
	dir, db := newRepository(t)
	var copied, written int64
	most := 0
	for i := range rounds {
		w, err := db.NewPack()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.NewLane().Add(Blob, append(fmt.Append(nil, i), noise(byte(i), 500)...)); err != nil {
			t.Fatal(err)
		}
		p, err := w.Finish()
		w.Release()
		if err != nil {
			t.Fatal(err)
		}
		written += p.Bytes
		done, err := db.Consolidate(context.Background(), Consolidation{MinPacks: 32})
		if err != nil {
			t.Fatal(err)
		}
		copied += done.Bytes
		most = max(most, len(db.snapshot()))
	}
	if copied > 6*written || most > 48 || copied == 0 {
		t.Errorf("%d bytes copied for %d written, and up to %d packs", copied, written, most)
	}
	if n := strings.Count(allObjects(t, dir), "\n") + 1; n != rounds {
		t.Errorf("%d objects of %d", n, rounds)
	}
}

func TestConsolidateLeavesDamageAlone(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, path string){
		"pack":   func(t *testing.T, path string) { flip(t, path+".pack", 30) },
		"name":   func(t *testing.T, path string) { flip(t, path+".idx", indexHeader+indexFanout+5) },
		"crc":    func(t *testing.T, path string) { flip(t, path+".idx", indexHeader+indexFanout+3*20+1) },
		"offset": func(t *testing.T, path string) { flip(t, path+".idx", indexHeader+indexFanout+3*24+3) },
		"short": func(t *testing.T, path string) {
			if err := errors.Join(os.Chmod(path+".pack", 0o644), os.Truncate(path+".pack", 60)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, db := newRepository(t)
			all := [][]byte{noise(1, 100), noise(2, 100), noise(3, 100), noise(4, 100), noise(5, 100), noise(6, 300)}
			ids := writePack(t, db, all[:3])
			hurt := db.snapshot()[0]
			ids = append(ids, writePack(t, db, all[3:5])...)
			ids = append(ids, writePack(t, db, all[5:])...)
			looseBad, err := db.WriteLoose(Blob, []byte("loose and damaged"))
			if err != nil {
				t.Fatal(err)
			}
			flip(t, db.loosePath(looseBad), 12)
			harm(t, hurt.path(""))
			readable := 0
			count := func() (n int) {
				fresh, err := Open(db.Dir())
				if err != nil {
					t.Fatal(err)
				}
				defer fresh.Close()
				for _, id := range ids {
					if _, _, err := fresh.Read(id); err == nil {
						n++
					}
				}
				return n
			}
			readable = count()
			done, err := db.Consolidate(context.Background(), Consolidation{})
			if err != nil {
				t.Fatal(err)
			}
			var damaged *DamagedPackError
			var corrupt *CorruptError
			told := errors.Join(done.Damaged...)
			if !errors.As(told, &damaged) || damaged.Pack != hurt.name || !errors.As(told, &corrupt) || corrupt.ID != looseBad {
				t.Errorf("told %v of %s", done.Damaged, hurt.name)
			}
			if done.Packs != 2 || !hurt.has(".pack") || !hurt.has(".idx") {
				t.Errorf("%d packs merged, damaged one there: %v", done.Packs, hurt.has(".pack"))
			}
			if got := count(); got != readable {
				t.Errorf("%d objects can be read, %d could", got, readable)
			}
			if _, err := os.Lstat(db.loosePath(looseBad)); err != nil {
				t.Error("the damaged loose object is gone")
			}
			left, _ := filepath.Glob(filepath.Join(db.Dir(), "evoseal_*"))
			keeps, _ := filepath.Glob(filepath.Join(db.Dir(), "pack/*.keep"))
			if len(left)+len(keeps) != 0 {
				t.Errorf("left over: %q %q", left, keeps)
			}
		})
	}
}

// TestTheSoundCopyStays has two packs with the same object, one of them damaged in
// a way that only the object's name tells.
func TestTheSoundCopyStays(t *testing.T) {
	_, db := newRepository(t)
	content := noise(5, 50)
	ids := writePack(t, db, [][]byte{content})
	forge := func(names ...ID) {
		w, err := db.NewPack()
		if err != nil {
			t.Fatal(err)
		}
		w.again = true
		lane := w.NewLane()
		for i := range names {
			if _, _, err := lane.Add(Blob, fmt.Append(nil, "not it ", i)); err != nil {
				t.Fatal(err)
			}
		}
		for i, id := range names {
			lane.entries[i].id = id
		}
		if _, err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		w.Release()
	}
	forge(ids[0])
	done, err := db.Consolidate(context.Background(), Consolidation{})
	if err != nil {
		t.Fatal(err)
	}
	if len(done.Damaged) == 0 {
		t.Error("damage was not noticed")
	}
	if _, got, err := db.Read(ids[0]); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the sound copy is lost: %v", err)
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 0x10
	if err := errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestReadersFollowAConsolidation has our readers, with and without packs open,
// and git's, while packs come and are merged.
func TestReadersFollowAConsolidation(t *testing.T) {
	dir, db := newRepository(t)
	var ids []ID
	for i := range 40 {
		ids = append(ids, writePack(t, db, [][]byte{noise(byte(i), 3000)})...)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		reader, err := Open(db.Dir())
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := reader.Read(ids[i%len(ids)]); err != nil {
					t.Error(err)
					return
				}
				if _, _, err := reader.Size(ids[(7*i)%len(ids)]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	names := []byte(strings.ReplaceAll(strings.Trim(fmt.Sprint(ids), "[]"), " ", "\n") + "\n")
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if out := git(t, dir, names, "cat-file", "--batch-check"); strings.Contains(out, "missing") {
				t.Errorf("git misses objects: %s", out)
			}
		}
	})
	for i := range 60 {
		writePack(t, db, [][]byte{fmt.Append(nil, "more ", i)})
		if _, err := db.Consolidate(context.Background(), Consolidation{}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	fsck(t, dir)
}

// TestHalfRemovedPacksAreSwept has a remover die between index and pack.
func TestHalfRemovedPacksAreSwept(t *testing.T) {
	_, db := newRepository(t)
	for i := range 3 {
		writePack(t, db, [][]byte{fmt.Append(nil, i)})
	}
	packs := db.snapshot()
	for _, p := range packs[:2] {
		if err := os.Remove(p.path(".idx")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(packs[1].path(".keep"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	db.sweepHalves(time.Now().Add(-time.Hour))
	if !packs[0].has(".pack") {
		t.Error("a pack is gone that somebody may be publishing")
	}
	db.sweepHalves(time.Now().Add(time.Hour))
	for i, want := range []bool{false, true, true} {
		if packs[i].has(".pack") != want {
			t.Errorf("pack %d is there: %v", i, !want)
		}
	}
}
