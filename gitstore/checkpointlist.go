package gitstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	if len(l.head) == 0 {
		return nil
	}
	first, ok := l.firstOfRest()
	if ok && (first == nil || isNewer(&l.head[len(l.head)-1], first)) && ofOneLine(l.head) {
		return nil
	}
	return l.takeRest(ctx)
}

// firstOfRest is the newest that the index tells of; nil for none, false where the index
// is damaged.
func (l *listing) firstOfRest() (c *Checkpoint, ok bool) {
	for i := range l.rest.len() {
		c, ok := l.rest.at(i)
		if !ok || !l.outranked[c.Version] {
			return &c, ok
		}
	}
	return nil, true
}

// takeRest makes the rest a part of the head. Where the index is damaged it is made
// anew.
func (l *listing) takeRest(ctx context.Context) error {
	had := len(l.head)
	for i := range l.rest.len() {
		c, ok := l.rest.at(i)
		if !ok {
			l.s.log.Debug("the index of checkpoints is damaged, and made anew")
			l.close()
			l.head = l.head[:had]
			if err := l.readPacked(ctx); err != nil {
				return err
			}
			break
		}
		if !l.outranked[c.Version] {
			l.head = append(l.head, c)
		}
	}
	l.close()
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

// newest yields the checkpoints, newest first, until one isn't wanted any more.
func (l *listing) newest(ctx context.Context) iter.Seq2[Checkpoint, error] {
	return func(yield func(Checkpoint, error) bool) {
		for _, c := range l.head {
			if !yield(c, nil) {
				return
			}
		}
		for i := range l.rest.len() {
			if err := ctx.Err(); err != nil {
				yield(Checkpoint{}, err)
				return
			}
			c, ok := l.rest.at(i)
			if !ok {
				l.newestAfter(ctx, i, yield)
				return
			}
			if !l.outranked[c.Version] && !yield(c, nil) {
				return
			}
		}
	}
}

// all lists the checkpoints, newest first.
func (l *listing) all(ctx context.Context) ([]Checkpoint, error) {
	list := make([]Checkpoint, 0, len(l.head)+l.rest.len())
	for c, err := range l.newest(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// newestAfter goes on for newest where the index turns out to be damaged after n of its
// records were yielded.
func (l *listing) newestAfter(ctx context.Context, n int, yield func(Checkpoint, error) bool) {
	given := make(map[ID]bool, len(l.head)+n)
	for _, c := range l.head {
		given[c.Tag] = true
	}
	for i := range n {
		c, _ := l.rest.at(i)
		given[c.Tag] = true
	}
	if err := l.takeRest(ctx); err != nil {
		yield(Checkpoint{}, err)
		return
	}
	for _, c := range l.head {
		if !given[c.Tag] && !yield(c, nil) {
			return
		}
	}
}

// newestWhole is the newest checkpoint whose own objects can be read, as they say it;
// nil for none.
func (l *listing) newestWhole(ctx context.Context) (*Checkpoint, error) {
	for c, err := range l.newest(ctx) {
		if err != nil {
			return nil, err
		}
		stored, whole, err := l.s.loadAll(ctx, []refs.Ref{{Name: tagPrefix + c.Version, ID: c.Tag}}, nil)
		if err != nil {
			return nil, err
		}
		if whole && len(stored) == 1 {
			return &stored[0], nil
		}
	}
	return nil, nil
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
func (s *Store) Checkpoints(ctx context.Context) ([]Checkpoint, error) {
	l, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return l.all(ctx)
}

// Newest yields what Checkpoints lists, one by one, and no more of them is read or kept
// than is taken: the first few cost the same however many there are. After an error
// nothing more comes.
func (s *Store) Newest(ctx context.Context) iter.Seq2[Checkpoint, error] {
	return func(yield func(Checkpoint, error) bool) {
		l, err := s.list(ctx)
		if err != nil {
			yield(Checkpoint{}, err)
			return
		}
		defer l.close()
		l.newest(ctx)(yield)
	}
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
