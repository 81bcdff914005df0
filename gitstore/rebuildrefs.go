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

// peeled finds what a tag leads to, for packed-refs, which tells it of every tag.
func (s *Store) peeled(id [20]byte) ([20]byte, bool) {
	typ, _, err := s.db.Read(id)
	if err != nil {
		return id, false
	}
	if typ != odb.Tag {
		return id, true
	}
	commit, _, err := s.readCommit(id)
	return commit, err == nil
}

// packedRefs takes out of packed-refs what can't be understood.
func (r *rebuild) packedRefs() error {
	bad := r.s.refs.CheckPacked(r.s.peeled)
	if len(bad) == 0 {
		return nil
	}
	m := Mend{Kind: "ref", What: "packed-refs", Why: errors.Join(bad...), How: "written anew without what names nothing; the logs of the refs tell what was lost"}
	r.do(m, func() error {
		path := r.s.dir + "/packed-refs"
		return refError(r.s.refs.MendPacked(r.ctx, r.s.peeled, func(data []byte) error { return r.keepAside(path, data) }))
	})
	return nil
}

// lostRefs sets tags, branches and what --force replaced to the newest value in
// their logs, where they are gone, broken, or name what they can't. An older value
// would be another checkpoint.
func (r *rebuild) lostRefs() error {
	s := r.s
	lost, err := s.lostRefs()
	if err != nil {
		return err
	}
	list, damage := s.listRefs()
	for _, d := range damage {
		if d.Ref != "" && !slices.ContainsFunc(lost, func(l refs.LostRef) bool { return l.Name == d.Ref }) {
			lost = append(lost, refs.LostRef{Name: d.Ref})
		}
	}
	for _, ref := range list {
		if r.logged(ref.Name) && s.refNames(ref.Name, ref.ID) != nil {
			was, err := s.refs.Values(ref.Name)
			if err != nil {
				return err
			}
			lost = append(lost, refs.LostRef{Name: ref.Name, Was: was})
		}
	}
	for _, ref := range list {
		if _, behind, err := s.refs.Stale(ref.Name); err == nil && behind > 0 && r.logged(ref.Name) {
			was, err := s.refs.Values(ref.Name)
			if err != nil {
				return err
			}
			lost = append(lost, refs.LostRef{Name: ref.Name, Was: was})
		}
	}
	slices.SortFunc(lost, func(a, b refs.LostRef) int { return strings.Compare(a.Name, b.Name) })
	for _, l := range lost {
		if r.logged(l.Name) && !r.told[l.Name] {
			r.lostRef(l)
		}
	}
	return nil
}

// logged leaves out the refs that setBack sees to.
func (r *rebuild) logged(name string) bool {
	return !strings.HasPrefix(name, "refs/notes/evoseal/") && !strings.HasPrefix(name, archivePrefix) &&
		!strings.HasPrefix(name, brokenPrefix) && name != policyRef
}

func (r *rebuild) lostRef(l refs.LostRef) {
	s := r.s
	if !s.stillWrong(r.ctx, l.Name) {
		return
	}
	current, readErr := s.refs.Read(l.Name)
	names := s.refNames(l.Name, current)
	if _, behind, _ := s.refs.Stale(l.Name); names == nil && behind > 0 {
		names = malformed("the ref's own file is gone, and the packed one holds an older value")
	}
	m := Mend{Kind: "ref", What: l.Name, Why: lostRefError(l.Name, readErr, names), State: Lost, Trivial: l.Name == latestRef}
	if version, ok := strings.CutPrefix(l.Name, tagPrefix); ok {
		m.Versions = []string{version}
	}
	var to ID
	switch {
	case l.Name == latestRef:
		if all, err := s.Checkpoints(r.ctx); err == nil && len(all) > 0 {
			to = all[0].Commit
		}
	case len(l.Was) > 0 && (s.couldName(l.Name, l.Was[0]) || r.would[l.Was[0]]):
		to = l.Was[0]
	case strings.HasPrefix(l.Name, replacedRef):
		to = r.replacedTag(l.Name)
		if readErr == nil && s.isTagOf(to, current) {
			// The ref is right, and its tag can be made anew.
			return
		}
	}
	misnamed := readErr == nil && s.misnamed(l.Name, current)
	switch {
	case to.IsZero() && misnamed:
		// Nothing of this name was ever made: another ref's name was damaged, or
		// somebody made the tag.
		m.How = "removed; what it named is " + ID(current).String()
		r.do(m, func() error { return r.dropRef(l.Name, current) })
		return
	case to.IsZero() && readErr == nil:
		// The ref may well be right: what it names is damaged, and told as such.
		return
	case to.IsZero():
		m.How = "its log names nothing that can be read"
		r.add(m)
		return
	}
	if readErr == nil && !misnamed && s.namesDamage(current) && to == ID(current) {
		return
	}
	m.How = "set to " + to.String() + ", which its log tells"
	r.do(m, func() error { return refError(s.setRef(r.ctx, l.Name, current, to)) })
}

// setRef gives a ref another value, unless it has changed meanwhile.
func (s *Store) setRef(ctx context.Context, name string, from [20]byte, to ID) error {
	held, err := s.refs.LockAny(ctx, name)
	if err != nil {
		return err
	}
	defer held.Release()
	if now, _ := held.Current(); now != from {
		return &refs.ChangedError{Name: name, Want: from, Have: now}
	}
	if s.db.Lookup(from) != nil {
		held.Disown()
	}
	return held.Commit(to, "repair: what the log tells")
}

// couldName says that a ref may be given that value.
func (s *Store) couldName(name string, id ID) bool {
	version, isTag := strings.CutPrefix(name, tagPrefix)
	if !isTag {
		version = ""
	}
	_, err := s.load(version, id)
	return err == nil || !isTag && errors.Is(err, errNotCheckpoint)
}

func lostRefError(name string, read, names error) error {
	switch {
	case errors.Is(read, refs.ErrNotFound):
		return malformed("the ref " + name + " is gone, and its log says that it was there")
	case read != nil:
		return refError(read)
	}
	return fmt.Errorf("%s: %w", name, names)
}

// misnamed says that a tag leads to a checkpoint of another name.
func (s *Store) misnamed(name string, id ID) bool {
	version, ok := strings.CutPrefix(name, tagPrefix)
	if !ok {
		return false
	}
	_, own := s.load("", id)
	_, err := s.load(version, id)
	return own == nil && err != nil
}

func (s *Store) namesDamage(id ID) bool {
	_, err := s.load("", id)
	return err != nil && !errors.Is(err, errNotCheckpoint)
}

// replacedTag is the commit that the name of such a ref tells.
func (r *rebuild) replacedTag(name string) ID {
	id, err := ParseID(strings.TrimPrefix(name, replacedRef))
	if err != nil || !r.s.couldName(name, id) {
		return ID{}
	}
	return id
}

// isTagOf says that a tag, which may be damaged, is the one of a checkpoint's commit.
func (s *Store) isTagOf(commit, tag ID) bool {
	data, err := s.tagAnew(commit)
	if err != nil {
		return false
	}
	id, err := odb.Hash(odb.Tag, data)
	return err == nil && id == tag
}

func (r *rebuild) dropRef(name string, current [20]byte) error {
	if err := r.keepAside(r.s.dir+"/"+strings.ReplaceAll(name, "/", "-"), fmt.Appendf(nil, "%x %s\n", current, name)); err != nil {
		return err
	}
	return refError(r.s.refs.Update(r.ctx, refs.Update{Name: name, Old: &current, Reason: "repair"}))
}

// setBack sets the notebooks and the policy back to the newest value that can be
// read. It comes after the objects, some of which may be readable again by now.
func (r *rebuild) setBack() error {
	done, err := r.s.repairRefs(r.ctx, r.req.DryRun)
	for _, d := range done {
		if r.comesBack(d.Why) {
			continue
		}
		m := Mend{Kind: "ref", What: d.Name, Why: fmt.Errorf("%s can't be read: %w", d.Name, d.Why), State: Mended}
		if r.req.DryRun {
			m.State = Mendable
		}
		m.How = "set to " + d.To.String() + ", the newest value that can be read"
		if d.Kept != "" {
			m.How += "; what it named is kept as " + d.Kept
		}
		m.Trivial = d.Behind
		if d.To.IsZero() {
			m.State, m.How = Lost, "no value that it had before can be read either; `git update-ref -d` in the store begins it anew"
			if d.Exchanged != "" {
				m.How = "its log tells the value of " + d.Exchanged + ": either the refs changed places or their logs did; look at both with `git log`, and set them with `git update-ref` in the store"
			}
		} else if d.Lost {
			m.How += "; what was written since is lost"
		}
		r.add(m)
	}
	return err
}

// hiddenLines takes lines out of packed-refs that name nothing which can be read, and
// that loose refs, such as a repair makes, outrank.
func (r *rebuild) hiddenLines() error {
	if r.req.DryRun {
		return nil
	}
	err := r.s.refs.DropHidden(r.ctx, func(name string, id [20]byte) bool {
		version, isTag := strings.CutPrefix(name, tagPrefix)
		if !isTag {
			version = ""
		}
		_, err := r.s.load(version, id)
		return errors.Is(err, ErrCorrupt)
	})
	if errors.Is(err, refs.ErrBroken) || errors.Is(err, refs.ErrLocked) {
		// Told already, and no harm.
		return nil
	}
	return err
}

// comesBack says, in a dry run, that a ref can't be read for objects that a repair
// would bring back, or may: without reading all nobody knows.
func (r *rebuild) comesBack(why error) bool {
	ids := namedIn(why)
	if !r.req.DryRun || len(ids) == 0 {
		return false
	}
	packs := slices.ContainsFunc(r.report.Mends, func(m Mend) bool { return m.Kind == "pack" || m.Kind == "index" })
	return !r.req.Objects && packs || slices.ContainsFunc(ids, func(id ID) bool { return r.would[id] })
}

// LastPolicy is the newest version of the policy that can be read, also where the ref
// itself is gone or broken.
func (s *Store) LastPolicy() (*Policy, error) {
	p, err := s.Policy()
	if _, read := s.refs.Read(policyRef); err == nil && read == nil {
		return p, nil
	}
	was, logErr := s.refs.Values(policyRef)
	for _, id := range was {
		if p, err := s.PolicyAt(id); err == nil {
			return p, nil
		}
	}
	return p, errors.Join(err, logErr)
}
