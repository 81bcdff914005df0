package safety

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestRules asks for each dangerous place twice: typed, which must be refused
// by the rule, and configured, which must fall back to the default target.
func TestRules(t *testing.T) {
	w := newWorld(t)
	for _, dir := range []string{
		w.top + "/full", w.top + "/git-dir/.git", w.top + "/git-file", w.top + "/bare.git/objects", w.top + "/bare.git/refs",
		w.top + "/other/.git/objects", w.project + "/.evoseal/rollback_target", w.top + "/taken.previous",
	} {
		w.mkdir(dir)
	}
	w.write(w.top+"/full/file", "x")
	w.write(w.top+"/taken.previous/file", "x")
	w.write(w.top+"/file", "x")
	w.write(w.top+"/git-file/.git", "gitdir: elsewhere\n")
	w.write(w.top+"/bare.git/HEAD", "ref: refs/heads/main\n")
	w.link(w.project, w.top+"/to-project")
	w.link("src", w.project+"/to-src")
	w.link("/usr/share", w.top+"/to-usr")
	w.link("/", w.top+"/to-root")
	w.link(w.home, w.top+"/to-home")
	w.link(".evoseal/.git", w.project+"/to-store")
	w.link("nowhere", w.top+"/dangling")
	w.link("nowhere/at/all", w.top+"/dangling-deep")
	w.link("loop", w.top+"/loop")
	long := strings.Repeat("n", maxBase+1)

	tests := []struct {
		path string
		rule Rule
	}{
		{w.project, RuleProject},
		{".", RuleProject},
		{"src/../.", RuleProject},
		{"..", RuleProject},
		{w.top, RuleProject},
		{"/", RuleProject},
		{w.top + "/to-project", RuleProject},
		{w.top + "/to-root", RuleProject},
		{w.top + "/missing/../work/project", RuleProject},
		{"to-src/..", RuleProject},

		{"src", RuleInsideProject},
		{"src/new/deeper", RuleInsideProject},
		{"new", RuleInsideProject},
		{"to-src/new", RuleInsideProject},
		{w.top + "/to-project/src/deep", RuleInsideProject},
		{".evoseal/.hidden", RuleInsideProject},
		{".evoseal/rollback_target.previous", RuleInsideProject},
		{".evoseal/rollback_target/sub", RuleInsideProject},
		{".evosealed/x", RuleInsideProject},
		{".evoseal", RuleInsideProject},

		{w.top + "/homes/me", RuleHome},
		{w.top + "/homes", RuleHome},
		{w.top + "/to-home", RuleHome},

		{"/usr", RuleSystem},
		{"/usr/share/a/b/c", RuleSystem},
		{"/usr/../usr/x", RuleSystem},
		{"/etc/x", RuleSystem},
		{"/bin/x", RuleSystem},
		{"/lib64/x", RuleSystem},
		{"/lib-of-mine/x", RuleSystem},
		{"/dev/x", RuleSystem},
		{"/proc/x", RuleSystem},
		{"/sys/x", RuleSystem},
		{"/run/x/y", RuleSystem},
		{"/boot/x", RuleSystem},
		{"/not-there-yet", RuleSystem},
		{"/home/somebody", RuleSystem},
		{"/var/x", RuleSystem},
		{"/opt/x", RuleSystem},
		{w.top + "/to-usr", RuleSystem},
		{w.top + "/to-usr/x/y", RuleSystem},
		{w.top + "/to-root/etc/x", RuleSystem},

		{w.top + "/git-dir", RuleForeignRepository},
		{w.top + "/git-file", RuleForeignRepository},
		{w.top + "/bare.git", RuleForeignRepository},
		{w.top + "/bare.git/refs", RuleForeignRepository},
		{w.top + "/bare.git/new/x", RuleForeignRepository},
		{w.top + "/other/.git", RuleForeignRepository},
		{w.top + "/other/.git/hooks", RuleForeignRepository},
		{w.top + "/other/.GIT /hooks", RuleForeignRepository},

		{w.top + "/full", RuleNotOurs},
		{w.top + "/file", RuleNotOurs},
		{w.top + "/taken", RuleNotOurs},

		{w.top + "/dangling", RuleUnresolved},
		{w.top + "/dangling-deep", RuleUnresolved},
		{w.top + "/dangling/x", RuleUnresolved},
		{w.top + "/loop", RuleUnresolved},
		{w.top + "/file/x", RuleUnresolved},
		{w.top + "/" + long, RuleUnresolved},
		{w.top + "/.out.swap", RuleUnresolved},
		{w.top + "/.out.pending-0123456789abcdef", RuleUnresolved},
		{w.top + "/nul\x00byte", RuleUnresolved},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			_, err := w.guard.Choose(Request{Path: tt.path})
			if got := refusedBy(err); got != tt.rule {
				t.Errorf("typed: refused by %q, want %q (%v)", got, tt.rule, err)
			}
			d, err := w.guard.Choose(Request{Path: tt.path, Configured: true})
			if err != nil {
				t.Fatalf("configured: %v", err)
			}
			defer d.Target.Close()
			if !d.Fallback || !d.Validated || d.Used != w.guard.DefaultTarget() || d.Refusal == nil || d.Refusal.Rule != tt.rule {
				t.Errorf("configured: %+v", d)
			}
		})
	}
	w.untouched()
}

// TestStoreElsewhere: the store is protected wherever it lies, and before it is there.
func TestStoreElsewhere(t *testing.T) {
	w := newWorld(t)
	w.link(w.top+"/shared", w.top+"/to-shared")
	w.mkdir(w.top + "/shared/team")
	guard := w.newGuard(Options{Store: w.top + "/to-shared/team/store"})
	for _, path := range []string{"shared/team/store", "shared/team", "shared", "shared/team/store/x", "to-shared/team"} {
		if _, err := guard.Choose(Request{Path: filepath.Join(w.top, path)}); refusedBy(err) != RuleStore {
			t.Errorf("%s: %v", path, err)
		}
	}
	d, err := guard.Choose(Request{Path: w.top + "/shared/team/store-not"})
	w.must(err)
	d.Target.Close()
	for _, path := range []string{".evoseal/.git", ".evoseal/.git/refs/x"} {
		if _, err := w.guard.Choose(Request{Path: w.project + "/" + path}); refusedBy(err) == "" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAllowed(t *testing.T) {
	w := newWorld(t)
	w.mkdir(w.top + "/ours")
	w.write(w.top+"/ours/.ours", "")
	w.mkdir(w.top + "/ours/.git")
	w.mkdir(w.top + "/empty")
	w.link(w.top+"/free", w.top+"/to-free")
	w.link(w.top+"/free", w.project+"/way-out")
	tests := []struct{ path, used string }{
		{"", w.project + "/.evoseal/rollback_target"},
		{".evoseal/rollback_target", w.project + "/.evoseal/rollback_target"},
		{".evoseal/other", w.project + "/.evoseal/other"},
		{w.top + "/ours", w.top + "/ours"},
		{w.top + "/empty", w.top + "/empty"},
		{w.top + "/new", w.top + "/new"},
		{w.top + "/new/er/est", w.top + "/new/er/est"},
		{"../beside", w.top + "/work/beside"},
		{w.top + "/to-free/x", w.top + "/free/x"},
		{"way-out/x", w.top + "/free/x"},
		{"way-out/../y", w.top + "/y"},
	}
	for _, tt := range tests {
		d, err := w.guard.Choose(Request{Path: tt.path, Configured: true})
		if err != nil {
			t.Errorf("%q: %v", tt.path, err)
			continue
		}
		if d.Used != tt.used || d.Target.Path() != tt.used || d.Fallback || !d.Validated || d.Requested != tt.path {
			t.Errorf("%q: %+v", tt.path, d)
		}
		d.Target.Close()
	}
	if _, err := os.Lstat(w.top + "/new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("choosing made a directory: %v", err)
	}
}

func TestDefaultThroughSymlink(t *testing.T) {
	for _, tt := range []struct {
		to   string
		rule Rule
	}{{"src", RuleInsideProject}, {"/usr/share", RuleSystem}, {"../../free", ""}} {
		t.Run(tt.to, func(t *testing.T) {
			w := newWorld(t)
			w.must(os.RemoveAll(w.project + "/.evoseal"))
			w.link(tt.to, w.project+"/.evoseal")
			guard := w.newGuard(Options{Store: w.top + "/store"})
			d, err := guard.Choose(Request{})
			if refusedBy(err) != tt.rule {
				t.Fatalf("got %v, want rule %q", err, tt.rule)
			}
			if err == nil {
				d.Target.Close()
			}
			_, err = guard.Choose(Request{Path: "/etc", Configured: true})
			if refusedBy(err) != tt.rule {
				t.Errorf("falling back: got %v, want rule %q", err, tt.rule)
			}
		})
	}
}

// TestDefaultSpared: the rules about the place spare the project's own target,
// the others don't.
func TestDefaultSpared(t *testing.T) {
	w := newWorld(t)
	target := w.project + "/.evoseal/rollback_target"
	w.mkdir(target + "/sub")
	t.Run("work tree in a bare clone", func(t *testing.T) {
		bare := w.top + "/work"
		w.write(bare+"/HEAD", "ref: refs/heads/main\n")
		w.mkdir(bare + "/objects")
		w.mkdir(bare + "/refs")
		defer os.Remove(bare + "/HEAD")
		w.must(os.Rename(target, target+"2"))
		d, err := w.guard.Choose(Request{})
		w.must(err)
		d.Target.Close()
		w.must(os.Rename(target+"2", target))
		if _, err := w.guard.Choose(Request{Path: bare + "/out"}); refusedBy(err) != RuleForeignRepository {
			t.Error(err)
		}
	})
	t.Run("foreign content", func(t *testing.T) {
		if _, err := w.guard.Choose(Request{}); refusedBy(err) != RuleNotOurs {
			t.Error(err)
		}
	})
	w.write(target+"/.ours", "")
	for _, cwd := range []string{target, target + "/sub"} {
		if _, err := w.newGuard(Options{Cwd: cwd}).Choose(Request{}); refusedBy(err) != RuleProject {
			t.Errorf("from %s: %v", cwd, err)
		}
	}
	t.Run("project below a system directory", func(t *testing.T) {
		project, err := os.MkdirTemp("/usr/src", "app-")
		if err != nil {
			t.Skip("needs the right to write to /usr/src")
		}
		defer os.RemoveAll(project)
		guard := w.newGuard(Options{Project: project, Store: project + "/.evoseal/.git", Cwd: project})
		d, err := guard.Choose(Request{Path: "/etc", Configured: true})
		w.must(err)
		w.commit(d.Target, "1")
		d.Target.Close()
		w.expect(guard.DefaultTarget(), "1")
		if _, err := guard.Choose(Request{Path: ".evoseal/other"}); refusedBy(err) != RuleSystem {
			t.Error(err)
		}
	})
}

func TestAdopt(t *testing.T) {
	w := newWorld(t)
	out := w.top + "/mine"
	w.mkdir(out)
	w.write(out+"/generation", "mine")
	target := w.choose(Request{Path: out, Adopt: true})
	p := w.stage(target, "1")
	w.must(p.Commit(CommitOptions{})) // asks to keep nothing, but that is not ours to delete
	w.expect(out, "1")
	w.expect(out+".previous", "mine")
	_, err := target.Pending()
	if refusedBy(err) != RuleNotOurs {
		t.Errorf("the adopted tree would be removed: %v", err)
	}
	w.must(target.SwapPrevious())
	w.expect(out, "mine")
	for _, path := range []string{"git", "bare"} {
		w.mkdir(w.top + "/" + path + "/.git")
		if _, err := w.guard.Choose(Request{Path: w.top + "/" + path, Adopt: true}); refusedBy(err) != RuleForeignRepository {
			t.Errorf("adopting a repository: %v", err)
		}
	}
	w.mkdir(w.project + "/.evoseal/rollback_target/x")
	if _, err := w.guard.Choose(Request{Path: "/etc", Configured: true, Adopt: true}); refusedBy(err) != RuleNotOurs {
		t.Errorf("the fallback was adopted as well: %v", err)
	}
}

func TestSharedMemory(t *testing.T) {
	if _, ok := sharedMemory(); !ok {
		t.Skip("no tmpfs at /dev/shm")
	}
	w := newWorld(t)
	d, err := w.guard.Choose(Request{Path: "/dev/shm/not-there/out"})
	w.must(err)
	d.Target.Close()
	w.link("/dev/shm", w.top+"/to-shm")
	for _, path := range []string{"/dev/shm", "/dev", "/dev/shm/../x", w.top + "/to-shm"} {
		_, err := w.guard.Choose(Request{Path: path})
		if got := refusedBy(err); got != RuleSystem && got != RuleProject { // the test's own project may lie there
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDeletedCwd(t *testing.T) {
	w := newWorld(t)
	gone := w.top + "/gone"
	w.mkdir(gone)
	t.Chdir(gone)
	w.must(os.Remove(gone))
	guard, err := NewGuard(Options{Project: w.project, Store: w.project + "/.evoseal/.git"})
	w.must(err)
	d, err := guard.Choose(Request{Path: w.top + "/abs"})
	w.must(err)
	d.Target.Close()
	if runtime.GOOS == "linux" {
		if _, err := guard.Choose(Request{Path: "relative"}); refusedBy(err) != RuleUnresolved {
			t.Error(err)
		}
	}
}

func TestCheckProject(t *testing.T) {
	w := newWorld(t)
	w.link(w.home, w.top+"/to-home")
	tests := []struct {
		project string
		allowed []string
		rule    Rule
	}{
		{w.project, nil, ""},
		{w.home, nil, RuleHome},
		{w.top + "/to-home", nil, RuleHome},
		{w.top + "/homes", nil, RuleHome},
		{w.home, []string{w.top + "/to-home"}, ""},
		{w.home, []string{w.project, "relative"}, RuleHome},
		{"/", nil, RuleSystem},
		{"/", []string{"/"}, ""},
		{"/usr", nil, RuleSystem},
		{"/bin", nil, RuleSystem},
		{"/var", nil, RuleSystem},
	}
	for _, tt := range tests {
		err := w.newGuard(Options{Project: tt.project}).CheckProject(tt.allowed)
		if (err != nil || tt.rule != "") && refusedBy(err) != tt.rule {
			t.Errorf("%s, allowing %q: %v, want rule %q", tt.project, tt.allowed, err, tt.rule)
		}
	}
	extra := w.newGuard(Options{Home: []string{w.project}})
	if err := extra.CheckProject(nil); refusedBy(err) != RuleHome {
		t.Errorf("extra home: %v", err)
	}
}

func TestHomeDirs(t *testing.T) {
	passwd := t.TempDir() + "/passwd"
	lines := "root:x:0:0:root:/root:/bin/sh\nnobody:x:9:9::/nonexistent:/bin/false\nsync:x:4:4::/bin:/bin/sync\n" +
		"a:x:1:1::/data/a:\nb:x:2:2::/:\nbroken\nc:x:3:3::relative:\nd:x:3:3::/data/a/:\n"
	if err := os.WriteFile(passwd, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", "/h/me")
	got := strings.Join(homeDirs(passwd, []string{"/x"}), " ")
	if want := "/h/me /x /root /data/a"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRealRepository lets git itself make what the repository rule looks for.
func TestRealRepository(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git to compare with")
	}
	w := newWorld(t)
	for i, args := range [][]string{{"init", "-q"}, {"init", "-q", "--bare"}, {"init", "-q", "--separate-git-dir", w.top + "/sep"}} {
		dir := w.top + "/repo" + strconv.Itoa(i)
		out, err := exec.Command(git, append(args, dir)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if _, err := w.guard.Choose(Request{Path: dir, Adopt: true}); refusedBy(err) != RuleForeignRepository {
			t.Errorf("git %q: %v", args, err)
		}
	}
	if _, err := w.guard.Choose(Request{Path: w.top + "/sep", Adopt: true}); refusedBy(err) != RuleForeignRepository {
		t.Errorf("separate git directory: %v", err)
	}
}
