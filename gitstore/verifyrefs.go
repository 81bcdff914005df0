package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// Damaged lists what keeps the store from being read at all levels above the
// checkpoints: refs that hold no object's name, tags whose objects are broken.
func (s *Store) Damaged(ctx context.Context) []Damage {
	list, found := s.listRefs()
	for _, r := range list {
		if ctx.Err() != nil {
			break
		}
		version := strings.TrimPrefix(r.Name, tagPrefix)
		if version == r.Name {
			version = ""
		}
		err := s.refNames(r.Name, r.ID)
		if err == nil {
			continue
		}
		d := Damage{Object: r.ID, Ref: r.Name, Path: r.Name, Err: fmt.Errorf("%s: %w", r.Name, err)}
		if version != "" {
			d.Versions = []string{version}
		}
		found = append(found, d)
	}
	found = append(found, s.lost(found)...)
	return slices.DeleteFunc(found, func(d Damage) bool {
		return strings.HasPrefix(d.Ref, "refs/") && !s.stillWrong(ctx, d.Ref)
	})
}

// stillWrong looks at a ref again, while nobody changes it: whoever looked before may
// have seen half of a change, as when a checkpoint is pruned. Where it can't be held,
// as in a store that may only be read, it counts as it is.
func (s *Store) stillWrong(ctx context.Context, name string) bool {
	if held, err := s.refs.LockAny(ctx, name); err == nil {
		defer held.Release()
	}
	id, err := s.refs.Read(name)
	if errors.Is(err, refs.ErrNotFound) {
		gone, err := s.lostRefs()
		return err != nil || slices.ContainsFunc(gone, func(l refs.LostRef) bool { return l.Name == name })
	}
	_, behind, _ := s.refs.Stale(name)
	return err != nil || behind > 0 || s.refNames(name, id) != nil
}

// refNames says what keeps a ref from naming what it names.
func (s *Store) refNames(name string, id ID) error {
	version, isTag := strings.CutPrefix(name, tagPrefix)
	if !isTag {
		version = ""
	}
	c, err := s.load(version, id)
	old, replaced := strings.CutPrefix(name, replacedRef)
	switch {
	case replaced && errors.Is(err, errNotCheckpoint), replaced && err == nil && c.Commit.String() != old:
		return malformed("it doesn't name the checkpoint that its own name tells")
	case !errors.Is(err, errNotCheckpoint) && (err != nil || !isNotebook(name)):
		return err
	case isNotebook(name):
		if err := s.namesNotes(id); err != nil {
			return err
		}
	}
	return s.strayed(name, id)
}

// strayed says that a ref has a value which its log says that it had once, or never
// had: its file was lost, and an older value came to light, or another's took its
// place. A log lacks what was written as it was damaged: a notebook or policy that
// goes on from what the log knows is not astray.
func (s *Store) strayed(name string, id ID) error {
	if _, behind, err := s.refs.Stale(name); err != nil || behind > 1 {
		return errors.Join(err, malformed(fmt.Sprintf("%s has a value that its log says it lost %d changes ago", name, behind)))
	}
	if !isNotebook(name) && name != policyRef {
		return nil
	}
	was, err := s.refs.Values(name)
	if err != nil || len(was) == 0 || slices.Contains(was, [20]byte(id)) {
		return err
	}
	for at := id; ; {
		_, c, err := s.readCommit(at)
		if err != nil {
			// Damage on the way is told as such.
			return nil
		}
		if len(c.Parents) == 0 {
			return malformed(name + " has a value that its log doesn't know, and that comes from nothing which the log knows")
		}
		if at = c.Parents[0]; slices.Contains(was, [20]byte(at)) {
			return nil
		}
	}
}

func isNotebook(name string) bool {
	return strings.HasPrefix(name, "refs/notes/evoseal/") || strings.HasPrefix(name, archivePrefix)
}

// namesNotes says whether a notebook's ref names a commit of notes.
func (s *Store) namesNotes(id ID) error {
	commit, c, err := s.readCommit(id)
	if err != nil {
		return err
	}
	if commit != id {
		return malformed("it names a tag, not a notebook")
	}
	list, err := s.readTreeOrNone(c.Tree)
	if err != nil {
		return err
	}
	for _, e := range list {
		hex := strings.Trim(e.Name, "0123456789abcdef") == ""
		if e.Name == earlierDir || hex && (len(e.Name) == 40 || len(e.Name)%2 == 0 && e.Mode == scan.ModeDir) {
			continue
		}
		return malformed(fmt.Sprintf("it names no notebook: there is no note %q", e.Name))
	}
	return nil
}

func lostTag(version string) error {
	return malformed("the tag of " + version + " is gone, and its log says that it was there")
}

// lostRefs are refs that are gone and that their logs still know. One that was pruned
// is not lost: whoever is killed as he renames it leaves its log.
func (s *Store) lostRefs() ([]refs.LostRef, error) {
	gone, err := s.refs.Lost("refs/")
	if err != nil || len(gone) == 0 {
		return nil, err
	}
	list, _ := s.listRefs()
	pruned := make(map[ID]bool)
	for _, r := range list {
		if strings.HasPrefix(r.Name, prunedPrefix) {
			pruned[r.ID] = true
		}
	}
	return slices.DeleteFunc(gone, func(l refs.LostRef) bool { return len(l.Was) > 0 && pruned[l.Was[0]] }), nil
}

// isLost says that a tag is gone without anybody having removed it.
func (s *Store) isLost(version string) bool {
	if !s.refs.HasLog(tagPrefix + version) {
		return false
	}
	gone, err := s.lostRefs()
	return err == nil && slices.ContainsFunc(gone, func(l refs.LostRef) bool { return l.Name == tagPrefix+version })
}

// lost tells refs that are gone and that their logs still know. The branch that plain
// git checks out is no loss.
func (s *Store) lost(known []Damage) []Damage {
	gone, err := s.lostRefs()
	if err != nil {
		return []Damage{{Err: damaged("the logs of the refs", err)}}
	}
	var found []Damage
	for _, l := range gone {
		told := slices.ContainsFunc(known, func(d Damage) bool { return d.Ref == l.Name })
		if told || l.Name == latestRef || strings.HasPrefix(l.Name, brokenPrefix) {
			continue
		}
		d := Damage{Ref: l.Name, Path: l.Name, Err: malformed("the ref " + l.Name + " is gone, and its log says that it was there")}
		if version, ok := strings.CutPrefix(l.Name, tagPrefix); ok {
			d.Versions = []string{version}
		}
		found = append(found, d)
	}
	return found
}

// listRefs lists the refs, but for those that a repair put aside for being
// broken, and tells those that can't be read.
func (s *Store) listRefs() ([]refs.Ref, []Damage) {
	list, err := s.refs.List("refs/")
	list = slices.DeleteFunc(list, func(r refs.Ref) bool { return strings.HasPrefix(r.Name, brokenPrefix) })
	if err == nil {
		return list, nil
	}
	var found []Damage
	for _, e := range unjoin(err) {
		d := Damage{Ref: "packed-refs", Path: "packed-refs", Err: refError(e)}
		var broken *refs.BrokenError
		if errors.As(e, &broken) {
			d.Ref, d.Path = broken.Name, broken.Name
			if version, ok := strings.CutPrefix(broken.Name, tagPrefix); ok {
				d.Versions = []string{version}
			}
		}
		found = append(found, d)
	}
	return list, found
}

// unjoin takes what errors.Join made apart.
func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// refs verifies all that refs lead to: of tags, which are the checkpoints', only
// what Damaged looks at.
func (v *verifier) refs(ctx context.Context) error {
	reported := make(map[string]bool)
	for _, d := range v.s.Damaged(ctx) {
		if st := v.seen[d.Object]; !d.Object.IsZero() && st != nil && st.err != nil {
			continue
		}
		reported[d.Ref] = true
		v.report.Damage = append(v.report.Damage, d)
	}
	list, _ := v.s.listRefs()
	shallow, err := v.s.shallow()
	if err != nil {
		return err
	}
	v.shallow = shallow
	done := make(map[ID]bool)
	for _, r := range list {
		if strings.HasPrefix(r.Name, tagPrefix) || reported[r.Name] {
			continue
		}
		before := len(v.report.Damage)
		v.notes = isNotebook(r.Name) && r.Name != metaBook.ref()
		if err := v.chain(ctx, r.Name, r.ID, done); err != nil {
			return err
		}
		for i := range v.report.Damage[before:] {
			v.report.Damage[before+i].Ref = r.Name
		}
	}
	return nil
}

// chain verifies a commit, what it holds and all that it comes from.
func (v *verifier) chain(ctx context.Context, ref string, tip ID, done map[ID]bool) error {
	for todo := []ID{tip}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if done[id] {
			continue
		}
		done[id] = true
		if v.one(id, ref); v.seen[id].err != nil {
			continue
		}
		commit, c, err := v.s.readCommit(id)
		if err != nil {
			v.spoil(id, ref, err)
			continue
		}
		v.one(commit, ref)
		if v.one(c.Tree, ref); v.seen[c.Tree].err == nil && v.seen[c.Tree].typ != odb.Tree {
			v.spoil(commit, ref, &odb.TypeError{ID: c.Tree, Got: v.seen[c.Tree].typ, Want: odb.Tree})
		}
		below, err := v.tree(ctx, c.Tree, "")
		if err != nil {
			return err
		}
		if !isNotebook(ref) && ref != policyRef {
			// What --force replaced, and what was pruned, can be rolled back to.
			if cp, err := v.s.load("", commit); err == nil && below.within(cp) != nil {
				v.spoil(commit, ref, below.within(cp))
			}
		}
		if !v.shallow[commit] {
			todo = append(todo, c.Parents...)
		}
	}
	return nil
}
