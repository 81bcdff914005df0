package gitstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestForceAtOnce has several take the same name by force: each gets it, and all that
// lost it can be reached.
func TestForceAtOnce(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	const writers, each = 4, 8
	commits := make([]ID, writers*each)
	var wg sync.WaitGroup
	for i := range writers {
		s := w.storeWith(Options{LockTimeout: time.Minute})
		wg.Go(func() {
			for j := range each {
				r, err := s.Record(context.Background(), RecordRequest{Version: "hot", Force: true, Message: fmt.Sprint(i, " ", j)})
				if err != nil {
					t.Error(err)
				}
				commits[i*each+j] = r.Commit
			}
		})
	}
	wg.Wait()
	s := w.store()
	for _, id := range commits {
		if c, err := s.Resolve(context.Background(), id.String()); err != nil || c.Commit != id {
			t.Errorf("%s can't be reached: %v", id, err)
		}
	}
	w.fsck()
}

// TestWhatIsBeingChangedIsNoDamage looks for damage while somebody who holds refs is
// in the middle of changing them.
func TestWhatIsBeingChangedIsNoDamage(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.storeWith(Options{LockTimeout: time.Minute})
	ctx := context.Background()
	w.record(s, RecordRequest{Version: "v1"})
	var rest []func()
	for _, name := range []string{tagPrefix + "v1", metaBook.ref()} {
		held, err := s.refs.LockAny(ctx, name)
		w.must(err)
		path := filepath.Join(s.Dir(), name)
		data, err := os.ReadFile(path)
		w.must(err)
		w.must(os.Remove(path))
		rest = append(rest, func() {
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Error(err)
			}
			held.Release()
		})
	}
	other := w.storeWith(Options{LockTimeout: time.Minute})
	if seen, err := other.lostRefs(); err != nil || len(seen) != 2 {
		t.Fatalf("%v, %v: the test proves nothing", seen, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if repairs, err := other.repairRefs(ctx, true); err != nil || len(repairs) > 0 {
			t.Errorf("%+v %v", repairs, err)
		}
	})
	wg.Go(func() {
		for _, d := range other.Damaged(ctx) {
			t.Error(d.Err)
		}
	})
	time.Sleep(100 * time.Millisecond)
	for _, f := range rest {
		f()
	}
	wg.Wait()
}

// TestDiffOfWhatVanishes has files go between the look at the project and the look
// into them.
func TestDiffOfWhatVanishes(t *testing.T) {
	w := newWorld(t)
	w.write("f", "one\n", "dir/g", "one\n")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	w.write("f", "two\n", "dir/g", "two\n")
	d, err := s.Diff(context.Background(), DiffRequest{Old: r.Checkpoint})
	w.must(err)
	w.must(os.Remove(filepath.Join(w.dir, "f")))
	w.must(os.RemoveAll(filepath.Join(w.dir, "dir")))
	w.must(os.WriteFile(filepath.Join(w.dir, "dir"), nil, 0o644))
	for _, c := range d.Changes {
		if st, err := d.Stat(c); err != nil || st.Added != 0 || st.Deleted != 1 {
			t.Errorf("%s: %+v %v", c.Path, st, err)
		}
	}
	if len(d.Changes) != 2 {
		t.Errorf("%+v", d.Changes)
	}
}
