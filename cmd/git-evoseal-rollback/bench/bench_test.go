package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/programtest"
)

// TestMain lets the test binary start itself, as the program does.
func TestMain(m *testing.M) {
	if code, served := serve(os.Args[1:]); served {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func TestMeasure(t *testing.T) {
	ctx := context.Background()
	s, err := measure(ctx, command{t.TempDir(), []string{"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"}}, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	if s.Wall <= 0 || s.CPU <= 0 || s.Peak < 100_000 {
		t.Errorf("measured %+v", s)
	}
	_, err = measure(ctx, command{t.TempDir(), []string{"sh", "-c", "echo why >&2; exit 3"}}, os.Environ())
	if err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("a command that fails with a message gives %v", err)
	}
}

// TestPeakIsTheChilds holds that memory of this process never counts as that of
// what it starts.
func TestPeakIsTheChilds(t *testing.T) {
	ballast := bytes.Repeat([]byte("x"), 200_000_000)
	s, err := measure(context.Background(), command{t.TempDir(), []string{"true"}}, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	if s.Peak > int64(len(ballast))/4 {
		t.Errorf("true took %d bytes of memory", s.Peak)
	}
}

func TestSameSeesEveryDifference(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"":        func(string) error { return nil },
		"content": func(dir string) error { return os.WriteFile(dir+"/d/f", []byte("two"), 0o644) },
		"mode":    func(dir string) error { return os.Chmod(dir+"/d/f", 0o755) },
		"missing": func(dir string) error { return os.Remove(dir + "/d/f") },
		"more":    func(dir string) error { return os.Mkdir(dir+"/d/e", 0o755) },
		"link": func(dir string) error {
			return errors.Join(os.Remove(dir+"/l"), os.Symlink("e", dir+"/l"))
		},
		"kind": func(dir string) error {
			return errors.Join(os.Remove(dir+"/l"), os.Mkdir(dir+"/l", 0o755))
		},
	} {
		one, other := t.TempDir(), t.TempDir()
		for _, dir := range []string{one, other} {
			if err := makeFile(dir+"/d/f", []byte("one")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("d", dir+"/l"); err != nil {
				t.Fatal(err)
			}
		}
		// What lies in these is nobody's project.
		if err := makeFile(one+"/.git/x", nil); err != nil {
			t.Fatal(err)
		}
		if err := spoil(other); err != nil {
			t.Fatal(err)
		}
		if err := same(one, other)(context.Background()); (err == nil) != (name == "") {
			t.Errorf("difference %q: %v", name, err)
		}
	}
}

func TestTreesAreTheSameEachTime(t *testing.T) {
	ctx := context.Background()
	root, err := findGo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s := &settings{scale: 1, goRoot: root}
	one, other := newArena(s, nil, "", t.TempDir()), newArena(s, nil, "", t.TempDir())
	for _, a := range []*arena{one, other} {
		err := steps(a.begin, a.sourceFiles(300), a.smallFiles(300), a.hugeFile(1<<20), a.change(0))(ctx)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := same(one.project, other.project)(ctx); err != nil {
		t.Error(err)
	}
	if files, _, err := one.measureTree(); files != 601 || err != nil {
		t.Errorf("%d files, %v", files, err)
	}
	if err := one.change(0)(ctx); err != nil {
		t.Fatal(err)
	}
	if same(one.project, other.project)(ctx) == nil {
		t.Error("a change changes nothing")
	}
}

func TestSecondCopiesDiffer(t *testing.T) {
	text := []byte("one\ntwo\nthree\n")
	if got := string(edited(text, 7)); got != "// This is file 7.\none\ntwo\n// The middle of file 7.\nthree\n" {
		t.Errorf("%q", got)
	}
	if got := string(edited(nil, 7)); !strings.Contains(got, "file 7") {
		t.Errorf("of an empty file: %q", got)
	}
}

func TestFigures(t *testing.T) {
	m := measured{contestant{units: 2}, []sample{{Wall: 4 * time.Second, Peak: 10}, {Wall: 2 * time.Second, Peak: 40}, {Wall: 8 * time.Second, Peak: 20}}}
	if f := figureOf(m, wallTime); f != (figure{2, 1, 4}) {
		t.Errorf("time %v", f)
	}
	if f := figureOf(m, peakMemory); f != (figure{10, 5, 20}) {
		t.Errorf("memory %v", f)
	}
	if f := summed([]float64{3, 1}); f != (figure{2, 1, 3}) {
		t.Errorf("two figures %v", f)
	}
	if got := count(1234567) + " " + count(100) + " " + count(1000); got != "1,234,567 100 1,000" {
		t.Error(got)
	}
}

// TestBarsDecide holds what "met" means, and that bars are for memory only.
func TestBarsDecide(t *testing.T) {
	one := func(wall time.Duration, bars ...bar) measured {
		return measured{contestant{name: "n", bars: bars}, []sample{{Wall: wall, Peak: 100}}}
	}
	for _, c := range []struct {
		medium string
		bar    float64
		limit  int64
		want   string
	}{
		{"memory (tmpfs)", 0.5, 100, "met met"},
		{"memory (tmpfs)", 0.49, 99, "not met not met"},
		{"disk (ext4)", 0.49, 99, ""},
	} {
		r := &report{out: &bytes.Buffer{}}
		a := &arena{report: r, medium: c.medium}
		r.result(a, &row{id: "i", limits: []limit{{peakMemory, c.limit}}}, []measured{one(time.Second), one(2*time.Second, bar{wallTime, c.bar})})
		var verdicts []string
		for _, l := range r.lines {
			verdicts = append(verdicts, l.verdict())
		}
		if got := strings.TrimSpace(strings.Join(verdicts, " ")); got != c.want {
			t.Errorf("%v: %q", c, got)
		}
	}
}

// onlyPrograms makes these all that there is in PATH, so that a test is the same
// whether or not the peers are installed.
func onlyPrograms(t *testing.T, names ...string) {
	dir := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// TestRun measures real rows in small, without the peers that need installing,
// and reads the document.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	binary, err := programtest.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	onlyPrograms(t, "git", "go", "cp", "tar")
	if shm, err := os.MkdirTemp("/dev/shm", "evoseal-bench-test-"); err == nil {
		// Where others are at work on the disk, each sync waits for them.
		dir = shm
		t.Cleanup(func() { os.RemoveAll(shm) })
	}
	s, err := parse([]string{"-binary", binary, "-dirs", dir, "-rounds", "1", "-scale", "0.001", "-out", filepath.Join(dir, "out.md"),
		"-only", "^(start/version|source/(first|rollback|profile)|history/list|million/first|huge/rollback)$"})
	if err != nil {
		t.Fatal(err)
	}
	if err := run(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`\| first checkpoint, 1,000 source files \| time \| .* \| git add -A \+ commit \| .* \| \*\*[0-9.]+\*\* \|`,
		`\| list, 20 checkpoints \|`, `git worktree add, packed, 2 workers`, "`million/first`", "`huge/rollback`",
		`restic backup is left out`, `\| the least program \|`, `\| first checkpoint \| [0-9]+ % \|`,
	} {
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("the document has no %s:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), dir) {
		t.Error("the document names a path of this machine")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "evoseal-bench-*")); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSummedUp(t *testing.T) {
	b, err := summedUp(`File: bench
Type: cpu
      flat  flat%   sum%        cum   cum%
      50ms 50.00% 50.00%       50ms 50.00%  internal/runtime/syscall/linux.Syscall6
      20ms 20.00% 70.00%       20ms 20.00%  crypto/sha1.blockSHANI
      10ms 10.00% 80.00%       10ms 10.00%  github.com/klauspost/compress/flate.(*decompressor).huffSym (inline)
      10ms 10.00% 90.00%       10ms 10.00%  runtime.mallocgc
      10ms 10.00%   100%      100ms   100%  github.com/evoseal/git-evoseal-rollback/gitstore.(*slotDir).find
`)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != ": system calls 50 % hashing 20 % deflate, inflate 10 % Go's memory and scheduling 10 % the rest: ours 10 %" {
		t.Error(got)
	}
	if _, err := summedUp("no profile"); err == nil {
		t.Error("something else counts as a table")
	}
}
