package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/safety"
	"golang.org/x/sys/unix"
)

// TestErrorsBecomeExitCodes is the table that exit.go promises, wrapped errors
// included.
func TestErrorsBecomeExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		kind string
	}{
		{errors.New("boom"), 1, "failed"},
		{gitstore.ErrNoStore, 10, "no_store"},
		{&gitstore.NotFoundError{Rev: "v1"}, 10, "not_found"},
		{gitstore.ErrNoPath, 10, "no_path"},
		{&gitstore.BusyError{}, 11, "busy"},
		{&safety.UnsafeError{Op: "target", Path: "/", Rule: safety.RuleSystem}, 13, "unsafe"},
		{safety.ErrChanged, 13, "changed"},
		{gitstore.ErrCorrupt, 14, "corrupt"},
		{gitstore.ErrMissingObject, 14, "corrupt"},
		{&manager.BlockedError{}, 15, "limit"},
		{&os.PathError{Op: "write", Path: "x", Err: unix.ENOSPC}, 15, "space"},
		{&gitstore.PartialError{}, 16, "partial"},
		{&usageError{msg: "x"}, 129, "usage"},
		{&gitstore.NameError{Name: "x"}, 129, "bad_name"},
		{gitstore.ErrBadPath, 129, "bad_path"},
		{context.Canceled, 130, "cancelled"},
		{&gitstore.ExistsError{Version: "v"}, 1, "exists"},
		{gitstore.ErrBranchExists, 1, "branch_exists"},
		{gitstore.ErrNoRepository, 1, "no_repository"},
		{safety.ErrNoPrevious, 1, "no_previous"},
		{manager.ErrNotVerified, 1, "not_verified"},
		{&os.PathError{Op: "open", Path: "x", Err: unix.EACCES}, 1, "permission"},
	} {
		p, _, _ := testProcess(nil)
		c := &call{process: p}
		for _, err := range []error{test.err, fmt.Errorf("while testing: %w", test.err), errors.Join(test.err, errors.New("and more"))} {
			v := c.judge(err)
			if v.code != test.code || v.kind != test.kind || v.hint == "" {
				t.Errorf("%v: %d %s %q, want %d %s and a hint", err, v.code, v.kind, v.hint, test.code, test.kind)
			}
		}
	}
	documented := map[int]bool{}
	for _, e := range exitCodes() {
		documented[e.code] = true
	}
	for _, code := range []int{0, 1, 10, 11, 12, 13, 14, 15, 16, 129, 130} {
		if !documented[code] {
			t.Errorf("exit code %d is not documented", code)
		}
	}
}

// TestCancelledCommand runs a command whose context is over.
func TestCancelledCommand(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("a", []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, _, stderr := testProcess(nil)
	if code := execute(ctx, p, []string{"checkpoint", "v1"}); code != exitCancelled {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if !strings.HasPrefix(stderr.String(), "error: cancelled\nhint: ") {
		t.Errorf("stderr: %q", stderr)
	}
	p, stdout, _ := testProcess(nil)
	if code := execute(t.Context(), p, []string{"list"}); code != 0 || stdout.Len() > 0 {
		t.Errorf("after it: %d %q", code, stdout)
	}
}

// TestFullDisk makes writing the result fail: nobody must take that for success.
func TestFullDisk(t *testing.T) {
	p, _, stderr := testProcess(nil)
	p.stdout = failingWriter{}
	if code := execute(t.Context(), p, []string{"version"}); code != exitLimit {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, unix.ENOSPC }

func TestJSONKeepsItsForm(t *testing.T) {
	data, err := encodeJSON(newRecordJSON(manager.Record{Schema: 1, Version: "v1"}))
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields("schema id time action version from_version actor role reason outcome error target target_requested safety_validated verified trigger verdict chain files bytes duration_ms") {
		if _, ok := object[key]; !ok {
			t.Errorf("a record has no %s", key)
		}
	}
}
