package gitstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gitConfigList is what git reads in a text, a line each; false where git refuses it.
func gitConfigList(t *testing.T, text string) (list []string, ok bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "config", "--file", file, "--list", "-z", "--no-includes").Output()
	if err != nil {
		return nil, false
	}
	for _, entry := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		name, _, _ := strings.Cut(entry, "\n")
		// Those of no section, or of one or of a subsection "", are nobody's.
		if first, last := strings.IndexByte(name, '.'), strings.LastIndexByte(name, '.'); first > 0 && last != first+1 {
			list = append(list, fmt.Sprintf("%q", entry))
		}
	}
	return list, true
}

func ourConfigList(text string) (list []string, ok bool) {
	entries, err := ParseConfig([]byte(text))
	return asGitLists(entries), err == nil
}

// asGitLists are entries as git lists them.
func asGitLists(entries []ConfigEntry) (list []string) {
	for _, e := range entries {
		name := strings.ToLower(e.Section) + "."
		if e.Subsection != "" {
			name += e.Subsection + "."
		}
		name += strings.ToLower(e.Key)
		if !e.Bare {
			name += "\n" + e.Value
		}
		list = append(list, fmt.Sprintf("%q", name))
	}
	return list
}

func sameAsGit(t *testing.T, text string) {
	t.Helper()
	want, wantOK := gitConfigList(t, text)
	got, gotOK := ourConfigList(text)
	if gotOK != wantOK || !slices.Equal(got, want) {
		t.Errorf("of %q git reads %v (%v), and we %v (%v)", text, want, wantOK, got, gotOK)
	}
}

// Of every form that git-config(1) has, and of some that it hasn't, the same is read as
// git reads.
func TestConfigSyntaxIsGits(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "# only\n; comments", "\ufeff[core]\n\tbare = true\n",
		"[core]\n\tbare\n", "[core]\n\tbare", "[core]\n\tbare \r\n", "[core]\n\tbare ; no comment\n", "[core]\n\tbare =\n",
		"[core]\r\n\tbare = true\r\n\tx = y\r\n", "[a]\nk=v\r",
		"[a]k=v\n", "[a] k = v\n[b] k=1\n", "[a \"b\"] k = 1;x\n", "[a]\nk=v\n \n\t[b]k=2\n", "[a][b]\nk=1",
		"[branch.Foo]\n\tk = v\n", "[A-b.c.D]\n k1-x = \n", "[a.b \"C\"]\nk=1\n", "[a \"\"]\nk=1\n[a]\nk=2", "[a.b \"\"]\nk=1\n", "[.a]\nk=1\n", "[a.]\nk=1\n[a]\nm=1", "[a. \"b\"]\nk=1", "[a..b]\nk=1", "[1a]\nk=2\n", "[a]\n1k=2\n",
		"[a \"x\\\"y\\\\z\\q\"]\nk=1\n", "[a\t \"b\"]\nk=1\n", "[a \"b]\nk=1", "[a \"b\"c]\nk=1", "[a b]\nk=1", "[a ]\nk=1", "[]\nk=1", "[a_b]\nk=1", "[a\n\"b\"]\nk=1", "[a \"b\\\nc\"]\nk=1",
		"k=v\n[a]\nk=1\n", "[a\nk=1", "[a", "[",
		"[a]\n\tk = v\n[b]\n\tk = 1\n[A]\n\tk = w\n",
		"[a]\n k =   sp  aced   \n", "[a]\nk = \"q\" r \"s\"\n", "[a]\nk = \"q  \"  \n", "[a]\nk = a \"\"\n", "[a]\nk = \"\"\n", "[a]\nk = 'x y'\n", "[a]\nk = ñ é\n",
		"[a]\n\tk = v#x\n", "[a]\nk = \"v#x\";y\n", "[a]\nk = a\\bc\\td\\ne\n", "[a]\nk = C:\\x\n", "[a]\nk = C:\\\\x\n", "[a]\n\tk=\"un\n", "[a]\n\tk=\"un",
		"[alias]\n\tx = \"!f() { echo \\\"$1\\\"; }; f\"\n",
		"[a]\nk = one \\\n  two\n", "[a]\nk = v\\\n", "[a]\nk = \\\n\n", "[a]\nk = x \\\n\t# behind\n", "[a]\nk=\"x\\\ny\"\n", "[a]\nk = \\\r\n y\r\n", "[a]\nk = v\\",
		"[a]\n k_1 = 2\n", "[a]\nk 1\n", "[a]\nk\f= 1\n", "[a]\n\fk=1", "[a]\nk : 1\n", "[a]\n=1\n", "[a]\nk==1\n",
		"[a]\nk=1\x002\nm=3\n", "[a]\n# \x00\nm=3\n", "[a]\nk\x00=1\n",
	} {
		sameAsGit(t, text)
	}
}

func TestRandomConfigSyntaxIsGits(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	// No tab, of which some gits make a space inside a value.
	pieces := []string{"[", "]", "a", "B", "-", ".", "1", "\"", "\\", "\\n", "=", " ", ";", "#", "\n", "\r\n", "[a]\n", "[a \"b\"]\n", "k = v\n", "k\n", "\"x\"", " \\\n", "é", "_"}
	for range 400 {
		var b strings.Builder
		if r.IntN(2) == 0 {
			b.WriteString("[s]\n")
		}
		for range r.IntN(14) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		sameAsGit(t, b.String())
	}
}

// An error names its line, and nothing of the text counts.
func TestConfigError(t *testing.T) {
	for text, line := range map[string]int{
		"[a]\nk = 1\n!": 3, "[a]\n\n[b": 3, "[a]\nk 1": 2, "[a]\nk = \"x\nm = 1\n": 2, "[a]\nk = \\x\n": 2,
		"[a]\n[b\n": 2, "[a]\n[b \n": 2, "[a]\n[b \"x\n\"]": 2, "[a]\n[b \"x\"\n": 2, "[a]\nk ! 1\n": 2,
	} {
		entries, err := ParseConfig([]byte(text))
		var syntax *ConfigError
		if !errors.As(err, &syntax) || syntax.Line != line || len(entries) != 0 {
			t.Errorf("%q: %v and %d entries, not an error of line %d", text, err, len(entries), line)
		}
	}
}

// A user's file may be written in any of git's ways: what it says of ignored files
// decides what is recorded.
func TestIgnoreRulesOfAnyConfig(t *testing.T) {
	for name, text := range map[string]string{
		"one line":        "[core] excludesFile = %s\n",
		"old form":        "[branch.main]\n\tremote = origin\n[core]\n\texcludesFile = %s\n",
		"byte order mark": "\ufeff[core]\n\texcludesFile = %s\n",
		"continued":       "[core]\n\texcludesFile = \\\n%s\n",
		"again":           "[core]\n\texcludesFile = /nowhere\n[user]\n\tname = x\n[core]\n\texcludesFile = %s\n",
		"after include":   "[include]\n\tpath = other\n[core]\n\texcludesFile = %s\n",
		"before include":  "[core]\n\texcludesFile = /nowhere\n[include]\n\tpath = other2\n",
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			rules := filepath.Join(home, "rules")
			if strings.Contains(text, "%s") {
				text = fmt.Sprintf(text, rules)
			}
			for file, data := range map[string]string{
				rules: "*.key\n", filepath.Join(home, "config"): text,
				filepath.Join(home, "other"): "[core]\n\texcludesFile = /nowhere\n", filepath.Join(home, "other2"): "[core]\n\texcludesFile = " + rules + "\n",
			} {
				if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			w := newWorld(t)
			t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, "config"))
			w.git("init", "-q")
			w.write("secret.key", "x")
			w.write("kept", "x")
			s := w.store()
			c := w.record(s, RecordRequest{Version: "v1"})
			if c.Files != 1 {
				t.Errorf("%d files were recorded", c.Files)
			}
			if out := w.git("status", "--porcelain"); strings.Contains(out, "secret") {
				t.Errorf("git itself doesn't ignore it: %s", out)
			}
		})
	}
}
