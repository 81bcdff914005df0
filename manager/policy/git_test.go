package policy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// git runs git config on a text, away from everybody's configuration.
func git(t *testing.T, text []byte, args ...string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "policy")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", append([]string{"config", "--file", file}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skip("there is no git here: ", err)
	}
	return string(out), err == nil
}

// gitLists is git's view of a text, a line for each value.
func gitLists(t *testing.T, text []byte) ([]string, bool) {
	t.Helper()
	out, ok := git(t, text, "--list", "-z")
	if out == "" {
		return nil, ok
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00"), ok
}

// weList is ours, in the form of gitLists.
func weList(text []byte) ([]string, error) {
	d, err := read(text)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range d.entries {
		s := joinName(strings.ToLower(e.section), e.subsection, strings.ToLower(e.key))
		if !e.bare {
			s += "\n" + e.value
		}
		all = append(all, s)
	}
	return all, nil
}

// sameAsGit fails where we read what git doesn't, or something else.
func sameAsGit(t *testing.T, text []byte) {
	t.Helper()
	ours, err := weList(text)
	if err != nil {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: the error is of another kind: %v", text, err)
		}
		return
	}
	theirs, ok := gitLists(t, text)
	if !ok {
		t.Errorf("%q: git doesn't read it, and we do: %q", text, ours)
	} else if !slices.Equal(ours, theirs) {
		t.Errorf("%q:\ngit reads %q\nwe read  %q", text, theirs, ours)
	}
}

// syntaxCorpus has what is hard in the syntax; refused says that we don't take it,
// whatever git does.
var syntaxCorpus = []struct {
	text    string
	refused bool
}{
	{"", false},
	{"# only a comment", false},
	{"[a]\n", false},
	{"[a]", false},
	{"[a]\nk = v", false},
	{"[a]\nk=v\n", false},
	{"[A]\nKey = V\n[a]\nkey = w\n", false},
	{"[a]\r\nk = v\r\n\r\nl = w\r\n", false},
	{"\t [a] # why\n\t k\t=\t v \t \n", false},
	{"[a];why\nk = v;why\n", false},
	{"[a]\nk = v#why\n", false},
	{"[a]\nk = \"v # no comment\" # why\n", false},
	{"[a]\nk = \"v ; w\"x\n", false},
	{"[a]\nk = a  b\n", false},
	{"[a]\nk =\n", false},
	{"[a]\nk = # why\n", false},
	{"[a]\nk = \"\"\n", false},
	{"[a]\nk = \" v \"\n", false},
	{"[a]\nk\n", false},
	{"[a]\nk  \n", false},
	{"[a]\nk", false},
	{"[a]\nk == v\n", false},
	{"[a]\nk = \\\\ \\\" \\n \\t \\b\n", false},
	{"[a]\nk = \"\\\\ \\\" \\n \\t \\b\"\n", false},
	{"[a]\nk = a \"b c\"  d\n", false},
	{"[a]\nk-1 = v\n", false},
	{"[a-1]\nk = v\n", false},
	{"[a \"b\"]\nk = v\n", false},
	{"[a\t \"b.C d\"]\nk = v\n", false},
	{"[a \"b\\\"c\\\\d\"]\nk = v\n", false},
	{"[a \"b] # c\"]\nk = v\n", false},
	{"[a \"ä\"]\nk = ö\n", false},
	{"[a]\nk = [b]\n", false},
	{"[a]\nk = v\n[b]\nk = w\n[a]\nk = x\n", false},
	{"[a]\nk = \"tab\there\"\n", false},
	{"[a]\nk = v\v\n", false},

	{"[a] k = v\n", true},
	{"[a]\nk = v \\\n w\n", true},
	{"[a]\nk = \"v \\\n w\"\n", true},
	{"[a]\nk = v\\", true},
	{"[a.b]\nk = v\n", true},
	{"[a.b \"c\"]\nk = v\n", true},
	{"[a \"\"]\nk = v\n", true},
	{"[a \"b\\c\"]\nk = v\n", true},
	{"[a]\nk = a\tb\n", true},
	{"[a]\nk = \"\" b\n", false},
	{"[a]\nk = a\rb\n", true},
	{"[a]\nk = \"a\rb\"\n", true},
	{"[1a]\nk = v\n", true},
	{"\ufeff[a]\nk = v\n", true},
	{"k = v\n", true},
	{"[a]\nk # why\n", true},
	{"[ a]\nk = v\n", true},
	{"[a ]\nk = v\n", true},
	{"[a\"b\"]\nk = v\n", true},
	{"[a \"b\" ]\nk = v\n", true},
	{"[a \"b\n\"]\nk = v\n", true},
	{"[a\nk = v\n", true},
	{"[]\nk = v\n", true},
	{"[a] b\n", true},
	{"[a]\nk = \"v\n", true},
	{"[a]\nk = \"v", true},
	{"[a]\nk = \\x\n", true},
	{"[a]\nk_1 = v\n", true},
	{"[a]\n1k = v\n", true},
	{"[a]\n= v\n", true},
	{"[a]\nk v\n", true},
	{"[a]\nä = v\n", true},
	{"[ſink]\nk = v\n", true},
	{"[a]\nk = \xff\n", true},
	{"[a]\nk = a\x00b\n", true},
	{"[a]\nk = \\\rn\n", true},
	{"[a]\nk = v \\\r\n w\n", true},
}

func TestSyntaxAsGit(t *testing.T) {
	for _, c := range syntaxCorpus {
		_, err := weList([]byte(c.text))
		if refused := err != nil; refused != c.refused {
			t.Errorf("%q: refused is %v: %v", c.text, refused, err)
		}
		sameAsGit(t, []byte(c.text))
	}
}

// TestValuesAsGit compares booleans and integers with what git takes them for.
func TestValuesAsGit(t *testing.T) {
	for _, s := range []string{
		"true", "True", "YES", "on", "false", "No", "OFF", "", "0", "1", "2", "-1", "+1", "007", "010", "08", "0x10", "0X1F", "0x", "1k", "1K", "2m", "1g",
		"3g", "1kb", "k", "truex", "t", "1.0", "1_000", "0b1", "0o7", "0xb", "0xBo", "99999999999999999999", "2147483647", "2147483648", "-2147483648", "1 ", "--1", "0k", "00", "enable",
	} {
		text := []byte("[a]\n\tk = " + quote(s) + "\n")
		out, ok := git(t, text, "--type=bool", "a.k")
		got, err := gitstore.ParseConfigBool(s)
		if ok != (err == nil) || ok && strings.TrimSpace(out) != strconv.FormatBool(got) {
			t.Errorf("boolean %q: git says %q, %v; we say %v, %v", s, out, ok, got, err)
		}
		out, ok = git(t, text, "--type=int", "a.k")
		n, err := gitstore.ParseConfigInt(s)
		if err == nil && (!ok || strings.TrimSpace(out) != strconv.FormatInt(n, 10)) {
			t.Errorf("integer %q: git says %q, %v; we say %d", s, out, ok, n)
		}
		if err != nil && ok && s != "" {
			t.Errorf("integer %q: git says %q; we say %v", s, out, err)
		}
	}
}
