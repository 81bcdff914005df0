package gitstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// An include is followed where git follows it, whatever way the repository's directory
// is named, from its top and from below.
func TestIncludesAreGits(t *testing.T) {
	w := newWorld(t)
	base := filepath.Join(w.dir, "Base")
	top := filepath.Join(base, "pr")
	w.write("Base/pr/sub/f", "x", "Base/cfg/inc", "[evoseal]\n\tfound = yes\n")
	w.must(os.Symlink(top, filepath.Join(base, "lnk")))
	w.must(os.Symlink(base, filepath.Join(w.dir, "home")))
	w.dir = top
	w.git("init", "-q")
	w.git("checkout", "-q", "-b", "topic/x")
	t.Setenv("HOME", filepath.Join(filepath.Dir(base), "home"))
	config := filepath.Join(base, "cfg", "config")
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	for _, condition := range []string{
		"gitdir:p", "gitdir:pr", "gitdir:pr/", "gitdir:Base", "gitdir:Base/", "gitdir:B", "gitdir:base/", "gitdir/i:base/", "gitdir/i:BASE/PR/.GIT",
		"gitdir:$/pr", "gitdir:$/pr/", "gitdir:$/pr/.git", "gitdir:$/pr/.git/", "gitdir:$/lnk/", "gitdir:$/lnk/.git", "gitdir:$/*/", "gitdir:$/p?/", "gitdir:$/**", "gitdir:$/**/.git",
		"gitdir:**/pr/.git", "gitdir:**/.git", "gitdir:**/pr", "gitdir:**", "gitdir:/", "gitdir:/**", "gitdir:*", "gitdir:.git", "gitdir:", "gitdir:[p]r/", "gitdir:pr/**/x",
		"gitdir:./pr/", "gitdir:./../pr/", "gitdir:./", "gitdir:../pr/", "gitdir:~/pr/", "gitdir:~/../pr/", "gitdir:~/", "gitdir:~", "gitdir:~/*/.git", "gitdir:~nobody-there/x",
		"onbranch:topic/", "onbranch:topic/x", "onbranch:topic", "onbranch:t*", "onbranch:**/x", "onbranch:main", "gitdr:pr/", "Gitdir:pr/", "hasconfig:x",
	} {
		condition = strings.ReplaceAll(condition, "$", base)
		w.must(os.WriteFile(config, []byte("[includeIf \""+condition+"\"]\n\tpath = inc\n"), 0o644))
		for _, from := range []string{top, filepath.Join(top, "sub"), filepath.Join(base, "lnk"), filepath.Join(base, "lnk", "sub")} {
			t.Chdir(from)
			w.dir = from
			out, err := w.tryGit("config", "evoseal.found")
			p, err2 := FindProject(".")
			w.must(err2)
			if got, _ := p.Config.Get("evoseal", "found"); got != out || (out == "yes") != (err == nil) {
				t.Errorf("in %s, of %q git says %q and we %q", from, condition, out, got)
			}
		}
	}
}

// A condition on remotes holds whatever file names them, before it or after.
func TestIncludesByRemoteAreGits(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	w.git("remote", "add", "origin", "https://work.example/team/tool.git")
	global := filepath.Join(t.TempDir(), "config")
	t.Setenv("GIT_CONFIG_GLOBAL", global)
	w.must(os.WriteFile(filepath.Join(filepath.Dir(global), "inc"), []byte("[evoseal]\n\tfound = yes\n"), 0o644))
	for _, condition := range []string{
		"remote.*.url:https://work.example/**", "remote.*.url:https://work.example/*", "remote.*.url:https://*/team/*", "remote.*.url:**/tool.git", "remote.*.url:**",
		"remote.*.url:https://work.example/team/tool.git", "remote.*.url:work.example", "remote.*.url:https://WORK.example/**", "remote.*.url:", "remote.origin.url:**",
		"remote.*.url:git@private:**", "remote.*.pushurl:**", "remote.*.URL:**",
	} {
		for _, more := range []string{"", "[remote \"later\"]\n\turl = git@private:x/y\n"} {
			w.must(os.WriteFile(global, []byte("[includeIf \"hasconfig:"+condition+"\"]\n\tpath = inc\n"+more), 0o644))
			out, err := w.tryGit("config", "evoseal.found")
			p, err2 := FindProject(w.dir)
			w.must(err2)
			if got, _ := p.Config.Get("evoseal", "found"); got != out || (out == "yes") != (err == nil) {
				t.Errorf("of %q and %q git says %q and we %q", condition, more, out, got)
			}
		}
	}
	_, err := w.tryGit("-C", "/", "config", "evoseal.found")
	if got, _ := UserConfig().Get("evoseal", "found"); (err == nil) != (got == "yes") {
		t.Errorf("outside a repository git says %v and we %q", err, got)
	}
}

// An include that leads back to itself ends, and takes nothing with it of what was said
// elsewhere.
func TestIncludesThatFanOut(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	own := w.git("config", "--local", "--list")
	if own == "" {
		t.Fatal("no configuration")
	}
	global := filepath.Join(t.TempDir(), "config")
	t.Setenv("GIT_CONFIG_GLOBAL", global)
	w.must(os.WriteFile(global, []byte("[user]\n\tname = x\n[include]\n"+strings.Repeat("\tpath = config\n", 8)), 0o644))
	w.write(".git/config", "[evoseal]\n\tfound = yes\n[include]\n"+strings.Repeat("\tpath = a\n", 5000), ".git/a", "[a]\n\tk = "+strings.Repeat("v", 20_000))
	w.inTime(func() {
		p, err := FindProject(w.dir)
		if err != nil {
			t.Error(err)
			return
		}
		if got, _ := p.Config.Get("evoseal", "found"); got != "yes" || len(p.Config.values) > 20_000 {
			t.Errorf("found is %q, of %d values", got, len(p.Config.values))
		}
	})
}

// Rules of a relative name are those below the top, wherever the program is started, as
// git has it.
func TestRelativeExcludesFile(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	w.write("rules", "*.key\n", "sub/a.key", "x", "a.key", "x")
	w.git("config", "core.excludesFile", "rules")
	for i, from := range []string{".", "sub"} {
		t.Chdir(filepath.Join(w.dir, from))
		if c := w.record(w.store(), RecordRequest{Version: fmt.Sprint("v", i)}); c.Files != 1 {
			t.Errorf("from %s, %d files were recorded", from, c.Files)
		}
	}
	w.git("config", "core.excludesFile", "rules/none")
	if c := w.record(w.store(), RecordRequest{Version: "all"}); c.Files != 3 {
		t.Errorf("%d files were recorded", c.Files)
	}
}

// Booleans are git's, with numbers in any of its forms.
func TestConfigBoolIsGits(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	for _, v := range []string{"", "= true", "= True", "= yes", "= on", "= off", "= NO", "= false", "= ", "= 0", "= 1", "= -1", "= 2", "= 0x0", "= 0x10", "= 010", "= 1k", "= 0k", "= 1G"} {
		w.write(".git/config", "[evoseal]\n\tfound "+v+"\n")
		want := w.git("config", "--bool", "evoseal.found") == "true"
		p, err := FindProject(w.dir)
		w.must(err)
		for _, def := range []bool{true, false} {
			if got := p.Config.Bool("evoseal", "found", def); got != want {
				t.Errorf("%q is %v, not %v", v, got, want)
			}
		}
	}
}

// What git refuses to work with is told; what it passes over isn't.
func TestConfigProblems(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		w.must(os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	pipe := filepath.Join(dir, "pipe")
	w.must(unix.Mkfifo(pipe, 0o644))
	for _, test := range []struct {
		global, want string
	}{
		{file("well", "[a]\n\tb = c\n"), ""},
		{filepath.Join(dir, "none"), ""},
		{os.DevNull, ""},
		{file("includes-none", "[include]\n\tpath = none\n"), ""},
		{file("bad", "[a]\n\tb = c\n[d\n"), dir + "/bad: line 3: "},
		{file("includes-bad", "[include]\n\tpath = bad\n"), dir + "/bad: line 3: "},
		{file("loop", "[include]\n\tpath = loop\n"), dir + "/loop: there are too many includes"},
		{file("bare", "[include]\n\tpath\n"), dir + "/bare: an include has no path"},
		{file("nobody", "[include]\n\tpath = ~nobody-there/x\n"), dir + "/nobody: an include has no path"},
		{pipe, pipe + ": not a regular file"},
		{dir, dir + ": not a regular file"},
	} {
		t.Setenv("GIT_CONFIG_GLOBAL", test.global)
		p, err := FindProject(w.dir)
		w.must(err)
		var got string
		for _, err := range p.Config.Problems() {
			got += err.Error()
		}
		if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" || len(p.Config.Problems()) > 1 {
			t.Errorf("of %s the problems are %q, not %q", test.global, got, test.want)
		}
	}
}
