package ignore

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestEnterKeepsMatcher: rules that hold anywhere cost nothing on the way down.
func TestEnterKeepsMatcher(t *testing.T) {
	m := New(Options{Global: []byte("*~\n.DS_Store\n")}).WithFile([]byte("*.o\n**/build/\nfoo[0-9]\nx*\n"))
	if m.Enter("a") != m {
		t.Error("Enter made a new matcher without an anchored pattern")
	}
	if m.WithFile(nil) != m || m.WithFile([]byte("# nothing\n\n[\n")) != m {
		t.Error("WithFile made a new matcher without a rule")
	}
	m = m.WithFile([]byte("/docs/out\n/*.html\n"))
	if away := m.Enter("src"); away.Enter("a") != away {
		t.Error("Enter still follows patterns that can't match there")
	}
	docs := m.Enter("docs")
	if !docs.Ignored("out", false) || docs.Ignored("a.html", false) || docs.Enter("x").Ignored("out", false) {
		t.Error("an anchored pattern matches in the wrong place")
	}
	if !docs.Enter("x").Ignored("y.o", false) || m.Ignored("", true) {
		t.Error("a pattern without a slash doesn't hold further down, or holds for no name")
	}
}

// TestConcurrent lets goroutines share matchers, for the race detector.
func TestConcurrent(t *testing.T) {
	m := New(Options{}).WithFile([]byte("a/**/b\n*.o\n/x/y\nfoo[ab]\n"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				sub := m.Enter("a").WithFile([]byte("!q.o\n"))
				if !sub.Enter("c").Ignored("b", true) || sub.Ignored("q.o", false) || !m.Ignored("q.o", false) {
					t.Error("wrong answer")
					return
				}
			}
		})
	}
	wg.Wait()
}

// hostile are patterns that take a backtracking matcher for ever. The longest
// run would not end within any test's time limit.
var hostile = []string{
	strings.Repeat("*a", 120) + "b",
	strings.Repeat("?*", 120) + "b",
	"x/" + strings.Repeat("*a", 100) + "b",
	"**/" + strings.Repeat("*a", 100) + "b/c",
	strings.Repeat("**/a*/", 60) + "b",
	strings.Repeat("**/", 1000) + "*a*a*a/b",
	strings.Repeat("**/*a", 500) + "/b",
	"a**/" + strings.Repeat("a**/", 200) + "b",
	strings.Repeat("[", 10_000),
	strings.Repeat("*", 100_000) + "b",
	strings.Repeat("\\", 100_001),
	strings.Repeat("[[:alpha:]]", 5000),
	strings.Repeat("a/", 20_000) + "*",
}

func TestHostilePatterns(t *testing.T) {
	name := strings.Repeat("a", 255)
	m := New(Options{}).WithFile([]byte(strings.Join(hostile, "\n")))
	for range 15 {
		if m.Ignored(name, true) {
			t.Fatal("a pattern that ends in b matched a name of a alone")
		}
		m = m.Enter(name)
	}
	all := strings.Join(hostile, "\n")
	if !New(Options{}).WithFile([]byte(all)).Ignored(name[1:]+"b", false) {
		t.Error("a pattern that matches was missed")
	}
}

func FuzzMatcher(f *testing.F) {
	for i, rules := range hardRules {
		f.Add([]byte(rules), hardNames[i%len(hardNames)], i%2 == 0)
	}
	for _, p := range hostile {
		f.Add([]byte(p), strings.Repeat("a/", 100)+"b", false)
	}
	f.Fuzz(func(t *testing.T, rules []byte, path string, fold bool) {
		if len(rules) > 1<<16 || len(path) > 4096 {
			return
		}
		m := New(Options{FoldCase: fold, Exclude: rules}).WithFile(rules)
		parts := strings.Split(path, "/")
		for _, part := range parts {
			isDir, isFile := m.Ignored(part, true), m.Ignored(part, false)
			if isDir != m.Ignored(part, true) || isFile != m.Ignored(part, false) {
				t.Fatal("two answers to one question")
			}
			m = m.Enter(part)
		}
	})
}

// BenchmarkWalk asks about the names of a tree with a common set of rules.
func BenchmarkWalk(b *testing.B) {
	top := "*.o\n*.a\n*.so\n*.pyc\n*.py[cod]\n__pycache__/\nnode_modules/\n/build/\n/dist\n/docs/_build\n*.log\n.DS_Store\n*~\n.*.sw?\n[Bb]in/\n[Oo]bj/\n/vendor/*\n!/vendor/modules.txt\ncoverage.*\n**/target/\ntest/**/out\n"
	var dirs []*Matcher
	root := New(Options{Global: []byte(".idea\n.vscode/\n")}).WithFile([]byte(top))
	for i := range 100 {
		m := root.Enter(fmt.Sprint("dir", i))
		if i%10 == 0 {
			m = m.WithFile([]byte("*.gen.go\n/out\n"))
		}
		dirs = append(dirs, m.Enter("sub"))
	}
	names := []string{"main.go", "README.md", "handler_test.go", "index.html", "style.css", "a.o", "b.pyc", "config.yaml", "Makefile", "util.c"}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		dirs[n%len(dirs)].Ignored(names[n%len(names)], false)
	}
}

func BenchmarkEnter(b *testing.B) {
	m := New(Options{}).WithFile([]byte("*.o\n/build/\n/docs/_build\n/*.html\ntest/**/out\n"))
	b.ReportAllocs()
	for b.Loop() {
		m.Enter("src").Enter("pkg")
	}
}
