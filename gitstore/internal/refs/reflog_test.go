package refs

import (
	"context"
	"errors"
	"os"
	"testing"
)

// TestFailedChangesLeaveNoLog: a change that fails after it was logged is taken back
// there as well. A log that knows of a ref that isn't there would tell of a loss.
func TestFailedChangesLeaveNoLog(t *testing.T) {
	r := newRepository(t)
	db := r.open()
	const name = "refs/tags/v1"
	full := errors.New("the disk is full")
	ids := r.ids
	commit := func(id ID, last error) error {
		held, err := db.Lock(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		return held.CommitAfter(id, "reason", func() error { return last })
	}
	if err := commit(ids[0], full); !errors.Is(err, full) {
		t.Fatal(err)
	}
	if lost, err := db.Lost("refs/"); err != nil || len(lost) > 0 || db.HasLog(name) {
		t.Errorf("a ref that never was counts as lost: %v %v", lost, err)
	}
	if err := commit(ids[0], nil); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(db.logPath(name))
	if err != nil {
		t.Fatal(err)
	}
	if err := commit(ids[1], full); !errors.Is(err, full) {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(db.logPath(name)); err != nil || string(after) != string(before) {
		t.Errorf("the log is %q, %v", after, err)
	}
	if err := errors.Join(os.Remove(db.path(name)), os.WriteFile(db.logPath(name), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if lost, err := db.Lost("refs/"); err != nil || len(lost) > 0 {
		t.Errorf("an empty log tells of %v, %v", lost, err)
	}
}
