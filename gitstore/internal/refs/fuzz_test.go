package refs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLooseRef makes sure that a ref's file names an object, another ref, or is told
// to be broken; and that refs that name each other come to an end.
func FuzzLooseRef(f *testing.F) {
	for _, s := range []string{
		strings.Repeat("a", 40) + "\n", "ref: refs/tags/a\n", "ref: refs/tags/b", "ref: ../../../etc/passwd", "ref: /etc/passwd\n", "ref: ", "", "\n",
		strings.Repeat("0", 40), strings.Repeat("a", 39), strings.Repeat("A", 40), "ref: refs/tags/\x00", strings.Repeat("a", 41),
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "refs", "tags"), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "refs", "tags", "b"), []byte("ref: refs/tags/a\n"), 0o644); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, "refs", "tags", "a"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		db := Open(dir, Options{})
		id, err := db.Read("refs/tags/a")
		if err == nil && id == (ID{}) {
			t.Errorf("%q names %v", data, id)
		}
		if err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", data, err)
		}
		db.List("refs/tags/")
	})
}
