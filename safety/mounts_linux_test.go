package safety

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// bind mounts a directory a second time, or skips the test.
func (w *world) bind(from, to string) {
	w.t.Helper()
	w.mkdir(to)
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		w.t.Skipf("bind mounts need rights that are missing here: %v", err)
	}
	w.t.Cleanup(func() {
		if err := unix.Unmount(to, unix.MNT_DETACH); err != nil {
			w.t.Error(err)
		}
	})
}

// TestBindMounts: a second name by mount is as good as a symbolic link.
func TestBindMounts(t *testing.T) {
	w := newWorld(t)
	w.bind(w.project, w.top+"/bound/project")
	w.bind(w.project+"/src", w.top+"/bound/with space")
	w.bind(w.home, w.top+"/bound/home")
	w.bind(w.top+"/free", w.top+"/bound/free")
	w.bind("/usr/share", w.top+"/bound/share")
	w.bind("/usr", w.top+"/bound/usr")
	tests := []struct {
		path string
		rule Rule
	}{
		{"project", RuleProject},
		{"project/src/new", RuleInsideProject},
		{"with space", RuleInsideProject},
		{"with space/new", RuleInsideProject},
		{"home", RuleHome},
		{"share/new/x", RuleSystem},
		{"usr/new/x", RuleSystem},
		{"free", RuleMountPoint},
		{"free/new", ""},
	}
	for _, tt := range tests {
		d, err := w.guard.Choose(Request{Path: w.top + "/bound/" + tt.path})
		if (err != nil || tt.rule != "") && refusedBy(err) != tt.rule {
			t.Errorf("%s: %v, want rule %q", tt.path, err, tt.rule)
		}
		if err == nil {
			d.Target.Close()
		}
	}
	// The other way round: the project is known by its second name.
	guard := w.newGuard(Options{Project: w.top + "/bound/with space", Store: w.top + "/store", Cwd: w.top + "/free"})
	if _, err := guard.Choose(Request{Path: w.project}); refusedBy(err) != RuleProject {
		t.Error(err)
	}
}

// TestIdentityAlone: without a mount table devices and inodes still tell.
func TestIdentityAlone(t *testing.T) {
	w := newWorld(t)
	w.bind(w.project, w.top+"/bound")
	place := func(path string) *place {
		p, err := resolve(w.top+path, nil)
		w.must(err)
		t.Cleanup(p.close)
		return p
	}
	for _, tt := range []struct {
		outer, inner string
		want         bool
	}{
		{"/bound", "/work/project", true},
		{"/work/project", "/bound/src/new", true},
		{"/work/project/not/yet", "/bound/not/yet/there", true},
		{"/work/project/not/yet", "/bound/not/so", false},
		{"/bound/src", "/work/project", false},
	} {
		if got := place(tt.outer).contains(place(tt.inner)); got != tt.want {
			t.Errorf("%s contains %s: %v", tt.outer, tt.inner, got)
		}
	}
}

// TestSpelling: a path through a system directory is refused although it leads out again.
func TestSpelling(t *testing.T) {
	w := newWorld(t)
	if _, err := w.guard.Choose(Request{Path: "/proc/self/root" + w.top + "/free/x"}); refusedBy(err) != RuleSystem {
		t.Error(err)
	}
}

// TestRemovalStopsAtMounts: what is mounted in a tree does not go with it.
func TestRemovalStopsAtMounts(t *testing.T) {
	w := newWorld(t)
	target := w.choose(Request{Path: w.top + "/free/out"})
	p := w.stage(target, "1")
	w.bind(w.outside, p.Path()+"/mounted")
	if err := p.Cleanup(); err == nil {
		t.Error("the mount was removed")
	}
	w.untouched()
	if _, err := os.Lstat(p.Path() + "/generation"); err == nil {
		t.Error("one stuck entry kept the others")
	}
}

func TestOpenSameMount(t *testing.T) {
	w := newWorld(t)
	dir, err := os.Open(w.top)
	w.must(err)
	defer dir.Close()
	f, err := openSameMount(dir, "free")
	w.must(err)
	f.Close()
	w.bind(w.outside, w.top+"/mounted")
	if f, err := openSameMount(dir, "mounted"); err == nil {
		f.Close()
		t.Error("entered a mount")
	}
}

func TestFreeSpace(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	got, err := FreeSpace(dir)
	var st unix.Statfs_t
	if err != nil || unix.Statfs(dir.Name(), &st) != nil {
		t.Fatal(err)
	}
	if total := st.Blocks * uint64(st.Bsize); got == 0 || got > total {
		t.Errorf("%d bytes free of %d", got, total)
	}
}
