package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// flipWorld is a project whose store has everything that a store can have, and a
// copy of that store from which each trial begins.
type flipWorld struct {
	*testing.T
	dir, pristine string
	versions      []string
	// want is what each version holds.
	want map[string]map[string]string
	// live is the project itself, times and all.
	live map[string]string
	// refs are the store's, as git has them.
	refs map[string]string
}

// storeOf is the store of the project, from its top.
const storeOf = ".evoseal/.git"

func newFlipWorld(t *testing.T) *flipWorld {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GIT_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &flipWorld{T: t, dir: filepath.Join(dir, "project"), pristine: filepath.Join(dir, "pristine"), want: make(map[string]map[string]string)}
	w.must(os.MkdirAll(w.dir, 0o755))
	w.must(os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[user]\n\tname = T\n\temail = t@example.invalid\n"), 0o644))
	t.Chdir(w.dir)
	w.fill()
	w.must(copyTree(filepath.Join(w.dir, ".evoseal"), w.pristine))
	w.reset()
	w.live, w.refs = w.picture(w.dir, true), w.effectiveRefs()
	return w
}

// fill makes packs of git's and of ours with deltas and without, loose objects,
// packed and loose refs, every notebook, a policy with a past, and two slots.
func (w *flipWorld) fill() {
	w.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	text := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "line %d says %d\n", i, r.IntN(1000))
		}
		return b.String()
	}
	w.git("init", "-q", ".")
	long := text(200)
	w.write("a.txt", "one\n", "src/long.txt", long, "src/noise", noise(20_000), "src/deep/er/b.txt", text(20), "secret", "s", "empty", "")
	w.must(os.Chmod("secret", 0o600))
	w.must(os.Mkdir("hollow", 0o755))
	w.must(os.Symlink("src/long.txt", "link"))
	w.write("run.sh", "#!/bin/sh\n")
	w.must(os.Chmod("run.sh", 0o755))
	w.git("add", "src")
	w.git("commit", "-qm", "base")
	w.checkpoint("v1")
	w.write("src/long.txt", strings.Replace(long, "line 7 ", "LINE 7 ", 1), "a.txt", "two\n", "only2", text(30))
	w.checkpoint("v2")
	w.ok("policy", "set", "threshold", "0.1")
	w.ok("mark", "v1", "good")
	w.ok("rollback", "v1")
	// What is there so far goes into one pack with deltas and into packed-refs.
	w.git("--git-dir="+storeOf, "-c", "core.commitGraph=true", "gc", "-q", "--prune=now")
	w.must(os.Remove("only2"))
	w.write("src/deep/er/c.txt", text(25), "a.txt", "three\n", "only3", noise(3000))
	w.checkpoint("v3")
	w.ok("checkpoint", "v3", "--force")
	w.write("src/deep/er/b.txt", text(22), "only4", text(12))
	w.must(os.Remove("only3"))
	w.checkpoint("v4")
	w.ok("mark", "v3", "bad")
	w.ok("policy", "set", "threshold", "0.2")
	w.ok("rollback", "v3")
	w.ok("rollback", "v2")
	w.write("a.txt", "edited since\n")
	w.must(os.Remove("only4"))
}

func (w *flipWorld) checkpoint(version string) {
	w.Helper()
	w.ok("checkpoint", version)
	w.versions = append(w.versions, version)
	w.want[version] = w.picture(w.dir, false)
}

// reset makes the engine's directory what it was. The project's own files are
// never changed by a trial, which each of them checks.
func (w *flipWorld) reset() {
	w.Helper()
	own := filepath.Join(w.dir, ".evoseal")
	w.must(os.RemoveAll(own))
	w.must(copyTree(w.pristine, own))
}

func (w *flipWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *flipWorld) write(pairs ...string) {
	w.Helper()
	for i := 0; i < len(pairs); i += 2 {
		w.must(os.MkdirAll(filepath.Dir(pairs[i]), 0o755))
		w.must(os.WriteFile(pairs[i], []byte(pairs[i+1]), 0o644))
	}
}

func (w *flipWorld) git(args ...string) string {
	w.Helper()
	out, err := exec.Command("git", args...).CombinedOutput()
	if err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// result is what a command of ours came to.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.stdout, r.stderr) }

// flipTimeout is far beyond what any command takes here: what isn't done by then
// hangs.
const flipTimeout = 2 * time.Minute

// run runs a command of ours in this process. A panic, and one that doesn't come
// to an end, fail the test.
func (w *flipWorld) run(args ...string) result {
	w.Helper()
	var stdout, stderr bytes.Buffer
	done := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- result{-1, "", fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
			}
		}()
		code := execute(context.Background(), &process{
			stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, width: func() int { return 0 },
			getenv: os.Getenv, chdir: os.Chdir, getwd: os.Getwd, now: time.Now,
		}, args)
		done <- result{code, stdout.String(), stderr.String()}
	}()
	select {
	case r := <-done:
		if r.code < 0 {
			w.Errorf("%s: %s", strings.Join(args, " "), r.stderr)
		}
		return r
	case <-time.After(flipTimeout):
		w.Fatalf("%s hangs", strings.Join(args, " "))
	}
	return result{}
}

func (w *flipWorld) ok(args ...string) result {
	w.Helper()
	r := w.run(args...)
	if r.code != 0 {
		w.Fatalf("%s: %v", strings.Join(args, " "), r)
	}
	return r
}

// picture is all that a checkpoint keeps of a directory; with times, all that can be
// seen of it.
func (w *flipWorld) picture(dir string, times bool) map[string]string {
	w.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if e.Name() == ".evoseal" || e.Name() == ".git" && !times {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		fi, err := e.Info()
		if err != nil || rel == "." {
			return err
		}
		content := ""
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			content, err = os.Readlink(path)
		case fi.Mode().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			sum := sha256.Sum256(data)
			content = hex.EncodeToString(sum[:])
		}
		out[rel] = fi.Mode().String() + " " + content
		if times {
			out[rel] += " " + fi.ModTime().String()
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		w.Fatal(err)
	}
	return out
}

// copyTree copies a directory with modes and times.
func copyTree(from, to string) error {
	type late struct {
		path string
		fi   fs.FileInfo
	}
	var dirs []late
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		dest := filepath.Join(to, rel)
		fi, err := e.Info()
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			dirs = append(dirs, late{dest, fi})
			return os.MkdirAll(dest, 0o755)
		case fi.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, dest)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(dest, data, fi.Mode().Perm()|0o200); err != nil {
			return err
		}
		if err := os.Chmod(dest, fi.Mode().Perm()); err != nil {
			return err
		}
		return os.Chtimes(dest, fi.ModTime(), fi.ModTime())
	})
	for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
		if err = os.Chmod(dirs[i].path, dirs[i].fi.Mode().Perm()); err == nil {
			err = os.Chtimes(dirs[i].path, dirs[i].fi.ModTime(), dirs[i].fi.ModTime())
		}
	}
	return err
}
