package gitignore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// oracle is a real repository whose git says what is ignored.
type oracle struct {
	*testing.T
	dir   string
	rules map[string]string
}

func newOracle(t *testing.T, rules map[string]string) *oracle {
	t.Helper()
	o := &oracle{t, t.TempDir(), rules}
	o.git(nil, "init", "-q", ".")
	for name, content := range rules {
		path := filepath.Join(o.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o.git(nil, "config", "core.excludesFile", filepath.Join(o.dir, ".git/global"))
	return o
}

func (o *oracle) git(stdin []byte, args ...string) []byte {
	o.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = o.dir, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+o.dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(args[0] == "check-ignore" && asExit(err, &exit) && exit.ExitCode() == 1) {
		o.Fatalf("git %v: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*target = e
	return ok
}

// ask returns git's answer for each path; directories end in a slash and exist.
func (o *oracle) ask(paths []string) map[string]bool {
	o.Helper()
	for _, p := range paths {
		if strings.HasSuffix(p, "/") {
			if err := os.MkdirAll(filepath.Join(o.dir, p), 0o755); err != nil {
				o.Fatal(err)
			}
		}
	}
	var in bytes.Buffer
	for _, p := range paths {
		in.WriteString(strings.TrimSuffix(p, "/") + "\x00")
	}
	out := o.git(in.Bytes(), "check-ignore", "--no-index", "-v", "-n", "-z", "--stdin")
	fields := strings.Split(string(out), "\x00")
	answers := make(map[string]bool)
	for i := 0; i+3 < len(fields); i += 4 {
		pattern, path := fields[i+2], fields[i+3]
		answers[path] = pattern != "" && !strings.HasPrefix(pattern, "!")
	}
	return answers
}

// ours walks down as a project's walk does: what is ignored isn't entered.
func (o *oracle) ours(path string) bool {
	m := New(Options{Exclude: []byte(o.rules[".git/info/exclude"]), Global: []byte(o.rules[".git/global"])})
	at := ""
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i, name := range parts {
		m = m.WithFile([]byte(o.rules[at+".gitignore"]))
		last := i == len(parts)-1
		fi, err := os.Lstat(filepath.Join(o.dir, at+name))
		isDir := !last || err == nil && fi.IsDir()
		if m.Ignored(name, isDir) {
			return true
		}
		if !last {
			m = m.Enter(name)
			at += name + "/"
		}
	}
	return false
}

func (o *oracle) compare(paths []string) {
	o.Helper()
	answers := o.ask(paths)
	ignored := 0
	for _, p := range paths {
		want, asked := answers[strings.TrimSuffix(p, "/")]
		if !asked {
			o.Errorf("git said nothing of %q", p)
		}
		if got := o.ours(p); got != want {
			o.Errorf("%q ignored: %v, git says %v (rules %q)", p, got, want, o.rules)
		}
		if want {
			ignored++
		}
	}
	if ignored == 0 {
		o.Log("git ignored nothing of this")
	}
}

func TestHardCasesAsGit(t *testing.T) {
	paths := []string{
		"a", "b", "a.log", "x/a.log", "x/y/a.log", "build/", "x/build/", "build2", "foo/", "foo/bar", "x/foo/bar", "foo/bar/", "foo/barbaz",
		"sp ", "sp", "tr\\", "#hash", "!bang", "q?", "qx", "q/", "abc", "aXc", "a/c", "a-c", "[x]", "x", "z9", "z]", "日本", "inv\xffalid", "new\nline",
		"doc/a/b/c.txt", "doc/c.txt", "doc/x/c.txt", "foobar", "foox/bar", "foo/x/bar", "foo/x/y/bar", "keep/this", "keep/that", "keep/",
		"deep/one/two/three", "deep/one/", "deep/one/two/", "sub/local", "sub/b.log", "sub/sub/b.log", "sub/only/", "sub/only/x", "cr", "cr\r", "tab\t",
		"A.LOG", "Build/", "excluded", "global-one", "x/excluded", "both", "a b", "a\\b", "star*", "starx", "lit/a*b", "lit/axb", "**", "e/f/g", "e/g",
		"bom", "nul", "trail/x", "trail/", "only-in-dir/", "only-in-dir", "u.c", "v.c", "w.h",
	}
	for name, rules := range map[string]map[string]string{
		"names":     {".gitignore": "a\n*.log\nbuild/\n/foo/bar\n"},
		"slashes":   {".gitignore": "foo/bar/\ndoc/**/c.txt\nfoo**/bar\nfoo*bar\n"},
		"specials":  {".gitignore": "\\#hash\n\\!bang\nq?\n[[]x]\nz[0-9]\nz[]]\na[!b]c\na[^X]c\n"},
		"classes":   {".gitignore": "a[[:upper:]]c\nz[[:digit:]]\n[[:nope:]]\nq[[:alpha:]x-z]\na[\\-x]c\na[a-]c\n"},
		"spaces":    {".gitignore": "sp\\ \nsp   \na b \ntab\t\ntr\\\\\n"},
		"ends":      {".gitignore": "cr\r\nnul\x00rest\n\xef\xbb\xbfbom\nlast"},
		"bom":       {".gitignore": "\xef\xbb\xbfbom\n"},
		"negated":   {".gitignore": "*\n!*/\n!*.log\n!keep/this\n", "sub/.gitignore": "b.log\n!local\n"},
		"keep":      {".gitignore": "keep/*\n!keep/this\n", "keep/.gitignore": "!that\n"},
		"parents":   {".gitignore": "deep/one\n!deep/one/two/three\n"},
		"levels":    {".gitignore": "*.log\n", "sub/.gitignore": "!*.log\n/local\n", "sub/sub/.gitignore": "*.log\n", ".git/info/exclude": "excluded\nboth\n", ".git/global": "global-one\n!both\n!excluded\n"},
		"stars":     {".gitignore": "star\\*\nlit/a\\*b\n**\n!a\n"},
		"starstar":  {".gitignore": "**/g\ne/**\nx/**/y\n"},
		"odd":       {".gitignore": "/\n//\n!\n!/\n/a/\n///x\nfoo//bar\n./b\n../a\ntrail//\n\\\n[\n[a\n*\\\n"},
		"dir":       {".gitignore": "only-in-dir/\nsub/only/\n*/two/\n"},
		"bytes":     {".gitignore": "inv\xff*\n日?\n日*\nnew*\n"},
		"question":  {".gitignore": "?.c\nfoo?bar\n??\n"},
		"order":     {".gitignore": "a\n!a\n*.log\n!a.log\na.log\n!*.c\n*.c\n!u.c\n"},
		"anchored":  {".gitignore": "/*\n!/foo\n/foo/*\n!/foo/bar\n"},
		"backslash": {".gitignore": "a\\\\b\n\\a\nfo\\o/bar\n"},
	} {
		t.Run(name, func(t *testing.T) { newOracle(t, rules).compare(paths) })
	}
}

// TestRandomRulesAsGit compares many made-up patterns with git, from a fixed
// seed.
func TestRandomRulesAsGit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "b", "ab", "*", "**", "?", "/", "/", "[ab]", "[!a]", "[a-c]", "\\a", ".", "a*", "*b", "**/", "/**"}
	names := []string{"a", "b", "ab", "ba", "aab", "c", ".a", "a.b"}
	path := func() string {
		var parts []string
		for range 1 + r.IntN(4) {
			parts = append(parts, names[r.IntN(len(names))])
		}
		return strings.Join(parts, "/")
	}
	rules := func() string {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			if r.IntN(4) == 0 {
				b.WriteString("!")
			}
			for range 1 + r.IntN(5) {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
			if r.IntN(5) == 0 {
				b.WriteString("/")
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	for range 60 {
		o := newOracle(t, map[string]string{".gitignore": rules(), "a/.gitignore": rules(), "a/b/.gitignore": rules(), ".git/info/exclude": rules(), ".git/global": rules()})
		seen := make(map[string]bool)
		var paths []string
		for range 60 {
			if p := path(); !seen[p] {
				seen[p] = true
				paths = append(paths, p)
			}
		}
		o.compare(paths)
		if t.Failed() {
			return
		}
	}
}

func TestFoldCase(t *testing.T) {
	m := New(Options{FoldCase: true}).WithFile([]byte("*.LOG\nBuild/\n/Foo/b*\n[A-C]x\n"))
	for _, name := range []string{"a.log", "A.Log", "bx", "Ax"} {
		if !m.Ignored(name, false) {
			t.Errorf("%q is not ignored", name)
		}
	}
	if !m.Ignored("BUILD", true) || !m.Enter("fOO").Ignored("BAR", false) {
		t.Error("a directory is not ignored")
	}
}

// Hostile patterns must end in reasonable time, whatever they say.
func TestHostilePatternsEnd(t *testing.T) {
	for _, pattern := range []string{
		strings.Repeat("*a", 200) + "b", strings.Repeat("**/", 200) + "b", strings.Repeat("a*/", 100) + "**", strings.Repeat("[a-z]*", 100) + "!", strings.Repeat("**/*a/", 80) + "b",
	} {
		m := New(Options{}).WithFile([]byte(pattern + "\n/x/" + pattern + "\n"))
		for range 60 {
			m = m.Enter(strings.Repeat("a", 30))
		}
		m.Ignored(strings.Repeat("a", 255), false)
	}
}

func FuzzMatcher(f *testing.F) {
	f.Add([]byte("*.log\n!a\n/b/**\n[[:alpha:]]\n"), "a/b/c.log")
	f.Add([]byte("[\n[a-\n\\\n***/**\n"), "x")
	f.Fuzz(func(t *testing.T, rules []byte, path string) {
		for _, fold := range []bool{false, true} {
			m := New(Options{Exclude: rules, FoldCase: fold}).WithFile(rules)
			for part := range strings.SplitSeq(path, "/") {
				m.Ignored(part, true)
				m.Ignored(part, false)
				m = m.Enter(part)
			}
		}
	})
}

func BenchmarkIgnored(b *testing.B) {
	m := New(Options{}).WithFile([]byte("*.o\n*.log\n/build/\nnode_modules/\n*.py[cod]\n!keep.log\n.DS_Store\ntarget\ndist/**\n"))
	for range 5 {
		m = m.Enter("directory")
	}
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("file%d.go", i)
	}
	for i := 0; b.Loop(); i++ {
		m.Ignored(names[i%len(names)], false)
	}
}
