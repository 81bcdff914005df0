package manager

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore/gitstoretest"
	"github.com/otiai10/copy"
)

// How much changes between the two checkpoints of TestGoroot.
const (
	gorootChanged = 300
	gorootDeleted = 20
	gorootAdded   = 50
	gorootChmod   = 10
)

// TestGoroot takes a tree of real size, the Go distribution that runs the test,
// through the whole way: record, change, record, roll back, compare. Left out are
// its few built programs: they are a third of the bytes, and only cost time.
func TestGoroot(t *testing.T) {
	if testing.Short() {
		t.Skip("copies GOROOT, twice")
	}
	// The whole way once in real size where people have their projects, too.
	gitstoretest.UseDisk(t)
	g := newGoroot(t)
	g.checkpoint("v1", false)
	g.copyTo(g.asItWas, g.project)
	g.change()
	g.checkpoint("v2", true)
	before := gitstoretest.Snapshot(t, g.project)

	r, err := g.m.Rollback(context.Background(), RollbackRequest{Version: "v1", Reason: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Record.Verified || r.Record.Target != g.target() {
		t.Errorf("record: %+v", r.Record)
	}
	for _, d := range gitstoretest.DiffSnapshots(before, gitstoretest.Snapshot(t, g.project)) {
		t.Errorf("the live project was touched: %s", d)
	}
	g.same(g.target())
	g.gitAgrees()
}

// goroot is a copy of GOROOT as a project, and another of it as it was at v1.
type goroot struct {
	*testing.T
	m                *Manager
	project, asItWas string
}

func newGoroot(t *testing.T) *goroot {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	gitstoretest.Isolate(t, t.TempDir())
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	g := &goroot{T: t, project: filepath.Join(base, "project"), asItWas: filepath.Join(base, "as-it-was")}
	distribution := strings.TrimSpace(string(out))
	g.copyTo(g.project, distribution, filepath.Join(distribution, "pkg", "tool"), filepath.Join(distribution, "bin"))
	g.git(g.project, "init", "-q", "-b", "main", ".")
	g.git(g.project, "add", "src/fmt")
	g.git(g.project, "commit", "-q", "-m", "a part")
	g.write(".git/info/exclude", "*.ignored\n")
	g.write("src/precious.ignored", "not recorded, and not touched\n")
	if g.m, err = New(context.Background(), g.project, Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.m.Close() })
	return g
}

// copyTo copies a distribution with its times, but for what is in the way. A
// toolchain in the module cache is read-only, and its copy must not be.
func (g *goroot) copyTo(to, from string, without ...string) {
	g.Helper()
	err := copy.Copy(from, to, copy.Options{
		PreserveTimes: true, PermissionControl: copy.AddPermission(0o200),
		Skip: func(fi os.FileInfo, src, _ string) (bool, error) {
			return fi.Name() == ".git" || fi.Name() == ".evoseal" || slices.Contains(without, src), nil
		},
	})
	if err != nil {
		g.Fatal(err)
	}
}

func (g *goroot) target() string { return filepath.Join(g.project, ".evoseal", "rollback_target") }

func (g *goroot) git(dir string, args ...string) string {
	g.Helper()
	return gitstoretest.Git(g, dir, args...)
}

func (g *goroot) write(name, content string) {
	g.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(g.project, name)), 0o755); err != nil {
		g.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.project, name), []byte(content), 0o644); err != nil {
		g.Fatal(err)
	}
}

// checkpoint records the project, and asks git's plumbing for the tree where
// the stat cache could have been wrong.
func (g *goroot) checkpoint(version string, ask bool) {
	g.Helper()
	r, err := g.m.Checkpoint(context.Background(), CheckpointRequest{Version: version})
	if err != nil {
		g.Fatal(err)
	}
	g.Logf("%s: %d files, %d bytes, %v", version, r.Files, r.Bytes, r.Duration)
	if !ask {
		return
	}
	if want := gitstoretest.ExpectedTree(g, g.project); r.Tree.String() != want {
		g.Errorf("%s has tree %s, git says %s", version, r.Tree, want)
	}
}

// change edits, deletes, adds and chmods, at random but always the same.
func (g *goroot) change() {
	g.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(g.project, "src"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasSuffix(path, ".ignored") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		g.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	take := func(n int, do func(path string) error) {
		g.Helper()
		for _, path := range files[:n] {
			if err := do(path); err != nil {
				g.Fatal(err)
			}
		}
		files = files[n:]
	}
	take(gorootChanged, edit)
	take(gorootDeleted, os.Remove)
	take(gorootChmod, func(path string) error { return os.Chmod(path, 0o755) })
	for i := range gorootAdded {
		g.write(fmt.Sprintf("src/added/%d/file.go", i), fmt.Sprintf("package added%d\n", i))
	}
}

// edit changes one byte and keeps the size, and every other time the mtime too:
// what a stat cache overlooks most easily.
func edit(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		data = []byte("x")
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0); err != nil || len(data)%2 == 0 {
		return err
	}
	return os.Chtimes(path, fi.ModTime(), fi.ModTime())
}

// same compares a directory with the project as it was at v1: by diff, and by
// our own eyes, which see modes too.
func (g *goroot) same(dir string) {
	g.Helper()
	if out, err := exec.Command("diff", "-r", "--no-dereference", "-x", ".git", "-x", ".evoseal", "-x", "*.ignored", g.asItWas, dir).CombinedOutput(); err != nil {
		g.Errorf("diff -r: %v\n%s", err, out)
	}
	for _, d := range gitstoretest.DiffTrees(g, g.asItWas, dir) {
		if d != "only in the second: .git" && d != "only in the first: src/precious.ignored" {
			g.Errorf("%s and %s differ: %s", g.asItWas, dir, d)
		}
	}
}

// gitAgrees lets plain git check the store, clone it, and look at the target.
func (g *goroot) gitAgrees() {
	g.Helper()
	store := filepath.Join(g.project, ".evoseal", ".git")
	if out := g.git(g.project, "--git-dir="+store, "fsck", "--strict", "--no-dangling"); out != "" {
		g.Errorf("git fsck says %s", out)
	}
	if out := g.git(g.target(), "status", "--porcelain"); out != "" {
		g.Errorf("git status in the target says\n%s", out)
	}
	// Without a checkout: git's own copying isn't what is tested, and takes long.
	clone := filepath.Join(filepath.Dir(g.project), "clone")
	g.git(filepath.Dir(g.project), "clone", "-q", "--no-checkout", "--branch", "v1", store, clone)
	if a, b := g.git(clone, "rev-parse", "HEAD^{tree}"), g.git(g.target(), "write-tree"); a != b {
		g.Errorf("a clone has tree %s, the target's index %s", a, b)
	}
	if want := gitstoretest.ExpectedTree(g, g.asItWas, "src/precious.ignored"); g.git(clone, "rev-parse", "HEAD^{tree}") != want {
		g.Errorf("a clone has not the tree that the project had: %s", want)
	}
}
