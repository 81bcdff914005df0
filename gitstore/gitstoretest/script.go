package gitstoretest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// script is one run of a fixture's script.
type script struct {
	testing.TB
	p Project
	// dir is what names in the script are relative to: the first project, also
	// once another directory has become the project.
	dir   string
	files []txtar.File
	date  string
	line  int
}

// word is a word of a line, and whether it was quoted.
type word struct {
	text   string
	quoted bool
}

// split cuts a line into words. A word in double quotes is a Go string, which
// can hold every byte.
func split(line string) ([]word, error) {
	var words []word
	for {
		line = strings.TrimLeft(line, " \t")
		switch {
		case line == "" || line[0] == '#':
			return words, nil
		case line[0] == '"':
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", quoted, err)
			}
			words, line = append(words, word{text, true}), line[len(quoted):]
		default:
			end := strings.IndexAny(line, " \t")
			if end < 0 {
				end = len(line)
			}
			words, line = append(words, word{line[:end], false}), line[end:]
		}
	}
}

// check skips the test before anything is made if the script requires what
// isn't there.
func (s *script) check(text string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] != "require" {
			continue
		}
		missing, known := requirement(fields[1])
		if !known {
			s.Fatalf("%s: unknown requirement %q", s.p.Name, fields[1])
		}
		if missing != "" {
			s.Skipf("fixture %s: %s", s.p.Name, missing)
		}
	}
}

// begin makes the directories that every fixture has, and a template for
// repositories that is the same on every machine.
func (s *script) begin() {
	info := filepath.Join(s.template(), "info")
	for _, dir := range []string{s.p.Dir, s.p.Home, s.p.Canary, info} {
		s.must(os.MkdirAll(dir, 0o755))
		s.must(os.Chmod(dir, 0o755))
	}
	s.must(os.WriteFile(filepath.Join(info, "exclude"), nil, 0o644))
	Isolate(s.TB, s.p.Home)
}

func (s *script) template() string { return filepath.Join(s.p.Base, "template") }

func (s *script) run(text string) {
	verbs := verbTable()
	for line := range strings.Lines(text) {
		s.line++
		words, err := split(strings.TrimRight(line, "\n"))
		s.must(err)
		if len(words) == 0 {
			continue
		}
		v, ok := verbs[words[0].text]
		args := words[1:]
		switch {
		case !ok:
			s.stop("unknown verb %q", words[0].text)
		case len(args) < v.least || v.most >= 0 && len(args) > v.most:
			s.stop("%s: wrong number of words", words[0].text)
		}
		texts := make([]string, len(args))
		for i, a := range args {
			texts[i] = s.expand(a)
		}
		v.run(s, texts)
	}
}

// expand replaces the names of directories in words that aren't quoted.
func (s *script) expand(w word) string {
	if w.quoted {
		return w.text
	}
	return strings.NewReplacer("$DIR", s.dir, "$HOME", s.p.Home).Replace(w.text)
}

func (s *script) stop(format string, args ...any) {
	s.Helper()
	s.Fatalf("%s.txtar:%d: %s", s.p.Name, s.line, fmt.Sprintf(format, args...))
}

func (s *script) must(err error) {
	s.Helper()
	if err != nil {
		s.stop("%v", err)
	}
}

// path is where a name of the script lies. It can't leave the fixture.
func (s *script) path(name string) string {
	path := name
	if !filepath.IsAbs(name) {
		// Not joined by filepath, which would clean the name.
		path = s.dir + "/" + name
	}
	if rel, err := filepath.Rel(s.p.Base, path); err != nil || !filepath.IsLocal(rel) {
		s.stop("%q lies outside the fixture", name)
	}
	return path
}
