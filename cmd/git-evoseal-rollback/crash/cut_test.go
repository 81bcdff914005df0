//go:build linux && (amd64 || arm64)

package crash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/disk"
	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
	"golang.org/x/sys/unix"
)

// recorder turns calls into the operations of a log.
type recorder struct {
	root string
	log  *disk.Log
	err  error
}

func (r *recorder) rel(path string) string {
	rel, err := filepath.Rel(r.root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "."
	}
	return rel
}

// record takes a call that was made. There is none that it passes over in silence.
func (r *recorder) record(c *trace.Call) {
	if c.Result < 0 || r.err != nil {
		return
	}
	op := disk.Op{Path: r.rel(c.Path), To: r.rel(c.To)}
	switch c.Name {
	case "openat":
		r.opened(c, op)
		return
	case "write", "pwrite64", "writev", "pwritev", "ftruncate", "copy_file_range", "sendfile", "ioctl", "fallocate":
		op.Kind = disk.Write
		op.Data, r.err = c.Content()
	case "mkdirat":
		op.Kind, op.Mode = disk.Mkdir, fs.FileMode(c.Mode)&^0o022
	case "symlinkat":
		op.Kind, op.Mode, op.To = disk.Symlink, 0o777, c.To
	case "linkat":
		op.Kind = disk.Link
	case "unlinkat":
		op.Kind = disk.Unlink
	case "renameat":
		op.Kind = disk.Rename
	case "renameat2":
		op.Kind = disk.Rename
		if c.Flags&unix.RENAME_EXCHANGE != 0 {
			op.Kind = disk.Exchange
		}
	case "fchmod", "fchmodat":
		op.Kind, op.Mode = disk.Chmod, fs.FileMode(c.Mode)&fs.ModePerm
	case "fsync", "fdatasync":
		op.Kind = disk.Sync
	case "syncfs":
		op.Kind = disk.SyncAll
	case "utimensat":
		// Times are what they are in a state that is made anew.
		return
	default:
		r.err = fmt.Errorf("%s is not known to the recorder", c)
	}
	if op.Kind != disk.Symlink && c.To == "" {
		op.To = ""
	}
	r.err = errors.Join(r.err, r.log.Add(op))
}

// opened tells a new file from one that was there, which the log must know.
func (r *recorder) opened(c *trace.Call, op disk.Op) {
	if c.Flags&(unix.O_CREAT|unix.O_TRUNC) == 0 {
		return
	}
	op.To = ""
	if r.log.Has(op.Path) {
		if c.Flags&unix.O_TRUNC != 0 {
			op.Kind = disk.Truncate
			r.err = errors.Join(r.err, r.log.Add(op))
		}
		return
	}
	op.Kind, op.Mode = disk.Create, fs.FileMode(c.Mode)&fs.ModePerm&^0o022
	r.err = errors.Join(r.err, r.log.Add(op))
}

// choices are the states that are looked at for each number of operations; the
// random ones several times.
func choices() []disk.Choice {
	return []disk.Choice{
		disk.KeepAll, disk.LoseAll, disk.LoseNames, disk.EmptyData, disk.ZeroData, disk.OldData,
		disk.Random, disk.Random, disk.Random,
	}
}

// powerCuts is one command's log, made and looked at below one directory, since the
// store knows where it lies.
type powerCuts struct {
	p     *prepared
	w     world
	base  string
	log   *disk.Log
	model disk.Model
	live  tree
	// same are the states that were had already.
	same  map[string]bool
	total *tally
}

// powerless cuts the power after each of the command's operations, with all that a
// file system may lose then.
func (p *prepared) powerless(t *testing.T, dir string, total *tally) {
	step := stride(t, len(p.calls), 2)
	var sum tally
	var wg sync.WaitGroup
	for _, model := range []disk.Model{disk.Strict, disk.Journal} {
		wg.Go(func() {
			cuts, err := p.recorded(filepath.Join(dir, "cut-"+model.String()), &sum)
			if err != nil {
				t.Error(err)
				return
			}
			cuts.model = model
			cuts.tryAll(t, step)
		})
	}
	wg.Wait()
	t.Logf("%d calls, %d states after a power cut; %d locks had to be removed by hand", len(p.calls), sum.of(countedCuts), sum.of(countedLocks))
	total.add(&sum)
}

// recorded runs the command once below root and keeps what it started from.
func (p *prepared) recorded(root string, total *tally) (*powerCuts, error) {
	w, err := p.fresh(root)
	if err != nil {
		return nil, err
	}
	live, err := w.liveTree()
	if err != nil {
		return nil, err
	}
	base, err := w.copyTo(root + "-base")
	if err != nil {
		return nil, err
	}
	log, err := disk.NewLog(base.project())
	if err != nil {
		return nil, err
	}
	r := &recorder{root: w.project(), log: log}
	_, said, err := w.traced(trace.Options{Exit: r.record}, p.args...)
	if err = errors.Join(err, r.err); err != nil {
		return nil, err
	}
	if !p.done(said) {
		return nil, fmt.Errorf("%v: %v", p.args, said)
	}
	return &powerCuts{p: p, w: w, base: base.root, log: r.log, live: live, same: make(map[string]bool), total: total}, nil
}

func (c *powerCuts) tryAll(t *testing.T, step int) {
	// What is left at the end is what was promised: that is always looked at.
	for n := 0; n < c.log.Len(); n += step {
		for i, choice := range choices() {
			if !ordinary() || i == n%len(choices()) {
				c.try(t, n, choice, uint64(i))
			}
		}
	}
	for i, choice := range choices() {
		if !ordinary() || i == 1 {
			c.try(t, c.log.Len(), choice, uint64(i))
		}
	}
}

// try makes one state and judges it, unless nothing was lost or it was had before.
func (c *powerCuts) try(t *testing.T, n int, choice disk.Choice, seed uint64) {
	if err := removeAll(c.w.project()); err != nil {
		t.Error(err)
		return
	}
	lost, err := c.log.Cut(c.w.project(), n, c.model, choice, seed)
	if err != nil {
		t.Error(err)
		return
	}
	if !lost && choice != disk.KeepAll {
		return
	}
	state, err := readTree(c.w.project(), look{})
	if err != nil {
		t.Error(err)
		return
	}
	if c.same[state.sum()] {
		return
	}
	c.same[state.sum()] = true
	if err := c.asBefore(); err != nil {
		t.Error(err)
		return
	}
	c.total.count(countedCuts+", "+c.model.String(), 1)
	live, err := c.w.liveTree()
	if err != nil {
		t.Error(err)
		return
	}
	j := &judgement{p: c.p, w: c.w, power: true}
	j.look(live, false)
	j.liveWas(c.live)
	c.total.count(countedLocks+", "+c.model.String(), j.locks)
	if j.locks > 0 && c.model == disk.Journal {
		j.addf("%d locks had to be removed by hand", j.locks)
	}
	if n == c.log.Len() && j.seen != nil {
		for _, wrong := range j.seen.missing(c.p.new) {
			j.addf("it was done, but now %s", wrong)
		}
	}
	at := "at the end"
	if n < c.log.Len() {
		at = fmt.Sprintf("before operation %d, %s", n, c.log.At(n))
	}
	j.report(t, fmt.Sprintf("%s model, power cut %s, %s (%d)", c.model, at, choice, seed))
}

// asBefore gives the project's own files the times that they had: they weren't
// written, but made anew with the state.
func (c *powerCuts) asBefore() error {
	base := world{root: c.base}
	return filepath.WalkDir(base.project(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(base.project(), path)
		if strings.HasPrefix(rel, ".evoseal") {
			return nil
		}
		err = os.Chtimes(filepath.Join(c.w.project(), rel), fi.ModTime(), fi.ModTime())
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// liveWas compares the project with what it was before the power cut, but for times.
func (j *judgement) liveWas(before tree) {
	now, err := j.w.liveTree()
	if err != nil {
		j.addf("%v", err)
		return
	}
	untimed := func(line string) string {
		if at := strings.LastIndexByte(line, ' '); at > 0 && !strings.HasPrefix(line, "d") {
			return line[:at]
		}
		return line
	}
	for path, line := range before {
		changed := false
		for _, prefix := range j.p.live {
			changed = changed || strings.HasPrefix(path, prefix)
		}
		if !changed && untimed(now[path]) != untimed(line) {
			j.addf("the live project's %s was %q and is %q", path, line, now[path])
		}
	}
}
