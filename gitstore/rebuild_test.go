package gitstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// packFiles are the store's pack files.
func (w *world) packFiles(s *Store) []string {
	w.Helper()
	list, err := filepath.Glob(filepath.Join(s.Dir(), "objects/pack/pack-*.pack"))
	w.must(err)
	return list
}

// deltaWorld is a store with one pack of git's, with deltas.
func deltaWorld(t *testing.T) (*world, *Store) {
	w := newWorld(t)
	text := strings.Repeat("a line of text that is long enough\n", 400)
	s := w.store()
	for i := range 5 {
		w.write("long", strings.Replace(text, "a line", fmt.Sprint("the line ", i), i+1), fmt.Sprint("f", i), fmt.Sprint(i))
		w.record(s, RecordRequest{Version: fmt.Sprint("v", i)})
	}
	w.git("--git-dir=.evoseal/.git", "-c", "repack.writeBitmaps=false", "repack", "-adfq", "--depth=50", "--window=50")
	w.must(s.db.Refresh())
	return w, s
}

func (w *world) rebuild(s *Store, req RebuildRequest) []Mend {
	w.Helper()
	r, err := s.Rebuild(context.Background(), req)
	w.must(err)
	return r.Mends
}

func TestRebuiltIndexIsGits(t *testing.T) {
	w, s := deltaWorld(t)
	pack := w.packFiles(s)[0]
	idx := strings.TrimSuffix(pack, ".pack") + ".idx"
	want, err := os.ReadFile(idx)
	w.must(err)
	for _, harm := range []func() error{
		func() error { return os.Remove(idx) },
		func() error { return os.WriteFile(w.replace(idx), want[:900], 0o444) },
		func() error {
			return os.WriteFile(w.replace(idx), append(bytes.Clone(want[:1200]), want[1190:]...), 0o444)
		},
		func() error { return os.WriteFile(w.replace(idx), nil, 0o444) },
	} {
		w.must(harm())
		s := w.store()
		if m := w.rebuild(s, RebuildRequest{Objects: true, DryRun: true}); len(m) != 1 || m[0].Kind != "index" || m[0].State != Mendable {
			t.Errorf("dry run: %+v", m)
		}
		if m := w.rebuild(s, RebuildRequest{Objects: true}); len(m) != 1 || m[0].State != Mended {
			t.Errorf("mended: %+v", m)
		}
		got, err := os.ReadFile(idx)
		w.must(err)
		if !bytes.Equal(got, want) {
			t.Errorf("the index is not what git made: %d bytes, %d", len(got), len(want))
		}
		w.fsck()
		all, err := s.Checkpoints(context.Background())
		w.must(err)
		if r, err := s.Verify(context.Background(), all, nil); err != nil || len(r.Intact) != 5 {
			t.Errorf("%+v %v", r, err)
		}
	}
}

// A pack without an index of which nothing is needed is no damage, as git's own
// repacking or ours leaves one when it is killed at the wrong moment.
func TestUnneededHalvesAreNoDamage(t *testing.T) {
	w, s := deltaWorld(t)
	pack := w.packFiles(s)[0]
	body, err := os.ReadFile(pack)
	w.must(err)
	w.git("--git-dir=.evoseal/.git", "repack", "-adfq", "--depth=3", "--window=3")
	w.must(os.WriteFile(pack, body, 0o444))
	if again := w.packFiles(s); len(again) != 2 {
		t.Fatalf("git left %v", again)
	}
	s = w.store()
	for _, dry := range []bool{true, false} {
		m := w.rebuild(s, RebuildRequest{Objects: true, DryRun: dry})
		if len(m) != 1 || m[0].Kind != "leftover" || !m[0].Trivial || m[0].State == MendFailed {
			t.Errorf("dry %v: %+v", dry, m)
		}
	}
	if m := w.rebuild(s, RebuildRequest{Objects: true}); len(m) != 0 || len(w.packFiles(s)) != 1 {
		t.Errorf("left: %+v", m)
	}
	w.fsck()
}

// A tag that is gone leads to a pack whose index is gone: the pack is needed, though no
// ref says so, and comes first.
func TestTagAndItsIndexAreMendedAtOnce(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	w.write("f", "1")
	w.record(s, RecordRequest{Version: "v1"})
	before := w.packFiles(s)
	w.write("f", "2")
	w.record(s, RecordRequest{Version: "v2"})
	after := w.packFiles(s)
	w.write("f", "3")
	w.record(s, RecordRequest{Version: "v3", Parent: "v1"})
	for _, pack := range after {
		if !slices.Contains(before, pack) {
			w.must(os.Remove(strings.TrimSuffix(pack, ".pack") + ".idx"))
		}
	}
	w.must(os.Remove(filepath.Join(s.Dir(), "refs/tags/v2")))
	for _, dry := range []bool{true, false} {
		want := Mended
		if dry {
			want = Mendable
		}
		m := w.rebuild(w.store(), RebuildRequest{Objects: true, DryRun: dry})
		if len(m) != 2 || m[0].Kind != "index" || m[0].State != want || m[1].What != "refs/tags/v2" || m[1].State != want {
			t.Errorf("dry %v: %+v", dry, m)
		}
	}
	w.fsck()
}

// A pack that has lost both its index and some of its bytes still yields all objects
// that don't depend on these.
func TestSalvageWithoutAnIndex(t *testing.T) {
	w, s := deltaWorld(t)
	total := len(strings.Fields(w.git("--git-dir=.evoseal/.git", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")))
	lost := mustID(t, w.git("--git-dir=.evoseal/.git", "rev-parse", "v4:f3"))
	at := s.db.Locate(lost).Offset
	pack := w.packFiles(s)[0]
	data, err := os.ReadFile(pack)
	w.must(err)
	data[at+4] ^= 0xff
	w.must(os.WriteFile(w.replace(pack), data, 0o444))
	w.must(os.Remove(strings.TrimSuffix(pack, ".pack") + ".idx"))
	sal, err := w.store().db.Salvage(strings.TrimSuffix(filepath.Base(pack), ".pack"))
	w.must(err)
	defer sal.Close()
	if len(sal.Readable) != total-1 || sal.Unnamed != 1 {
		t.Errorf("%d of %d objects, and %d unnamed", len(sal.Readable), total, sal.Unnamed)
	}
}

// A repair that can't put anything aside changes nothing, and says so; the next one
// goes on.
func TestRepairThatIsHinderedLosesNothing(t *testing.T) {
	w, s := deltaWorld(t)
	pack := w.packFiles(s)[0]
	data, err := os.ReadFile(pack)
	w.must(err)
	data[s.db.Locate(mustID(t, w.git("--git-dir=.evoseal/.git", "rev-parse", "v4:f4"))).Offset+4] ^= 0xff
	w.must(os.WriteFile(w.replace(pack), data, 0o444))
	hindrance := filepath.Join(s.Dir(), damagedDir)
	w.must(os.WriteFile(hindrance, nil, 0o644))
	s = w.store()
	failed := 0
	for _, m := range w.rebuild(s, RebuildRequest{Objects: true}) {
		if m.State == MendFailed {
			failed++
		}
	}
	if now, err := os.ReadFile(pack); err != nil || failed == 0 || !bytes.Equal(now, data) {
		t.Errorf("%d failed, the pack: %v", failed, err)
	}
	w.must(os.Remove(hindrance))
	s = w.store()
	for _, m := range w.rebuild(s, RebuildRequest{Objects: true}) {
		if m.State != Mended {
			t.Errorf("%+v", m)
		}
	}
	w.fsck()
	all, err := s.Checkpoints(context.Background())
	w.must(err)
	if r, err := s.VerifyStore(context.Background(), VerifyRequest{Checkpoints: all, Refs: true}); err != nil || len(r.Intact) != 5 || len(r.Damage) > 0 {
		t.Errorf("%+v %v", r, err)
	}
	if files, _ := s.SetAside(); files == 0 {
		t.Error("nothing was put aside")
	}
}

// Only a lock that is older than the machine's last start is certainly a dead
// process's.
func TestRepairLeavesLocksThatMayLive(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	w.record(s, RecordRequest{Version: "v1"})
	booted, ok := bootTime()
	if !ok || !localDisk(s.Dir()) {
		t.Skip("nothing tells here whose a lock is")
	}
	old, young := filepath.Join(s.Dir(), "packed-refs.lock"), filepath.Join(s.Dir(), "refs/tags/v9.lock")
	for path, when := range map[string]time.Time{old: booted.Add(-time.Hour), young: booted.Add(time.Hour)} {
		w.must(os.WriteFile(path, nil, 0o644))
		w.must(os.Chtimes(path, when, when))
	}
	w.rebuild(s, RebuildRequest{})
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the dead one's lock: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the other: %v", err)
	}
}

// A tag that names another checkpoint must bring back neither.
func TestExchangedTagsAreDamage(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	var tags []string
	for _, v := range []string{"v1", "v2"} {
		w.write("f", v)
		w.record(s, RecordRequest{Version: v})
		tags = append(tags, filepath.Join(s.Dir(), "refs/tags", v))
	}
	w.must(os.Rename(tags[0], tags[0]+"x"))
	w.must(os.Rename(tags[1], tags[0]))
	w.must(os.Rename(tags[0]+"x", tags[1]))
	if c, err := s.Resolve(context.Background(), "v1"); err == nil {
		t.Errorf("v1 is %+v", c)
	}
	for _, m := range w.rebuild(s, RebuildRequest{}) {
		if m.State != Mended {
			t.Errorf("%+v", m)
		}
	}
	for i, v := range []string{"v1", "v2"} {
		if _, err := s.Resolve(context.Background(), v); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	w.fsck()
}
