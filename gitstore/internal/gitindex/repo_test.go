package gitindex

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// repo is a repository that the git executable works on.
type repo struct {
	t         testing.TB
	dir, home string
}

func newRepo(t testing.TB, initArgs ...string) *repo {
	t.Helper()
	r := &repo{t, t.TempDir(), t.TempDir()}
	r.git(append([]string{"init", "-q"}, initArgs...)...)
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	return r.gitIn("", args...)
}

func (r *repo) gitIn(stdin string, args ...string) string {
	r.t.Helper()
	out, err := r.try(stdin, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *repo) try(stdin string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-c", "index.threads=1", "-c", "core.autocrlf=false", "-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "HOME="+r.home, "XDG_CONFIG_HOME="+r.home, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a",
		"GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_OPTIONAL_LOCKS=0")
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out), err
}

func (r *repo) path(name string) string { return filepath.Join(r.dir, name) }

func (r *repo) write(name, content string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) index() []byte {
	r.t.Helper()
	data, err := os.ReadFile(r.path(".git/index"))
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

func (r *repo) setIndex(data []byte) {
	r.t.Helper()
	if err := os.WriteFile(r.path(".git/index"), data, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// fill makes a tree with the kinds of entries that a work tree can have, and
// commits it.
func (r *repo) fill() {
	r.t.Helper()
	for _, name := range []string{
		"a", "a.txt", "a/../a0", "b/c/d/e", "b/c/f", "b-c", "b.c", "b0", "dir/sub/x", "dir/y", "dir/zz/1", "dir/zz/2", "dir.x/1", "empty",
		"new\nline", "q\"uote", "tab\t", " space ", "日本語/ファイル", "\xff\xfe", "-dash", "run.sh", strings.Repeat("n", 255), "long/" + strings.Repeat("m", 250) + "/" + strings.Repeat("o", 250) + "/x",
	} {
		r.write(name, "content of "+name)
	}
	r.write("empty", "")
	if err := os.Chmod(r.path("run.sh"), 0o755); err != nil {
		r.t.Fatal(err)
	}
	for link, dest := range map[string]string{"link": "a", "dir/dangling": "nowhere"} {
		if err := os.Symlink(dest, r.path(link)); err != nil {
			r.t.Fatal(err)
		}
	}
	r.git("add", "-A")
	id := strings.Repeat("12", len(strings.TrimSpace(r.git("rev-parse", ":a")))/2)
	r.git("update-index", "--add", "--cacheinfo", "160000,"+id+",vendor/sub")
	r.git("commit", "-q", "-m", "x")
}

// listing is what git says of the index, stat data and flags and all.
func (r *repo) listing() string {
	r.t.Helper()
	return r.git("ls-files", "--sparse", "--stage", "--debug", "-z")
}

// describe writes entries as listing does.
func describe(entries []Entry) string {
	var b strings.Builder
	for _, e := range entries {
		flags := uint32(e.Stage) << 12
		if e.AssumeValid {
			flags |= 1 << 15
		}
		if e.SkipWorktree {
			flags |= 1<<30 | flagExtended
		}
		if e.IntentToAdd {
			flags |= 1<<29 | flagExtended
		}
		fmt.Fprintf(&b, "%06o %x %d\t%s\x00  ctime: %d:%d\n  mtime: %d:%d\n  dev: %d\tino: %d\n  uid: %d\tgid: %d\n  size: %d\tflags: %x\n",
			e.Mode, e.ID, e.Stage, e.Name, e.CTimeSec, e.CTimeNsec, e.MTimeSec, e.MTimeNsec, e.Dev, e.Ino, e.UID, e.GID, e.Size, flags)
	}
	return b.String()
}

// sameListing compares two listings by line, after it took away the flags that
// live in git's memory alone.
func sameListing(t *testing.T, got, want string) {
	t.Helper()
	got, want = diskFlags(got), diskFlags(want)
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("line %d is %q, not %q", i, g[i], w[i])
		}
	}
	t.Fatalf("%d lines, not %d", len(g), len(w))
}

func diskFlags(listing string) string {
	parts := strings.Split(listing, "\tflags: ")
	for i, p := range parts[1:] {
		hex, rest, _ := strings.Cut(p, "\n")
		flags, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			panic(err)
		}
		parts[i+1] = fmt.Sprintf("%x\n%s", flags&(1<<15|1<<30|1<<29|flagExtended|flagStage), rest)
	}
	return strings.Join(parts, "\tflags: ")
}

// conflict leaves all three stages of some paths in the index.
func (r *repo) conflict() {
	r.t.Helper()
	id := strings.TrimSpace(r.git("rev-parse", ":a"))
	for stage := 1; stage <= 3; stage++ {
		r.gitIn(fmt.Sprintf("100644 %s %d\tconflict/both\n", id, stage), "update-index", "--index-info")
	}
	r.gitIn(fmt.Sprintf("100644 %s 2\tconflict/ours\n100755 %[1]s 3\tconflict/theirs\n", id), "update-index", "--index-info")
}

// longNames adds names around and beyond what the length field can say.
func (r *repo) longNames() {
	r.t.Helper()
	id := strings.TrimSpace(r.git("rev-parse", ":a"))
	for _, n := range []int{4093, 4094, 4095, 4096, 4097, 5000} {
		name := strings.Repeat("l/", n/2) + strings.Repeat("x", n%2+1)
		r.gitIn(fmt.Sprintf("100644 %s 0\t%s\n", id, name[:n]+"z"), "update-index", "--index-info")
	}
}

// flags sets each flag that an entry can have.
func (r *repo) flags() {
	r.t.Helper()
	r.git("update-index", "--assume-unchanged", "a", "b/c/f")
	r.git("update-index", "--skip-worktree", "dir/y", "b/c/f")
	r.write("planned/file", "x")
	r.git("add", "-N", "planned/file")
}
