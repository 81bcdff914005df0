package gitstore

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What git hands on is what git itself reads of it.
func TestConfigOfTheEnvironmentIsGits(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	handedOn := func(args ...string) string {
		return w.git(append(args, "-c", "alias.handed=!printf %s \"$GIT_CONFIG_PARAMETERS\"", "handed")...)
	}
	for _, params := range []string{
		"", handedOn("-c", "core.excludesFile=/a b'c!d\"e\n"), handedOn("-c", "evoseal.found", "-c", "evoseal.found=", "-c", "a.b.c.d=e=f", "-c", "A.B=C"),
		"'a.b=c'", "'a.b'", "'a.b'=", "'a.b'='c' 'd.e=f'   'g.h'", "'a.b'='it'\\''s'", "'a.b'='no'\\!'pe'", "'evoseal.found'='yes'",
		"a.b=c", "'a.b'='c", "'a.b'='c'x", "'a.b'x", "'nodot=1'", "'a.b=c' bad",
	} {
		t.Setenv("GIT_CONFIG_PARAMETERS", params)
		sameEnvironment(w, fmt.Sprintf("%q", params))
	}
	os.Unsetenv("GIT_CONFIG_PARAMETERS")
	for _, pairs := range [][2]string{{"core.excludesFile", "/x"}, {"a.B.c", "d"}, {"nodot", "x"}, {"a.b", ""}} {
		t.Setenv("GIT_CONFIG_COUNT", "2")
		t.Setenv("GIT_CONFIG_KEY_0", "evoseal.found")
		t.Setenv("GIT_CONFIG_VALUE_0", "first")
		t.Setenv("GIT_CONFIG_KEY_1", pairs[0])
		t.Setenv("GIT_CONFIG_VALUE_1", pairs[1])
		sameEnvironment(w, fmt.Sprint(pairs))
	}
	for _, count := range []string{"3", "x", "-1", "0", ""} {
		t.Setenv("GIT_CONFIG_COUNT", count)
		sameEnvironment(w, count)
	}
}

// sameEnvironment compares what comes of no file; where git refuses it, nothing does.
func sameEnvironment(w *world, what string) {
	w.Helper()
	out, err := w.tryGit("config", "--list", "-z", "--show-scope")
	var want []string
	if err == nil {
		fields := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
		for i := 0; i+1 < len(fields); i += 2 {
			if fields[i] == "command" {
				want = append(want, fmt.Sprintf("%q", fields[i+1]))
			}
		}
	}
	values, malformed := environmentConfig()
	got := asGitLists(values)
	if (err == nil) != (len(malformed) == 0) {
		w.Errorf("of %s git says %v, and we call %v malformed", what, err, malformed)
	}
	// What the tests' own git is given, and the alias by which the variable was found out.
	others := func(s string) bool {
		return strings.HasPrefix(s, `"alias.`) || strings.HasPrefix(s, `"user.`) || strings.HasPrefix(s, `"init.`)
	}
	got, want = slices.DeleteFunc(got, others), slices.DeleteFunc(want, others)
	if !slices.Equal(got, want) {
		w.Errorf("of %s git reads %v (%v), and we %v", what, want, err, got)
	}
}

func TestGitDashC(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	w.write("rules", "*.key\n", "a.key", "x")
	t.Setenv("GIT_CONFIG_PARAMETERS", "'core.excludesFile'='rules'")
	if c := w.record(w.store(), RecordRequest{Version: "v1"}); c.Files != 1 {
		t.Errorf("%d files were recorded", c.Files)
	}
}

// What the environment includes is read as git reads it, but for what git refuses to work
// with.
func TestIncludesOfTheEnvironmentAreGits(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	inc := filepath.Join(t.TempDir(), "inc")
	w.must(os.WriteFile(inc, []byte("[evoseal]\n\tfound = yes\n"), 0o644))
	for _, params := range []string{
		"'include.path'='" + inc + "'", "'includeIf.gitdir:**.path'='" + inc + "'", "'includeIf.gitdir:nowhere/.path'='" + inc + "'",
		"'include.path'='" + inc + "' 'evoseal.found'='no'", "'evoseal.found'='no' 'include.path'='" + inc + "'", "'include.path'='/none'",
	} {
		t.Setenv("GIT_CONFIG_PARAMETERS", params)
		out, err := w.tryGit("config", "evoseal.found")
		p, err2 := FindProject(w.dir)
		w.must(err2)
		if got, _ := p.Config.Get("evoseal", "found"); got != out || (out != "") != (err == nil) {
			t.Errorf("of %s git says %q and we %q", params, out, got)
		}
	}
	for _, params := range []string{"'include.path'='inc'", "'includeIf.gitdir:./.path'='" + inc + "'"} {
		t.Setenv("GIT_CONFIG_PARAMETERS", params)
		p, err := FindProject(w.dir)
		w.must(err)
		if got, found := p.Config.Get("evoseal", "found"); found {
			t.Errorf("of %s we say %q", params, got)
		}
	}
}
