package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestNotesAreGits(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	ctx := context.Background()
	for i := range 3 {
		w.must(s.AppendNote(ctx, History, r.Commit, fmt.Appendf(nil, `{"n":%d}`, i), "test"))
	}
	const want = "{\"n\":0}\n{\"n\":1}\n{\"n\":2}"
	if got := w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/history", "show", r.Commit.String()); got != want {
		t.Errorf("git shows %q", got)
	}
	if got := w.git("--git-dir=.evoseal/.git", "log", "--notes=evoseal/*", "v1"); !strings.Contains(got, `{"n":2}`) || !strings.Contains(got, `"platform"`) {
		t.Errorf("git log: %s", got)
	}
	// git adds to ours and we to git's.
	w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/history", "append", "-m", "by hand", r.Commit.String())
	w.must(s.AppendNote(ctx, History, r.Commit, []byte("after"), "test"))
	note, err := s.ReadNote(History, r.Commit)
	if err != nil || !strings.Contains(string(note), "by hand\n") || !strings.HasSuffix(string(note), "\nafter\n") {
		t.Errorf("note %q %v", note, err)
	}
	w.fsck()
}

// TestNotesFanOut goes past the number of notes from which trees fan out, with
// git writing in between, which fans out by rules of its own.
func TestNotesFanOut(t *testing.T) {
	w := newWorld(t)
	s := w.store()
	w.record(s, RecordRequest{Version: "v1"})
	ctx := context.Background()
	object := func(i int) ID {
		id, err := s.db.WriteLoose(blobType, fmt.Append(nil, "object ", i))
		w.must(err)
		return id
	}
	const n = 300
	for i := range n {
		w.must(s.AppendNote(ctx, Verdicts, object(i), fmt.Append(nil, i), "test"))
	}
	list := w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/verdicts", "list")
	if got := strings.Count(list, "\n") + 1; got != n {
		t.Errorf("git finds %d notes of %d", got, n)
	}
	w.git("--git-dir=.evoseal/.git", "notes", "--ref=evoseal/verdicts", "add", "-m", "git's", object(n).String())
	w.must(s.AppendNote(ctx, Verdicts, object(7), []byte("again"), "test"))
	lines, err := s.NoteLines(ctx, Verdicts)
	if err != nil || len(lines) != n+2 || string(lines[n].Line) != "git's" || string(lines[n+1].Line) != "again" {
		t.Errorf("we find %d lines: %v", len(lines), err)
	}
	for i, want := range map[int]string{0: "0\n", 7: "7\nagain\n", n - 1: fmt.Sprintln(n - 1), n: "git's\n"} {
		if got, err := s.ReadNote(Verdicts, object(i)); err != nil || string(got) != want {
			t.Errorf("note %d is %q: %v", i, got, err)
		}
	}
	w.fsck()
}

func TestWritersAtOnceLoseNoNote(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	r := w.record(w.store(), RecordRequest{Version: "v1"})
	const writers, each = 12, 10
	var wg sync.WaitGroup
	for i := range writers {
		s := w.store()
		wg.Go(func() {
			for j := range each {
				if err := s.AppendNote(context.Background(), History, r.Commit, fmt.Appendf(nil, "%d-%d", i, j), "test"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	note, err := w.store().ReadNote(History, r.Commit)
	if got := strings.Count(string(note), "\n"); err != nil || got != writers*each {
		t.Errorf("%d lines of %d: %v", got, writers*each, err)
	}
	if got := w.git("--git-dir=.evoseal/.git", "rev-list", "--count", "refs/notes/evoseal/history"); got != fmt.Sprint(writers*each) {
		t.Errorf("the chain has %s commits", got)
	}
}

// TestBrokenNotesRefIsNeverWrittenOver stands for a power cut that left the ref
// empty: to go on would be to begin a new history.
func TestBrokenNotesRefIsNeverWrittenOver(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	s := w.store()
	ctx := context.Background()
	r := w.record(s, RecordRequest{Version: "v1"})
	w.must(s.AppendNote(ctx, History, r.Commit, []byte("kept"), "test"))
	for _, book := range []Notebook{History, metaBook} {
		path := filepath.Join(s.Dir(), book.ref())
		good, err := os.ReadFile(path)
		w.must(err)
		w.must(os.WriteFile(path, nil, 0o644))
		if err := s.AppendNote(ctx, book, r.Commit, []byte("new"), "test"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("append to a broken %s: %v", book, err)
		}
		if _, err := s.ReadNote(book, r.Commit); !errors.Is(err, ErrCorrupt) {
			t.Errorf("read of a broken %s: %v", book, err)
		}
		if book == metaBook {
			if _, err := s.Record(ctx, RecordRequest{Version: "v2"}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("record with a broken %s: %v", book, err)
			}
		}
		w.must(os.WriteFile(path, good, 0o644))
	}
	if note, err := s.ReadNote(History, r.Commit); err != nil || string(note) != "kept\n" {
		t.Errorf("history after all: %q %v", note, err)
	}
}
