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
		_, err := s.load(version, r.ID)
		if err == nil || errors.Is(err, errNotCheckpoint) {
			continue
		}
		d := Damage{Object: r.ID, Ref: r.Name, Path: r.Name, Err: fmt.Errorf("%s: %w", r.Name, err)}
		if version != "" {
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
		d := Damage{Err: refError(e)}
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
		if _, err := v.tree(ctx, c.Tree, ""); err != nil {
			return err
		}
		if !v.shallow[commit] {
			todo = append(todo, c.Parents...)
		}
	}
	return nil
}
