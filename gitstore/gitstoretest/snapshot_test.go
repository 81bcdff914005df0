package gitstoretest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestSnapshotSeesEverything changes one thing at a time, and expects to see it.
func TestSnapshotSeesEverything(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"bytes, same size and time": func(dir string) error {
			path := filepath.Join(dir, "src", "main.c")
			fi, err := os.Stat(path)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[0] ^= 1
			if err := os.WriteFile(path, data, 0o644); err != nil {
				return err
			}
			return os.Chtimes(path, fi.ModTime(), fi.ModTime())
		},
		"time": func(dir string) error {
			return os.Chtimes(filepath.Join(dir, ".gitignore"), time.Time{}, time.Unix(1, 1))
		},
		"mode":         func(dir string) error { return os.Chmod(filepath.Join(dir, ".gitignore"), 0o640) },
		"ignored file": func(dir string) error { return os.Remove(filepath.Join(dir, "debug.log")) },
		"index":        func(dir string) error { return os.Truncate(filepath.Join(dir, ".git", "index"), 12) },
		"new ref": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, ".git", "refs", "heads", "x"), nil, 0o644)
		},
		"link": func(dir string) error { return os.Symlink("x", filepath.Join(dir, "link")) },
	} {
		t.Run(name, func(t *testing.T) {
			p := Build(t, "ignore")
			before := p.Snapshot(t)
			if err := change(p.Dir); err != nil {
				t.Fatal(err)
			}
			if d := DiffSnapshots(before, p.Snapshot(t)); len(d) == 0 {
				t.Error("not noticed")
			}
		})
	}
}

// TestSnapshotStepsOverTheEngine allows what the engine may write, and only that.
func TestSnapshotStepsOverTheEngine(t *testing.T) {
	p := Build(t, "ignore")
	before := p.Snapshot(t)
	for path, data := range map[string]string{".evoseal/x": "x", ".git/info/exclude": "/.evoseal/\n"} {
		path = filepath.Join(p.Dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := DiffSnapshots(before, p.Snapshot(t)); d != nil {
		t.Errorf("noticed %q", d)
	}
}

func TestDiffTrees(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	both := func(name string, one, two func(path string) error) {
		t.Helper()
		for dir, f := range map[string]func(string) error{a: one, b: two} {
			if f == nil {
				continue
			}
			if err := f(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := func(data string, perm os.FileMode) func(string) error {
		return func(path string) error {
			if err := os.WriteFile(path, []byte(data), perm); err != nil {
				return err
			}
			return os.Chmod(path, perm) // whatever the umask
		}
	}
	link := func(dest string) func(string) error { return func(path string) error { return os.Symlink(dest, path) } }
	mkdir := func(path string) error { return os.Mkdir(path, 0o755) }
	both("bytes", file("one", 0o644), file("two", 0o644))
	both("longer", file("one", 0o644), file("one!", 0o644))
	both("mode", file("x", 0o644), file("x", 0o600))
	both("same", file("x", 0o644), file("x", 0o644))
	both("kind", file("x", 0o644), link("x"))
	both("link", link("x"), link("y"))
	both("dir", mkdir, mkdir)
	both("dir/a", mkdir, nil)
	both("dir/a/below", file("", 0o644), nil)
	both("dir/b", nil, link("nowhere"))
	want := []string{
		`bytes of "bytes"`, onlyInFirst + "dir/a", onlyInSecond + "dir/b", `kind of "kind": -rw-r--r--, Lrwxrwxrwx`,
		`destination of "link": "x", "y"`, `bytes of "longer"`, `mode of "mode": -rw-r--r--, -rw-------`,
	}
	got := DiffTrees(t, a, b)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if paths, rest := OnlyInFirst(got); !slices.Equal(paths, []string{"dir/a"}) || len(rest) != len(want)-1 {
		t.Errorf("%q, %q", paths, rest)
	}
	if d := DiffTrees(t, a, a); d != nil {
		t.Errorf("a directory and itself differ: %q", d)
	}
}
