package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// readers are the commands that read notes, and what each of them may end with.
var readers = []string{
	"history", "stats", "list", "list --good", "show good", "status", "verdict show good", "history verify", "auto good", "mark good good", "cascade good",
	"rollback good", "prune --dry-run", "doctor",
}

// Notes that are longer than any, or decode to more than any, are told as damage or
// stepped over, within the memory of any other.
func TestHostileHugeNotes(t *testing.T) {
	w := newHostileWorld(t)
	w.mustRun("rollback", "good")
	w.mustRun("mark", "good", "good")
	w.remember()
	commit, policy := w.inStore("", "rev-parse", "good^{commit}"), w.inStore("", "rev-parse", "refs/evoseal/policy")
	head := `{"schema":1,"id":"x","time":"2026-01-01T00:00:00Z","action":"rollback","outcome":"completed","version":"good",`
	for name, c := range map[string]struct {
		head, part string
		n          int
		tail       string
		damage     bool
	}{
		"100 MB on one line":    {head + `"reason":"`, "x", 100 << 20, `"}` + "\n", true},
		"lines without number":  {"", `{"id":"x"}` + "\n", 1 << 20, "", true},
		"tests without number":  {head + `"kind":"report","report":{"tests":[`, "{},", 10 << 20, "{}]}}\n", false},
		"values without number": {head + `"kind":"report","report":{"problems":[`, `"",`, 10 << 20, `""]}}` + "\n", false},
		"names without number":  {head + `"considered":[`, "{},", 2 << 20, "{}]}\n", false},
	} {
		if !soaking() && !c.damage && !strings.HasPrefix(name, "tests") {
			continue
		}
		forged := w.notesOf(w.bigBlob(c.head, c.part, c.n, c.tail), commit, policy)
		for _, book := range []string{"history", "verdicts"} {
			ref := "refs/notes/evoseal/" + book
			was := w.inStore("", "rev-parse", ref)
			w.inStore("", "update-ref", ref, forged)
			lines := readers
			if !soaking() {
				lines = map[string][]string{"history": {"history", "stats"}, "verdicts": {"list", "show good"}}[book]
			}
			for _, line := range append(slices.Clone(lines), "verify --all") {
				r := w.run(strings.Fields(line)...)
				if tells := r.code == 14 && strings.Contains(r.output, "note"); line == "verify --all" && tells != c.damage {
					t.Errorf("%s in %s: verify ended with %d\n%.500s", name, book, r.code, r.output)
				}
			}
			w.inStore("", "update-ref", ref, was)
			os.RemoveAll(w.store("evoseal"))
		}
		if t.Failed() {
			t.Fatalf("with %s", name)
		}
	}
	w.survives()
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}

// A repair goes back to before a note that can't be one.
func TestHostileNoteIsRepaired(t *testing.T) {
	w := newHostileWorld(t)
	w.mustRun("rollback", "good")
	w.remember()
	on, ref := w.inStore("", "rev-parse", "good^{commit}"), "refs/notes/evoseal/history"
	was := w.inStore("", "rev-parse", ref)
	w.inStore("", "update-ref", "--create-reflog", ref, w.notesOf(w.bigBlob("", "x", 100<<20, ""), on))
	if r := w.run("rollback", "good"); r.code != 14 {
		t.Errorf("rollback ended with %d\n%s", r.code, r.output)
	}
	w.mustRun("doctor", "--repair")
	w.mustRun("verify", "--all")
	w.mustRun("rollback", "good")
	if w.inStore("", "merge-base", was, ref) != was {
		t.Error("the history does not go on from what it was")
	}
}

// Trees of notes that hold one another tell of 256^18 notes.
func TestHostileTreesOfNotes(t *testing.T) {
	w := newHostileWorld(t)
	w.mustRun("rollback", "good")
	w.remember()
	id, name := w.object("blob", "{}\n"), "100644 %02x"
	for range 20 {
		var pairs []string
		for n := range 256 {
			pairs = append(pairs, fmt.Sprintf(name, n), id)
		}
		id, name = w.tree(pairs...), "40000 %02x"
	}
	forged := w.object("commit", "tree "+id+"\nauthor a <a@b> 1700000000 +0000\ncommitter a <a@b> 1700000000 +0000\n\nnotes\n")
	for _, book := range []string{"history", "verdicts", "meta", "lineage"} {
		ref := "refs/notes/evoseal/" + book
		was := w.inStore("", "for-each-ref", "--format=%(objectname)", ref)
		w.inStore("", "update-ref", ref, forged)
		lines := []string{"history", "list", "rollback good", "verify --all"}
		if soaking() {
			lines = append(readers, "verify --all", "checkpoint other")
		}
		for _, line := range lines {
			w.run(strings.Fields(line)...)
		}
		if was == "" {
			w.inStore("", "update-ref", "-d", ref)
		} else {
			w.inStore("", "update-ref", ref, was)
		}
	}
	w.survives()
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}

// What a commit says is its meta note may decode to many times its length.
func TestHostileMeta(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	lists := map[string]string{"modes": "{}", "empty_dirs": `""`, "nested": "{}", "skipped": "{}"}
	for i, name := range slices.Sorted(maps.Keys(lists)) {
		for _, n := range []int{40 << 20, 2<<20 - 100} {
			if !soaking() && (i > 1 || i == 1 && n > 2<<20) {
				continue
			}
			note := w.bigBlob(`{"schema":1,"files":10,"bytes":1000,"`+name+`":[`, lists[name]+",", n, lists[name]+"]}\n")
			w.forge(w.tree(), "Meta: "+note+"\n")
			if n > 2<<20 {
				w.evil(14)
			} else {
				w.evil(0, 14)
			}
		}
		w.inStore("", "update-ref", "-d", "refs/tags/evil")
	}
	w.goodComesBack()
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}
