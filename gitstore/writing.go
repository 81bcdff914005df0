package gitstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
)

// writing is what one update of a ref needs: small objects, written loose. A
// `git gc --prune=now` that looked at the refs before the update takes such
// objects for garbage, and may remove them until it ends. So their bytes are
// kept at hand until the ref names them.
type writing struct {
	s       *Store
	objects []odb.Object
}

func (s *Store) newWriting() *writing { return &writing{s: s} }

// put stores an object, also one that is there already: what is there may be
// garbage that is about to be collected.
func (w *writing) put(typ odb.Type, data []byte) (ID, error) {
	id, err := w.s.db.WriteLoose(typ, data)
	if err == nil {
		w.objects = append(w.objects, odb.Object{ID: id, Type: typ, Data: data})
	}
	return id, err
}

// commit makes the held ref name next. While git collects garbage, the objects
// go into a pack too, which neither its prune nor its repack ever touches: the
// one removes loose objects alone, the other packs that it saw before the ref
// named what is in them.
//
// Looking for a gc comes last before the change: one that begins later finds the
// ref changed when it gets so far as to look at it. Looking again afterwards is for
// the case that this process was held up between the two.
func (w *writing) commit(held *refs.Held, next ID, reason string) error {
	var release func()
	err := held.CommitAfter(next, reason, func() (err error) {
		if w.atRisk() {
			release, err = w.s.db.WritePack(w.objects)
		}
		return err
	})
	if release != nil {
		defer release()
	}
	if err != nil || release != nil || !w.atRisk() {
		return refError(err)
	}
	w.s.log.Info("git is collecting garbage: what was just written is kept from it", "objects", len(w.objects))
	if release, err = w.s.db.WritePack(w.objects); err != nil {
		return fmt.Errorf("written, but git is collecting garbage and may remove it: %w", err)
	}
	release()
	return nil
}

// untilRestored reads what a ref names that was just locked. It may be missing for a
// moment: its writer, if it was held up while git collected garbage, has let go of the ref
// and is about to write its objects once more.
func untilRestored(ctx context.Context, read func() error) error {
	const pause, times = 20 * time.Millisecond, 25
	for n := 0; ; n++ {
		err := read()
		if !errors.Is(err, odb.ErrNotFound) || n == times {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// atRisk says whether git has removed one of the objects, or may yet.
func (w *writing) atRisk() bool {
	for _, o := range w.objects {
		if !w.s.db.Stored(o.ID) {
			return true
		}
	}
	return w.s.collecting()
}
