package odb

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFullDiskIsAnError(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("no tmpfs of our own: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if err := os.MkdirAll(filepath.Join(dir, "objects"), 0o755); err != nil {
		t.Fatal(err)
	}
	db, err := Open(filepath.Join(dir, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w, err := db.NewPack()
	if err != nil {
		t.Fatal(err)
	}
	lane := w.NewLane()
	noise := make([]byte, 3<<20)
	r := rand.New(rand.NewChaCha8([32]byte{1}))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	_, _, err = lane.Add(Blob, noise)
	if _, finish := w.Finish(); finish == nil || !errors.Is(errors.Join(err, finish), unix.ENOSPC) {
		t.Errorf("a full disk went unnoticed: %v, %v", err, finish)
	}
	w.Abort()
	if entries, _ := os.ReadDir(filepath.Join(db.Dir(), "pack")); len(entries) != 0 {
		t.Errorf("abort left %v", entries)
	}
}
