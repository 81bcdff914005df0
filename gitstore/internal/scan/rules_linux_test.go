package scan

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/ignore"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"golang.org/x/sys/unix"
)

// hashing is a lane that keeps nothing.
type hashing struct{}

func (hashing) Add(typ odb.Type, data []byte) (odb.ID, bool, error) {
	id, err := odb.Hash(typ, data)
	return id, true, err
}

func (h hashing) AddStream(typ odb.Type, _ int64, r io.Reader) (odb.ID, bool, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return odb.ID{}, false, err
	}
	return h.Add(typ, data)
}

// TestRulesThatCannotBeRead: for a moment there is no descriptor left, just when the
// rules are to be read. What they leave out must not be taken for what is to be
// recorded.
func TestRulesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{".gitignore": "secret\n", "secret": "s", "a": "a", ".git": "gitdir: x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	top, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer top.Close()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	scope := &Scope{Rules: &ignore.Matcher{}}
	tree, err := Walk(context.Background(), Options{
		Top: top, Scope: scope, Workers: 1, NewLane: func() Lane { return hashing{} },
		Never:  func(uint64, uint64) bool { return false },
		Stored: func(odb.ID) bool { return true },
		// Asked just before the rules are read.
		Nested: func(string) *Scope {
			unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: old.Max})
			return scope
		},
		// Asked afterwards.
		CheckName: func(string) error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &old) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Failed) != 1 || tree.Failed[0].Path != ".gitignore" || !errors.Is(tree.Failed[0].Err, unix.EMFILE) {
		t.Errorf("failed: %+v", tree.Failed)
	}
}
