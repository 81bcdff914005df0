package manager

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Another user's store decides nothing of what runs in our name.
func TestForeignStoreRunsNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	w := newWorld(t)
	ctx := context.Background()
	ran := filepath.Join(resolvedTemp(t), "ran")
	m := w.manager(Options{})
	w.line(m, "v1")
	w.policy(m, "[trigger \"smoke\"]\ntype = command\ncommand = \"touch "+ran+".trigger\"\n[sink \"s\"]\ntype = exec\ncommand = \"touch "+ran+".sink\"\n[sink \"f\"]\ntype = file\npath = "+ran+".file\n")
	// The change itself was told, by a store that was still ours.
	w.must(m.Close())
	for _, name := range []string{".sink", ".file"} {
		w.must(os.Remove(ran + name))
	}
	w.must(filepath.WalkDir(filepath.Join(w.dir, ".evoseal"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 65534, 65534)
	}))
	judge := func() verdict.Outcome {
		t.Helper()
		m, err := New(ctx, w.dir, Options{})
		w.must(err)
		defer m.Close()
		res, err := m.AutoRollback(ctx, AutoRequest{Version: "v1"})
		w.must(err)
		_, err = m.Rollback(ctx, RollbackRequest{Version: "v1"})
		w.must(err)
		return res.Verdict.Outcome
	}
	left := func() int {
		found, err := filepath.Glob(ran + ".*")
		w.must(err)
		return len(found)
	}
	if got := judge(); got != verdict.Error || left() != 0 {
		t.Errorf("verdict %s, %d commands and sinks were used", got, left())
	}
	s, err := m.Store(ctx)
	w.must(err)
	if err := m.trusts(s); !errors.Is(err, ErrUntrusted) {
		t.Errorf("%v", err)
	}
	w.must(os.WriteFile(filepath.Join(os.Getenv("HOME"), ".gitconfig"), []byte("[safe]\n\tdirectory = "+w.dir+"\n"), 0o644))
	if got := judge(); got != verdict.Pass || left() != 3 {
		t.Errorf("allowed: verdict %s, %d commands and sinks were used", got, left())
	}
}

// policy replaces the policy's text.
func (w *world) policy(m *Manager, text string) {
	w.Helper()
	_, err := m.SetPolicy(context.Background(), SetPolicyRequest{Edit: func([]byte) ([]byte, error) { return []byte(text), nil }})
	w.must(err)
}

// With a list of tokens that can't be read, nobody may do anything, and doctor says
// the way out.
func TestBrokenTokens(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	w.line(m, "v1")
	before := w.git("--git-dir=.evoseal/.git", "rev-parse", "refs/evoseal/policy")
	blob := filepath.Join(t.TempDir(), "tokens")
	w.must(os.WriteFile(blob, []byte("[token \"x\"]\n\trole = king\n"), 0o644))
	id := w.git("--git-dir=.evoseal/.git", "hash-object", "-w", blob)
	tree := strings.Fields(w.git("--git-dir=.evoseal/.git", "ls-tree", "refs/evoseal/policy"))[2]
	list := filepath.Join(t.TempDir(), "tree")
	w.must(os.WriteFile(list, []byte("100644 blob "+tree+"\tpolicy\n100644 blob "+id+"\ttokens\n"), 0o644))
	made := w.git("--git-dir=.evoseal/.git", "commit-tree", "-m", "broken", w.gitFrom(list, "--git-dir=.evoseal/.git", "mktree"))
	w.git("--git-dir=.evoseal/.git", "update-ref", "refs/evoseal/policy", made)
	if _, err := m.Rollback(ctx, RollbackRequest{Version: "v1"}); !errors.Is(err, ErrTokens) {
		t.Errorf("rollback: %v", err)
	}
	d, err := m.Doctor(ctx)
	w.must(err)
	if len(d.Findings) != 1 || d.Findings[0].Code != "tokens" || d.Findings[0].Severity != Fatal {
		t.Errorf("doctor: %+v", d.Findings)
	}
	w.git("--git-dir=.evoseal/.git", "update-ref", "refs/evoseal/policy", before)
	_, err = m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
}

// gitFrom is git with a file as its standard input.
func (w *world) gitFrom(path string, args ...string) string {
	w.Helper()
	f, err := os.Open(path)
	w.must(err)
	defer f.Close()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = w.dir, f
	out, err := cmd.Output()
	w.must(err)
	return strings.TrimSpace(string(out))
}
