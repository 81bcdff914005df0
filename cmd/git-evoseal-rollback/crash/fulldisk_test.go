//go:build linux && (amd64 || arm64)

package crash

import (
	"errors"
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
// left at its start, then with a little, and so on until it is done. The same is done
// with the number of files that a file system can hold.
//
// EVOSEAL_FULLDISK is by how many bytes the room grows, and then files are given one
// at a time; without it a few sizes are tried on a few commands.
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
	failed := make(map[string]int)
	for _, c := range commands() {
		if step == 0 && !c.often || c.perseveres {
			// One that perseveres is tested by what it tries.
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			p := f.prepare(c)
			for kind, dir := range disks {
				for _, short := range shortages(step) {
					if dir != "" {
						what := kind + " " + short.of
						t.Run(what, func(t *testing.T) { failed[what] += p.filled(t, dir, short) })
					}
				}
			}
		})
	}
	t.Logf("commands failed, and were judged, with so many amounts of room: %v", failed)
}

// shortage is what a disk runs out of.
type shortage struct {
	of string
	// left says how much of it a disk has.
	left func(*unix.Statfs_t) int64
	// take takes as much of it, or a little more.
	take func(filler string, n int64) error
	// next is the amount to try after another, and most the greatest.
	next func(int64) int64
	most int64
}

func shortages(step int) []shortage {
	grow := func(by, first, times int64) func(int64) int64 {
		if step > 0 {
			return func(n int64) int64 { return n + by }
		}
		return func(n int64) int64 { return max(first, times*n) }
	}
	return []shortage{
		{"bytes", func(st *unix.Statfs_t) int64 { return int64(st.Bavail) * st.Bsize }, takeBytes, grow(int64(step), 16<<10, 4), smallDisk / 2},
		{"files", func(st *unix.Statfs_t) int64 { return int64(st.Ffree) }, takeFiles, grow(1, 8, 6), smallFiles / 2},
	}
}

const (
	smallDisk  = 24 << 20
	smallFiles = 1024
)

// smallTmpfs mounts a file system in memory, and returns nothing where that can't be
// done.
func smallTmpfs(t *testing.T) string {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,nr_inodes=%d", smallDisk, smallFiles)); err != nil {
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
		{"mkfs.ext4", "-q", "-F", "-m", "0", "-N", strconv.Itoa(smallFiles), image},
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

// fill leaves so much on the disk, or a little less.
func (s shortage) fill(disk string, room int64) (filler string, err error) {
	filler = filepath.Join(disk, "filler")
	if err := os.Mkdir(filler, 0o755); err != nil {
		return filler, err
	}
	d, err := os.Open(disk)
	if err != nil {
		return filler, err
	}
	defer d.Close()
	// What ext4 needs to keep track of the filler isn't known before it is there.
	for {
		if err := unix.Syncfs(int(d.Fd())); err != nil {
			return filler, err
		}
		var st unix.Statfs_t
		if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
			return filler, err
		}
		more := s.left(&st) - room
		if more <= 0 {
			return filler, nil
		}
		if err := s.take(filler, more); errors.Is(err, unix.ENOSPC) {
			return filler, nil
		} else if err != nil {
			return filler, err
		}
	}
}

func takeBytes(filler string, n int64) error {
	f, err := os.OpenFile(filepath.Join(filler, "bytes"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if m, err := f.Write(make([]byte, n)); m == 0 {
		return err
	}
	return nil
}

func takeFiles(filler string, n int64) error {
	for range n {
		f, err := os.CreateTemp(filler, "")
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

// filled runs the command on a disk with more and more room, until it is done, and
// returns how often it failed.
func (p *prepared) filled(t *testing.T, disk string, short shortage) (failed int) {
	for room := int64(0); ; room = short.next(room) {
		if room > short.most {
			t.Errorf("%s is not done with room for %d %s", p.name, room, short.of)
			return failed
		}
		done, err := p.filledTo(t, disk, short, room)
		if err != nil {
			t.Fatal(err)
		}
		if done || t.Failed() {
			return failed
		}
		failed++
	}
}

// filledTo runs the command with so much room, and says whether it was done.
func (p *prepared) filledTo(t *testing.T, disk string, short shortage, room int64) (done bool, err error) {
	w, err := p.fresh(filepath.Join(disk, "world"))
	if err != nil {
		return false, err
	}
	live, err := w.liveTree()
	if err != nil {
		return false, err
	}
	filler, err := short.fill(disk, room)
	if err != nil {
		return false, err
	}
	s := w.run(p.args...)
	j := &judgement{p: p, w: w}
	j.ended(trace.Result{Code: s.code}, s)
	j.reads()
	if s.code != 0 && !strings.Contains(s.err, "space") && !strings.Contains(s.err, "room") {
		j.addf("it doesn't say what is wrong")
	}
	if err := os.RemoveAll(filler); err != nil {
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
	j.report(t, fmt.Sprintf("room for %d %s", room, short.of))
	return s.code == 0, nil
}

// reads looks, while there still is no room, whether what is there can be looked at.
func (j *judgement) reads() {
	if _, err := os.Stat(filepath.Join(j.w.store(), "HEAD")); err != nil {
		return
	}
	for _, args := range [][]string{{"list"}, {"status"}, {"history"}, {"verify", "--all"}, {"policy", "get"}, {"diff", "v1"}} {
		j.must(args, 0, 10)
	}
}
