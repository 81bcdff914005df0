package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shows lists what a directory holds after a cut.
func shows(t *testing.T, l *Log, model Model, choice Choice, seed uint64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := l.Cut(dir, l.Len(), model, choice, seed); err != nil {
		t.Fatal(err)
	}
	var lines []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		if !d.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(dir, path)
			lines = append(lines, fmt.Sprintf("%s=%q", rel, data))
		}
		return nil
	})
	return strings.Join(lines, " ")
}

func replacing(t *testing.T, steps ...Op) *Log {
	t.Helper()
	base := t.TempDir()
	if err := os.WriteFile(filepath.Join(base, "f"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := NewLog(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range steps {
		if err := l.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func TestCut(t *testing.T) {
	create := Op{Kind: Create, Path: "tmp", Mode: 0o644}
	write := Op{Kind: Write, Path: "tmp", Data: []byte("new")}
	sync := Op{Kind: Sync, Path: "tmp"}
	rename := Op{Kind: Rename, Path: "tmp", To: "f"}
	syncDir := Op{Kind: Sync, Path: "."}
	all := []Op{create, write, sync, rename, syncDir}
	for _, c := range []struct {
		ops    []Op
		model  Model
		choice Choice
		want   string
	}{
		{all, Strict, LoseAll, `f="new"`},
		{all[:4], Strict, KeepAll, `f="new"`},
		{all[:4], Strict, LoseAll, `f="old"`},
		{all[:4], Journal, LoseAll, `f="old" tmp="new"`},
		{[]Op{create, write, rename}, Journal, EmptyData, `f=""`},
		{[]Op{create, write, rename, syncDir}, Strict, LoseAll, `f=""`},
		{[]Op{create, write, rename, syncDir}, Strict, ZeroData, `f="\x00\x00\x00"`},
		{[]Op{create, write, rename, {Kind: SyncAll}}, Strict, LoseAll, `f="new"`},
		{[]Op{{Kind: Write, Path: "f", Data: []byte("more")}}, Strict, OldData, `f="old"`},
		{[]Op{create, {Kind: Exchange, Path: "tmp", To: "f"}, syncDir}, Strict, LoseAll, `f="" tmp="old"`},
		{[]Op{{Kind: Mkdir, Path: "d", Mode: 0o755}, {Kind: Rename, Path: "f", To: "d/f"}, {Kind: Sync, Path: "d"}}, Strict, LoseAll, `f="old"`},
		{[]Op{{Kind: Link, Path: "f", To: "g"}, {Kind: Unlink, Path: "f"}}, Strict, KeepAll, `g="old"`},
	} {
		if got := shows(t, replacing(t, c.ops...), c.model, c.choice, 0); got != c.want {
			t.Errorf("%v, %s, %s: %s, want %s", c.ops, c.model, c.choice, got, c.want)
		}
	}
}

// TestRandomCuts sees each outcome that is possible of an unsynced replacement, and no
// other.
func TestRandomCuts(t *testing.T) {
	l := replacing(t, Op{Kind: Create, Path: "tmp", Mode: 0o644}, Op{Kind: Write, Path: "tmp", Data: []byte("new")}, Op{Kind: Rename, Path: "tmp", To: "f"})
	seen := make(map[string]bool)
	for seed := range uint64(300) {
		seen[shows(t, l, Strict, Random, seed)] = true
	}
	for _, want := range []string{`f="old"`, `f=""`, `f="\x00\x00\x00"`, `f="new"`, `f="old" tmp="new"`} {
		if !seen[want] {
			t.Errorf("%s was never seen", want)
		}
	}
	for got := range seen {
		if slices.ContainsFunc([]string{`f="o`, `f=""`, `f="\x00`, `f="n`}, func(s string) bool { return strings.HasPrefix(got, s) }) {
			continue
		}
		t.Errorf("%s can't be", got)
	}
}
