package gitstore

import (
	"os"
	"testing"
	"time"
)

// TestWhatIsWrittenOnceMoreIsAwaited: git may have collected what a ref names, while its
// writer was held up; who comes next waits until that has written it again.
func TestWhatIsWrittenOnceMoreIsAwaited(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	c := w.record(s, RecordRequest{Version: "v1"})
	w.must(s.AppendNote(t.Context(), History, c.Commit, []byte("one"), "test"))
	for _, ref := range []string{History.ref(), policyRef} {
		id := w.storeGit("rev-parse", ref)
		path := s.dir + "/objects/" + id[:2] + "/" + id[2:40]
		w.must(os.Rename(path, path+".away"))
		time.AfterFunc(100*time.Millisecond, func() { os.Rename(path+".away", path) })
		if ref == policyRef {
			_, err := w.store().ChangePolicy(t.Context(), PolicyChange{Summary: "test", Change: func(*Policy) (map[string][]byte, error) {
				return map[string][]byte{TokenFile: []byte("# none\n")}, nil
			}})
			w.must(err)
		} else {
			w.must(w.store().AppendNote(t.Context(), History, c.Commit, []byte("two"), "test"))
		}
	}
	if lines := w.lines(s, History); len(lines) != 2 {
		t.Errorf("%q", lines)
	}
}
