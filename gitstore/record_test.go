package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// strange are names that have broken other tools.
var strange = []string{
	"new\nline", "quo\"te", "日本語", "inv\xffalid", strings.Repeat("n", 255), "-dash", "trailing ", "back\\slash", " ", "*", "tab\t",
}

func TestTreeComesBackByteForByte(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("README", "hello\n", "src/a.go", "package a\n", "src/b/c.txt", "crlf\r\n", ".gitattributes", "* text=auto eol=lf ident\n",
		"private", "secret", "locked", "0444", "run.sh", "#!/bin/sh\n", "odd", "0640", "zero", "")
	for name, perm := range map[string]os.FileMode{"private": 0o600, "locked": 0o444, "run.sh": 0o755, "odd": 0o640} {
		w.must(os.Chmod(filepath.Join(w.dir, name), perm))
	}
	for name, dest := range map[string]string{
		"relative": "src/a.go", "absolute": "/etc/passwd", "dangling": "nowhere", "loop": "loop", "escape": "../../..", "todir": "src",
	} {
		w.must(os.Symlink(dest, filepath.Join(w.dir, name)))
	}
	for _, dir := range []string{"empty/one/two", "empty/three", "closed"} {
		w.must(os.MkdirAll(filepath.Join(w.dir, dir), 0o755))
	}
	w.must(os.Chmod(filepath.Join(w.dir, "closed"), 0o500))
	for _, name := range strange {
		w.write("names/"+name, name)
	}
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1", Message: "all of it"})
	w.fsck()
	for _, fromStore := range []bool{false, true} {
		dir, m, err := w.materialise(s, r.Checkpoint, func(req *MaterialiseRequest) { req.FromStore = fromStore })
		w.must(err)
		w.sameTrees(w.dir, dir)
		if fromStore == (m.Copied > 0) {
			t.Errorf("FromStore %v, and %d files were copied", fromStore, m.Copied)
		}
		if m.Files != r.Files || m.Bytes != r.Bytes {
			t.Errorf("wrote %d files and %d bytes of %d and %d", m.Files, m.Bytes, r.Files, r.Bytes)
		}
	}
}

func TestIgnoreRules(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write(".gitignore", "*.log\n/build/\nkeep/*\n!keep/this\n", "a.log", "x", "build/out", "x", "tracked.log", "x",
		"keep/this", "x", "keep/that", "x", "sub/.gitignore", "!b.log\nlocal\n", "sub/b.log", "x", "sub/local", "x", "sub/c.log", "x",
		"deep/in/ignored/.gitignore", "*\n!.gitignore\n", "deep/in/ignored/file", "x", "excluded", "x", "everywhere", "x",
		"vendor/in/tracked", "x", "vendor/in/not", "x", "plain", "x")
	w.git("add", "-f", "tracked.log")
	w.write(".gitignore", "*.log\n/build/\nkeep/*\n!keep/this\n/vendor/\n")
	w.git("add", "-f", "vendor/in/tracked")
	w.write(".git/info/exclude", "excluded\n")
	w.write("../global-ignore", "everywhere\n")
	w.git("config", "core.excludesFile", filepath.Join(filepath.Dir(w.dir), "global-ignore"))
	s := w.store()
	w.record(s, RecordRequest{Version: "v1"})
	want := strings.Split(w.git("ls-files", "-co", "--exclude-standard"), "\n")
	slices.Sort(want)
	if got := w.files("v1"); !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("recorded %q\nwant     %q", got, want)
	}
	w.record(s, RecordRequest{Version: "v2", IncludeIgnored: true})
	if got := w.files("v2"); !slices.Contains(got, "build/out") || !slices.Contains(got, "everywhere") {
		t.Errorf("with ignored files: %q", got)
	}
}

func TestNestedRepositories(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("top", "x", "sub/inner", "x", "sub/skip.o", "x", "sub/.gitignore", "*.o\n", "unborn/file", "x")
	w.git("init", "-q", "sub")
	w.git("-C", "sub", "add", "inner", ".gitignore")
	w.git("-C", "sub", "commit", "-qm", "inner")
	w.git("init", "-q", "unborn")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	if got, want := w.files("v1"), []string{"sub/.gitignore", "sub/inner", "top", "unborn/file"}; !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
	head := w.git("-C", "sub", "rev-parse", "HEAD")
	want := []NestedRepository{{Path: "sub", Head: head}, {Path: "unborn"}}
	if !slices.Equal(r.Meta.Nested, want) {
		t.Errorf("meta names %+v, want %+v", r.Meta.Nested, want)
	}
	w.fsck()
}

// The store is a repository as well, whose HEAD each checkpoint moves.
func TestStoreInTheProjectIsNotNested(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.git("config", "evoseal.store", "aside/.git")
	w.write("f", "x", "aside/g", "x")
	s := w.store()
	w.record(s, RecordRequest{Version: "v1"})
	if r := w.record(s, RecordRequest{Version: "v2"}); !r.Unchanged || len(r.Meta.Nested) != 0 {
		t.Errorf("a second checkpoint of the same: unchanged %v, nested %v", r.Unchanged, r.Meta.Nested)
	}
}

// A directory whose .git is no repository is an ordinary one: the rules from
// above hold in it.
func TestDirectoryThatOnlyLooksNested(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write(".gitignore", "*.log\n", "a/f", "x", "a/x.log", "x", "a/.git/junk", "x", "b/f", "x", "b/x.log", "x", "b/.git", "gitdir: /nowhere\n")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	if got, want := w.files("v1"), []string{".gitignore", "a/f", "b/f"}; !slices.Equal(got, want) || len(r.Meta.Nested) != 0 {
		t.Errorf("recorded %q, want %q, nested %v", got, want, r.Meta.Nested)
	}
}

func TestUnchangedCostsNothingAndSeesEverything(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.write(fmt.Sprintf("d%d/f%d", i%7, i), fmt.Sprint("content ", i))
	}
	s := w.store()
	first := w.record(s, RecordRequest{Version: "v1"})
	second := w.record(s, RecordRequest{Version: "v2"})
	if !second.Unchanged || second.Tree != first.Tree || second.NewObjects > 5 {
		t.Errorf("second checkpoint: unchanged %v, %d new objects", second.Unchanged, second.NewObjects)
	}
	// The same size and the same mtime, other content.
	path := filepath.Join(w.dir, "d1/f1")
	fi, err := os.Stat(path)
	w.must(err)
	w.must(os.WriteFile(path, []byte("CONTENT 1"), 0o644))
	w.must(os.Chtimes(path, fi.ModTime(), fi.ModTime()))
	third := w.record(s, RecordRequest{Version: "v3"})
	if third.Tree == first.Tree {
		t.Error("a change of the same size and mtime was missed")
	}
	for _, spoil := range []func(){
		func() { os.Remove(s.cachePath(statCacheFile)) },
		func() { os.Truncate(s.cachePath(statCacheFile), 0) },
		func() { os.WriteFile(s.cachePath(statCacheFile), []byte(strings.Repeat("garbage", 100)), 0o644) },
		func() {
			data, _ := os.ReadFile(s.cachePath(statCacheFile))
			for i := 24; i < len(data); i += 97 {
				data[i] ^= 0x10
			}
			os.WriteFile(s.cachePath(statCacheFile), data, 0o644)
		},
	} {
		spoil()
		if again := w.record(s, RecordRequest{}); again.Tree != third.Tree {
			t.Error("a spoilt stat cache changed what was recorded")
		}
	}
}

func TestRewrittenWithinOneTick(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	for i := range 40 {
		content := fmt.Sprintf("%08d", i)
		w.write("f", content)
		r := w.record(s, RecordRequest{})
		if got := w.git("--git-dir=.evoseal/.git", "cat-file", "blob", r.Commit.String()+":f"); got != content {
			t.Fatalf("round %d recorded %q", i, got)
		}
	}
}

func TestFileThatChangesWhileReadFailsTheCheckpoint(t *testing.T) {
	w := newWorld(t)
	// Reading this much takes far longer than a busy machine lets a writer wait.
	w.write("quiet", "x", "busy", "")
	w.must(os.Truncate(filepath.Join(w.dir, "busy"), 64<<20))
	s := w.store()
	stop, started := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		f, err := os.OpenFile(filepath.Join(w.dir, "busy"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return
		}
		defer f.Close()
		for first := true; ; first = false {
			if first {
				close(started)
			}
			select {
			case <-stop:
				return
			default:
				f.Write([]byte("more"))
			}
		}
	})
	<-started
	_, err := s.Record(context.Background(), RecordRequest{Version: "v1"})
	close(stop)
	wg.Wait()
	var partial *PartialError
	if !errors.As(err, &partial) || len(partial.Paths) != 1 || partial.Paths[0].Path != "busy" {
		t.Fatalf("recording a file that keeps growing: %v", err)
	}
	if got, err := s.Checkpoints(context.Background()); err != nil || len(got) != 0 {
		t.Errorf("checkpoints after the failure: %v %v", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir(), "objects/pack/*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	w.record(s, RecordRequest{Version: "v1"})
}

func TestPartial(t *testing.T) {
	w := newWorld(t)
	w.write("good", "x", "bad", "x")
	w.must(unix.Mkfifo(filepath.Join(w.dir, "pipe"), 0o644))
	refuse := errors.New("no such name")
	s := w.storeWith(Options{CheckName: func(name string) error {
		if name == "bad" {
			return refuse
		}
		return nil
	}})
	_, err := s.Record(context.Background(), RecordRequest{Version: "v1"})
	if !errors.Is(err, ErrPartial) {
		t.Fatalf("want ErrPartial, got %v", err)
	}
	r := w.record(s, RecordRequest{Version: "v1", AllowPartial: true})
	if !r.Partial || !slices.Equal(w.files("v1"), []string{"good"}) {
		t.Errorf("partial %v: %q", r.Partial, w.files("v1"))
	}
	want := []Skipped{{Path: "pipe", Reason: "not a file, directory or symbolic link"}, {Path: "bad", Reason: "no such name", Unread: true}}
	if !slices.Equal(r.Meta.Skipped, want) {
		t.Errorf("meta: %+v", r.Meta.Skipped)
	}
	got, err := s.Resolve(context.Background(), "v1")
	if err != nil || !got.Partial {
		t.Errorf("resolved: %+v %v", got, err)
	}
}

func TestStoreInsideTheProjectIsNeverRecorded(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("f", "x")
	w.git("config", "evoseal.store", "data/store.git")
	s := w.store()
	w.record(s, RecordRequest{Version: "v1"})
	w.record(s, RecordRequest{Version: "v2"})
	out := w.git("--git-dir=data/store.git", "ls-tree", "-r", "--name-only", "v2")
	if out != "f" {
		t.Errorf("recorded %q", out)
	}
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	for _, name := range []string{
		"-x", "../x", "/etc/x", "a..b", "x.lock", "x.lock/y", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a\x01b", "a\nb", ".x", "x/.y", "x.", "@{x", "@",
		"a//b", "a/", "latest", "HEAD", strings.Repeat("a", 300), "a@{b",
	} {
		_, err := s.Record(context.Background(), RecordRequest{Version: name})
		var ne *NameError
		if !errors.As(err, &ne) || ne.Reason == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"v1", "experimental_v3.0", "release/2024", "日本", "a'b", "feature#1"} {
		w.record(s, RecordRequest{Version: name})
	}
	for _, name := range []string{"v1/x", "release"} {
		if _, err := s.Record(context.Background(), RecordRequest{Version: name}); !errors.Is(err, ErrBadName) {
			t.Errorf("%q beside what is there: %v", name, err)
		}
	}
	if _, err := s.Record(context.Background(), RecordRequest{Version: "v1"}); !errors.Is(err, ErrExists) {
		t.Errorf("taken: %v", err)
	}
	a, b := w.record(s, RecordRequest{}), w.record(s, RecordRequest{})
	if a.Version >= b.Version {
		t.Errorf("made names %q and %q don't sort", a.Version, b.Version)
	}
	w.fsck()
}

func TestForceKeepsTheOldOneReachable(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	w.write("f", "old")
	old := w.record(s, RecordRequest{Version: "v1"})
	w.write("f", "new")
	now := w.record(s, RecordRequest{Version: "v1", Force: true})
	if got, err := s.Resolve(context.Background(), "v1"); err != nil || got.Commit != now.Commit {
		t.Errorf("v1 is %v %v", got.Commit, err)
	}
	got, err := s.Resolve(context.Background(), old.Commit.String()[:12])
	if err != nil || got.Commit != old.Commit {
		t.Fatalf("old one: %v %v", got.Commit, err)
	}
	w.git("--git-dir=.evoseal/.git", "gc", "-q", "--prune=now")
	w.must(s.db.Refresh())
	dir, _, err := w.materialise(s, got, nil)
	w.must(err)
	if data, _ := os.ReadFile(filepath.Join(dir, "f")); string(data) != "old" {
		t.Errorf("old content is %q", data)
	}
}

func TestResolve(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	clock := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	s := w.storeWith(Options{Now: func() time.Time { return clock }})
	if _, err := s.Resolve(ctx, "latest"); !errors.Is(err, ErrNotFound) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("latest of none: %v", err)
	}
	var all []Recorded
	for i := range 4 {
		w.write("f", fmt.Sprint(i))
		all = append(all, w.record(s, RecordRequest{Version: fmt.Sprint("v", i)}))
	}
	clock = clock.Add(-time.Hour)
	w.write("f", "branch")
	side := w.record(s, RecordRequest{Version: "side", Parent: "v1"})
	for rev, want := range map[string]ID{
		"v0": all[0].Commit, "latest": side.Commit, "latest~1": all[1].Commit, "latest~2": all[0].Commit, "v3~2": all[1].Commit,
		"v3^": all[2].Commit, "v3^^~": all[0].Commit, all[2].Commit.String(): all[2].Commit, all[2].Commit.String()[:9]: all[2].Commit,
		strings.ToUpper(all[2].Commit.String()[:9]): all[2].Commit,
	} {
		if got, err := s.Resolve(ctx, rev); err != nil || got.Commit != want {
			t.Errorf("%s is %s (%s), want %s: %v", rev, got.Commit, got.Version, want, err)
		}
	}
	for _, rev := range []string{"v9", "v0~1", "v3~9", "v3^2", "v3~x", "abc", "", "../v0", "refs/tags/v0", all[0].Commit.String()[:3]} {
		if got, err := s.Resolve(ctx, rev); rev != "" && !errors.Is(err, ErrNotFound) {
			t.Errorf("%q is %s: %v", rev, got.Version, err)
		}
	}
	var nf *NotFoundError
	if _, err := s.Resolve(ctx, "v9"); !errors.As(err, &nf) || len(nf.Similar) == 0 {
		t.Errorf("no proposals: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	w.store()
	const n = 8
	var wg sync.WaitGroup
	for i := range n {
		s := w.store()
		wg.Go(func() {
			if _, err := s.Record(context.Background(), RecordRequest{Version: fmt.Sprint("v", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := w.store().Checkpoints(context.Background())
	if err != nil || len(got) != n {
		t.Errorf("%d checkpoints of %d: %v", len(got), n, err)
	}
	if notes := strings.Fields(w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/meta", "list")); len(notes) != 2*n {
		t.Errorf("%d meta notes of %d", len(notes)/2, n)
	}
	w.fsck()
}

func TestHostileConfigurationRunsNothing(t *testing.T) {
	w := newWorld(t)
	canary := filepath.Join(t.TempDir(), "canary")
	program := filepath.Join(t.TempDir(), "program")
	w.must(os.WriteFile(program, []byte("#!/bin/sh\ntouch "+canary+"\ncat\n"), 0o755))
	w.git("init", "-q", ".")
	w.write(".gitattributes", "* filter=evil text=auto\n*.u ident working-tree-encoding=UTF-16\n", "a", "crlf\r\n", "b.u", "$Id$\n")
	for _, kv := range [][2]string{
		{"core.fsmonitor", program}, {"core.hooksPath", filepath.Dir(program)}, {"commit.gpgsign", "true"}, {"tag.gpgsign", "true"},
		{"gpg.program", program}, {"core.autocrlf", "true"}, {"filter.evil.clean", program}, {"filter.evil.smudge", program},
		{"filter.evil.required", "true"}, {"init.templateDir", "/nonexistent"}, {"core.sshCommand", program}, {"core.editor", program},
	} {
		w.git("config", "--global", kv[0], kv[1])
		w.git("config", kv[0], kv[1])
	}
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	dir, _, err := w.materialise(s, r.Checkpoint, func(req *MaterialiseRequest) { req.FromStore = true })
	w.must(err)
	w.sameTrees(w.dir, dir)
	if _, err := os.Stat(canary); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a configured program was run")
	}
}

// TestNamesBesideDamage: a name is not made up for ever where none can be looked for.
func TestNamesBesideDamage(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	w.record(s, RecordRequest{})
	w.git("--git-dir=.evoseal/.git", "pack-refs", "--all")
	packed := filepath.Join(s.dir, "packed-refs")
	data, err := os.ReadFile(packed)
	w.must(err)
	w.must(os.WriteFile(packed, append(data, "half a line"...), 0o644))
	if _, err := s.Record(t.Context(), RecordRequest{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("recorded beside a malformed line: %v", err)
	}
}
