package gitstore

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReuse(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("a", "one")
	s := w.store()
	first := w.record(s, RecordRequest{Version: "v1"})
	again := w.record(s, RecordRequest{Reuse: true})
	if !again.Known || again.Checkpoint != first.Checkpoint {
		t.Errorf("an unchanged project: %+v", again)
	}
	if named := w.record(s, RecordRequest{Reuse: true, Version: "v2"}); named.Known || !named.Unchanged || named.Version != "v2" {
		t.Errorf("a version that is asked for: %+v", named)
	}
	w.must(os.Chmod(filepath.Join(w.dir, "a"), 0o600))
	if r := w.record(s, RecordRequest{Reuse: true}); r.Known || r.Tree != first.Tree {
		t.Errorf("a changed mode: %+v", r)
	}
}
