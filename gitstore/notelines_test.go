package gitstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func (w *world) lines(s *Store, book Notebook) []string {
	w.Helper()
	lines, err := s.NoteLines(context.Background(), book)
	w.must(err)
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = string(l.Line)
	}
	return out
}

// TestLongNotesAreContinued adds more than one note holds, and lets plain git
// write in between.
func TestLongNotesAreContinued(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	ctx := context.Background()
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprintf("%03d %s", i, strings.Repeat("x", 8000)))
		w.must(s.AppendNote(ctx, History, r.Commit, []byte(want[i]), "test"))
		if i == 20 {
			w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/history", "add", "-m", "git's", "v1^{tree}")
		}
	}
	note, err := s.ReadNote(History, r.Commit)
	if err != nil || string(note) != strings.Join(want, "\n")+"\n" {
		t.Errorf("the note has %d lines: %v", strings.Count(string(note), "\n"), err)
	}
	if shown := w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/history", "show", "v1^{commit}"); len(shown) > noteSize {
		t.Errorf("git shows a note of %d bytes", len(shown))
	}
	got := w.lines(w.store(), History)
	if len(got) != 41 || got[21] != "git's" || got[40] != want[39] {
		t.Errorf("%d lines", len(got))
	}
	report, err := s.VerifyChain(ctx, History, ID{})
	if err != nil || len(report.Rewrites) != 0 || report.Lines != 41 || report.Commits != 41 {
		t.Errorf("chain: %+v %v", report, err)
	}
	w.fsck()
}

// TestLineCache reads the same lines whatever becomes of the cache.
func TestLineCache(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	var want []string
	add := func() {
		want = append(want, fmt.Sprint("line ", len(want)))
		w.must(s.AppendNote(context.Background(), History, r.Commit, []byte(want[len(want)-1]), "test"))
	}
	check := func(what string) {
		t.Helper()
		if got := w.lines(w.store(), History); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %q", what, got)
		}
	}
	path := s.cachePath("history.lines")
	cache := func() string {
		data, err := os.ReadFile(path)
		w.must(err)
		return string(data)
	}
	add()
	check("first")
	add()
	add()
	check("appended")
	if n := strings.Count(cache(), "\n= "); n != 2 {
		t.Errorf("the cache has %d runs:\n%s", n, cache())
	}
	good := cache()
	w.must(os.WriteFile(path, []byte(good+"0123456789012345678901234567890123456789 half a li"), 0o644))
	check("torn")
	add()
	check("appended to a torn one")
	if strings.Contains(cache(), "half") {
		t.Error("what was torn is still there")
	}
	w.must(os.WriteFile(path, []byte(strings.Replace(cache(), "line 0", "line 9", 1)), 0o644))
	check("flipped")
	w.must(os.WriteFile(path, []byte("nonsense\n"), 0o644))
	check("nonsense")
	add()
	w.must(os.Remove(path))
	check("deleted")
	w.git("--git-dir=.evoseal/.git", "update-ref", "refs/notes/evoseal/history", "refs/notes/evoseal/history~2")
	want = want[:len(want)-2]
	check("set back")
}

func TestChainTellsRewrites(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	ctx := context.Background()
	for i := range 3 {
		w.must(s.AppendNote(ctx, History, r.Commit, fmt.Append(nil, "line ", i), "test"))
	}
	known, err := s.notesHead(History)
	w.must(err)
	w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/history", "append", "-m", "appended by hand", "v1^{commit}")
	report, err := s.VerifyChain(ctx, History, known)
	if err != nil || len(report.Rewrites) != 0 || !report.HasSince {
		t.Errorf("lines that were added are no rewrite: %+v %v", report, err)
	}
	w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/history", "add", "-f", "-m", "line 0\nline two", "v1^{commit}")
	report, err = s.VerifyChain(ctx, History, known)
	if err != nil || len(report.Rewrites) != 1 || report.Rewrites[0].Objects[0] != r.Commit || !report.HasSince {
		t.Errorf("rewritten: %+v %v", report, err)
	}
	if got := w.lines(s, History); len(got) != 5 || got[1] != "line 1" || got[4] != "line two" {
		t.Errorf("lines: %q", got)
	}
	// A chain that was replaced from its beginning has no rewrites of its own.
	w.git("--git-dir=.evoseal/.git", "update-ref", "-d", "refs/notes/evoseal/history")
	w.must(s.AppendNote(ctx, History, r.Commit, []byte("another beginning"), "test"))
	report, err = s.VerifyChain(ctx, History, known)
	if err != nil || report.HasSince || report.Commits != 1 {
		t.Errorf("replaced: %+v %v", report, err)
	}
}

func TestArchiveKeepsTheChain(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	ctx := context.Background()
	if _, err := s.ArchiveNotes(ctx, History, "nothing"); err == nil {
		t.Error("an empty notebook was archived")
	}
	w.must(s.AppendNote(ctx, History, r.Commit, []byte("old"), "test"))
	known, err := s.notesHead(History)
	w.must(err)
	a, err := s.ArchiveNotes(ctx, History, "history: archived")
	w.must(err)
	if a.Head != known {
		t.Errorf("archived %s, not %s", a.Head, known)
	}
	if got := w.lines(s, History); len(got) != 0 {
		t.Errorf("after the archive: %q", got)
	}
	w.must(s.AppendNote(ctx, History, r.Commit, []byte("new"), "test"))
	if got := w.lines(s, History); len(got) != 1 || got[0] != "new" {
		t.Errorf("lines: %q", got)
	}
	report, err := s.VerifyChain(ctx, History, known)
	if err != nil || !report.HasSince || len(report.Archives) != 1 || report.Lines != 2 || len(report.Rewrites) != 0 {
		t.Errorf("chain: %+v %v", report, err)
	}
	ref := strings.TrimPrefix(a.Ref, "refs/notes/")
	if got := w.git("--git-dir=.evoseal/.git", "notes", "--ref="+ref, "show", "v1^{commit}"); got != "old" {
		t.Errorf("git shows %q of the archive", got)
	}
	if all, err := s.Archives(History); err != nil || len(all) != 1 || all[0] != *a {
		t.Errorf("archives: %v %v", all, err)
	}
	w.fsck()
}

func TestPolicyVersions(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	w.record(s, RecordRequest{Version: "v1"})
	ctx := context.Background()
	first, err := s.Policy()
	w.must(err)
	change := func(summary, text string) ID {
		t.Helper()
		id, err := s.ChangePolicy(ctx, PolicyChange{Summary: summary, Actor: "alice", Role: "admin", Change: func(p *Policy) (map[string][]byte, error) {
			return map[string][]byte{PolicyFile: []byte(text)}, nil
		}})
		w.must(err)
		return id
	}
	if id := change("nothing", string(first.File(PolicyFile))); id != first.Commit {
		t.Error("a change of nothing is a version")
	}
	second := change("threshold", "[rollback]\n\tthreshold = 0.08\n")
	if got := w.git("--git-dir=.evoseal/.git", "config", "--blob", "refs/evoseal/policy:policy", "rollback.threshold"); got != "0.08" {
		t.Errorf("git reads %q", got)
	}
	w.must(os.WriteFile(filepath.Join(w.dir, "x"), nil, 0o644))
	_, err = s.ChangePolicy(ctx, PolicyChange{Summary: "tokens", Change: func(p *Policy) (map[string][]byte, error) {
		return map[string][]byte{TokenFile: []byte("[token \"x\"]\n")}, nil
	}})
	w.must(err)
	now, err := s.Policy()
	if err != nil || string(now.File(TokenFile)) != "[token \"x\"]\n" || !strings.Contains(string(now.File(PolicyFile)), "0.08") {
		t.Errorf("policy %v %v", now, err)
	}
	if old, err := s.PolicyAt(second); err != nil || old.File(TokenFile) != nil {
		t.Errorf("the version before: %v %v", old, err)
	}
	log, err := s.PolicyLog(ctx)
	if err != nil || len(log) != 3 || log[1].Summary != "threshold" || log[1].Actor != "alice" || log[1].Role != "admin" || log[2].Commit != first.Commit {
		t.Errorf("log: %+v %v", log, err)
	}
	w.fsck()
}
