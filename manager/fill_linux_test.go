package manager

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// immutable is the flag of chattr(1) that keeps even root from removing a file.
const immutable = 0x10

// setFlags sets a file's flags as chattr does; the test is skipped where that can't be done.
func (w *world) setFlags(path string, flags int) {
	w.Helper()
	f, err := os.Open(path)
	w.must(err)
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags); err != nil {
		w.Skipf("files can't be made immutable here: %v", err)
	}
}

// TestTreeThatCanNotBeRemoved has a file in the tree before the target's that nobody may
// remove, as those that another user made.
func TestTreeThatCanNotBeRemoved(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	var said bytes.Buffer
	m := w.manager(Options{Logger: hclog.New(&hclog.LoggerOptions{Output: &said, Level: hclog.Warn})})
	w.checkpoint(m, "v1")
	w.write("a", "2")
	w.checkpoint(m, "v2")
	w.write("a", "3")
	w.checkpoint(m, "v3")
	for _, version := range []string{"v1", "v2"} {
		_, err := m.Rollback(ctx, RollbackRequest{Version: version})
		w.must(err)
	}
	w.setFlags(filepath.Join(w.dir, ".evoseal/rollback_target.previous/a"), immutable)
	t.Cleanup(func() {
		stuck, _ := filepath.Glob(filepath.Join(w.dir, ".evoseal/.rollback_target*/a"))
		for _, path := range stuck {
			w.setFlags(path, 0)
		}
	})
	texts := map[string]string{"v1": "one", "v2": "2", "v3": "3"}
	for i, version := range []string{"v3", "v1", "v2", "v3"} {
		said.Reset()
		r, err := m.Rollback(ctx, RollbackRequest{Version: version})
		w.must(err)
		if got := w.target("a"); got != texts[version] || !r.Record.Verified {
			t.Errorf("rollback %d: a is %q: %+v", i, got, r.Record)
		}
		want := "can't be removed"
		if i == 0 {
			want = "can't be brought up to date"
		}
		if !strings.Contains(said.String(), want) {
			t.Errorf("rollback %d said %q", i, &said)
		}
	}
	if _, err := m.Undo(ctx, UndoRequest{}); err != nil || w.target("a") != "2" {
		t.Errorf("undo: %v; a is %q", err, w.target("a"))
	}
	w.wantFinding(m, "leftovers", Warning)
}

// TestPreviousThatCanNotBeMoved has a tree before the target's that can't even be
// renamed: doctor tells it, and goes on.
func TestPreviousThatCanNotBeMoved(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	m := w.manager(Options{})
	for _, version := range []string{"v1", "v2", "v3"} {
		w.write("a", version)
		w.checkpoint(m, version)
	}
	previous := filepath.Join(w.dir, ".evoseal/rollback_target.previous")
	for _, version := range []string{"v1", "v2", "v3"} {
		if version == "v3" {
			w.setFlags(previous, immutable)
			t.Cleanup(func() { w.setFlags(previous, 0) })
		}
		_, err := m.Rollback(ctx, RollbackRequest{Version: version})
		w.must(err)
	}
	if got := w.target("a"); got != "v3" {
		t.Errorf("a is %q", got)
	}
	w.wantFinding(m, "target", Fatal)
	w.setFlags(previous, 0)
	r, err := m.Rollback(ctx, RollbackRequest{Version: "v1"})
	w.must(err)
	if got := w.target("a"); got != "v1" || !r.HasPrevious {
		t.Errorf("a is %q: %+v", got, r)
	}
}

func (w *world) wantFinding(m *Manager, code string, severity Severity) {
	w.Helper()
	d, err := m.Doctor(context.Background())
	w.must(err)
	if !slices.ContainsFunc(d.Findings, func(f Ailment) bool { return f.Code == code && f.Severity == severity }) {
		w.Errorf("doctor finds %+v", d.Findings)
	}
}
