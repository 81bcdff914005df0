package gitstore

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestOldLogsTellOfLostRefs: however old, and whoever collects garbage, a log goes on
// telling that its ref is lost, and what it was.
func TestOldLogsTellOfLostRefs(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	w.record(s, RecordRequest{Version: "v1"})
	w.write("f", "y")
	w.record(s, RecordRequest{Version: "v2"})
	logs, err := s.refs.Logged("refs/")
	w.must(err)
	stamp := regexp.MustCompile(`> \d+ \+`)
	for _, name := range logs {
		path := filepath.Join(s.dir, "logs", name)
		data, err := os.ReadFile(path)
		w.must(err)
		w.must(os.WriteFile(path, stamp.ReplaceAll(data, []byte("> 1600000000 +")), 0o644))
	}
	if out := w.storeGit("gc", "-q"); out != "" {
		t.Errorf("git gc complains: %s", out)
	}
	w.gc(s, GCRequest{})
	w.storeGit("pack-refs", "--all")
	packed := filepath.Join(s.dir, "packed-refs")
	data, err := os.ReadFile(packed)
	w.must(err)
	w.must(os.WriteFile(packed, regexp.MustCompile(`.*refs/tags/v1\n\^.*\n`).ReplaceAll(data, nil), 0o644))
	lost, err := w.store().refs.Lost("refs/")
	if err != nil || len(lost) != 1 || lost[0].Name != "refs/tags/v1" {
		t.Errorf("lost: %v %v", lost, err)
	}
}
