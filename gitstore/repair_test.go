package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// repairWorld is a store with three records and three policies.
func repairWorld(t *testing.T) (*world, *Store, Recorded) {
	w := newWorld(t)
	ctx := context.Background()
	w.write("f", "x")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	for i := range 3 {
		w.must(s.AppendNote(ctx, History, v1.Commit, fmt.Append(nil, i), "test"))
		_, err := s.ChangePolicy(ctx, PolicyChange{Summary: "test", Change: func(*Policy) (map[string][]byte, error) {
			return map[string][]byte{PolicyFile: fmt.Appendf(nil, "# %d\n", i)}, nil
		}})
		w.must(err)
	}
	return w, s, v1
}

func (w *world) loose(s *Store, rev string) string {
	w.Helper()
	id := w.git("--git-dir=.evoseal/.git", "rev-parse", rev)
	return filepath.Join(s.Dir(), "objects", id[:2], id[2:])
}

func TestRepairRefs(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		harm func(w *world, s *Store, v1 Recorded)
		// history is what is left of three lines, policy of the versions 0 to 2.
		history string
		policy  string
		kept    bool
	}{
		"sound":     {func(*world, *Store, Recorded) {}, "012", "2", false},
		"empty ref": {func(w *world, s *Store, _ Recorded) { w.must(os.Truncate(filepath.Join(s.Dir(), History.ref()), 0)) }, "012", "2", false},
		"garbage ref": {func(w *world, s *Store, _ Recorded) {
			w.must(os.WriteFile(filepath.Join(s.Dir(), policyRef), []byte("zz\n"), 0o644))
		}, "012", "2", false},
		"ref is gone": {func(w *world, s *Store, _ Recorded) { w.must(os.Remove(filepath.Join(s.Dir(), policyRef))) }, "012", "2", false},
		"no object": {func(w *world, s *Store, _ Recorded) {
			w.must(os.WriteFile(filepath.Join(s.Dir(), policyRef), fmt.Appendf(nil, "%040x\n", 77), 0o644))
		}, "012", "2", false},
		"lost commit": {func(w *world, s *Store, _ Recorded) { w.must(os.Remove(w.loose(s, History.ref()))) }, "01", "2", false},
		"empty commit": {func(w *world, s *Store, _ Recorded) {
			w.must(os.WriteFile(w.replace(w.loose(s, policyRef)), nil, 0o444))
		}, "012", "1", false},
		"lost tree": {func(w *world, s *Store, _ Recorded) { w.must(os.Remove(w.loose(s, History.ref()+"^{tree}"))) }, "01", "2", true},
		"lost note": {func(w *world, s *Store, v Recorded) {
			w.must(os.Remove(w.loose(s, History.ref()+":"+v.Commit.String())))
		}, "01", "2", true},
		"lost file": {func(w *world, s *Store, _ Recorded) { w.must(os.Remove(w.loose(s, policyRef+":policy"))) }, "012", "1", true},
		"two lost": {func(w *world, s *Store, _ Recorded) {
			a, b := w.loose(s, policyRef), w.loose(s, policyRef+"~1")
			w.must(errors.Join(os.Remove(a), os.Remove(b)))
		}, "012", "0", false},
		"tag, not note": {func(w *world, s *Store, v Recorded) {
			w.must(os.WriteFile(filepath.Join(s.Dir(), History.ref()), []byte(v.Tree.String()+"\n"), 0o644))
		}, "012", "2", false},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, v1 := repairWorld(t)
			s := w.store()
			c.harm(w, s, v1)
			harmed := name != "sound"
			errs := errors.Join(s.CheckNotes(History, v1.Commit), policyError(s))
			if name == "ref is gone" {
				errs = nil
			} else if harmed != errors.Is(errs, ErrCorrupt) {
				t.Errorf("before: %v", errs)
			}
			done, err := s.RepairRefs(ctx)
			w.must(err)
			if (len(done) == 1) != harmed {
				t.Fatalf("repaired %+v", done)
			}
			if harmed && (done[0].Why == nil || done[0].To.IsZero() || (done[0].Kept != "") != c.kept) {
				t.Errorf("repaired %+v", done[0])
			}
			if got, err := s.ReadNote(History, v1.Commit); err != nil || strings.ReplaceAll(string(got), "\n", "") != c.history {
				t.Errorf("history is %q: %v", got, err)
			}
			if p, err := s.Policy(); err != nil || string(p.File(PolicyFile)) != "# "+c.policy+"\n" {
				t.Errorf("policy is %q: %v", p.File(PolicyFile), err)
			}
			w.must(errors.Join(s.CheckNotes(History, v1.Commit), s.AppendNote(ctx, History, v1.Commit, []byte("after"), "test")))
			if harmed {
				log, err := os.ReadFile(filepath.Join(s.Dir(), "logs", done[0].Name))
				if err != nil || !strings.Contains(string(log), "\trepair: ") {
					t.Errorf("reflog: %q %v", log, err)
				}
				if lost := c.history+c.policy != "0122"; done[0].Lost != lost {
					t.Errorf("lost %v, want %v", done[0].Lost, lost)
				}
			}
			if done, err := s.RepairRefs(ctx); err != nil || len(done) != 0 {
				t.Errorf("again: %+v %v", done, err)
			}
		})
	}
}

func policyError(s *Store) error {
	_, err := s.Policy()
	return err
}

// replace makes way for another content of a file that is read-only.
func (w *world) replace(path string) string {
	w.Helper()
	w.must(os.Remove(path))
	return path
}

func TestRepairWithoutAnEarlierValue(t *testing.T) {
	w, _, v1 := repairWorld(t)
	s := w.store()
	path := filepath.Join(s.Dir(), History.ref())
	w.must(os.RemoveAll(filepath.Join(s.Dir(), "logs")))
	w.must(os.WriteFile(path, []byte("torn"), 0o644))
	done, err := s.RepairRefs(context.Background())
	if err != nil || len(done) != 1 || !done[0].Lost || !done[0].To.IsZero() || done[0].From != `"torn"` {
		t.Errorf("repaired %+v %v", done, err)
	}
	if data, _ := os.ReadFile(path); string(data) != "torn" {
		t.Errorf("what can't be repaired became %q", data)
	}
	if err := s.CheckNotes(History, v1.Commit); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

func TestRepairGoesOnlyByDamage(t *testing.T) {
	w, s, _ := repairWorld(t)
	before := w.git("--git-dir=.evoseal/.git", "for-each-ref")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if done, err := s.RepairRefs(ctx); len(done) != 0 || err == nil {
		t.Errorf("called off: %+v %v", done, err)
	}
	if after := w.git("--git-dir=.evoseal/.git", "for-each-ref"); after != before {
		t.Errorf("refs were\n%s\nand are\n%s", before, after)
	}
}

func TestReadersOfRefsTellDamage(t *testing.T) {
	ctx := context.Background()
	for name, harm := range map[string]func(w *world, s *Store){
		"commits": func(w *world, s *Store) {
			w.must(errors.Join(os.Remove(w.loose(s, policyRef)), os.Remove(w.loose(s, History.ref()))))
		},
		"refs": func(w *world, s *Store) {
			w.must(errors.Join(os.WriteFile(filepath.Join(s.Dir(), policyRef), []byte("?"), 0o644),
				os.WriteFile(filepath.Join(s.Dir(), History.ref()), []byte("?"), 0o644)))
		},
		"packed refs": func(w *world, s *Store) {
			w.git("--git-dir=.evoseal/.git", "pack-refs", "--all")
			w.must(os.WriteFile(filepath.Join(s.Dir(), "packed-refs"), []byte("torn"), 0o644))
		},
	} {
		w, _, v1 := repairWorld(t)
		s := w.store()
		harm(w, s)
		for what, err := range map[string]error{
			"CheckNotes": s.CheckNotes(History, v1.Commit), "Policy": policyError(s),
			"AppendNote": s.AppendNote(ctx, History, v1.Commit, []byte("x"), "x"),
			"ReadNote":   second(s.ReadNote(History, v1.Commit)),
			"PolicyLog":  second(s.PolicyLog(ctx)), "NoteLines": second(s.NoteLines(ctx, History)), "VerifyChain": second(s.VerifyChain(ctx, History, ID{})),
			"ArchiveNotes": func() error { _, err := s.ArchiveNotes(ctx, History, "x"); return err }(),
			"ChangePolicy": second(s.ChangePolicy(ctx, PolicyChange{Summary: "x", Change: func(*Policy) (map[string][]byte, error) { return nil, nil }})),
		} {
			if what == "ArchiveNotes" && name == "commits" {
				// It puts the damaged chain away as it is.
				continue
			}
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s harmed, %s says %v", name, what, err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestRefThatNeverWas: the log of a ref is made before the ref, and a process that is
// killed in between leaves an empty one. That is no ref that was lost.
func TestRefThatNeverWas(t *testing.T) {
	w, s, _ := repairWorld(t)
	log := filepath.Join(s.Dir(), "logs", archivePrefix+"history-1")
	w.must(os.MkdirAll(filepath.Dir(log), 0o755))
	w.must(os.WriteFile(log, nil, 0o644))
	done, err := s.RepairRefs(context.Background())
	w.must(err)
	if len(done) != 0 {
		t.Errorf("%+v", done)
	}
}

// A line of packed-refs that a repair has outranked is told of by nobody any more,
// and goes.
func TestRepairOutranksADamagedLine(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	for _, v := range []string{"v1", "v2"} {
		w.write("f", v)
		w.record(s, RecordRequest{Version: v})
	}
	w.git("--git-dir=.evoseal/.git", "pack-refs", "--all")
	tag := w.git("--git-dir=.evoseal/.git", "rev-parse", "refs/tags/v1")
	path := filepath.Join(s.Dir(), "packed-refs")
	data, err := os.ReadFile(path)
	w.must(err)
	wrong := strings.Repeat("9", 40)
	w.must(os.WriteFile(path, bytes.Replace(data, []byte(tag+" refs/tags/v1\n"), []byte(wrong+" refs/tags/v1\n"), 1), 0o644))

	// Outranked without a repair, it hits nobody either.
	said := new(bytes.Buffer)
	s = w.storeWith(Options{Logger: hclog.New(&hclog.LoggerOptions{Output: said, Level: hclog.Warn})})
	w.must(os.WriteFile(filepath.Join(s.Dir(), "refs/tags/v1"), []byte(tag+"\n"), 0o644))
	for range 2 {
		if all, err := s.Checkpoints(context.Background()); err != nil || len(all) != 2 || said.Len() > 0 {
			t.Errorf("%d checkpoints, %v: %s", len(all), err, said)
		}
	}
	w.must(os.Remove(filepath.Join(s.Dir(), "refs/tags/v1")))
	w.must(os.Chtimes(path, time.Time{}, time.Now()))
	if all, err := s.Checkpoints(context.Background()); err != nil || len(all) != 1 || said.Len() == 0 {
		t.Errorf("of a damaged line that counts nobody tells: %d checkpoints, %v", len(all), err)
	}

	if m := w.rebuild(s, RebuildRequest{Objects: true}); len(m) != 1 || m[0].What != "refs/tags/v1" || m[0].State != Mended {
		t.Errorf("%+v", m)
	}
	said.Reset()
	if all, err := s.Checkpoints(context.Background()); err != nil || len(all) != 2 || said.Len() > 0 {
		t.Errorf("repaired: %d checkpoints, %v: %s", len(all), err, said)
	}
	if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte(wrong)) || !bytes.Contains(data, []byte("refs/tags/v2")) {
		t.Errorf("%v: packed-refs has\n%s", err, data)
	}
	w.fsck()
}

// What --force replaced keeps its tag: a commit in its place would leave logs that
// name what isn't there.
func TestRepairMakesAReplacedTagAnew(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	w.write("f", "old")
	old := w.record(s, RecordRequest{Version: "v"})
	w.write("f", "new")
	w.record(s, RecordRequest{Version: "v", Force: true})
	ref := replacedRef + old.Commit.String()
	tag := w.git("--git-dir=.evoseal/.git", "rev-parse", ref)
	for _, pack := range w.packFiles(s) {
		w.must(os.Rename(pack, filepath.Join(w.dir, "pack")))
		w.must(os.Remove(strings.TrimSuffix(pack, ".pack") + ".idx"))
		if out, err := exec.Command("sh", "-c", "git --git-dir='"+s.Dir()+"' unpack-objects -q <'"+w.dir+"/pack'").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	w.must(os.Remove(filepath.Join(s.Dir(), "objects", tag[:2], tag[2:])))
	s = w.store()
	if m := w.rebuild(s, RebuildRequest{Objects: true}); len(m) != 1 || m[0].What != tag || m[0].State != Mended {
		t.Errorf("%+v", m)
	}
	if now := w.git("--git-dir=.evoseal/.git", "rev-parse", ref); now != tag {
		t.Errorf("%s is %s, not %s", ref, now, tag)
	}
	w.fsck()
}
