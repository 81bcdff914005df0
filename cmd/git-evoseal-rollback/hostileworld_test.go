package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostileWorld is a project with a good checkpoint, a store that an enemy may write
// to, and a directory outside that nothing may be written to.
type hostileWorld struct {
	*testing.T
	base, dir, sentinel string
	live                liveState
	// peak is the most memory, in bytes, that any command took, and slowest the
	// longest that one took.
	peak    int64
	slowest time.Duration
}

// Bounds of every command, whatever the store holds.
const (
	hostileMemory = 512 << 20
	hostileTime   = time.Minute
)

func newHostileWorld(t *testing.T) *hostileWorld {
	t.Helper()
	useShipped(t)
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &hostileWorld{T: t, base: base, dir: filepath.Join(base, "project"), sentinel: filepath.Join(base, "sentinel")}
	// The trees of some tests are too deep for what removes temporary directories.
	t.Cleanup(func() { exec.Command("rm", "-rf", w.dir).Run() })
	w.write("../sentinel/keep", "untouched\n")
	w.write("../home/.gitconfig", "[user]\n\tname = T\n\temail = t@example.invalid\n")
	w.write("a", "one\n")
	w.write("d/b", strings.Repeat("two\n", 3000))
	w.git("init", "-q", ".")
	w.git("add", "-A")
	w.git("commit", "-qm", "base")
	w.mustRun("checkpoint", "good")
	return w
}

func (w *hostileWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *hostileWorld) write(path, content string) {
	w.Helper()
	path = filepath.Join(w.dir, path)
	w.must(os.MkdirAll(filepath.Dir(path), 0o755))
	w.must(os.WriteFile(path, []byte(content), 0o644))
}

func (w *hostileWorld) store(parts ...string) string {
	return filepath.Join(append([]string{w.dir, ".evoseal", ".git"}, parts...)...)
}

func (w *hostileWorld) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") || strings.HasPrefix(v, "EVOSEAL") })
	return append(env, "HOME="+filepath.Join(w.base, "home"), "GIT_CONFIG_NOSYSTEM=1", "TZ=UTC", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0")
}

// git runs git in the project.
func (w *hostileWorld) git(args ...string) string {
	w.Helper()
	return w.feed("", args...)
}

// inStore runs git in the store, with that on its standard input.
func (w *hostileWorld) inStore(input string, args ...string) string {
	w.Helper()
	return w.feed(input, append([]string{"--git-dir=" + w.store()}, args...)...)
}

func (w *hostileWorld) feed(input string, args ...string) string {
	w.Helper()
	return w.feedFrom(strings.NewReader(input), args...)
}

func (w *hostileWorld) feedFrom(input io.Reader, args ...string) string {
	w.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = w.dir, w.environment(), input
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("git %.200q: %v\n%s", args, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// object lets git store what it would never make by itself.
func (w *hostileWorld) object(typ, content string) string {
	w.Helper()
	return w.inStore(content, "hash-object", "-t", typ, "--literally", "-w", "--stdin")
}

// bigBlob stores a head, n times a part, and a tail, which never are in this process's
// memory as a whole: a command's own peak begins with its parent's.
func (w *hostileWorld) bigBlob(head, part string, n int, tail string) string {
	w.Helper()
	chunk := strings.Repeat(part, max(1, (1<<16)/len(part)))
	parts := []io.Reader{strings.NewReader(head)}
	for n *= len(part); n > 0; n -= len(chunk) {
		parts = append(parts, strings.NewReader(chunk[:min(n, len(chunk))]))
	}
	return w.feedFrom(io.MultiReader(append(parts, strings.NewReader(tail))...), "--git-dir="+w.store(), "hash-object", "--literally", "-w", "--stdin")
}

// tree stores a tree of pairs of "mode name" and an object's id.
func (w *hostileWorld) tree(pairs ...string) string {
	w.Helper()
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(pairs[i] + "\x00" + rawID(pairs[i+1]))
	}
	return w.object("tree", b.String())
}

// commit stores a commit of any tree that looks like a checkpoint; more are further
// trailers.
func (w *hostileWorld) commit(version, tree string, more ...string) string {
	w.Helper()
	return w.object("commit", fmt.Sprintf("tree %s\nauthor a <a@b> 1700000000 +0000\ncommitter a <a@b> 1700000000 +0000\n\nforged\n\nVersion-Id: %s\nFiles: 10\nBytes: 1000\n%s",
		tree, version, strings.Join(more, "")))
}

// forge makes the version evil of a tree.
func (w *hostileWorld) forge(tree string, more ...string) {
	w.Helper()
	w.inStore("", "update-ref", "refs/tags/evil", w.commit("evil", tree, more...))
}

func rawID(id string) string {
	raw, err := hex.DecodeString(id)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// hostileResult is what came of one command.
type hostileResult struct {
	code   int
	output string
}

// run runs the program and holds it to what is promised whatever it meets: it ends
// in time, in little memory, with a code that is documented and words that people can read.
func (w *hostileWorld) run(args ...string) hostileResult {
	w.Helper()
	limit := hostileTime
	if underRaceDetector() {
		limit *= 6 // All other tests are at work too.
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git-evoseal-rollback", args...)
	cmd.Dir, cmd.Env = w.dir, w.environment()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		w.Fatal(err)
	}
	w.slowest = max(w.slowest, time.Since(start))
	r := hostileResult{cmd.ProcessState.ExitCode(), out.String()}
	said := r.output[:min(len(r.output), 2000)]
	switch {
	case ctx.Err() != nil:
		w.Errorf("%.200q hung", args)
	case r.code < 0 || strings.Contains(r.output, "goroutine ") || strings.Contains(r.output, "runtime error"):
		w.Errorf("%.200q ended with %d and\n%s", args, r.code, said)
	case r.code != 0 && !clearly(r.output, args[0]):
		w.Errorf("%.200q ended with %d and no clear words:\n%s", args, r.code, said)
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss * 1024
	w.peak = max(w.peak, peak)
	// What the test itself held when it started the program counts as the program's.
	if peak > hostileMemory && !underRaceDetector() {
		w.Errorf("%.200q took %d MiB", args, peak>>20)
	}
	return r
}

// clearly says whether there is at most one line that begins with error:, and no line
// that fills a screen. Doctor lists all that it finds.
func clearly(output, command string) bool {
	errorsSaid := 0
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "error:") {
			errorsSaid++
		}
		if len(line) > 4096 {
			return false
		}
	}
	return (errorsSaid <= 1 || command == "doctor") && output != ""
}

// soaking says that there is time to try everything in every way.
func soaking() bool { return os.Getenv(liveTime) != "" }

func underRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func (w *hostileWorld) mustRun(args ...string) string {
	w.Helper()
	r := w.run(args...)
	if r.code != 0 {
		w.Fatalf("%q ended with %d and\n%s", args, r.code, r.output)
	}
	return r.output
}

// remember takes the picture that nothing may differ from at the end.
func (w *hostileWorld) remember() {
	w.Helper()
	live, err := captureLive(w.base, filepath.Join(w.dir, ".evoseal"))
	w.must(err)
	w.live = live
}

// survives runs all that reads the store, whatever comes of it, and then makes sure
// that the good checkpoint still comes back and that nothing else was written.
func (w *hostileWorld) survives() {
	w.Helper()
	for _, line := range []string{
		"list", "status --all", "log", "history", "stats", "history verify", "policy get", "policy log", "token list", "verify --all", "doctor", "show good", "diff good --stat",
	} {
		w.run(strings.Fields(line)...)
	}
	w.goodComesBack()
}

func (w *hostileWorld) goodComesBack() {
	w.Helper()
	target := filepath.Join(w.base, "back")
	r := w.run("rollback", "good", "--target", target)
	if r.code != 0 {
		w.Errorf("the good checkpoint doesn't come back any more: %d\n%s", r.code, r.output)
		return
	}
	for _, name := range []string{"a", "d/b"} {
		want, err := os.ReadFile(filepath.Join(w.dir, name))
		w.must(err)
		if got, err := os.ReadFile(filepath.Join(target, name)); err != nil || !bytes.Equal(got, want) {
			w.Errorf("the good checkpoint came back with another %s: %v", name, err)
		}
	}
	for _, leftover := range []string{target, target + ".previous"} {
		w.must(os.RemoveAll(leftover))
	}
	w.unharmed()
}

// unharmed makes sure that nothing was written outside the store and the target.
func (w *hostileWorld) unharmed() {
	w.Helper()
	now, err := captureLive(w.base, filepath.Join(w.dir, ".evoseal"))
	w.must(err)
	for _, c := range w.live.changes(now) {
		if c.path != w.base || !c.entriesOnly() {
			w.Errorf("changed: %s", c)
		}
	}
}

// evil runs all that reads the version evil; every command must end with one of
// these codes.
func (w *hostileWorld) evil(codes ...int) {
	w.Helper()
	lines := []string{"verify evil", "rollback evil", "diff good evil"}
	if soaking() {
		lines = append(lines, "rollback evil --dry-run --force", "rollback evil --branch evil-branch", "rollback evil --target ../part -- a", "diff evil --stat", "show evil --all")
	}
	for i, line := range lines {
		// What only reads a part may find nothing wrong with that.
		r := w.run(strings.Fields(line)...)
		if !slices.Contains(codes, r.code) && (i < 2 || !slices.Contains([]int{0, 1, 10, 14}, r.code)) {
			w.Errorf("%s ended with %d, want %v\n%.2000s", line, r.code, codes, r.output)
		}
	}
}
