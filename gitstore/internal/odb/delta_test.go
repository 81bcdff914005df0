package odb

import (
	"bufio"
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Objects that are too big to rebuild in memory come out of git's own deltas as
// they went in, and leave no file behind.
func TestBigDeltas(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.invalid"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", ".")
	noise := make([]byte, spoolMemory+1<<20)
	random := rand.NewChaCha8([32]byte{7})
	random.Read(noise)
	var want [3][]byte
	for i := range want {
		copy(noise[i<<20:], "changed")
		want[i] = bytes.Clone(noise[:len(noise)-i*1000])
		if err := os.WriteFile(filepath.Join(dir, "big"), want[i], 0o644); err != nil {
			t.Fatal(err)
		}
		git("add", "big")
		git("commit", "-qm", "one")
	}
	git("repack", "-adfq", "--depth=10", "--window=4")
	db, err := Open(filepath.Join(dir, ".git", "objects"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	deltas := 0
	for i, name := range []string{"HEAD~2:big", "HEAD~1:big", "HEAD:big"} {
		id, err := ParseID(git("rev-parse", name))
		if err != nil {
			t.Fatal(err)
		}
		typ, got, err := db.Read(id)
		if err != nil || typ != Blob || !bytes.Equal(got, want[i]) {
			t.Errorf("%s: a %v of %d bytes, %v", name, typ, len(got), err)
		}
		typ, size, err := db.Size(id)
		if err != nil || typ != Blob || size != int64(len(want[i])) {
			t.Errorf("%s: size %d of a %v, %v", name, size, typ, err)
		}
		p := db.packs[0]
		off, _ := p.find(id)
		f, err := p.acquire()
		if err != nil {
			t.Fatal(err)
		}
		if e, err := f.entry(off); err == nil && (e.kind == ofsDelta || e.kind == refDelta) {
			deltas++
		}
	}
	if deltas < 2 {
		t.Errorf("git made %d deltas of 3 objects, so this proves nothing", deltas)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".git", "objects", tempObject+"*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// FuzzPatch makes sure that no delta writes more than it says, reads beside its
// base or panics.
func FuzzPatch(f *testing.F) {
	base := []byte(strings.Repeat("0123456789", 20))
	f.Add(base, []byte("\xc8\x01\x05\x05hello"))
	f.Add(base, []byte("\xc8\x01\xc8\x01\x90\xc8"))
	f.Add(base, []byte("\xc8\x01\x14\x91\x64\x0a\x0aABCDEFGHIJ"))
	f.Add(base, []byte("\xc8\x01\xff\xff\xff\xff\x0f\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add(base, []byte("\xc8\x01\x00"))
	f.Add([]byte{}, []byte("\x00\x00"))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		var in, out spool
		in.Write(base)
		_, to, sizeErr := deltaSizes(bufio.NewReader(bytes.NewReader(delta)))
		if len(base) > 1<<16 || to > 1<<16 {
			return
		}
		err := patch(bufio.NewReader(bytes.NewReader(delta)), &in, &out)
		switch {
		case err == nil && (sizeErr != nil || out.size != to || int64(len(out.mem)) != to):
			t.Errorf("%d bytes of %d, %v", out.size, to, sizeErr)
		case err != nil && !errors.Is(err, errDelta) && !errors.Is(err, errDeltaSize):
			t.Errorf("%v", err)
		case out.size > max(to, 0):
			t.Errorf("wrote %d of %d bytes", out.size, to)
		}
	})
}
