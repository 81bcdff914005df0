//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
	"golang.org/x/sys/unix"
)

// TestFullDisk lets real file systems fill up at any moment of a command: with no room
// left at its start, then with a little, and so on until it is done.
//
// EVOSEAL_FULLDISK is by how many bytes the room grows; without it a few sizes are tried
// on a few commands.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	step := 0
	if said := os.Getenv("EVOSEAL_FULLDISK"); said != "" {
		var err error
		if step, err = strconv.Atoi(said); err != nil || step < 1 {
			t.Fatalf("EVOSEAL_FULLDISK is %q, not a number of bytes", said)
		}
	}
	f := newFixtures(t)
	disks := map[string]string{"tmpfs": smallTmpfs(t), "ext4": smallExt4(t)}
	for _, c := range commands() {
		if step == 0 && !c.often || c.perseveres {
			// One that perseveres is tested by what it tries.
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			p := f.prepare(c)
			for kind, dir := range disks {
				if dir != "" {
					t.Run(kind, func(t *testing.T) { p.filled(t, dir, step) })
				}
			}
		})
	}
}

const smallDisk = 24 << 20

// smallTmpfs mounts a file system in memory, and returns nothing where that can't be
// done.
func smallTmpfs(t *testing.T) string {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", smallDisk)); err != nil {
		t.Logf("no small tmpfs: %v", err)
		return ""
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// smallExt4 mounts an ext4 that lies in a file.
func smallExt4(t *testing.T) string {
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, smallDisk))
	for _, args := range [][]string{
		// Nothing reserved, or root would have room when nobody else has.
		{"mkfs.ext4", "-q", "-F", "-m", "0", image},
		{"mount", "-o", "loop", image, dir},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Logf("no small ext4: %s: %v %s", args[0], err, out)
			return ""
		}
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fill leaves so much room on the disk, or a little less.
func fill(disk string, room int64) (filler string, err error) {
	filler = filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		return filler, err
	}
	defer f.Close()
	// What ext4 needs to keep track of the filler isn't known before it is there.
	for {
		unix.Sync()
		var st unix.Statfs_t
		if err := unix.Statfs(disk, &st); err != nil {
			return filler, err
		}
		more := int64(st.Bavail)*st.Bsize - room
		if more <= 0 {
			return filler, nil
		}
		at, err := f.Seek(0, 2)
		if err != nil {
			return filler, err
		}
		if n, err := f.WriteAt(make([]byte, more), at); n == 0 && err != nil {
			return filler, nil
		}
	}
}

// filled runs the command on a disk with more and more room, until it is done.
func (p *prepared) filled(t *testing.T, disk string, step int) {
	failed := 0
	for room, next := int64(0), int64(0); ; room = next {
		switch {
		case step > 0:
			next = room + int64(step)
		default:
			next = max(16<<10, 4*room)
		}
		if room > smallDisk/2 {
			t.Errorf("%s is not done with %d bytes of room", p.name, room)
			return
		}
		done, err := p.filledTo(t, disk, room)
		if err != nil {
			t.Fatal(err)
		}
		if done || t.Failed() {
			break
		}
		failed++
	}
	t.Logf("failed with %d amounts of room", failed)
}

// filledTo runs the command with so much room, and says whether it was done.
func (p *prepared) filledTo(t *testing.T, disk string, room int64) (done bool, err error) {
	w, err := p.fresh(filepath.Join(disk, "world"))
	if err != nil {
		return false, err
	}
	live, err := w.liveTree()
	if err != nil {
		return false, err
	}
	filler, err := fill(disk, room)
	if err != nil {
		return false, err
	}
	s := w.run(p.args...)
	j := &judgement{p: p, w: w}
	j.ended(trace.Result{Code: s.code}, s)
	if s.code != 0 && !strings.Contains(s.err, "space") && !strings.Contains(s.err, "room") {
		j.addf("it doesn't say what is wrong")
	}
	if err := os.Remove(filler); err != nil {
		return false, err
	}
	more := p.judge(w, live, false)
	j.wrong = append(j.wrong, more.wrong...)
	if s.code == 0 && more.seen != nil {
		for _, wrong := range more.seen.missing(p.new) {
			if !told(wrong, s) {
				j.addf("it said that it was done, but %s", wrong)
			}
		}
	}
	if len(j.wrong) > 0 {
		j.addf("it had said: %v", s)
	}
	j.report(t, fmt.Sprintf("%d bytes of room", room))
	return s.code == 0, nil
}
