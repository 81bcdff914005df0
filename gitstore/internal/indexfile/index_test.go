package indexfile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type repository struct {
	*testing.T
	dir string
}

func newRepository(t *testing.T, args ...string) *repository {
	t.Helper()
	r := &repository{t, t.TempDir()}
	r.git(append([]string{"init", "-q", "."}, args...)...)
	return r
}

func (r *repository) git(args ...string) string {
	r.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+r.dir, "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

var names = []string{"a", "a-b", "a/b/c", "a/b.c", "ab", "dash/-x", "日本/x", "new\nline", "z/" + strings.Repeat("long/", 900) + "x"}

func (r *repository) populate() {
	for i, name := range names {
		path := filepath.Join(r.dir, name)
		if strings.HasPrefix(name, "a/") {
			path = filepath.Join(r.dir, "A"+name[1:])
		}
		if len(path) > 4000 {
			continue
		}
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, fmt.Appendf(nil, "content %d", i), 0o644); err != nil {
			r.Fatal(err)
		}
	}
	r.git("add", "-A")
}

func (r *repository) index() []byte {
	r.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, ".git/index"))
	if err != nil {
		r.Fatal(err)
	}
	return data
}

// stages is what `git ls-files --stage` says, in our words.
func (r *repository) stages() []string {
	out := strings.Split(r.git("ls-files", "--stage", "-z"), "\x00")
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

func TestReadsEveryVersionThatGitWrites(t *testing.T) {
	for _, version := range []string{"2", "3", "4"} {
		r := newRepository(t)
		r.populate()
		if version == "3" {
			os.WriteFile(filepath.Join(r.dir, "intent"), nil, 0o644)
			r.git("add", "-N", "intent")
			r.git("update-index", "--skip-worktree", "ab")
		} else {
			r.git("update-index", "--index-version", version)
		}
		r.git("update-index", "--assume-unchanged", "a-b")
		entries, err := Decode(r.index())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprintf("%06o %x %d\t%s", e.Mode, e.ID, e.Stage, e.Name))
			if e.AssumeValid != (e.Name == "a-b") || e.SkipWorktree != (version == "3" && e.Name == "ab") || e.IntentToAdd != (e.Name == "intent") {
				t.Errorf("version %s: flags of %+v", version, e)
			}
		}
		if want := r.stages(); !slices.Equal(got, want) {
			t.Errorf("version %s:\n%q\nwant\n%q", version, got, want)
		}
		// What we write of it is what git wrote.
		var b bytes.Buffer
		if err := Encode(&b, entries); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(r.dir, ".git/index"), b.Bytes(), 0o644)
		if after := r.stages(); !slices.Equal(after, got) {
			t.Errorf("version %s: git reads ours as %q", version, after)
		}
		if out := r.git("diff-files", "--name-only"); version != "3" && out != "" {
			t.Errorf("stat data don't fit: %s", out)
		}
		r.git("fsck", "--strict")
	}
}

func TestLongNames(t *testing.T) {
	var entries []Entry
	for _, n := range []int{1, 7, 8, 9, 4094, 4095, 4096, 5000} {
		entries = append(entries, Entry{Name: strings.Repeat("n", n), Mode: 0o100644})
	}
	var b bytes.Buffer
	if err := Encode(&b, entries); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b.Bytes())
	if err != nil || !slices.Equal(got, entries) {
		t.Errorf("%v", err)
	}
	if Encode(&b, []Entry{{Name: "b"}, {Name: "a"}}) == nil || Encode(&b, []Entry{{Name: "b"}, {Name: "b"}}) == nil {
		t.Error("wrong order is written")
	}
}

func tracked(t *testing.T, r *repository, size int) *PathSet {
	t.Helper()
	s, err := ReadTracked(filepath.Join(r.dir, ".git"), filepath.Join(r.dir, ".git"), size)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTracked(t *testing.T) {
	for name, change := range map[string]func(*repository){
		"plain": func(*repository) {},
		"v4":    func(r *repository) { r.git("update-index", "--index-version", "4") },
		"split": func(r *repository) {
			r.git("update-index", "--split-index")
			os.WriteFile(filepath.Join(r.dir, "later"), nil, 0o644)
			r.git("add", "later")
		},
	} {
		r := newRepository(t)
		r.populate()
		change(r)
		s := tracked(t, r, 20)
		want := strings.Split(strings.Trim(r.git("ls-files", "-z"), "\x00"), "\x00")
		for _, p := range want {
			if !s.Has(p) {
				t.Errorf("%s: %q is tracked", name, p)
			}
		}
		if s.Len() != len(want) {
			t.Errorf("%s: %d paths, git has %d", name, s.Len(), len(want))
		}
		if !s.HasBelow("A") || !s.HasBelow("A/b") || s.HasBelow("a") || s.HasBelow("A/b/c") || s.Has("A/b") || s.Has("nothing") || s.Has("") {
			t.Errorf("%s: wrong answers", name)
		}
	}
}

func TestTrackedOddities(t *testing.T) {
	r := newRepository(t, "--object-format=sha256")
	r.populate()
	if s := tracked(t, r, 32); !s.Has("ab") || !s.HasBelow("dash") {
		t.Error("SHA-256 index is read otherwise")
	}
	r = newRepository(t)
	r.populate()
	r.git("commit", "-qm", "x")
	r.git("sparse-checkout", "set", "--cone", "--sparse-index", "A")
	if s := tracked(t, r, 20); !s.Has("dash/-x") || !s.HasBelow("dash") || s.Has("dashing") || !s.Has("A/b/c") {
		t.Error("sparse index is read otherwise")
	}
	r.git("update-index", "--add", "--cacheinfo", "160000,"+r.git("rev-parse", "HEAD")+",sub")
	if s := tracked(t, r, 20); !s.IsGitlink("sub") || s.IsGitlink("ab") {
		t.Error("a submodule is not seen")
	}
	if s, err := ReadTracked(t.TempDir(), "", 20); err != nil || s.Len() != 0 || s.Has("x") {
		t.Errorf("no index: %v", err)
	}
	var none *PathSet
	if none.Has("x") || none.HasBelow("x") || none.IsGitlink("x") {
		t.Error("a nil set has paths")
	}
}

func TestDamageIsNoticed(t *testing.T) {
	r := newRepository(t)
	r.populate()
	data := r.index()
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x40
		if _, err := Decode(bad); err == nil {
			t.Fatalf("a flip at %d goes unnoticed", i)
		}
		if _, err := Decode(data[:i]); err == nil {
			t.Fatalf("a cut at %d goes unnoticed", i)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := Encode(&b, []Entry{{Name: "a", Mode: 0o100644}, {Name: "b/c", Mode: 0o100755, SkipWorktree: true}}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(append([]byte("DIRC\x00\x00\x00\x04\xff\xff\xff\xff"), make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Without its checksum, which fuzzing would never get right.
		if len(data) > 20 {
			copy(data[len(data)-20:], make([]byte, 20))
		}
		if entries, err := Decode(data); err == nil {
			Encode(&bytes.Buffer{}, entries)
		}
		for _, size := range []int{20, 32} {
			s := &PathSet{}
			if _, err := s.add(data, size); err == nil {
				s.Has("a")
				s.HasBelow("b")
			}
		}
	})
}
