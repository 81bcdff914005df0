package odb

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestReplacedPacksLetGo: who keeps a store open for a long time must not keep what
// all those packs were that were merged meanwhile.
func TestReplacedPacksLetGo(t *testing.T) {
	_, db := newRepository(t)
	first, err := Hash(Blob, noise(0, 1000))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		for n := range 4 {
			writePack(t, db, [][]byte{noise(byte(4*i+n), 1000)})
		}
		if _, err := db.Consolidate(context.Background(), Consolidation{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.Read(first); err != nil {
			t.Fatal(err)
		}
	}
	// An index goes when nobody looks at it any more, which the collector finds out.
	var left []string
	for range 100 {
		runtime.GC()
		if left = deletedMappings(t, db); len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d files of packs that are gone are mapped, such as %s", len(left), left[0])
}

// TestReplacedPackIsForgotten looks for objects that deltas of a pack were built on.
func TestReplacedPackIsForgotten(t *testing.T) {
	_, db := newRepository(t)
	p, q := &pack{name: "gone", dir: db.Dir(), opens: &db.openPacks}, &pack{name: "stays"}
	db.packs = []*pack{p}
	for off := range int64(3) {
		db.bases.put(packedAt{p, off}, Blob, []byte("base"))
	}
	db.bases.put(packedAt{q, 1}, Blob, []byte("other"))
	if err := db.Refresh(); err != nil {
		t.Fatal(err)
	}
	if len(db.bases.held) != 1 || db.bases.order.Len() != 1 || db.bases.bytes != int64(len("other")) {
		t.Errorf("%d bases of %d bytes are kept", len(db.bases.held), db.bases.bytes)
	}
	if _, _, ok := db.bases.get(packedAt{q, 1}); !ok {
		t.Error("those of other packs are lost")
	}
}

func deletedMappings(t *testing.T, db *DB) (left []string) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, db.Dir()) && strings.Contains(line, "(deleted)") {
			left = append(left, strings.TrimSpace(line))
		}
	}
	return left
}
