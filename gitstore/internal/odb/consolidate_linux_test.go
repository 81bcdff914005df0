package odb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestConsolidationOnAFullDisk needs as much room as the packs take, which isn't
// there.
func TestConsolidationOnAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("no tmpfs of our own: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	git(t, dir, nil, "init", "-q", "--bare", "--template=", ".")
	db, err := Open(filepath.Join(dir, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := range 4 {
		writePack(t, db, [][]byte{noise(byte(i), 300_000)})
	}
	before := allObjects(t, dir)
	if _, err := db.Consolidate(context.Background(), Consolidation{}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a full disk went unnoticed: %v", err)
	}
	if after := allObjects(t, dir); after != before || wholePacks(t, dir) != 4 {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if left, _ := filepath.Glob(filepath.Join(db.Dir(), "evoseal_*")); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}
