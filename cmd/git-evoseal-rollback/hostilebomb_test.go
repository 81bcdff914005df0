package main

import (
	"bytes"
	"compress/flate"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tenGiB are so many zeros, and their name as a blob.
const (
	tenGiB   = 10 << 30
	tenGiBID = "1119181c4708377b56e8dedc83bba16a2ce4a254"
)

// zeros deflates n zeros, a multiple of a MiB, without deflating more than one: a
// stream's flushed parts can be repeated.
func zeros(n int64) []byte {
	var b bytes.Buffer
	z, _ := flate.NewWriter(&b, flate.BestCompression)
	z.Write(make([]byte, 1<<20))
	z.Flush()
	out := append([]byte{0x78, 0x9c}, bytes.Repeat(b.Bytes(), int(n>>20))...)
	// An empty last block, and a checksum that nobody has to look at.
	return append(out, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 0)
}

func (p *forgedPack) tree(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(pairs[i] + "\x00" + rawID(pairs[i+1]))
	}
	h := sha1.New()
	fmt.Fprintf(h, "tree %d\x00%s", b.Len(), b.String())
	id := hex.EncodeToString(h.Sum(nil))
	p.add(id, packedTree, int64(b.Len()), nil, deflated([]byte(b.String())))
	return id
}

// A few kilobytes of zeros' deflation never fill the disk unasked.
func TestSizeBombs(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	p := newForgedPack()
	p.add(tenGiBID, packedBlob, tenGiB, nil, zeros(tenGiB))
	p.write(w, "10 GiB of zeros")
	tree := w.tree("100644 zeros", tenGiBID)

	w.forge(tree)
	r := w.run("rollback", "evil")
	if r.code != 14 || !strings.Contains(r.output, "it says that it holds 1000 B, and holds more") {
		t.Errorf("a checkpoint that lies about its size: %d\n%s", r.code, r.output)
	}
	w.goodComesBack()

	// One that says what it holds is asked about, unless there is no room anyway.
	w.mustRun("policy", "set", "target.maxGiB", "10")
	w.forge(tree, fmt.Sprintf("Bytes: %d\n", int64(tenGiB)))
	for _, line := range []string{"rollback evil", "rollback evil --dry-run", "cascade good"} {
		if r = w.run(strings.Fields(line)...); r.code != 15 && !strings.Contains(line, "cascade") {
			t.Errorf("%s ended with %d\n%s", line, r.code, r.output)
		}
	}
	for _, size := range []string{"9223372036854775807", "-1", "99999999999999999999", "x"} {
		w.forge(tree, "Bytes: "+size+"\n")
		if r = w.run("rollback", "evil"); r.code != 14 && r.code != 15 {
			t.Errorf("a size of %s: %d\n%s", size, r.code, r.output)
		}
	}
	// What must be read in one piece.
	for _, forged := range []string{tenGiBID, w.tree("120000 link", tenGiBID), w.tree("100644 .gitattributes", tenGiBID)} {
		w.forge(forged)
		if r = w.run("rollback", "evil", "--branch", "b"); r.code != 14 {
			t.Errorf("%s: %d\n%s", forged, r.code, r.output)
		}
	}
	w.forge(tree, "Meta: "+tenGiBID+"\n")
	w.evil(14)
	w.inStore("", "update-ref", "-d", "refs/tags/evil")
	w.goodComesBack()
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}

// Ten trees that hold the next one ten times each are 10^10 files.
func TestTreeBombs(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	for name, leaf := range map[string]string{"files": "100644", "directories": "40000"} {
		id := w.object("blob", "boom\n")
		if leaf == "40000" {
			id = w.tree("100644 f", id)
		}
		mode := leaf
		for range 10 {
			var pairs []string
			for n := range 10 {
				pairs = append(pairs, fmt.Sprintf("%s d%d", mode, n), id)
			}
			id, mode = w.tree(pairs...), "40000"
		}
		w.forge(id)
		bomb := w.inStore("", "rev-parse", "refs/tags/evil")
		lines := []string{"rollback evil --target ../t -- d0", "diff good evil --stat", "diff evil", "rollback evil --dry-run -- d1"}
		if soaking() {
			// These write as much as the limit lets them.
			lines = append(lines, "rollback evil", "rollback evil --branch b")
		} else if leaf != "100644" {
			lines = lines[:1]
		}
		for _, line := range lines {
			if r := w.run(strings.Fields(line)...); r.code != 14 {
				t.Errorf("%s: %s ended with %d\n%.1000s", name, line, r.code, r.output)
			}
		}
		// Verify says what a rollback would, also of one that --force replaced.
		w.tellsBomb("verify evil", "files and directories than it says", "verify --all --sample 1", "verify --all")
		w.forge(w.tree("100644 f", w.object("blob", "x")))
		w.inStore("", "update-ref", "refs/evoseal/replaced/"+bomb, bomb)
		w.tellsBomb("verify --all", "files and directories than it says")
		w.inStore("", "update-ref", "-d", "refs/evoseal/replaced/"+bomb)
		w.mustRun("verify", "--all")
		w.goodComesBack()
	}
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}

// One blob many times over adds up, in what verify says as in what a rollback does.
func TestSizesAddUp(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	zeros := w.object("blob", string(make([]byte, 20<<20)))
	var pairs []string
	for n := range 5 {
		pairs = append(pairs, fmt.Sprintf("100644 f%d", n), zeros)
	}
	tree := w.tree(pairs...)
	w.forge(tree)
	w.tellsBomb("rollback evil", "it says that it holds 1000 B, and holds more", "verify evil", "verify --all", "verify --all --sample 1")
	w.forge(tree, fmt.Sprintf("Bytes: %d\n", 100<<20))
	w.mustRun("verify", "evil")
	w.mustRun("rollback", "evil", "--force")
	w.goodComesBack()
}

// A file that is missing under very many names is missing once.
func TestTreeBombOfAMissingFile(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	id, mode := strings.Repeat("9", 40), "100644"
	for range 10 {
		var pairs []string
		for n := range 10 {
			pairs = append(pairs, fmt.Sprintf("%s d%d", mode, n), id)
		}
		id, mode = w.tree(pairs...), "40000"
	}
	w.forge(id)
	for _, line := range []string{"verify evil", "verify --all", "doctor --repair --dry-run"} {
		if r := w.run(strings.Fields(line)...); r.code != 14 || strings.Count(r.output, strings.Repeat("9", 40)) > 3 {
			t.Errorf("%s ended with %d\n%.2000s", line, r.code, r.output)
		}
	}
	w.goodComesBack()
}

// tellsBomb runs commands, each of which must say that of the version evil.
func (w *hostileWorld) tellsBomb(first, words string, more ...string) {
	w.Helper()
	for _, line := range append([]string{first}, more...) {
		if r := w.run(strings.Fields(line)...); r.code != 14 || !strings.Contains(r.output, words) {
			w.Errorf("%s ended with %d\n%.1000s", line, r.code, r.output)
		}
	}
}

// deepest is how many directories lie in one another; a path through all of them is
// longer than any system call takes.
const deepest = 10000

func TestDeepTrees(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	p := newForgedPack()
	id, _ := p.blob([]byte("at the bottom\n"))
	id = p.tree("100644 f", id)
	for range deepest {
		id = p.tree("40000 d", id)
	}
	p.write(w, "a deep tree")
	w.forge(id)
	w.run("verify", "evil")
	r := w.run("rollback", "evil")
	if r.code != 0 && r.code != 14 {
		t.Errorf("rollback ended with %d\n%s", r.code, r.output)
	}
	t.Logf("rollback ended with %d", r.code)
	// What the target holds now must be looked at, moved aside and removed.
	for _, line := range []string{"status", "doctor", "diff good evil --stat", "rollback good", "rollback evil", "undo", "rollback good", "rollback good --target ../t -- a", "doctor"} {
		if r := w.run(strings.Fields(line)...); r.code != 0 && !(strings.Contains(line, "evil") && r.code == 14) {
			t.Errorf("%s ended with %d\n%.1000s", line, r.code, r.output)
		}
	}
	os.RemoveAll(filepath.Join(w.base, "t"))
	w.goodComesBack()
	t.Logf("at most %d MiB and %v", w.peak>>20, w.slowest)
}

// A live project may be as deep: it comes back, or is refused, with few descriptors.
func TestDeepProject(t *testing.T) {
	w := newHostileWorld(t)
	fd, err := unix.Open(w.dir, unix.O_DIRECTORY, 0)
	w.must(err)
	for range deepest {
		w.must(unix.Mkdirat(fd, "deep", 0o755))
		next, err := unix.Openat(fd, "deep", unix.O_DIRECTORY, 0)
		w.must(err)
		unix.Close(fd)
		fd = next
	}
	f, err := unix.Openat(fd, "f", unix.O_CREAT|unix.O_WRONLY, 0o600)
	w.must(err)
	unix.Write(f, []byte("deep\n"))
	unix.Close(f)
	unix.Close(fd)
	few := func(line string) (int, string) {
		cmd := exec.Command("sh", "-c", "ulimit -n 128 && exec git-evoseal-rollback "+line)
		cmd.Dir, cmd.Env = w.dir, w.environment()
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	for _, line := range []string{"checkpoint deep", "rollback deep", "rollback good", "rollback deep", "verify --all", "rollback good", "rollback good -- a", "diff deep --stat", "doctor"} {
		if code, out := few(line); code != 0 || strings.Contains(out, "goroutine ") {
			t.Errorf("%s ended with %d\n%.1000s", line, code, out)
		}
	}
}
