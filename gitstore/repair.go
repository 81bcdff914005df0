package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
)

// brokenPrefix is where values that a repair replaced are kept.
const brokenPrefix = "refs/evoseal/broken/"

// RefRepair is what [Store.RepairRefs] did to one ref.
type RefRepair struct {
	Name string
	// From is what the ref held, empty when it was gone.
	From string
	// Why says what was wrong with that.
	Why error
	// To is the value that the ref has now; null when no earlier one can be read
	// either, and the ref was left as it is.
	To ID
	// Lost is true when the reflog knows a newer value than To, or To is null: what
	// was written since can't be reached by the ref any more.
	Lost bool
	// Behind is true when the ref was one change behind its log, and nothing else was
	// wrong: its own file was lost, or its writer died in the last moment.
	Behind bool
	// Exchanged is another ref which has the value that this one's log tells; neither is
	// touched then.
	Exchanged string
	// Kept is the ref under which the broken value is kept, empty when it names
	// no commit that can be read.
	Kept string
}

// RepairRefs sets the notebooks, their archives and the policy back to the newest
// value in their reflogs that can be read, where the value they have can't: it
// is no object's name, or its commit, tree or newest content is damaged or
// missing. Refs that are sound aren't touched. Tags have no earlier value to go
// back to. When one ref can't be repaired for a reason that isn't damage, the
// error says so, and the others are done nevertheless.
func (s *Store) RepairRefs(ctx context.Context) ([]RefRepair, error) { return s.repairRefs(ctx, false) }

// repairRefs in a dry run says what would be done, and locks and changes nothing.
func (s *Store) repairRefs(ctx context.Context, dry bool) ([]RefRepair, error) {
	names, err := s.repairable()
	if err != nil {
		return nil, err
	}
	var done []RefRepair
	var errs []error
	for _, name := range names {
		r, err := s.repairRef(ctx, name, dry)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, refError(err)))
		}
		if r != nil {
			done = append(done, *r)
		}
	}
	return done, errors.Join(errs...)
}

// repairable lists the refs that have an earlier value to go back to, or should.
func (s *Store) repairable() ([]string, error) {
	var names []string
	for _, prefix := range []string{"refs/notes/evoseal/", archivePrefix, policyRef} {
		list, err := s.refs.List(prefix)
		broken := refs.BrokenNames(err)
		if err != nil && len(broken) == 0 {
			return nil, refError(err)
		}
		for _, r := range list {
			names = append(names, r.Name)
		}
		logged, err := s.refs.Logged(prefix)
		if err != nil {
			return nil, err
		}
		names = append(append(names, broken...), logged...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// repairRef returns nil for a ref that is sound.
func (s *Store) repairRef(ctx context.Context, name string, dry bool) (*RefRepair, error) {
	r, err := s.mendRef(ctx, name, dry)
	if !dry || r == nil && err == nil {
		return r, err
	}
	// Half of somebody's change may have been seen.
	if held, err := s.refs.LockAny(ctx, name); err == nil {
		defer held.Release()
	}
	return s.mendRef(ctx, name, dry)
}

func (s *Store) mendRef(ctx context.Context, name string, dry bool) (*RefRepair, error) {
	var held *refs.Held
	behind := false
	current, why := s.refs.Read(name)
	ok := why == nil
	if dry && errors.Is(why, refs.ErrNotFound) {
		why = nil
	} else if !dry {
		var err error
		if held, err = s.refs.LockAny(ctx, name); err != nil {
			return nil, err
		}
		defer held.Release()
		current, ok = held.Current()
		why = held.Broken()
	}
	if why == nil && !ok {
		// The log is made first: whoever was killed in between left an empty one.
		if entries, err := s.refs.Reflog(name); err == nil && len(entries) == 0 {
			return nil, nil
		}
		why = malformed("the ref is gone")
	}
	if why == nil {
		if why = s.readable(ctx, name, current); why == nil {
			why = s.strayed(name, current)
		}
		if _, n, err := s.refs.Stale(name); why == nil && err == nil && n == 1 {
			behind, why = true, malformed("its own file is gone, and the packed value is older")
		}
		if why == nil {
			return nil, nil
		}
		if !errors.Is(why, ErrCorrupt) {
			return nil, why
		}
	}
	r := &RefRepair{Name: name, From: s.refs.Raw(name), Why: why, Lost: true, Behind: behind}
	if ok {
		r.From = ID(current).String()
	}
	to, newest, err := s.lastReadable(ctx, name, current)
	if err != nil || to.IsZero() {
		return r, err
	}
	if ok && s.heldBy(name, to) != "" {
		// Either the two refs changed places, or their logs did: whoever guesses wrong
		// here would lose what is right.
		r.Exchanged = s.heldBy(name, to)
		return r, nil
	}
	if r.To, r.Lost = to, !newest; dry {
		return r, nil
	}
	if ok {
		r.Kept = s.keepBroken(ctx, name, current)
	}
	if ok && s.db.Lookup(current) != nil {
		held.Disown()
	}
	if err := held.Commit(to, "repair: the newest value that can be read"); err != nil {
		return nil, err
	}
	return r, nil
}

// heldBy is another ref that has a value, empty for none.
func (s *Store) heldBy(name string, id ID) string {
	list, _ := s.listRefs()
	for _, r := range list {
		if r.Name != name && r.ID == id {
			return r.Name
		}
	}
	return ""
}

// lastReadable goes back along the ref's log. The second result says that nothing
// newer had to be passed over.
func (s *Store) lastReadable(ctx context.Context, name string, not ID) (ID, bool, error) {
	entries, err := s.refs.Reflog(name)
	if err != nil {
		return ID{}, false, err
	}
	newest := true
	for _, e := range entries {
		if id := ID(e.New); !id.IsZero() && id != not {
			err := s.readable(ctx, name, id)
			if err == nil {
				return id, newest, nil
			}
			if !errors.Is(err, ErrCorrupt) {
				return ID{}, false, err
			}
		}
		newest = false
	}
	return ID{}, false, nil
}

// readable says what keeps a value of a ref from being built upon.
func (s *Store) readable(ctx context.Context, name string, id ID) error {
	if name == policyRef {
		_, err := s.PolicyAt(id)
		return err
	}
	if err := s.namesNotes(id); err != nil {
		return err
	}
	_, c, err := s.readCommit(id)
	if err != nil {
		return err
	}
	var before ID
	if len(c.Parents) > 0 {
		// Without the parent nothing tells which note is the newest: read all.
		if _, parent, err := s.readCommit(c.Parents[0]); err == nil {
			before = parent.Tree
		}
	}
	changed, err := s.changedNotes(ctx, before, c.Tree)
	if errors.Is(err, ErrCorrupt) && !before.IsZero() {
		changed, err = s.changedNotes(ctx, ID{}, c.Tree)
	}
	if err != nil {
		return err
	}
	for object, pair := range changed {
		if pair.after.IsZero() {
			continue
		}
		read := s.readNote
		if name == metaBook.ref() {
			// One line for each odd file, read as a whole, and never added to.
			read = func(id ID) ([]byte, error) { return s.db.ReadType(id, odb.Blob) }
		}
		if _, err := read(pair.after); err != nil {
			return err
		}
		if _, err := s.earlierParts(c.Tree, object); err != nil {
			return err
		}
	}
	return nil
}

// keepBroken gives the value a ref of its own, unless it names nothing that git
// could read: such a ref would make every gc fail.
func (s *Store) keepBroken(ctx context.Context, name string, id ID) string {
	if _, _, err := s.readCommit(id); err != nil {
		return ""
	}
	kept := brokenPrefix + strings.TrimPrefix(name, "refs/") + "-" + s.now().Format("20060102T150405.000")
	if err := s.refs.Update(ctx, refs.Update{Name: kept, New: id, Reason: "repair: what " + name + " was"}); err != nil {
		s.log.Warn("the broken value of a ref can't be kept", "ref", name, "value", id, "error", err)
		return ""
	}
	return kept
}
