package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGCOnAFullDisk has no room for a second copy of what is stored.
func TestGCOnAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("no tmpfs of our own: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	k := newKilled(t, dir)
	k.run("rm", "-rf", filepath.Join(dir, "pristine"))
	// Loose refs would make room by being packed.
	k.run("git", "--git-dir="+filepath.Join(dir, ".evoseal", ".git"), "pack-refs", "--all")
	// All that is left, but for a little.
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, ".evoseal", "filler")
	if err := os.WriteFile(filler, make([]byte, max(0, int64(st.Bavail)*st.Bsize-16<<10)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"gc"}, {"gc", "--prune=now"}, {"gc", "--aggressive"}} {
		cmd := exec.Command("git-evoseal-rollback", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "no space left") {
			t.Errorf("%v on a full disk: %v\n%s", args, err, out)
		}
		k.whole()
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	k.tidy()
	k.whole()
}
