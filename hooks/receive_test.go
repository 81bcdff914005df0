package hooks

import (
	"bytes"
	"context"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// clone is somebody else's copy of a server's repository.
func (w *world) clone(url, name string) *world {
	w.Helper()
	c := &world{w.T, filepath.Join(w.TempDir(), name)}
	w.git("clone", "-q", url, c.dir)
	return c
}

func TestServerRefusesWhatFails(t *testing.T) {
	w := newWorld(t)
	w.commit("good", "app", "works", "test.sh", "grep -q works app\n")
	server := w.bare("pre-receive", "post-receive")
	server.git("config", "evoseal.testCommand", "sh test.sh")
	c := w.clone(server.dir, "c")
	good := c.commit("good", "app", "works well")
	c.git("push", "-q", "origin", "main")
	if st := server.recorded(good).Standing; st.State != verdict.Good {
		t.Errorf("%+v", st)
	}
	bad := c.commit("bad", "app", "broken")
	out, err := c.try("push", "origin", "main")
	if err == nil {
		t.Fatal("pushed")
	}
	contains(t, out, "remote: evoseal: fail:", "remote: evoseal: main is stopped", "pre-receive hook declined")
	if at := server.git("rev-parse", "main"); at != good {
		t.Errorf("main is at %s", at)
	}
	if server.recorded(bad).Standing.State != verdict.Bad {
		t.Error("the bad commit isn't known to be bad")
	}
	if _, err := os.Stat(filepath.Join(server.dir, ".evoseal/rollback_target")); err == nil {
		t.Error("something was rolled back, although nothing had changed")
	}
	for _, op := range [][]string{{"push", "-q", "origin", "HEAD~1:refs/heads/new"}, {"push", "-q", "origin", "--delete", "new"}} {
		c.git(op...)
	}
	if out := server.git("fsck", "--strict", "--no-dangling"); out != "" {
		t.Errorf("git fsck: %s", out)
	}
}

// With only post-receive, what fails is in, and the deployed target goes back.
func TestServerDeploysAndRollsBack(t *testing.T) {
	w := newWorld(t)
	w.commit("base", "app", "works 0", "test.sh", "grep -q works app\n")
	server := w.bare("post-receive")
	site := filepath.Join(resolved(t, t.TempDir()), "site")
	for key, value := range map[string]string{"testCommand": "sh test.sh", "deployBranch": "main", "target": site} {
		server.git("config", "evoseal."+key, value)
	}
	c := w.clone(server.dir, "c")
	deployed := func() string {
		data, err := os.ReadFile(filepath.Join(site, "app"))
		must(t, err)
		return string(data)
	}
	c.commit("one", "app", "works 1")
	contains(t, c.git("push", "origin", "main"), "main deployed")
	c.commit("two", "app", "works 2")
	c.git("push", "-q", "origin", "main")
	if got := deployed(); got != "works 2" {
		t.Errorf("deployed %q", got)
	}
	c.commit("three", "app", "broken")
	contains(t, c.git("push", "origin", "main"), "evoseal: fail:", "rolled back to")
	if got := deployed(); got != "works 2" {
		t.Errorf("deployed %q", got)
	}
	c.git("push", "-q", "origin", "HEAD~1:refs/heads/side")
	if got := deployed(); got != "works 2" {
		t.Errorf("another branch is deployed: %q", got)
	}
	c.commit("four", "app", "works 4")
	c.git("push", "-q", "origin", "main")
	if got := deployed(); got != "works 4" {
		t.Errorf("deployed %q", got)
	}
}

func resolved(t *testing.T, dir string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	must(t, err)
	return dir
}

type lockedBuffer struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.said.Write(p)
}

// Two users push at once over http.
func TestServerOverHTTP(t *testing.T) {
	w := newWorld(t)
	w.commit("base", "app", "works", "test.sh", "grep -q works app\n")
	server := w.bare("pre-receive", "post-receive")
	server.git("config", "evoseal.testCommand", "sh test.sh")
	server.git("config", "http.receivepack", "true")
	execPath := w.git("--exec-path")
	backend := filepath.Join(execPath, "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skip("there is no git http-backend")
	}
	var errors lockedBuffer
	web := httptest.NewServer(&cgi.Handler{
		Path: backend, Dir: server.dir, Stderr: &errors,
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(server.dir), "GIT_HTTP_EXPORT_ALL=1", "HOME=" + os.Getenv("HOME"), "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GORACE=atexit_sleep_ms=0"},
	})
	defer web.Close()
	url := web.URL + "/" + filepath.Base(server.dir)
	type user struct {
		*world
		commits []string
	}
	users := []*user{{world: w.clone(url, "ann")}, {world: w.clone(url, "bob")}}
	var wg sync.WaitGroup
	for _, u := range users {
		branch := filepath.Base(u.dir)
		u.git("switch", "-qc", branch)
		wg.Go(func() {
			for _, content := range []string{"works 1", "broken", "works 2"} {
				_ = os.WriteFile(filepath.Join(u.dir, "app"), []byte(branch+" "+content), 0o644)
				cmd := exec.Command("git", "commit", "-qam", content)
				cmd.Dir = u.dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v %s", branch, err, out)
					return
				}
				out, err := u.try("push", "origin", branch)
				if passes := strings.HasPrefix(content, "works"); passes != (err == nil) {
					t.Errorf("%s, %s: %v\n%s", branch, content, err, out)
				}
				head, _ := u.try("rev-parse", "HEAD")
				u.commits = append(u.commits, head)
			}
		})
	}
	wg.Wait()
	for _, u := range users {
		for i, want := range []verdict.State{verdict.Good, verdict.Bad, verdict.Good} {
			if got := server.recorded(u.commits[i]); got.Standing.State != want {
				t.Errorf("%s: %s is %s, want %s", filepath.Base(u.dir), u.commits[i], got.Standing.State, want)
			}
		}
	}
	if errors.said.Len() > 0 {
		t.Errorf("the server says: %s", errors.said.String())
	}
	if _, err := w.manager().History(context.Background(), manager.HistoryFilter{}); err == nil {
		t.Error("the pushing side has a store, although it has no hook")
	}
}

func TestServerWithABrokenHookSettingRefuses(t *testing.T) {
	w := newWorld(t)
	w.commit("base", "a", "1")
	server := w.bare("pre-receive")
	server.git("config", "evoseal.testCommand", "there-is-no-such-program")
	c := w.clone(server.dir, "c")
	c.commit("more", "a", "2")
	out, err := c.try("push", "origin", "main")
	if err == nil {
		t.Error("pushed")
	}
	contains(t, out, "remote: evoseal: error: the command ended with code 127")
}
