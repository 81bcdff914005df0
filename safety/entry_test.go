package safety

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// entryNames are names that some file system takes for .git, and their
// innocent neighbours. None is longer than 255 bytes or holds a slash or NUL.
func entryNames() []string {
	names := []string{
		".", "..", "...", ".git", ".GIT", ".Git", ".gIt", "git", "GIT", ".gi", ".gitt", ".git2", "x.git",
		"git~1", "GIT~1", "Git~1", "git~2", "git~10", "git~", "git~1x", "git~1 ", "git~1.", "git~1:x", ".git~1",
		".git ", ".git.", ".git. .", ".git . . ", ".git .x", ".git x", " .git", "..git", ".git..", ".git...x",
		".git:", ".git::$INDEX_ALLOCATION", ".git:stream", ".git :x", ".git.:x", ".git-", ".git,",
		`.git\`, `.git\x`, `a\.git`, `a\.GIT `, `a\git~1`, `a\.git\b`, `\.git`, `a\b\.git`, `a\.gitx`, `a\..`, `\`, `a\b`, `.git \x`,
		".gitignore", ".gitattributes", ".gitmodules", ".evoseal", "-dash", "new\nline", "quote\"", "日本語", "trailing ", "\xff\xfe", "a\xff",
		".git\xff", ".gi\xfft", ".g\xffit", ".git\xed\xa0\x80", "\xff.git", ".git\xef\xbf\xbd", ".g\u0131t", ".g\u0130t", "\uff0egit", ".\u0261it",
		".git\u200c\xff", "\u200c", ".git\u200cx", "\u200b.git", ".g\u2060it", ".git\u200c ", ".git \u200c",
	}
	for _, r := range []rune{
		0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2010, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x202f,
		0x2069, 0x206a, 0x206b, 0x206c, 0x206d, 0x206e, 0x206f, 0x2070, 0xfefe, 0xfeff,
	} {
		names = append(names, ".g"+string(r)+"it", ".git"+string(r), string(r)+".GIT")
	}
	return names
}

func TestCheckEntry(t *testing.T) {
	long := strings.Repeat("a", maxName)
	for _, name := range []string{"", ".", "..", "/", "a/b", "/etc/passwd", "../x", "a\x00b", long + "a", ".git", ".g\u200cit"} {
		err := CheckEntry(name)
		var bad *EntryError
		if !errors.Is(err, ErrBadEntry) || !errors.As(err, &bad) || bad.Name != name || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{long, "a", "...", "-", ".evoseal", "日本語", "\xff", "line\nfeed", `c:\x`} {
		if err := CheckEntry(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestCheckEntryAsGit wants the judgement of git's own fsck and index, both of
// for every name: one that only git refuses would break its fsck, one that only
// we refuse would fail a checkpoint for nothing.
func TestCheckEntryAsGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git to compare with")
	}
	dir := t.TempDir()
	run := func(stdin []byte, args ...string) ([]byte, error) {
		cmd := exec.Command(git, append([]string{"-C", dir, "-c", "core.protectNTFS=true", "-c", "core.protectHFS=true"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
		cmd.Stdin = bytes.NewReader(stdin)
		return cmd.CombinedOutput()
	}
	if out, err := run(nil, "init", "-q"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	blob := writeObject(t, dir, "blob", nil)
	trees := make(map[string]string)
	for _, name := range entryNames() {
		raw, _ := hex.DecodeString(blob)
		trees[name] = writeObject(t, dir, "tree", append([]byte("100644 "+name+"\x00"), raw...))
	}
	fsck, _ := run(nil, "fsck", "--strict", "--no-dangling")
	for name, tree := range trees {
		_, err := run([]byte("100644 "+blob+"\t"+name+"\x00"), "update-index", "-z", "--index-info")
		theirs := err != nil
		for line := range strings.Lines(string(fsck)) {
			theirs = theirs || strings.Contains(line, "in tree "+tree+": has")
		}
		if ours := CheckEntry(name) != nil; ours != theirs {
			t.Errorf("%q: we refuse: %v, git refuses: %v", name, ours, theirs)
		}
	}
	if n := strings.Count(string(fsck), ": has"); n < 40 {
		t.Errorf("fsck found only %d bad trees:\n%s", n, fsck)
	}
}

// writeObject writes a loose object, since git itself would not write such trees.
func writeObject(t *testing.T, dir, kind string, content []byte) string {
	t.Helper()
	object := append(fmt.Appendf(nil, "%s %d\x00", kind, len(content)), content...)
	id := fmt.Sprintf("%x", sha1.Sum(object))
	path := filepath.Join(dir, ".git", "objects", id[:2], id[2:])
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, err := z.Write(object)
	err = errors.Join(err, z.Close(), os.MkdirAll(filepath.Dir(path), 0o755))
	if err := errors.Join(err, os.WriteFile(path, packed.Bytes(), 0o444)); err != nil {
		t.Fatal(err)
	}
	return id
}

func FuzzCheckEntry(f *testing.F) {
	for _, name := range entryNames() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckEntry(name) != nil {
			return
		}
		if filepath.Base(name) != name || !filepath.IsLocal(name) || strings.EqualFold(strings.TrimRight(name, ". "), ".git") {
			t.Errorf("%q was let through", name)
		}
	})
}
