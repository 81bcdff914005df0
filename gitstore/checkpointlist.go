package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
)

// listing is all checkpoints at one moment, as far as they are needed. It must be
// closed.
type listing struct {
	s *Store
	// stamp is the state of packed-refs.
	stamp refs.PackedStamp
	// head are the newest, sorted; the index has the rest.
	head []Checkpoint
	rest *checkpointIndex
	// outranked are names whose tags in the index have given way to loose ones.
	outranked map[string]bool
}

// list looks at the tags. Those that have a file of their own are few, and read one by
// one; of the others the index tells, which is made anew when packed-refs was changed.
func (s *Store) list(ctx context.Context) (*listing, error) {
	const tries = 20
	for try := 1; ; try++ {
		stamp, err := s.refs.PackedStamp()
		if err != nil {
			return nil, err
		}
		loose, err := s.refs.ListLoose(tagPrefix)
		if err != nil {
			s.log.Warn("some tags can't be read", "error", err)
		}
		l := &listing{s: s, stamp: stamp, outranked: make(map[string]bool)}
		for _, r := range loose {
			l.outranked[strings.TrimPrefix(r.Name, tagPrefix)] = true
		}
		outrankBroken(err, l.outranked)
		if l.head, _, err = s.loadAll(ctx, loose, nil); err != nil {
			return nil, err
		}
		l.rest = s.openCheckpointIndex(stamp, false)
		if l.rest == nil {
			if err := l.readPacked(ctx); err != nil {
				return nil, err
			}
		}
		// A tag that was packed between the two looks was in neither.
		now, err := s.refs.PackedStamp()
		if err == nil && (now == stamp || try == tries) {
			if err = l.settle(ctx); err == nil {
				return l, nil
			}
		}
		l.close()
		if err != nil {
			return nil, err
		}
	}
}

func (l *listing) close() {
	l.rest.close()
	l.rest = nil
}

// outrankBroken adds tags whose own file is damaged: what packed-refs has under their
// names was true once.
func outrankBroken(err error, names map[string]bool) {
	var b *refs.BrokenError
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			outrankBroken(err, names)
		}
	default:
		if errors.As(err, &b) {
			names[strings.TrimPrefix(b.Name, tagPrefix)] = true
		}
	}
}

// loadAll reads checkpoints, but for those that are known by their tag's id. Whole
// says that none is damaged.
func (s *Store) loadAll(ctx context.Context, list []refs.Ref, known map[ID]Checkpoint) (all []Checkpoint, whole bool, err error) {
	whole = true
	for _, r := range list {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		version := strings.TrimPrefix(r.Name, tagPrefix)
		if c, ok := known[r.ID]; ok && c.Version == version {
			all = append(all, c)
			continue
		}
		c, err := s.load(version, r.ID)
		switch {
		case errors.Is(err, errNotCheckpoint):
		case err != nil:
			whole = false
			s.log.Warn("checkpoint can't be read", "version", version, "error", err)
		default:
			all = append(all, c)
		}
	}
	return all, whole, nil
}

// readPacked lists what packed-refs names, and makes the index of it.
func (l *listing) readPacked(ctx context.Context) error {
	packed, err := l.s.refs.ListPacked(tagPrefix)
	if err != nil {
		l.s.log.Warn("some tags can't be read", "error", err)
		return nil
	}
	if len(packed) == 0 {
		return nil
	}
	known := make(map[ID]Checkpoint)
	if old := l.s.openCheckpointIndex(l.stamp, true); old != nil {
		defer old.close()
		for i := range old.count {
			if c, ok := old.at(i); ok {
				known[c.Tag] = c
			}
		}
	}
	visible, hidden := l.split(packed)
	all, whole, err := l.s.loadAll(ctx, visible, known)
	if err != nil {
		return err
	}
	for _, r := range hidden {
		// Nobody is told of damage that hits nobody, but the index is of all lines.
		c, ok := known[r.ID]
		if version := strings.TrimPrefix(r.Name, tagPrefix); !ok || c.Version != version {
			c, err = l.s.load(version, r.ID)
		}
		switch {
		case err == nil:
			all = append(all, c)
		case !errors.Is(err, errNotCheckpoint):
			whole = false
		}
	}
	sortNewestFirst(all, l.s.pastPruned(ctx, all))
	// A damaged one is to be told of at the next listing, too.
	if now, err := l.s.refs.PackedStamp(); whole && err == nil && now == l.stamp {
		if err := l.s.writeCheckpointIndex(l.stamp, all); err != nil {
			l.s.log.Debug("the index of checkpoints can't be written", "error", err)
		}
	}
	for _, c := range all {
		if !l.outranked[c.Version] {
			l.head = append(l.head, c)
		}
	}
	return nil
}

// split parts packed tags from those that loose ones outrank.
func (l *listing) split(packed []refs.Ref) (visible, hidden []refs.Ref) {
	for _, r := range packed {
		if l.outranked[strings.TrimPrefix(r.Name, tagPrefix)] {
			hidden = append(hidden, r)
		} else {
			visible = append(visible, r)
		}
	}
	return visible, hidden
}

// settle sorts the head. It takes the rest in where one of the head may belong
// among them, or where only all of the lineage can tell which of two is newer.
func (l *listing) settle(ctx context.Context) error {
	sortNewestFirst(l.head, nil)
	had := len(l.head)
	if had == 0 {
		return nil
	}
	first, err := l.some(ctx, 1)
	if err != nil {
		return err
	}
	overlaps := len(first) > 0 && !isNewer(&l.head[had-1], &first[0])
	if !overlaps && len(l.head) == had && ofOneLine(l.head) {
		return nil
	}
	rest, err := l.some(ctx, -1)
	if err != nil {
		return err
	}
	l.close()
	l.head = append(l.head, rest...)
	sortNewestFirst(l.head, l.s.pastPruned(ctx, l.head))
	return nil
}

// ofOneLine says that of those of one second each follows the next.
func ofOneLine(sorted []Checkpoint) bool {
	for i := 1; i < len(sorted); i++ {
		if !isNewer(&sorted[i-1], &sorted[i]) {
			return false
		}
	}
	return true
}

// isNewer says that a comes before b in the list whatever else is in it: by its time, or
// as the child of the last one of the same second.
func isNewer(a, b *Checkpoint) bool {
	return a.Time.After(b.Time) || a.Time.Equal(b.Time) && a.Parent == b.Commit
}

// some are the newest n of the rest, or fewer; all of them for a negative n. Where the
// index is damaged, the rest becomes a part of the head, and there is none any more.
func (l *listing) some(ctx context.Context, n int) ([]Checkpoint, error) {
	if l.rest == nil {
		return nil, nil
	}
	if n < 0 {
		n = l.rest.count
	}
	list := make([]Checkpoint, 0, min(n, l.rest.count))
	for i := 0; i < l.rest.count && len(list) < n; i++ {
		c, ok := l.rest.at(i)
		if !ok {
			l.s.log.Debug("the index of checkpoints is damaged, and made anew")
			l.close()
			return nil, l.readPacked(ctx)
		}
		if !l.outranked[c.Version] {
			list = append(list, c)
		}
	}
	return list, nil
}

// newest returns at most n checkpoints, newest first; all of them for a negative n.
func (l *listing) newest(ctx context.Context, n int) ([]Checkpoint, error) {
	if n >= 0 && n <= len(l.head) {
		return l.head[:n], nil
	}
	had := len(l.head)
	rest, err := l.some(ctx, max(n-had, -1))
	if err != nil {
		return nil, err
	}
	if len(l.head) != had {
		sortNewestFirst(l.head, l.s.pastPruned(ctx, l.head))
		return l.newest(ctx, n)
	}
	if had == 0 {
		return rest, nil
	}
	return append(slices.Clip(l.head), rest...), nil
}

// newestWhole is the newest checkpoint whose own objects can be read, as they say it;
// nil for none.
func (l *listing) newestWhole(ctx context.Context) (*Checkpoint, error) {
	for tried, n := 0, 1; ; n *= 8 {
		some, err := l.newest(ctx, n)
		if err != nil {
			return nil, err
		}
		// There may be fewer than before: the index may have turned out damaged.
		for _, c := range some[min(tried, len(some)):] {
			stored, whole, err := l.s.loadAll(ctx, []refs.Ref{{Name: tagPrefix + c.Version, ID: c.Tag}}, nil)
			if err != nil {
				return nil, err
			}
			if whole && len(stored) == 1 {
				return &stored[0], nil
			}
		}
		if tried = len(some); tried < n {
			return nil, nil
		}
	}
}

func (s *Store) newestWhole(ctx context.Context) (*Checkpoint, error) {
	l, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return l.newestWhole(ctx)
}

// Checkpoints lists all of them, newest first. A tag that isn't a checkpoint is
// left out; one whose objects are damaged is left out with a warning in the log,
// and [Store.Verify] names it.
func (s *Store) Checkpoints(ctx context.Context) ([]Checkpoint, error) { return s.Newest(ctx, -1) }

// Newest is Checkpoints for the newest n, or fewer if there aren't as many, at the
// same cost however many there are; a negative n is all.
func (s *Store) Newest(ctx context.Context, n int) ([]Checkpoint, error) {
	l, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return l.newest(ctx, n)
}

// looseTags is how many tags may have files of their own before they are packed.
const looseTags = 50

// packTags keeps the number of tags small that every listing reads one by one.
func (s *Store) packTags(ctx context.Context) {
	if s.refs.CountLoose(tagPrefix, looseTags) < looseTags {
		return
	}
	if _, err := s.PackRefs(ctx); err != nil {
		s.log.Debug("tags stay loose", "error", err)
	}
}

// PackRefs moves tags, and what keeps pruned and replaced ones, into packed-refs, as
// git-pack-refs(1) does, and returns how many.
func (s *Store) PackRefs(ctx context.Context) (int, error) {
	total := 0
	for _, prefix := range []string{tagPrefix, replacedRef} {
		n, err := s.refs.Pack(ctx, prefix, s.peel)
		total += n
		if err != nil {
			return total, fmt.Errorf("packing %s: %w", prefix, refError(err))
		}
	}
	return total, nil
}

// peel is what an annotated tag leads to, the null id for anything else.
func (s *Store) peel(id [20]byte) ([20]byte, error) {
	commit, _, err := s.readCommit(id)
	switch {
	case errors.Is(err, ErrCorrupt), errors.Is(err, ErrNotFound):
		// A damaged tag is packed as it is: git would say that it can't be peeled.
		return ID{}, err
	case err != nil || commit == ID(id):
		return ID{}, nil
	}
	return commit, nil
}
