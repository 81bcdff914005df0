package manager

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// A server's repository has no work tree; its commits can be brought back all the
// same.
func TestBareRepository(t *testing.T) {
	w := newWorld(t)
	w.git("add", "-A")
	w.git("commit", "-qm", "all")
	head := w.git("rev-parse", "HEAD")
	bare := filepath.Join(resolvedTemp(t), "project.git")
	w.git("clone", "-q", "--bare", w.dir, bare)
	m, err := New(context.Background(), bare, Options{})
	w.must(err)
	defer m.Close()
	ctx := context.Background()
	c, err := m.CheckpointCommit(ctx, gitstore.RecordCommitRequest{Commit: head, Version: "v1"})
	w.must(err)
	r, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	if want := filepath.Join(bare, ".evoseal", "rollback_target"); r.Record.Target != want {
		t.Errorf("target %s, want %s", r.Record.Target, want)
	}
	if data, err := os.ReadFile(filepath.Join(r.Record.Target, "d", "b")); err != nil || string(data) != "two" || c.Files != 3 {
		t.Errorf("%q %v, %d files", data, err, c.Files)
	}
	again, err := m.CheckpointCommit(ctx, gitstore.RecordCommitRequest{Commit: head})
	w.must(err)
	if !again.Known || again.Version != "v1" {
		t.Errorf("%+v", again)
	}
	deployed := filepath.Join(resolvedTemp(t), "site")
	_, err = m.Rollback(ctx, RollbackRequest{Version: "v1", Target: deployed})
	w.must(err)
	if _, err := m.Status(ctx); err != nil {
		t.Error(err)
	}
	if _, err := m.Doctor(ctx); err != nil {
		t.Error(err)
	}
}
