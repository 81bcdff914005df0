package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
)

// ErrRemoved says that git removed from the store, or from the project's repository,
// what was counted on while something was recorded. See [RemovedError].
var ErrRemoved = errors.New("objects were removed meanwhile")

// RemovedError names the checkpoint, or branch, that wasn't made, and what it lacks.
type RemovedError struct {
	Name string
	Err  error
}

func (e *RemovedError) Error() string {
	return fmt.Sprintf("%q can't be written: git removed meanwhile what it is made of: %v", e.Name, e.Err)
}

// Is matches [ErrRemoved].
func (e *RemovedError) Is(target error) bool { return target == ErrRemoved }

// recordTries is how often a checkpoint is recorded of which something is removed
// each time.
const recordTries = 3

// again records until nothing is removed meanwhile that the checkpoint counts on.
func (r *recording) again(record func(try int) error) error {
	for try := 1; ; try++ {
		err := record(try)
		if !errors.Is(err, ErrRemoved) || try == recordTries {
			return err
		}
		r.s.log.Warn("recorded again: git removed from the store what was counted on", "error", err)
	}
}

// newPack starts a pack. Those before it stay marked, and so stay, until release.
func (r *recording) newPack() error {
	pack, err := r.s.db.NewPack()
	if err != nil {
		return err
	}
	r.pack, r.lane, r.packs = pack, pack.NewLane(), append(r.packs, pack)
	return nil
}

// release throws away what isn't published, and lets git collect the rest.
func (r *recording) release() {
	for _, pack := range r.packs {
		pack.Abort()
		pack.Release()
	}
}

// vouch says whether all is stored that the stat cache names. Where that isn't what
// the parent holds, it may be garbage, and its packs are made young.
func (r *recording) vouch(cache *statcache.Cache) bool {
	if !r.s.db.HasPacks(cache.Packs()) {
		return false
	}
	return r.parent != nil && ID(cache.Root().Tree()) == r.parent.Tree || r.pack.ReuseAll()
}

// look says whether the checkpoint is whole.
func (r *recording) look(ctx context.Context) error {
	c := r.out.Checkpoint
	return lookAt(ctx, r.s.db, r.packs, c.Version, c.Commit, c.Tag, c.MetaID)
}

// lookAt says whether a commit that was just written is whole, with what else belongs
// to it. It is where nothing has gone that objects were found in; otherwise all of it
// is walked. What came before the commit has its own refs.
func lookAt(ctx context.Context, db *odb.DB, packs []*odb.PackWriter, name string, commit ID, rest ...ID) error {
	if !slices.ContainsFunc(packs, (*odb.PackWriter).Lost) {
		return nil
	}
	if err := db.Refresh(); err != nil {
		return err
	}
	reach := db.NewReach()
	reach.Shallow = map[ID]bool{commit: true}
	err := reach.Walk(ctx, append(rest, commit))
	if errors.Is(err, odb.ErrNotFound) {
		return &RemovedError{Name: name, Err: err}
	}
	return err
}

// lookAgain looks once more now that the tag is there, which git's collecting sees
// from here on, and takes the tag back where something has gone.
func (r *recording) lookAgain(ctx context.Context) error {
	err := r.look(ctx)
	if err == nil {
		return nil
	}
	c := r.out.Checkpoint
	back := r.s.refs.Update(ctx, refs.Update{
		Name: tagPrefix + c.Version, Old: (*[20]byte)(&c.Tag), New: r.replaces, Reason: "taken back: " + c.Version,
	})
	if back != nil && !errors.Is(back, refs.ErrChanged) {
		return errors.Join(refError(back), fmt.Errorf("the tag stays, and the checkpoint isn't whole: %w", err))
	}
	return err
}
