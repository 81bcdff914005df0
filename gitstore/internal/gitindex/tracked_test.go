package gitindex

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readTrackedBytes gives data to ReadTracked as a repository's index.
func readTrackedBytes(t testing.TB, data []byte, idSize int) (*PathSet, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return ReadTracked(dir, dir, idSize)
}

// checkTracked compares the set with what git lists. When superset, the set may
// hold more.
func checkTracked(t *testing.T, r *repo, idSize int, superset bool) *PathSet {
	t.Helper()
	set, err := ReadTracked(r.path(".git"), r.path(".git"), idSize)
	if err != nil {
		t.Fatal(err)
	}
	paths, dirs := make(map[string]bool), make(map[string]bool)
	for line := range strings.SplitSeq(strings.TrimSuffix(r.git("ls-files", "--stage", "-z"), "\x00"), "\x00") {
		meta, name, _ := strings.Cut(line, "\t")
		if name == "" {
			continue
		}
		paths[name] = true
		for i := range len(name) {
			if name[i] == '/' {
				dirs[name[:i]] = true
			}
		}
		if !set.Has(name) {
			t.Errorf("%q is tracked", name)
		}
		if !set.sparse && set.IsGitlink(name) != strings.HasPrefix(meta, "160000 ") {
			t.Errorf("%q: gitlink %v", name, set.IsGitlink(name))
		}
	}
	for dir := range dirs {
		if !set.HasBelow(dir) {
			t.Errorf("%q holds tracked paths", dir)
		}
		if set.Has(dir) && !set.sparse || set.Has(dir+"/") || set.IsGitlink(dir) {
			t.Errorf("directory %q passes for a tracked path", dir)
		}
	}
	if set.HasBelow("") != (len(paths) > 0) {
		t.Errorf("HasBelow of the top is %v for %d paths", set.HasBelow(""), len(paths))
	}
	if !set.sparse && !superset {
		checkUntracked(t, set, paths, dirs)
	}
	return set
}

// checkUntracked asks about the neighbours of each tracked path.
func checkUntracked(t *testing.T, set *PathSet, paths, dirs map[string]bool) {
	t.Helper()
	if set.Len() != len(paths) {
		t.Errorf("%d paths, but git has %d", set.Len(), len(paths))
	}
	for name := range paths {
		for _, other := range []string{name + "0", name + "/", name + "/x", name[:len(name)-1], name + " ", "x" + name, ""} {
			if set.Has(other) != paths[other] {
				t.Errorf("Has(%q) is %v", other, set.Has(other))
			}
			if other != "" && set.HasBelow(other) != dirs[other] {
				t.Errorf("HasBelow(%q) is %v", other, set.HasBelow(other))
			}
		}
		if set.HasBelow(name) != dirs[name] {
			t.Errorf("HasBelow(%q) is %v", name, set.HasBelow(name))
		}
	}
}

func TestTracked(t *testing.T) {
	for _, test := range indexes {
		t.Run(test.name, func(t *testing.T) {
			r := newRepo(t)
			r.fill()
			test.make(r)
			checkTracked(t, r, 20, false)
		})
	}
	t.Run("sha256", func(t *testing.T) {
		for _, version := range []string{"2", "4"} {
			r := newRepo(t, "--object-format=sha256")
			r.fill()
			r.flags()
			r.git("update-index", "--index-version", version)
			checkTracked(t, r, 32, false)
			if _, err := ReadTracked(r.path(".git"), "", 20); err == nil {
				t.Error("names of the wrong length are read")
			}
		}
	})
	t.Run("missing", func(t *testing.T) {
		set := checkTracked(t, newRepo(t), 20, false)
		if set.Len() != 0 || set.Has("a") || set.HasBelow("a") || set.IsGitlink("a") {
			t.Error("an index that doesn't exist has paths")
		}
		if _, err := ReadTracked(t.TempDir(), "", 16); !errors.Is(err, ErrUnsupported) {
			t.Errorf("names of 16 bytes: %v", err)
		}
	})
}

func TestTrackedSparse(t *testing.T) {
	r := newRepo(t)
	r.fill()
	r.git("sparse-checkout", "set", "--cone", "--sparse-index", "b/c")
	if !strings.Contains(r.git("ls-files", "--sparse", "-z"), "dir/\x00") {
		t.Fatal("git made no sparse directory")
	}
	set := checkTracked(t, r, 20, false)
	if !set.Has("dir/whatever/below") || !set.HasBelow("dir") || !set.HasBelow("dir/sub") {
		t.Error("what is below a sparse directory must count as tracked")
	}
	if set.Has("b/c/none") || set.Has("directory") || set.HasBelow("di") || set.Has("dir") {
		t.Error("what is beside a sparse directory counts as tracked")
	}
}

func TestTrackedSplit(t *testing.T) {
	for _, format := range []struct {
		name string
		size int
	}{{"sha1", 20}, {"sha256", 32}} {
		t.Run(format.name, func(t *testing.T) {
			r := newRepo(t, "--object-format="+format.name)
			r.fill()
			r.git("config", "core.splitIndex", "true")
			r.git("config", "splitIndex.maxPercentChange", "100")
			r.git("update-index", "--split-index")
			if shared, _ := filepath.Glob(r.path(".git/sharedindex.*")); len(shared) == 0 {
				t.Fatal("git didn't split the index")
			}
			checkTracked(t, r, format.size, false)
			r.write("a.txt", "changed, so its entry is replaced")
			r.write("dir/added", "x")
			r.write("zz/added", "x")
			r.git("add", "-A")
			r.git("rm", "-q", "--cached", "b0")
			if set := checkTracked(t, r, format.size, true); set.Has("nothing") || !set.Has("dir/added") {
				t.Error("wrong paths from a split index")
			}
			r.git("update-index", "--index-version", "4")
			r.write("zz/more", "x")
			r.git("add", "-A")
			checkTracked(t, r, format.size, true)
			checkSharedElsewhere(t, r, format.size)
		})
	}
}

// checkSharedElsewhere moves the shared index to the common directory, then away.
func checkSharedElsewhere(t *testing.T, r *repo, idSize int) {
	t.Helper()
	common := t.TempDir()
	shared, err := filepath.Glob(r.path(".git/sharedindex.*"))
	if err != nil || len(shared) == 0 {
		t.Fatal("no shared index: ", err)
	}
	for _, path := range shared {
		if err := os.Rename(path, filepath.Join(common, filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
	}
	if set, err := ReadTracked(r.path(".git"), common, idSize); err != nil || !set.Has("b/c/d/e") {
		t.Errorf("shared index in the common directory: %v", err)
	}
	if _, err := ReadTracked(r.path(".git"), "", idSize); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing shared index gives %v", err)
	}
}

func TestTrackedRefuses(t *testing.T) {
	plain := testIndex(t, 3)
	for name, data := range map[string][]byte{
		"empty file":         {},
		"truncated":          plain[:100],
		"nameless unsplit":   change(plain, headerSize+statSize+21, 0, 0),
		"required extension": extend(plain, "abcd", ""),
		"short link":         extend(plain, "link", "123"),
		"unslashed sparse":   change(plain, headerSize+24, 0, 0, 0o100, 0),
	} {
		if _, err := readTrackedBytes(t, data, 20); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if set, err := readTrackedBytes(t, extend(plain, "link", strings.Repeat("\x00", 20)), 20); err != nil || set.Len() != 3 {
		t.Errorf("a link to nothing: %v", err)
	}
}

func BenchmarkReadTracked(b *testing.B) {
	var out bytes.Buffer
	if err := Encode(&out, Pointers(manyEntries(100_000))); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index"), out.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadTracked(dir, dir, 20); err != nil {
			b.Fatal(err)
		}
	}
}
