package gitstoretest

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Project is a fixture that was built.
type Project struct {
	Name string
	// Base holds all that the script made, Dir, Home and Canary among it.
	Base string
	// Dir is the top of the project.
	Dir string
	// Home is what HOME names: empty, but for what the script configured.
	Home string
	// Canary is an empty directory. A program that must not run leaves a file
	// of its own name in it if it does.
	Canary string
	// GoldenHead is the id of the commit at HEAD, "unborn" when there is none,
	// and empty when the project is in no repository.
	GoldenHead string
	// GoldenTree is the id of the tree that a checkpoint of the project has,
	// without the Refused paths.
	GoldenTree string
	// Refused are paths, slash-separated and in order, that can't be recorded:
	// a checkpoint fails on their account unless it may be partial.
	Refused []string
}

// All returns the names of all fixtures, in order.
func All(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(scriptDir(tb), "*.txtar"))
	if err != nil {
		tb.Fatal(err)
	}
	if len(paths) == 0 {
		tb.Fatalf("no fixtures in %s", scriptDir(tb))
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = strings.TrimSuffix(filepath.Base(path), ".txtar")
	}
	slices.Sort(names)
	return names
}

// Build builds the fixture of that name in a temporary directory, which goes
// away with the test. It skips the test if the fixture asks for more than the
// system or -short allows.
func Build(tb testing.TB, name string) Project {
	tb.Helper()
	return BuildIn(tb, name, tb.TempDir())
}

// BuildIn is [Build] in a directory of the caller's, which must be empty.
func BuildIn(tb testing.TB, name, dir string) Project {
	tb.Helper()
	archive, err := txtar.ParseFile(scriptPath(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	base, err := filepath.EvalSymlinks(dir)
	if err != nil {
		tb.Fatal(err)
	}
	p := Project{
		Name: name, Base: base, Dir: filepath.Join(base, "project"),
		Home: filepath.Join(base, "home"), Canary: filepath.Join(base, "canary"),
	}
	s := &script{TB: tb, p: p, dir: p.Dir, files: archive.Files, date: "2024-01-01T00:00:00Z"}
	s.check(string(archive.Comment))
	s.begin()
	s.run(string(archive.Comment))
	return s.p
}

// scriptDir finds testdata/repos from wherever the test runs, which is in its
// package's directory.
func scriptDir(tb testing.TB) string {
	tb.Helper()
	at, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(at, "testdata", "repos")
		}
	}
	tb.Fatal("fixtures are found from a directory inside the module only")
	return ""
}

func scriptPath(tb testing.TB, name string) string {
	tb.Helper()
	return filepath.Join(scriptDir(tb), name+".txtar")
}

// requirement says why the fixture can't be built here, if it can't.
func requirement(what string) (missing string, known bool) {
	switch what {
	case "linux":
		if runtime.GOOS != "linux" {
			return "the file system may not hold these names", true
		}
	case "long":
		if testing.Short() {
			return "takes long", true
		}
	default:
		return "", false
	}
	return "", true
}
