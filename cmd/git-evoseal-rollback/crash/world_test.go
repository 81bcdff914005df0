//go:build linux && (amd64 || arm64)

package crash

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/programtest"
	"github.com/evoseal/git-evoseal-rollback/gitstore/gitstoretest"
	"github.com/otiai10/copy"
)

// world is a directory with a project and a home of its own.
type world struct {
	root   string
	binary string
}

func (w world) project() string  { return filepath.Join(w.root, "project") }
func (w world) target() string   { return filepath.Join(w.project(), ".evoseal/rollback_target") }
func (w world) previous() string { return w.target() + ".previous" }

// store is where a command of the table says, or else where it always is.
func (w world) store() string {
	if _, err := os.Stat(filepath.Join(w.project(), ".aside")); err == nil {
		return filepath.Join(w.project(), ".aside/.git")
	}
	return filepath.Join(w.project(), ".evoseal/.git")
}

func (w world) env() []string {
	return []string{
		"HOME=" + filepath.Join(w.root, "home"), "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "TZ=UTC", "LC_ALL=C.UTF-8",
		"TMPDIR=" + filepath.Join(w.root, "home"),
	}
}

// other is a target that is not the usual one.
func (w world) other() string { return filepath.Join(w.project(), ".evoseal/other") }

func (w world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(w.binary, args...)
	if args[0] == "sh" {
		cmd = exec.Command(args[0], args[1:]...)
	}
	cmd.Dir, cmd.Env = w.project(), w.env()
	return cmd
}

// said is how a program ended and what it printed.
type said struct {
	code     int
	out, err string
}

func (s said) String() string {
	return fmt.Sprintf("code %d: %s", s.code, strings.TrimSpace(s.out+s.err))
}

func ended(cmd *exec.Cmd) said {
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		return said{code: -2, err: err.Error()}
	}
	return said{code: code, out: out.String(), err: errOut.String()}
}

// run runs the program to its end.
func (w world) run(args ...string) said { return ended(w.command(args...)) }

// git runs git in a directory of the world.
func (w world) git(dir string, args ...string) said { return ended(w.gitCommand(dir, args...)) }

func (w world) gitCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, w.env()
	return cmd
}

// copyTo makes an equal world at root, in place of what is there.
func (w world) copyTo(root string) (world, error) {
	if err := removeAll(root); err != nil {
		return world{}, err
	}
	err := copy.Copy(w.root, root, copy.Options{
		PreserveTimes: true,
		OnSymlink:     func(string) copy.SymlinkAction { return copy.Shallow },
	})
	return world{root: root, binary: w.binary}, err
}

// removeAll removes read-only directories as well.
func removeAll(dir string) error {
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// buildProgram builds what ships, once for all tests.
func buildProgram(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	return programtest.Build(os.Getenv(binaryDir))
})

// binaryDir is the variable that says where the program is built.
const binaryDir = "EVOSEAL_CRASH_BINARIES"

// TestMain gives the program a place and removes it again.
func TestMain(m *testing.M) {
	err := gitstoretest.UseMemory()
	dir := ""
	if err == nil {
		dir, err = os.MkdirTemp("", "evoseal-crash-")
	}
	if err == nil {
		err = os.Setenv(binaryDir, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// roomFor is a scratch directory, whose read-only directories are removed as well.
func roomFor(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "evoseal-crash-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(dir) })
	dir, err = filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// newWorld makes a small project with most of what a project can hold.
func newWorld(t testing.TB, root, binary string) world {
	t.Helper()
	w := world{root: root, binary: binary}
	config := "[user]\n\tname = Tester\n\temail = tester@example.invalid\n[init]\n\tdefaultBranch = main\n"
	for name, content := range map[string]string{
		"home/.gitconfig":       config,
		"project/README":        "a project\n",
		"project/empty":         "",
		"project/run.sh":        "#!/bin/sh\necho run\n",
		"project/secret":        "do not show\n",
		"project/src/main.go":   "package main\n",
		"project/src/a.go":      strings.Repeat("// a line\n", 700),
		"project/src/b.go":      "package main // b\n",
		"project/src/deep/c.go": strings.Repeat("0123456789abcdef", 1000),
		"project/src/deep/d":    "d\n",
		"project/doc/one.md":    "# one\n",
		"project/doc/two.md":    "# two\n",
		"project/.gitignore":    "*.log\n",
		"project/noise.log":     "ignored\n",
	} {
		w.write(t, name, content)
	}
	must(t, os.Chmod(filepath.Join(root, "project/run.sh"), 0o755))
	must(t, os.Chmod(filepath.Join(root, "project/secret"), 0o600))
	must(t, os.Symlink("src/main.go", filepath.Join(root, "project/link")))
	must(t, os.Mkdir(filepath.Join(root, "project/hollow"), 0o750))
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-qm", "first"}} {
		if s := w.git(w.project(), args...); s.code != 0 {
			t.Fatalf("git %v: %v", args, s)
		}
	}
	return w
}

func (w world) write(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(w.root, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

// edit makes the project another, the n-th time as told.
func (w world) edit(t testing.TB, n int) {
	t.Helper()
	w.write(t, "project/src/b.go", fmt.Sprintf("package main // edit %d\n", n))
	w.write(t, fmt.Sprintf("project/src/deep/new%d", n), strings.Repeat(fmt.Sprintf("new in edit %d\n", n), 900))
	must(t, os.RemoveAll(filepath.Join(w.project(), fmt.Sprintf("src/deep/new%d", n-1))))
	must(t, os.Chmod(filepath.Join(w.project(), "doc/one.md"), os.FileMode(0o644|n%2<<6)))
	must(t, os.Remove(filepath.Join(w.project(), "link")))
	must(t, os.Symlink([]string{"src/main.go", "doc"}[n%2], filepath.Join(w.project(), "link")))
}

func (w world) mustRun(t testing.TB, args ...string) {
	t.Helper()
	if s := w.run(args...); s.code != 0 {
		t.Fatalf("%v: %v", args, s)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
