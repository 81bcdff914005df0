package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// MendState is what became, or would become, of something that is wrong.
type MendState string

// The states.
const (
	// Mendable says that [Store.Rebuild] would mend it.
	Mendable MendState = "possible"
	// Mended is done, and Lost can't be: what is needed for it is nowhere.
	Mended MendState = "done"
	Lost   MendState = "impossible"
	// MendFailed may be tried again, once what the message tells is out of the way.
	MendFailed MendState = "failed"
)

// Mend is one thing that is wrong with the store, and what was done about it.
type Mend struct {
	// Kind is one word for what it is about: settings, lock, ref, pack, index,
	// object, slot, cache, derived or leftover.
	Kind string
	// What is a path below the store, a ref's name or an object's.
	What string
	Why  error
	// How says what was done, or would be, or why nothing can be.
	How   string
	State MendState
	// Versions are the checkpoints that it hits.
	Versions []string
	// Trivial says that no checkpoint, record or rollback depends on it.
	Trivial bool
}

// RebuildRequest says what to rebuild.
type RebuildRequest struct {
	// DryRun changes nothing: what could be mended is [Mendable].
	DryRun bool
	// Objects reads all that is stored, and looks for what is damaged in the live
	// project, the targets and the project's own repository.
	Objects bool
	// Progress is as in [RecordRequest].
	Progress func(Progress)
}

// RebuildReport is what is wrong, in the order in which it was looked at.
type RebuildReport struct {
	Mends []Mend
	// Aside is the directory into which was moved what was replaced, empty when
	// nothing was. [Store.DropDamaged] removes it.
	Aside string
}

// Rebuild mends what can be mended from what is left: settings, refs from their
// logs, indexes from packs, packs from what can be read of them, objects from the
// live project, the targets and the project's own repository, the slots from their
// directories; and it removes caches that are damaged. Nothing that was there is
// deleted but caches: it is moved aside, and only once all that it held is durable
// elsewhere. The live project is only read. What Rebuild did is durable; a process
// that is killed in the middle leaves the store no worse, and another call goes on.
func (s *Store) Rebuild(ctx context.Context, req RebuildRequest) (*RebuildReport, error) {
	r := &rebuild{s: s, ctx: ctx, req: req}
	if !req.DryRun {
		unlock, err := s.lockObjects(ctx, unix.LOCK_EX, "repair")
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	steps := []func() error{r.settings, r.locks, r.packedRefs, r.packs, r.lostRefs}
	if req.Objects {
		steps = append(steps, r.objects, r.salvageAgain, r.putPacksAside)
	}
	steps = append(steps, r.setBack, r.hiddenLines, r.slots, r.derived, r.caches)
	if req.Objects && !req.DryRun {
		steps = append(steps, r.remaining)
	}
	for _, step := range steps {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return &r.report, err
		}
	}
	return &r.report, nil
}

// rebuild is one call of Rebuild.
type rebuild struct {
	s      *Store
	ctx    context.Context
	req    RebuildRequest
	report RebuildReport
	// salvaged are the packs of which what can be read is elsewhere by now.
	salvaged []salvagedPack
	// would are the objects that a dry run would have brought to light.
	would map[ID]bool
	// told are the objects and refs that the report has.
	told map[string]bool
}

// do mends one thing, or says that it could be.
func (r *rebuild) do(m Mend, act func() error) {
	m.State = Mendable
	if !r.req.DryRun {
		m.State = Mended
		if err := act(); err != nil {
			m.State, m.How = MendFailed, err.Error()
		}
	}
	r.add(m)
}

func (r *rebuild) add(m Mend) {
	if r.told == nil {
		r.told = make(map[string]bool)
	}
	r.told[m.What] = true
	r.report.Mends = append(r.report.Mends, m)
}

func (r *rebuild) rel(path string) string {
	if rel, err := filepath.Rel(r.s.dir, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return path
}

// damagedDir is where a repair moves what it replaced: git's checkers look nowhere
// there, so that a mended store is clean to them as well.
const damagedDir = "damaged"

// aside moves a file away, durably.
func (r *rebuild) aside(path string) error {
	dir := filepath.Join(r.s.dir, damagedDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	base := strings.ReplaceAll(r.rel(path), "/", "-")
	to := filepath.Join(dir, base+".damaged")
	for n := 2; ; n++ {
		if _, err := os.Lstat(to); err != nil {
			break
		}
		to = filepath.Join(dir, fmt.Sprintf("%s.%d.damaged", base, n))
	}
	if err := os.Rename(path, to); err != nil {
		return err
	}
	r.report.Aside = dir
	return errors.Join(durable.SyncDir(dir), durable.SyncDir(filepath.Dir(path)), durable.SyncDir(r.s.dir))
}

// keepAside keeps a copy of what a file held.
func (r *rebuild) keepAside(path string, data []byte) error {
	tmp := path + "-was"
	if err := durable.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return r.aside(tmp)
}

// SetAside says how much repairs have put aside.
func (s *Store) SetAside() (files int, bytes int64) {
	entries, _ := os.ReadDir(filepath.Join(s.dir, damagedDir))
	for _, e := range entries {
		if fi, err := e.Info(); err == nil {
			files, bytes = files+1, bytes+fi.Size()
		}
	}
	return files, bytes
}

// DropDamaged removes what repairs have put aside, and returns how many bytes that
// freed.
func (s *Store) DropDamaged() (int64, error) {
	_, bytes := s.SetAside()
	return bytes, os.RemoveAll(filepath.Join(s.dir, damagedDir))
}
