package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// notesCommit makes a notes commit of which each object has that note.
func (w *hostileWorld) notesCommit(note string, objects ...string) string {
	w.Helper()
	return w.notesOf(w.object("blob", note), objects...)
}

// notesOf is notesCommit for a note that is stored.
func (w *hostileWorld) notesOf(blob string, objects ...string) string {
	w.Helper()
	slices.Sort(objects)
	var pairs []string
	for _, object := range objects {
		pairs = append(pairs, "100644 "+object, blob)
	}
	return w.object("commit", "tree "+w.tree(pairs...)+"\nauthor a <a@b> 1700000000 +0000\ncommitter a <a@b> 1700000000 +0000\n\nnotes\n")
}

// absurdJSON are notes, and files with requests, that somebody may have left.
func absurdJSON() map[string]string {
	return map[string]string{
		"empty": "", "noise": "\x00\xff\xfe", "null": "null\n", "array": "[]\n", "text": `"x"` + "\n", "deep": strings.Repeat("[", 1<<20), "deep objects": strings.Repeat(`{"a":`, 1<<19),
		"numbers":     `{"id":"x","time":"9999-99-99T99:99:99Z","files":1e999,"bytes":-1,"duration_ms":99999999999999999999999}` + "\n",
		"wrong types": `{"id":{},"time":[],"version":1,"verdict":"x","outcome":[[]],"mark":{"state":7}}` + "\n",
		"times":       `{"id":"x","time":"0000-01-01T00:00:00Z","action":"rollback","outcome":"completed","version":"good","duration_ms":-9223372036854775808}` + "\n",
		"escapes":     `{"id":"x","time":"2026-01-01T00:00:00Z","action":"rollback","outcome":"failed","version":"\u001b[2J","reason":"\u0000\u001b]0;x\u0007\u202e","error":"a\nb"}` + "\n",
		"twice":       strings.Repeat(`{"id":"x","time":"2026-01-01T00:00:00Z","action":"rollback","outcome":"completed","version":"good"}`+"\n", 2000),
		"long line":   `{"id":"` + strings.Repeat("x", 8<<20) + `"}` + "\n",
	}
}

func TestHostileNotes(t *testing.T) {
	w := newHostileWorld(t)
	w.mustRun("rollback", "good")
	w.mustRun("mark", "good", "good")
	w.remember()
	commit, policy := w.inStore("", "rev-parse", "good^{commit}"), w.inStore("", "rev-parse", "refs/evoseal/policy")
	notes := absurdJSON()
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		forged := w.notesCommit(notes[name], commit, policy)
		for _, book := range []string{"history", "verdicts"} {
			ref := "refs/notes/evoseal/" + book
			was := w.inStore("", "rev-parse", ref)
			w.inStore("", "update-ref", ref, forged)
			lines := []string{"history", "stats", "list", "auto good"}
			if soaking() {
				lines = append(lines, "status", "verdict show good", "history verify", "mark good good", "cascade good")
			}
			for _, line := range lines {
				r := w.run(strings.Fields(line)...)
				if strings.ContainsAny(r.output, "\x1b\x07") || strings.Contains(r.output, "\u202e") {
					t.Errorf("%s in %s: %s sends it to the terminal as it is: %.500q", name, book, line, r.output)
				}
			}
			if r := w.run("rollback", "good"); r.code != 0 && r.code != 14 {
				t.Errorf("%s in %s: a rollback ended with %d\n%.500s", name, book, r.code, r.output)
			}
			w.inStore("", "update-ref", ref, was)
			os.RemoveAll(w.store("evoseal"))
		}
		if name == "long line" && !soaking() {
			continue
		}
		w.forge(w.tree(), "Meta: "+w.object("blob", notes[name])+"\n")
		w.evil(0, 14)
		w.inStore("", "update-ref", "-d", "refs/tags/evil")
		if t.Failed() {
			t.Fatalf("with %s", name)
		}
	}
	w.survives()
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}

// Refs that name what they should not, in the files of refs and in packed-refs.
func TestHostileRefs(t *testing.T) {
	w := newHostileWorld(t)
	w.mustRun("rollback", "good")
	w.remember()
	blob := w.object("blob", "evil\n")
	tag := w.inStore("", "rev-parse", "good")
	for range 2000 {
		tag = w.object("tag", fmt.Sprintf("object %s\ntype tag\ntag evil\ntagger a <a@b> 1 +0000\n\nnested\n", tag))
	}
	missing := strings.Repeat("0", 39) + "9"
	for name, content := range map[string]string{
		"a blob": blob, "a tree": w.tree("100644 f", blob), "a missing object": missing, "many tags": tag, "nothing": "", "null": strings.Repeat("0", 40), "noise": "\x00\xff", "itself": "ref: refs/tags/evil",
		"a file outside": "ref: ../../../../sentinel/keep", "an absolute file": "ref: " + w.sentinel + "/keep", "no name": "ref: ", "huge": strings.Repeat("a", 10<<20),
		"a tag of nothing": w.object("tag", "object "+missing+"\ntype commit\ntag evil\ntagger a <a@b> 1 +0000\n\n"), "a tag of noise": w.object("tag", strings.Repeat("\x00\xff\n", 1000)),
		"an empty tag": w.object("tag", ""), "an empty commit": w.object("commit", ""), "a commit of noise": w.object("commit", "tree x\nparent \n"+strings.Repeat("parent "+missing+"\n", 10000)),
		"a commit of a blob": w.commit("evil", blob), "a parent that is a blob": w.object("commit", "tree "+w.tree()+"\nparent "+blob+"\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n\nVersion-Id: evil\nFiles: 1\n"),
		"the end of time": w.object("commit", "tree "+w.tree()+"\nauthor a <a@b> 9223372036854775807 +0000\ncommitter a <a@b> 9223372036854775807 +9999\n\nx\n\nVersion-Id: evil\nFiles: 9223372036854775807\nBytes: 9223372036854775807\n"),
	} {
		for _, ref := range []string{"refs/tags/evil", "refs/notes/evoseal/history", "refs/notes/evoseal/verdicts", "refs/notes/evoseal/meta", "refs/evoseal/replaced/" + missing, "refs/heads/latest"} {
			path := w.store(filepath.FromSlash(ref))
			was, err := os.ReadFile(path)
			w.must(os.MkdirAll(filepath.Dir(path), 0o755))
			w.must(os.WriteFile(path, []byte(content+"\n"), 0o644))
			lines := []string{"show evil", "rollback good", "show latest~1", "history", "verify --all", "status"}
			if !soaking() {
				lines = []string{"rollback good", "show latest~1", "verify --all"}
			}
			for _, line := range lines {
				w.run(strings.Fields(line)...)
			}
			os.Remove(path)
			if err == nil {
				w.must(os.WriteFile(path, was, 0o644))
			}
			if t.Failed() {
				t.Fatalf("%s at %s", name, ref)
			}
		}
	}
	w.survives()
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}

// A parent that is no version any more is looked for among those that were replaced,
// of which one can't be read.
func TestHostileReplacedRef(t *testing.T) {
	w := newHostileWorld(t)
	for _, version := range []string{"parent", "child"} {
		w.write("a", version)
		w.mustRun("checkpoint", version)
	}
	w.remember()
	w.inStore("", "update-ref", "-d", "refs/tags/parent")
	w.must(os.MkdirAll(w.store("refs", "evoseal", "replaced"), 0o755))
	w.must(os.WriteFile(w.store("refs", "evoseal", "replaced", strings.Repeat("0", 40)), []byte("noise\n"), 0o644))
	if r := w.run("show", "child~1"); r.code != 10 || !strings.Contains(r.output, "is broken") {
		t.Errorf("show ended with %d\n%s", r.code, r.output)
	}
	w.mustRun("rollback", "child")
}

// A policy that can't be read stops what it would decide upon, in words.
func TestHostilePolicies(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	was := w.inStore("", "rev-parse", "refs/evoseal/policy")
	for name, text := range map[string]string{
		"noise": "\x00\xff\x1b[2J", "endless": "[rollback]\n\tthreshold = " + strings.Repeat("9", 1<<20) + "\n", "huge": strings.Repeat("# comment\n", 10<<20), "sections": strings.Repeat("[trigger \"x\"]\n", 1<<18),
		"one line": strings.Repeat("[", 20<<20), "escapes": "[\x1b[31mx]\n\ty\u202e = \x07\n", "continued": "[rollback]\n\tthreshold = " + strings.Repeat("\\\n", 1<<20),
	} {
		tree := w.tree("100644 policy", w.object("blob", text), "100644 tokens", w.object("blob", text))
		w.inStore("", "update-ref", "refs/evoseal/policy", w.object("commit", "tree "+tree+"\nparent "+was+"\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n"))
		for _, line := range []string{"policy get", "policy get --text", "policy set threshold 8%", "trigger list", "token list", "status", "rollback good", "auto good", "doctor", "checkpoint"} {
			r := w.run(strings.Fields(line)...)
			if strings.ContainsAny(r.output, "\x1b\x07") && !strings.Contains(line, "--text") {
				t.Errorf("%s: %s sends it to the terminal as it is: %.300q", name, line, r.output)
			}
		}
		w.inStore("", "update-ref", "refs/evoseal/policy", was)
		if t.Failed() {
			t.Fatalf("with %s", name)
		}
	}
	w.survives()
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}

// Files that are derived from others, or small and private: cut, flipped, replaced
// by other things.
func TestHostileFiles(t *testing.T) {
	w := newHostileWorld(t)
	for i := range 50 {
		w.write(fmt.Sprintf("many/f%d", i), strings.Repeat("x", i*30))
	}
	w.git("add", "-A")
	w.mustRun("checkpoint", "good", "--force")
	w.mustRun("rollback", "good")
	w.mustRun("checkpoint", "second")
	w.mustRun("rollback", "second")
	w.remember()
	var paths []string
	w.must(filepath.WalkDir(w.store(), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.Contains(path, "/objects/") && !strings.Contains(path, "/logs/") {
			paths = append(paths, path)
		}
		return err
	}))
	paths = append(paths, filepath.Join(w.dir, ".evoseal", "rollback_target", ".git"))
	damages := map[string]func([]byte) []byte{
		"empty": func([]byte) []byte { return nil }, "half": func(b []byte) []byte { return b[:len(b)/2] }, "noise": func(b []byte) []byte { return bytes.Repeat([]byte{0xff, 0}, len(b)/2+50) },
		"flipped": func(b []byte) []byte { c := bytes.Clone(b); c[len(c)/3] ^= 0x40; return c },
		"counts": func(b []byte) []byte {
			c := bytes.Clone(b)
			copy(c[min(8, len(c)):], "\xff\xff\xff\xff\xff\xff\xff\xff")
			return c
		},
		"high bit": func(b []byte) []byte { c := bytes.Clone(b); copy(c[min(8, len(c)):], "\x7f\xff\xff\xff"); return c },
		"big":      func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, 20<<20)...) },
	}
	for _, path := range paths {
		was, err := os.ReadFile(path)
		if err != nil || len(was) == 0 {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(damages)) {
			w.must(os.WriteFile(path, damages[name](was), 0o644))
			lines := []string{"rollback good", "checkpoint"}
			if soaking() {
				lines = append(lines, "status", "list", "undo", "history", "doctor", "verify --all")
			}
			for _, line := range lines {
				w.run(strings.Fields(line)...)
			}
			os.RemoveAll(path)
			w.must(os.MkdirAll(filepath.Dir(path), 0o755))
			w.must(os.WriteFile(path, was, 0o644))
			if t.Failed() {
				t.Fatalf("%s: %s", path, name)
			}
		}
	}
	w.survives()
	t.Logf("%d files, at most %d MiB and %v", len(paths), w.peak>>20, w.slowest)
}

// Names of versions from the command line never leave the refs.
func TestHostileVersions(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	for _, name := range []string{
		"../x", "../../../../sentinel/x", "/etc/x", w.sentinel + "/x", "a..b", "a.lock", "-x", "--", "@", "@{", "a\\b", "a\nb", "a b", "~", "^", ":", "x/", "/x", "x//y", ".x", "x/.y", "HEAD", "latest", "good/below",
		strings.Repeat("n", 300), strings.Repeat("n/", 700) + "n", "\xff\xfe", "\x1b[2J", "good~1", "refs/tags/x", "*", "?", "[", "\u202e",
	} {
		for _, args := range [][]string{{"checkpoint", "--", name}, {"rollback", name}, {"show", name}, {"mark", name, "good"}, {"rollback", "good", "--branch", name}} {
			if args[1] == "--" {
				args = []string{"checkpoint", name}
			}
			r := w.run(args...)
			if strings.ContainsAny(r.output, "\x1b") {
				t.Errorf("%.100q reaches the terminal as it is: %.200q", args, r.output)
			}
		}
		for _, branch := range strings.Fields(w.git("for-each-ref", "--format=%(refname)", "refs/heads")) {
			if name := strings.TrimPrefix(branch, "refs/heads/"); name != "main" && name != "master" {
				w.git("update-ref", "-d", branch)
			}
		}
	}
	now, err := captureLive(w.sentinel)
	w.must(err)
	for _, c := range w.live.changes(now) {
		if strings.HasPrefix(c.path, w.sentinel) {
			t.Errorf("changed: %s", c)
		}
	}
}
