package gitstore

import (
	"context"
	"errors"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
)

// publish makes pack, note and tag durable, in this order.
func (r *recording) publish(ctx context.Context) error {
	packed, err := r.pack.Finish()
	if err != nil {
		return err
	}
	r.out.NewObjects += packed.Objects
	r.out.PackBytes += packed.Bytes
	if err := r.look(ctx); err != nil {
		return err
	}
	// From here on there is no turning back at a cancelled context: what is
	// left takes milliseconds, and half of it is of no use.
	ctx = context.WithoutCancel(ctx)
	if err := r.publishNote(ctx); err != nil {
		return err
	}
	s, c := r.s, r.out.Checkpoint
	err = r.publishTag(ctx)
	switch {
	case errors.Is(err, refs.ErrChanged):
		return &ExistsError{Version: c.Version}
	case errors.Is(err, refs.ErrConflict):
		return &NameError{Name: c.Version, Reason: err.Error()}
	case err != nil:
		return refError(err)
	}
	if err := r.lookAgain(ctx); err != nil {
		return err
	}
	if err := s.refs.Update(ctx, refs.Update{Name: latestRef, New: c.Commit, Reason: "checkpoint: " + c.Version}); err != nil {
		s.log.Warn("the branch that plain git checks out can't be moved", "error", err)
	}
	s.packTags(ctx)
	return nil
}

// publishTag gives the checkpoint its name. Where it is to take another's, that one
// stays reachable, and so does any that somebody else has put there meanwhile.
func (r *recording) publishTag(ctx context.Context) error {
	s, c := r.s, r.out.Checkpoint
	ref := tagPrefix + c.Version
	for {
		if !r.replaces.IsZero() {
			if err := s.keepReplaced(ctx, r.replaces); err != nil {
				return err
			}
		}
		err := s.refs.Update(ctx, refs.Update{Name: ref, Old: (*[20]byte)(&r.replaces), New: c.Tag, Reason: "checkpoint: " + c.Version})
		if !r.req.Force || !errors.Is(err, refs.ErrChanged) {
			return err
		}
		if r.replaces, err = s.refs.Read(ref); err != nil && !errors.Is(err, refs.ErrNotFound) {
			return err
		}
	}
}

func (r *recording) publishNote(ctx context.Context) error {
	s, ref := r.s, metaBook.ref()
	err := s.refs.Update(ctx, refs.Update{
		Name: ref, Old: (*[20]byte)(&r.notesHead), New: r.notesNext, Reason: "meta: " + r.out.Version,
	})
	if !errors.Is(err, refs.ErrChanged) {
		return refError(err)
	}
	held, err := s.refs.Lock(ctx, ref)
	if err != nil {
		return refError(err)
	}
	defer held.Release()
	head, _ := held.Current()
	w := s.newWriting()
	next, err := s.notesCommit(head, noteChange{object: r.out.Commit, blob: r.out.MetaID}, "meta: "+r.out.Version, w.put)
	if err != nil {
		return err
	}
	return w.commit(held, next, "meta: "+r.out.Version)
}

// keepReplaced gives the checkpoint that loses its name another one, which
// keeps it from being collected and lets Resolve find it.
func (s *Store) keepReplaced(ctx context.Context, tag ID) error {
	commit, _, err := s.readCommit(tag)
	if err != nil {
		return err
	}
	return refError(s.refs.Update(ctx, refs.Update{Name: replacedRef + commit.String(), New: tag, Reason: "replaced"}))
}
