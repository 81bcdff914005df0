package gitstore

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// packedWorld is a store with n checkpoints so far apart, all but the newest in
// packed-refs, and the index of them.
func packedWorld(t *testing.T, n int, apart time.Duration) (*world, *Store) {
	t.Helper()
	w := newWorld(t)
	w.git("init", "-q")
	now := time.Unix(1_700_000_000, 0)
	s := w.storeWith(Options{Now: func() time.Time { now = now.Add(apart); return now }})
	for i := range n {
		w.write("f", fmt.Sprint(i))
		if i == n-1 {
			if _, err := s.PackRefs(t.Context()); err != nil {
				t.Fatal(err)
			}
			// The stamp of packed-refs must be older than the index.
			time.Sleep(20 * time.Millisecond)
		}
		w.record(s, RecordRequest{Version: fmt.Sprintf("v%03d", i)})
	}
	if list, err := s.Checkpoints(t.Context()); err != nil || len(list) != n {
		t.Fatal(len(list), err)
	}
	if _, err := os.Stat(s.cachePath(checkpointIndexFile)); err != nil {
		t.Fatal(err)
	}
	return w, s
}

// newest are the newest n, all of them for a negative n.
func newest(t *testing.T, s *Store, n int) (list []Checkpoint, err error) {
	t.Helper()
	for c, err := range s.Newest(t.Context()) {
		if err != nil || len(list) == n {
			return list, err
		}
		list = append(list, c)
	}
	return list, nil
}

// However many are asked for, they are the newest, in order, across the records that
// are read at a time.
func TestNewestOfMany(t *testing.T) {
	const count = 2*fewRecords + 10
	_, s := packedWorld(t, count, time.Second)
	for _, n := range []int{0, 1, 2, fewRecords, fewRecords + 1, fewRecords + 2, count - 1, count, count + 5, -1} {
		list, err := newest(t, s, n)
		if err != nil {
			t.Fatal(err)
		}
		want := min(n, count)
		if n < 0 {
			want = count
		}
		if len(list) != want {
			t.Fatalf("%d asked for, %d given", n, len(list))
		}
		for i, c := range list {
			if c.Version != fmt.Sprintf("v%03d", count-1-i) {
				t.Fatalf("%d asked for: number %d is %s", n, i, c.Version)
			}
		}
	}
}

// Of one second's checkpoints each follows the last: which is newer is known without the
// rest of them.
func TestNewestWithinASecond(t *testing.T) {
	const count = 12
	_, s := packedWorld(t, count, 0)
	l, err := s.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if l.rest == nil || len(l.head) != 1 {
		t.Errorf("%d were read at once", len(l.head))
	}
	all, err := l.all(t.Context())
	if err != nil || len(all) != count {
		t.Fatal(len(all), err)
	}
	for i, c := range all {
		if want := fmt.Sprintf("v%03d", count-1-i); c.Version != want {
			t.Errorf("number %d is %s, not %s", i, c.Version, want)
		}
	}
}

// A tag that git removed leaves the others in their order, also within a second.
func TestNewestWithoutATag(t *testing.T) {
	const count = 12
	w, s := packedWorld(t, count, 0)
	for _, pack := range []bool{false, true} {
		w.git("--git-dir=.evoseal/.git", "tag", "-d", map[bool]string{false: "v009", true: "v005"}[pack])
		if pack {
			w.git("--git-dir=.evoseal/.git", "pack-refs", "--all")
		}
		all, err := s.Checkpoints(t.Context())
		w.must(err)
		for i := 1; i < len(all); i++ {
			if all[i-1].Version < all[i].Version {
				t.Errorf("%s comes before %s", all[i-1].Version, all[i].Version)
			}
		}
		if c, err := s.Resolve(t.Context(), Latest); err != nil || c.Version != "v011" || len(all) != map[bool]int{false: count - 1, true: count - 2}[pack] {
			t.Errorf("the newest of %d is %s, %v", len(all), c.Version, err)
		}
	}
	last, err := s.Resolve(t.Context(), "v011")
	w.must(err)
	if r := w.record(s, RecordRequest{Version: "next"}); r.Parent != last.Commit {
		t.Errorf("the next one follows %s", r.Parent)
	}
}

// A bit that fell over in the index, which is a cache, hides no checkpoint.
func TestDamagedCheckpointIndex(t *testing.T) {
	const count = 12
	_, s := packedWorld(t, count, time.Second)
	path := s.cachePath(checkpointIndexFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 37 {
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 0x10
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{-1, 3} {
			list, err := newest(t, s, n)
			if want := min(count, uint(n)); err != nil || uint(len(list)) != want {
				t.Fatalf("a bit of byte %d fell over: %d checkpoints, %v", at, len(list), err)
			}
			for i, c := range list {
				if want := fmt.Sprintf("v%03d", count-1-i); c.Version != want {
					t.Fatalf("a bit of byte %d fell over: number %d is %s, not %s", at, i, c.Version, want)
				}
			}
		}
	}
}
