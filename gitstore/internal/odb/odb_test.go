package odb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func git(t *testing.T, dir string, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// fsck fails the test at anything but git's remarks on the unborn HEAD.
func fsck(t *testing.T, dir string) {
	t.Helper()
	for line := range strings.Lines(git(t, dir, nil, "fsck", "--strict", "--no-dangling")) {
		if !strings.HasPrefix(line, "notice: ") {
			t.Errorf("fsck: %s", line)
		}
	}
}

func newRepository(t *testing.T) (string, *DB) {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, nil, "init", "-q", "--bare", ".")
	db, err := Open(filepath.Join(dir, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return dir, db
}

// contents are blobs of every size class, compressible and not.
func contents() [][]byte {
	r := rand.New(rand.NewChaCha8([32]byte{7}))
	var all [][]byte
	for _, n := range []int{0, 1, 15, 16, 17, 2047, 2048, 70_000, smallObject - 1, smallObject, smallObject + 1, BigObject + 12345} {
		noise := make([]byte, n)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		all = append(all, noise, bytes.Repeat([]byte("evoseal "), n/8+1)[:n])
	}
	for i := range 500 {
		all = append(all, fmt.Appendf(nil, "file %d\n%s", i, strings.Repeat("x", i)))
	}
	return all
}

func writePack(t *testing.T, db *DB, blobs [][]byte) []ID {
	t.Helper()
	w, err := db.NewPack()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	defer w.Release()
	ids := make([]ID, len(blobs))
	var wg sync.WaitGroup
	for worker := range 4 {
		lane := w.NewLane()
		wg.Go(func() {
			for i := worker; i < len(blobs); i += 4 {
				var err error
				if len(blobs[i]) >= BigObject {
					ids[i], _, err = lane.AddStream(Blob, int64(len(blobs[i])), bytes.NewReader(blobs[i]))
				} else {
					ids[i], _, err = lane.Add(Blob, blobs[i])
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestPackIsGits(t *testing.T) {
	dir, db := newRepository(t)
	blobs := contents()
	ids := writePack(t, db, blobs)
	fsck(t, dir)
	for i, blob := range blobs {
		if i < 40 {
			if want := git(t, dir, blob, "hash-object", "--stdin"); ids[i].String() != want {
				t.Errorf("blob %d is %s, git says %s", i, ids[i], want)
			}
			cmd := exec.Command("git", "--git-dir", dir, "cat-file", "blob", ids[i].String())
			if got, err := cmd.Output(); err != nil || !bytes.Equal(got, blob) {
				t.Errorf("git reads blob %d (%d bytes) otherwise: %v", i, len(blob), err)
			}
		}
		if typ, got, err := db.Read(ids[i]); err != nil || typ != Blob || !bytes.Equal(got, blob) {
			t.Errorf("blob %d (%d bytes) reads back otherwise: %v", i, len(blob), err)
		}
		var stream bytes.Buffer
		if _, n, err := db.Stream(ids[i], struct{ io.Writer }{&stream}); err != nil || n != int64(len(blob)) || !bytes.Equal(stream.Bytes(), blob) {
			t.Errorf("blob %d streams otherwise: %v", i, err)
		}
	}
}

func TestSameObjectsMakeNoSecondPack(t *testing.T) {
	dir, db := newRepository(t)
	blobs := contents()
	writePack(t, db, blobs)
	writePack(t, db, blobs)
	entries, err := os.ReadDir(filepath.Join(dir, "objects", "pack"))
	if err != nil || len(entries) != 2 {
		t.Errorf("pack directory holds %v, want one pack and its index (%v)", entries, err)
	}
}

func TestReadsWhatGitRepacked(t *testing.T) {
	dir, db := newRepository(t)
	var blobs [][]byte
	base := contents()[15]
	for i := range 30 {
		blobs = append(blobs, append(fmt.Appendf(nil, "revision %d\n", i), base...))
	}
	ids := writePack(t, db, blobs)
	var tree bytes.Buffer
	for i, id := range ids {
		fmt.Fprintf(&tree, "100644 blob %s\tf%02d\n", id, i)
	}
	root := git(t, dir, tree.Bytes(), "mktree")
	commit := git(t, dir, nil, "commit-tree", "-m", "x", root)
	git(t, dir, nil, "update-ref", "refs/heads/main", commit)
	git(t, dir, nil, "repack", "-adfq", "--depth=50", "--window=30")
	if out := git(t, dir, nil, "verify-pack", "-v", onlyIndex(t, dir)); !strings.Contains(out, "chain length") {
		t.Fatalf("git made no deltas:\n%s", out)
	}
	if err := db.Refresh(); err != nil {
		t.Fatal(err)
	}
	fresh, err := Open(db.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	for i, id := range ids {
		for name, d := range map[string]*DB{"open before": db, "fresh": fresh} {
			if _, got, err := d.Read(id); err != nil || !bytes.Equal(got, blobs[i]) {
				t.Errorf("%s: delta %d: %v", name, i, err)
			}
		}
	}
	commitID, _ := ParseID(commit)
	if typ, _, err := fresh.Read(commitID); err != nil || typ != Commit {
		t.Errorf("commit: %v %v", typ, err)
	}
}

func onlyIndex(t *testing.T, dir string) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.idx"))
	if len(found) != 1 {
		t.Fatalf("packs: %v", found)
	}
	return found[0]
}

func TestLoose(t *testing.T) {
	dir, db := newRepository(t)
	for _, blob := range contents()[:12] {
		id, err := db.WriteLoose(Blob, blob)
		if err != nil {
			t.Fatal(err)
		}
		if want := git(t, dir, blob, "hash-object", "-w", "--stdin"); id.String() != want {
			t.Errorf("wrote %s, git says %s", id, want)
		}
		if typ, n, err := db.Size(id); typ != Blob || n != int64(len(blob)) || err != nil {
			t.Errorf("size: %v %d %v", typ, n, err)
		}
		if _, got, err := db.Read(id); err != nil || !bytes.Equal(got, blob) {
			t.Errorf("read: %v", err)
		}
	}
	fsck(t, dir)
	_, _, err := db.Read(ID{1})
	if !errors.Is(err, ErrNotFound) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing object: %v", err)
	}
}

// Every flipped bit of a pack and its index is an error or harmless; none is
// ever returned as content.
func TestFlippedBitsAreNeverContent(t *testing.T) {
	dir, db := newRepository(t)
	blobs := contents()[24:60]
	ids := writePack(t, db, blobs)
	idx := onlyIndex(t, dir)
	detected := 0
	for _, path := range []string{idx, strings.TrimSuffix(idx, ".idx") + ".pack"} {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, 0o644)
		for at := 0; at < len(good); at++ {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << (at % 8)
			os.Remove(path)
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			d, err := Open(db.Dir())
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range ids {
				_, got, err := d.Read(id)
				if err == nil && !bytes.Equal(got, blobs[i]) {
					t.Fatalf("flip at %d of %s gave other content", at, filepath.Base(path))
				}
				if err != nil {
					detected++
				}
			}
			d.Close()
		}
		os.Remove(path)
		os.WriteFile(path, good, 0o444)
	}
	if detected == 0 {
		t.Error("no flip was ever noticed: the test can't have tested anything")
	}
}

func TestSecondCopyServesWhenOneIsCorrupt(t *testing.T) {
	dir, db := newRepository(t)
	blob := []byte(strings.Repeat("important ", 100))
	id := writePack(t, db, [][]byte{blob})[0]
	pack := strings.TrimSuffix(onlyIndex(t, dir), ".idx") + ".pack"
	data, _ := os.ReadFile(pack)
	data[20] ^= 0xff
	os.Remove(pack)
	os.WriteFile(pack, data, 0o444)
	broken, err := Open(db.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	var corrupt *CorruptError
	if _, _, err := broken.Read(id); !errors.As(err, &corrupt) || !errors.Is(err, ErrCorrupt) || corrupt.ID != id {
		t.Fatalf("corrupt pack: %v", err)
	}
	git(t, dir, blob, "hash-object", "-w", "--stdin")
	if _, err := os.Stat(broken.loosePath(id)); err != nil {
		// git sees the object in the pack and writes nothing: make the copy.
		loose := t.TempDir()
		git(t, loose, nil, "init", "-q", "--bare", ".")
		git(t, loose, blob, "hash-object", "-w", "--stdin")
		os.MkdirAll(filepath.Dir(broken.loosePath(id)), 0o755)
		hex := id.String()
		data, _ := os.ReadFile(filepath.Join(loose, "objects", hex[:2], hex[2:]))
		os.WriteFile(broken.loosePath(id), data, 0o444)
	}
	if _, got, err := broken.Read(id); err != nil || !bytes.Equal(got, blob) {
		t.Errorf("second copy not used: %v", err)
	}
}

func TestSweepLeavesTheLiving(t *testing.T) {
	_, db := newRepository(t)
	w, err := db.NewPack()
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(db.Dir(), "pack", oldTempPack+"dead")
	if err := os.WriteFile(dead, make([]byte, 100), 0o444); err != nil {
		t.Fatal(err)
	}
	freed, err := db.Sweep()
	if err != nil || freed != 100 {
		t.Errorf("freed %d bytes, %v", freed, err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead writer's file stays: %v", err)
	}
	if _, err := os.Stat(w.tmp.Name()); err != nil {
		t.Errorf("the living writer's file went: %v", err)
	}
	w.Abort()
	if entries, _ := os.ReadDir(filepath.Join(db.Dir(), "pack")); len(entries) != 0 {
		t.Errorf("abort left %v", entries)
	}
}

func TestAlternates(t *testing.T) {
	dir, _ := newRepository(t)
	main := t.TempDir()
	id := git(t, dir, []byte("shared"), "hash-object", "-w", "--stdin")
	git(t, main, nil, "clone", "-q", "--shared", "--bare", dir, "c")
	db, err := Open(filepath.Join(main, "c", "objects"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want, _ := ParseID(id)
	if _, got, err := db.Read(want); err != nil || string(got) != "shared" {
		t.Errorf("%q %v", got, err)
	}
}

func TestStreamOfWrongSizeIsRefused(t *testing.T) {
	_, db := newRepository(t)
	w, err := db.NewPack()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	defer w.Release()
	lane := w.NewLane()
	for _, size := range []int64{9, 11} {
		if _, _, err := lane.AddStream(Blob, size, strings.NewReader("ten bytes.")); !errors.Is(err, ErrSize) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}
