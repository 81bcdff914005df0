package odb

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCollisionAttackIsRefused uses the published pairs of files with the same
// SHA-1, which the hash's own module ships. An attack is on the bytes that are
// hashed, so Git's header before them is left out here.
func TestCollisionAttackIsRefused(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/pjbgf/sha1cd").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "test", "testdata", "files")
	if _, err := os.Stat(dir); err != nil {
		dir = filepath.Dir(dir)
	}
	for name, attack := range map[string]bool{
		"shattered-1.pdf": true, "shattered-2.pdf": true, "sha-mbles-1.bin": true, "sha-mbles-2.bin": true, "valid-file.txt": false,
	} {
		found, err := filepath.Glob(filepath.Join(dir, name))
		if len(found) == 0 || err != nil {
			t.Fatalf("%s is not in %s", name, dir)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		h := NewHasher()
		h.h.Reset()
		h.Write(data)
		if _, err := h.Sum(); errors.Is(err, ErrCollision) != attack {
			t.Errorf("%s: %v", name, err)
		}
	}
}
