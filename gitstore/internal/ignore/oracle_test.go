package ignore

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// project is a work tree of which both git and the matcher are asked.
type project struct {
	Options
	// files are the contents of .gitignore by directory, "" being the top.
	files map[string]string
	// paths are asked about; those that end in a slash are directories.
	paths []string

	top, global string   // where prepare put the work tree and the global file
	env         []string // of every git process
}

// prepare writes the work tree.
func (p *project) prepare(t *testing.T) {
	t.Helper()
	home := t.TempDir()
	p.top, p.global = t.TempDir(), filepath.Join(home, "excludes")
	p.env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "GIT_CONFIG_NOSYSTEM=1")
	init := exec.Command("git", "init", "-q", p.top)
	init.Env = p.env
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	write(t, p.global, string(p.Global))
	write(t, filepath.Join(p.top, ".git", "info", "exclude"), string(p.Exclude))
	for dir, content := range p.files {
		write(t, filepath.Join(p.top, dir, ".gitignore"), content)
	}
	for _, path := range p.paths {
		// Git takes what isn't there for a file.
		if name, isDir := strings.CutSuffix(path, "/"); isDir {
			if err := os.MkdirAll(filepath.Join(p.top, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// askGit returns git's answers, true for ignored, and the lines it gives as the
// reason.
func (p *project) askGit(t *testing.T) (ignored []bool, reasons []string) {
	t.Helper()
	var stdin bytes.Buffer
	for _, path := range p.paths {
		stdin.WriteString(strings.TrimSuffix(path, "/") + "\x00")
	}
	cmd := exec.Command("git", "-c", "core.excludesFile="+p.global, "-c", fmt.Sprint("core.ignoreCase=", p.FoldCase),
		"check-ignore", "--no-index", "-v", "-n", "--stdin", "-z")
	cmd.Dir, cmd.Env, cmd.Stdin = p.top, p.env, &stdin
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("git check-ignore: %v\n%s", err, &stderr)
	}
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(fields) != 4*len(p.paths) {
		t.Fatalf("git answered %d fields for %d paths", len(fields), len(p.paths))
	}
	for i, path := range p.paths {
		f := fields[4*i:]
		if f[3] != strings.TrimSuffix(path, "/") {
			t.Fatalf("git answered for %q, not %q", f[3], path)
		}
		ignored = append(ignored, f[0] != "" && !strings.HasPrefix(f[2], "!"))
		reasons = append(reasons, fmt.Sprintf("%s:%s:%q", f[0], f[1], f[2]))
	}
	return ignored, reasons
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ask walks down to the path as a walker does, and stops at an ignored directory.
func (p *project) ask(path string) bool {
	name, isDir := strings.CutSuffix(path, "/")
	parts := strings.Split(name, "/")
	m := New(p.Options).WithFile([]byte(p.files[""]))
	for i, part := range parts[:len(parts)-1] {
		if m.Ignored(part, true) {
			return true
		}
		m = m.Enter(part).WithFile([]byte(p.files[strings.Join(parts[:i+1], "/")]))
	}
	return m.Ignored(parts[len(parts)-1], isDir)
}

// compare fails the test where the matcher differs from git, and where fewer
// than some answers of either kind make the comparison mean little.
func (p *project) compare(t *testing.T) {
	t.Helper()
	if p.top == "" {
		p.prepare(t)
	}
	want, reasons := p.askGit(t)
	var count [2]int
	wrong := 0
	for i, path := range p.paths {
		if want[i] {
			count[1]++
		} else {
			count[0]++
		}
		if got := p.ask(path); got != want[i] {
			if wrong++; wrong < 20 {
				t.Errorf("fold %v: %q: ignored %v, but git says %v by %s\n%s", p.FoldCase, path, got, want[i], reasons[i], p.rulesOf(path))
			}
		}
	}
	if count[0] < len(p.paths)/50 || count[1] < len(p.paths)/50 {
		t.Errorf("%d paths ignored and %d not: too few of one kind to compare", count[1], count[0])
	}
	if wrong > 0 {
		t.Errorf("%d of %d answers differ", wrong, len(p.paths))
	}
}

func (p *project) rulesOf(path string) string {
	var b strings.Builder
	for dir, content := range p.files {
		if dir == "" || strings.HasPrefix(path, dir+"/") {
			fmt.Fprintf(&b, "\t%s/.gitignore: %q\n", dir, content)
		}
	}
	return b.String()
}

// add makes two directories with that .gitignore, and asks about the names that
// are files in one and about those that are directories in the other.
func (p *project) add(content string, names ...string) {
	if p.files == nil {
		p.files = make(map[string]string)
	}
	dir := fmt.Sprintf("case%04d", len(p.files))
	p.files[dir], p.files[dir+"d"] = content, content
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			p.paths = append(p.paths, dir+"d/"+name)
		} else {
			p.paths = append(p.paths, dir+"/"+name)
		}
	}
}
