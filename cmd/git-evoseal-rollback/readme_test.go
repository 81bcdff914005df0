package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeTour runs the commands of the README's tour and compares what they
// print with what it shows, numbers aside.
func TestReadmeTour(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tour, _ := strings.Cut(string(text), "## A tour")
	tour, _, found := strings.Cut(tour, "### What is refused")
	if !found {
		t.Fatal("the README has no tour, or not where it was")
	}
	project := tourProject(t)
	steps := 0
	for _, step := range strings.Split(tour, "\n$ ")[1:] {
		step, _, _ = strings.Cut(step, "\n```")
		line, shown, _ := strings.Cut(step, "\n")
		steps++
		before(t, project, line)
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = project
		// A verdict of fail has an exit code of its own; the output tells.
		out, err := cmd.CombinedOutput()
		if strings.HasPrefix(string(out), "error: ") {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		got, want := withoutNumbers(string(out), project), withoutNumbers(shown, "/home/me/project")
		if got != want {
			t.Errorf("%s prints\n%s\nand the README says\n%s", line, got, want)
		}
	}
	if steps < 8 {
		t.Errorf("only %d steps were found", steps)
	}
}

// tourProject is the tour's project before its first step, in small.
func tourProject(t *testing.T) string {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	project := filepath.Join(home, "project")
	for name, content := range map[string]string{
		".git/info/exclude": "bench.json\nresults.json\n",
		"LICENSE":           strings.Repeat("a line\n", 27),
		"main.go":           "package main\n",
		"src/parser/x.go":   "package parser\n",
		"bench.json":        `{"accuracy": 0.91, "latency_ms": [112, 115, 111, 114, 113]}`,
		"results.json":      `[{"name": "unit", "status": "passed"}, {"name": "e2e", "status": "failed"}]`,
	} {
		write(t, filepath.Join(project, name), content)
	}
	if out, err := exec.Command("git", "init", "-q", project).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return project
}

// before makes the changes that the tour leaves to the reader.
func before(t *testing.T, project, line string) {
	switch {
	case strings.Contains(line, " diff v1 "):
		if err := os.Remove(filepath.Join(project, "LICENSE")); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(project, "new"), "n\n")
	case strings.Contains(line, " checkpoint v2 "):
		_, metrics, _ := strings.Cut(line, "# ")
		write(t, filepath.Join(project, "bench.json"), metrics)
	}
}

func write(t *testing.T, path, content string) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// withoutNumbers leaves of an output what is the same for all projects and days.
func withoutNumbers(s, project string) string {
	s = strings.ReplaceAll(s, project, "PROJECT")
	for _, rule := range [][2]string{
		{`\d{8}T\d{6}Z`, "NAME"},
		{`\b[0-9a-f]{10}\b`, "ID"},
		{`\bnow\b|\d+ (second|minute)s? ago`, "AGE"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, "TIME"},
		{`[\d.]+ ([KMG]i)?B\b`, "SIZE"},
		{`[\d.]+(ms|µs|s)\b`, "TIME"},
		{`\d[\d,]* (file|new object)s?`, "N $1"},
		{`\(\d+ copied, \d+ inflated`, "(N copied, N inflated"},
		{`\d+ already`, "N already"},
		{` +`, " "},
		{`TIME [\d,]+ SIZE`, "TIME N SIZE"},
	} {
		s = regexp.MustCompile(rule[0]).ReplaceAllString(s, rule[1])
	}
	return strings.TrimSpace(s)
}
