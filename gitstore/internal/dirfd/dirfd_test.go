package dirfd

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// No link on the way is followed, by either way to open a path.
func TestOpenFileInside(t *testing.T) {
	top := t.TempDir()
	for name, content := range map[string]string{"f": "top", "a/f": "a", "a/b/f": "b"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"link": "a", "a/up": "..", "a/b/l": "f"} {
		if err := os.Symlink(to, filepath.Join(top, name)); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.Open(top)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for way, open := range map[string]func(int, string) (int, error){"at once": OpenFileInside, "step by step": openStepByStep} {
		for path, want := range map[string]string{"f": "top", "a/f": "a", "a/b/f": "b", "link/f": "", "a/up/f": "", "a/b/l": "", "a/none": "", "f/f": ""} {
			fd, err := open(int(dir.Fd()), path)
			if (err == nil) != (want != "") {
				t.Errorf("%s: %s: %v", way, path, err)
			}
			if err != nil {
				continue
			}
			buf := make([]byte, 10)
			if n, err := ReadFull(fd, buf); err != nil || string(buf[:n]) != want {
				t.Errorf("%s: %s has %q, %v", way, path, buf[:n], err)
			}
			unix.Close(fd)
		}
	}
	if _, err := Lstat(int(dir.Fd()), "f"); err != nil {
		t.Errorf("the directory was closed: %v", err)
	}
}
