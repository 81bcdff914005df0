package gitstoretest

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the ids that come out into the fixtures")

// TestGolden holds every fixture to the ids that its script names: the same
// script makes the same project on every machine, and git's plumbing the same
// tree of it.
func TestGolden(t *testing.T) {
	for _, name := range All(t) {
		t.Run(name, func(t *testing.T) {
			p := Build(t, name)
			before := p.Snapshot(t)
			head, tree := headOf(t, p.Dir), ExpectedTree(t, p.Dir, p.Refused...)
			if d := DiffSnapshots(before, p.Snapshot(t)); d != nil {
				t.Errorf("the oracle touched the project: %q", d)
			}
			if *update {
				rewrite(t, name, head, tree)
				return
			}
			if head != p.GoldenHead {
				t.Errorf("HEAD is %q, golden is %q", head, p.GoldenHead)
			}
			if tree != p.GoldenTree {
				t.Errorf("the tree is %s, golden is %s; recorded are %q", tree, p.GoldenTree, some(Recorded(t, p.Dir)))
			}
		})
	}
}

// headOf is what Project.GoldenHead must say.
func headOf(t *testing.T, dir string) string {
	t.Helper()
	if !exists(filepath.Join(dir, ".git")) {
		return ""
	}
	cmd := command(dir, "rev-parse", "-q", "--verify", "HEAD")
	out, err := cmd.Output()
	if err != nil {
		return "unborn"
	}
	return strings.TrimSpace(string(out))
}

func some(list []string) []string { return list[:min(len(list), 50)] }

func rewrite(t *testing.T, name, head, tree string) {
	t.Helper()
	path := scriptPath(t, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, id := range map[string]string{"HEAD": head, "tree": tree} {
		if line := regexp.MustCompile(`(?m)^golden ` + what + ` .*$`); id != "" {
			data = line.ReplaceAll(data, []byte("golden "+what+" "+id))
		}
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRecordedByHand holds the oracle itself to lists written by hand, for the
// fixtures where it is git's rules that decide.
func TestRecordedByHand(t *testing.T) {
	for name, want := range map[string][]string{
		"ignore": {
			".gitignore", "doc/one/two/final.md", "keep.log", "other/doc/draft.md", "other/src/deep/anchored.txt",
			"src/.gitignore", "src/deep/.gitignore", "src/deep/notes.tmp", "src/deep/wanted.gen",
			"src/main.c", "src/only-here.txt", "src/tracked.gen", "vendor/lib/tracked.c",
		},
		"nested": {
			".gitignore", "inner/.gitignore", "inner/code.c", "inner/deeper/unborn/draft.txt", "inner/outer-ignores.log",
			"inner/tracked.out", "inner/untracked.txt", "main.c", "unborn/first.txt",
		},
		"nogit":       {".gitignore", "a.txt", "inside/b.txt", "sub/.gitignore", "sub/kept.out"},
		"stale-index": {"assumed.txt", "gone-dir", "kept.txt", "skipped.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Build(t, name)
			if got := Recorded(t, p.Dir); !slices.Equal(got, want) {
				t.Errorf("recorded\n got %q\nwant %q", got, want)
			}
		})
	}
}

// TestStrangeNamesAreThere makes sure that the file system took the names, and
// that the oracle lists them byte for byte.
func TestStrangeNamesAreThere(t *testing.T) {
	p := Build(t, "names")
	got := Recorded(t, p.Dir)
	for _, name := range []string{
		"new\nline", "\"quoted\"", "'single'", "back\\slash", "-leading-dash", "--", "trailing ", " leading", "tab\there", "漢字/日本語.txt",
		"invalid-\xff\xfe", "caf\u00e9", "cafe\u0301", "\x01\x02\x7f", "*", "?[a-z]", "$(touch x)", strings.Repeat("n", 255), "...", ".gitt", "a:b",
	} {
		if !slices.Contains(got, name) {
			t.Errorf("%q is missing", name)
		}
	}
}

// TestCanariesSing proves that the hostile fixture's programs would run: a git
// that isn't held back trips over them.
func TestCanariesSing(t *testing.T) {
	p := Build(t, "hostile")
	if left := traces(t, p); len(left) > 0 {
		t.Fatalf("building ran %q", left)
	}
	for _, args := range [][]string{
		{"status"}, {"-c", "core.safecrlf=false", "hash-object", "f.evil"}, {"hash-object", "f.worse"},
		{"checkout", "-f", "HEAD", "--", "f.evil"}, {"hook", "run", "pre-commit"}, {"evil"}, {"commit-tree", "-S", "-m", "x", "HEAD^{tree}"},
	} {
		// What it says is not of interest: some of the programs make it fail.
		cmd := exec.Command("git", args...)
		cmd.Dir = p.Dir
		cmd.Env = command(p.Dir).Env
		out, _ := cmd.CombinedOutput()
		t.Logf("git %q: %s", args, out)
	}
	got := traces(t, p)
	for _, name := range []string{"fsmonitor", "clean", "smudge", "process", "pre-commit", "alias", "gpg"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s did not run; %q did", name, got)
		}
	}
}

func traces(t *testing.T, p Project) []string {
	t.Helper()
	list, err := os.ReadDir(p.Canary)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
