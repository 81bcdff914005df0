package odb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// sourcesOf are the packs as a remover knows them.
func sourcesOf(t *testing.T, db *DB) []*source {
	t.Helper()
	var out []*source
	for _, p := range db.snapshot() {
		s, err := p.source()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// dead has the file look as if its maker had died: nobody holds its lock.
func dead(f *durable.File) { f.File.Close() }

// TestRemovalsOfTheDeadAreFinished has a remover die between index and pack, one
// while it is at work, and one in whose place somebody else put a pack.
func TestRemovalsOfTheDeadAreFinished(t *testing.T) {
	_, db := newRepository(t)
	for i := range 4 {
		writePack(t, db, [][]byte{fmt.Append(nil, i)})
	}
	packs := sourcesOf(t, db)
	list, err := db.announceRemoval(packs[:3])
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range packs[:2] {
		if err := os.Remove(s.path(".idx")); err != nil {
			t.Fatal(err)
		}
	}
	body, err := os.ReadFile(packs[1].path(".pack"))
	if err != nil {
		t.Fatal(err)
	}
	other := packs[1].path(".pack") + "-other"
	if err := errors.Join(os.WriteFile(other, body, 0o444), os.Rename(other, packs[1].path(".pack"))); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SweepPacks(); err != nil {
		t.Fatal(err)
	}
	if !packs[0].has(".pack") {
		t.Error("a living remover's work was finished by another")
	}
	dead(list)
	if _, err := db.SweepPacks(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, true, true} {
		if packs[i].has(".pack") != want {
			t.Errorf("pack %d is there: %v", i, !want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(db.staging, tempRemoval+"*")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// TestPublishersOfTheDeadAreSwept has a writer die between pack and index: nothing
// can name what is in the pack.
func TestPublishersOfTheDeadAreSwept(t *testing.T) {
	dir, db := newRepository(t)
	writePack(t, db, [][]byte{[]byte("published")})
	writePack(t, db, [][]byte{[]byte("not quite")})
	half := db.snapshot()[1]
	k, err := db.keepPack(half.name)
	if err != nil || k == nil {
		t.Fatal(k, err)
	}
	if err := os.Remove(half.path(".idx")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SweepPacks(); err != nil || !half.has(".pack") {
		t.Errorf("a living writer's pack was swept (%v)", err)
	}
	k.f.Close()
	if _, err := db.SweepPacks(); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(db.dir, "pack", "pack-*"))
	if len(left) != 2 {
		t.Errorf("%v are left", left)
	}
	fsck(t, dir)
}

// TestMarksOfTheDeadAreTakenOver has a pack written again after its first writer died
// with its mark in place.
func TestMarksOfTheDeadAreTakenOver(t *testing.T) {
	_, db := newRepository(t)
	k, err := db.keepPack("pack-1")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := db.keepPack("pack-1"); again != nil || err != nil {
		t.Errorf("a living writer's mark was taken over: %v %v", again, err)
	}
	k.f.Close()
	again, err := db.keepPack("pack-1")
	if again == nil || err != nil {
		t.Fatalf("a dead writer's mark was not taken over: %v", err)
	}
	if db.sweepKeep(again.path); !marked(strings.TrimSuffix(again.path, ".keep")) {
		t.Error("the mark that was taken over is not held")
	}
	again.release()
	if marked(strings.TrimSuffix(again.path, ".keep")) {
		t.Error("the mark is left")
	}
}

// TestSpareIndexes has indexes whose packs are gone: one whose objects are stored
// elsewhere, and one whose objects aren't.
func TestSpareIndexes(t *testing.T) {
	_, db := newRepository(t)
	writePack(t, db, [][]byte{[]byte("once")})
	once := db.snapshot()[0]
	writePack(t, db, [][]byte{[]byte("twice")})
	twice := db.snapshot()[0]
	if twice == once {
		twice = db.snapshot()[1]
	}
	if err := errors.Join(os.Remove(twice.path(".pack")), os.Rename(twice.path(".idx"), twice.path(".aside")), db.Refresh()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.WriteLoose(Blob, []byte("twice")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(twice.path(".aside"), twice.path(".idx")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(once.path(".pack")); err != nil {
		t.Fatal(err)
	}
	bad := db.CheckPacks()
	if len(bad) != 1 || !strings.Contains(bad[0].Error(), once.name) {
		t.Errorf("told %v, not %s", bad, once.name)
	}
	for _, p := range db.PackProblems(true) {
		if !p.Halved() || p.Spare != (p.Name == twice.name) {
			t.Errorf("%+v", p)
		}
	}
}
