package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/worklist"
)

// Damage is one thing that is wrong in the store.
type Damage struct {
	// Object is null when the damage isn't one object's.
	Object ID
	// Ref is the ref that leads to it, empty where a checkpoint does.
	Ref string
	// Path is where the object stands in the first checkpoint it hits.
	Path string
	Err  error
	// Versions are the checkpoints that can't be brought back whole.
	Versions []string
}

// VerifyReport says what was read and what is wrong.
type VerifyReport struct {
	Checkpoints    int
	Objects, Bytes int64
	Damage         []Damage
	// Intact are the versions of which every byte is as it was recorded.
	Intact []string
	// Complete says that everything was read that was asked for: neither a sample nor
	// the time has left anything out.
	Complete bool
	// Stopped says that the time was up.
	Stopped bool
	// Before are the objects that an earlier call had read, see [VerifyRequest.Resume],
	// and which were not read again; Unread those that were left out by a sample, as
	// far as the call came upon them. Stored are all objects that there are.
	Before, Unread, Stored int64
	// StartedOver says why nothing was left of what an earlier call had read, empty
	// when there was no reason, or nothing to resume.
	StartedOver string
}

// VerifyRequest says what to verify.
type VerifyRequest struct {
	Checkpoints []Checkpoint
	// Refs reads all that the other refs lead to as well, with their whole chains:
	// the notebooks, their archives, the policy. Refs that can't be read and
	// checkpoints that can't be listed, which [Store.Damaged] tells, are in the
	// report then.
	Refs bool
	// Sample reads only some of the files' contents; commits, trees and notes are
	// always read. The zero value reads all.
	Sample Sample
	// MaxTime is when to stop, zero for never. What was read until then is kept for a
	// call that resumes.
	MaxTime time.Duration
	// Resume goes on where a call with MaxTime stopped, or one that was cancelled.
	Resume bool
	// Progress is as in [RecordRequest].
	Progress func(Progress)
}

// Verify is VerifyStore for checkpoints alone.
func (s *Store) Verify(ctx context.Context, checkpoints []Checkpoint, progress func(Progress)) (*VerifyReport, error) {
	return s.VerifyStore(ctx, VerifyRequest{Checkpoints: checkpoints, Progress: progress})
}

// VerifyStore reads every object of the checkpoints and compares it with its
// name, their meta notes with what the commits say of them, and each pack and
// index with its own checksum; and it checks that nothing in them would keep
// [Store.Materialise] from writing them. An object that several checkpoints share
// is read once. Damage is in the report, not in the error.
func (s *Store) VerifyStore(ctx context.Context, req VerifyRequest) (*VerifyReport, error) {
	return s.verifyStore(ctx, req, nil)
}

// verifyStore gives the name of each object that it came upon to reached, if that
// isn't nil.
func (s *Store) verifyStore(ctx context.Context, req VerifyRequest, reached func(ID)) (*VerifyReport, error) {
	v := &verifier{
		s: s, req: req, reading: s.newReading(req), partial: make(map[ID]bool), seen: make(map[ID]*objectState), below: make(map[ID]subtree), metas: make(map[[2]ID]bool),
		report: &VerifyReport{Checkpoints: len(req.Checkpoints)},
	}
	var expected Progress
	for _, c := range req.Checkpoints {
		// Checkpoints share most of their objects: the largest is the least that
		// there is to read.
		expected.TotalFiles, expected.TotalBytes = max(expected.TotalFiles, c.Files), max(expected.TotalBytes, c.Bytes)
	}
	done := report(req.Progress, func() Progress {
		p := Progress{Files: v.objects.Load(), Bytes: v.bytes.Load()}
		p.TotalFiles, p.TotalBytes = max(p.Files, expected.TotalFiles), max(p.Bytes, expected.TotalBytes)
		return p
	})
	defer done()
	v.resume()
	if err := v.all(ctx); err != nil {
		v.keep()
		return nil, err
	}
	if reached != nil {
		for id := range v.seen {
			reached(id)
		}
	}
	v.finish()
	return v.report, nil
}

// all reads until the time is up, which is no error.
func (v *verifier) all(ctx context.Context) error {
	for _, c := range v.req.Checkpoints {
		if err := v.checkpoint(ctx, c); err != nil {
			return v.unlessLate(err)
		}
	}
	if v.req.Refs {
		return v.unlessLate(v.refs(ctx))
	}
	return nil
}

type verifier struct {
	s       *Store
	req     VerifyRequest
	reading *reading
	seen    map[ID]*objectState
	// below has what was found of each tree that was walked.
	below map[ID]subtree
	// partial are trees of which something was left out.
	partial map[ID]bool
	// metas are the pairs of note and tree that were checked.
	metas map[[2]ID]bool
	// shallow are the commits that prune cut off their parents.
	shallow map[ID]bool
	// notes says that what is read are notes.
	notes  bool
	report *VerifyReport

	objects, bytes atomic.Int64
}

// subtree is what is known of a tree with all under it: its extent, and each damaged
// object once.
type subtree struct {
	bad []ID
	extent
}

// objectState is what is known of an object: sound, or which damage it is.
type objectState struct {
	typ    odb.Type
	damage int
	size   int64
	err    error
	// unread says that nothing but its being there is known.
	unread bool
}

func (v *verifier) checkpoint(ctx context.Context, c Checkpoint) error {
	v.one(c.Commit, "commit")
	if v.one(c.Tree, ""); v.seen[c.Tree].err == nil && v.seen[c.Tree].typ != odb.Tree {
		v.spoil(c.Commit, "commit", &odb.TypeError{ID: c.Tree, Got: v.seen[c.Tree].typ, Want: odb.Tree})
	}
	below, err := v.tree(ctx, c.Tree, "")
	if err != nil {
		return err
	}
	hit := slices.Clone(below.bad)
	if !c.MetaID.IsZero() {
		v.meta(c, len(hit) == 0)
	}
	if err := below.within(c); err != nil {
		v.spoil(c.Commit, "commit", err)
	}
	for _, root := range []struct {
		id   ID
		path string
	}{{c.Tag, "tag"}, {c.Commit, "commit"}, {c.MetaID, metaPath}} {
		if root.id.IsZero() {
			continue
		}
		if v.one(root.id, root.path); v.seen[root.id].err != nil {
			hit = append(hit, root.id)
		}
	}
	for _, id := range eachOnce(hit) {
		d := &v.report.Damage[v.seen[id].damage]
		d.Versions = append(d.Versions, c.Version)
	}
	if len(hit) == 0 && !v.partial[c.Tree] {
		v.report.Intact = append(v.report.Intact, c.Version)
	}
	return nil
}

// meta verifies the note beside a tree. A note that doesn't fit this tree may fit
// another, and counts as damaged all the same: no tree was recorded with it.
func (v *verifier) meta(c Checkpoint, whole bool) {
	v.one(c.MetaID, metaPath)
	key := [2]ID{c.MetaID, c.Tree}
	if v.metas[key] || v.seen[c.MetaID].err != nil {
		return
	}
	v.metas[key] = true
	m, err := v.s.Meta(c)
	if err == nil && whole {
		err = v.s.checkEmptyDirs(c, &m)
	}
	if err != nil {
		v.spoil(c.MetaID, metaPath, err)
	}
}

// eachOnce sorts names of objects, and drops those that are there already.
func eachOnce(ids []ID) []ID {
	slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// tree verifies a tree and all below it, each of them once, however often they hold
// one another.
func (v *verifier) tree(ctx context.Context, id ID, path string) (subtree, error) {
	if known, done := v.below[id]; done {
		return known, nil
	}
	if err := errors.Join(ctx.Err(), v.late()); err != nil {
		return subtree{}, err
	}
	v.one(id, path)
	var found subtree
	if st := v.seen[id]; st.err != nil {
		found.bad = []ID{id}
	} else if st.typ == odb.Tree {
		var err error
		if found, err = v.entries(ctx, id, path); err != nil {
			return subtree{}, err
		}
	}
	v.below[id] = found
	return found, nil
}

func (v *verifier) entries(ctx context.Context, id ID, path string) (subtree, error) {
	list, err := v.s.readForm(id, path)
	if err != nil {
		v.spoil(id, path, err)
		return subtree{bad: []ID{id}}, nil
	}
	if err := v.blobs(ctx, list, path); err != nil {
		return subtree{}, err
	}
	found := subtree{extent: extent{entries: int64(len(list))}}
	for _, e := range list {
		at := joinPath(path, e.Name)
		v.one(e.ID, at)
		switch err := v.misused(e); {
		case err != nil:
			v.spoil(id, path, &FormError{Object: id, Path: path, Err: fmt.Errorf("entry %q: %w", shown(e.Name), err)})
			found.bad = append(found.bad, id)
		case e.Mode == scan.ModeDir:
			below, err := v.tree(ctx, e.ID, at)
			if err != nil {
				return subtree{}, err
			}
			found.add(below.extent)
			found.spoiled(below.bad)
			v.partial[id] = v.partial[id] || v.partial[e.ID]
		case v.seen[e.ID].err != nil:
			found.bad = append(found.bad, e.ID)
		case v.notes && v.noteSpoiled(e.ID, at):
			found.bad = append(found.bad, e.ID)
		default:
			found.add(extent{bytes: v.seen[e.ID].size})
			v.partial[id] = v.partial[id] || v.seen[e.ID].unread
		}
	}
	found.bad = eachOnce(found.bad)
	return found, nil
}

// noteSpoiled says that an object of a notebook, whose bytes are right, is more than a
// note may be.
func (v *verifier) noteSpoiled(id ID, path string) bool {
	if v.seen[id].size <= noteSize {
		return false
	}
	_, err := v.s.readNote(id)
	if err != nil {
		v.spoil(id, path, err)
	}
	return err != nil
}

// spoiled takes over what is damaged below: without a copy where nothing else is,
// so that many directories in one another don't each have one.
func (t *subtree) spoiled(below []ID) {
	if len(t.bad) == 0 {
		t.bad = slices.Clip(below)
	} else {
		t.bad = eachOnce(append(t.bad, below...))
	}
}

// misused says that an object which is sound can't be what the entry makes of it.
func (v *verifier) misused(e odb.TreeEntry) error {
	st := v.seen[e.ID]
	if st.err != nil || st.typ == 0 {
		return nil
	}
	if want := objectType(e.Mode); st.typ != want {
		return &odb.TypeError{ID: e.ID, Got: st.typ, Want: want}
	}
	if e.Mode == scan.ModeSymlink {
		_, err := v.s.linkDest(e.ID)
		return err
	}
	return nil
}

// blobs verifies the files of one directory, in parallel.
func (v *verifier) blobs(ctx context.Context, list []odb.TreeEntry, path string) error {
	work := worklist.New[struct{}](ctx)
	fresh := make(map[ID]string)
	for _, e := range list {
		if e.Mode != scan.ModeDir && v.seen[e.ID] == nil {
			fresh[e.ID] = joinPath(path, e.Name)
		}
	}
	states := make(map[ID]*objectState, len(fresh))
	for id := range fresh {
		st := &objectState{}
		states[id] = st
		work.Push(func(struct{}) {
			if work.Stopped() {
				return
			}
			if err := v.readBlob(id, st); err != nil {
				work.Stop(err)
			}
		})
	}
	err := work.Run(v.s.opts.Workers, func() struct{} { return struct{}{} })
	for id, st := range states {
		// What was found until the time was up is told all the same.
		if err == nil || st.err != nil {
			v.note(id, fresh[id], st)
		}
	}
	return err
}

func (v *verifier) one(id ID, path string) {
	if v.seen[id] != nil {
		return
	}
	st := &objectState{}
	v.read(id, st)
	v.note(id, path, st)
}

func (v *verifier) read(id ID, st *objectState) {
	typ, size, err := v.s.db.Stream(id, io.Discard)
	st.typ, st.size, st.err = typ, size, err
	v.objects.Add(1)
	v.bytes.Add(size)
}

func (v *verifier) note(id ID, path string, st *objectState) {
	v.seen[id] = st
	if st.err != nil {
		v.damaged(id, path, st)
	}
}

// spoil adds what is wrong with an object whose bytes are right.
func (v *verifier) spoil(id ID, path string, err error) {
	if st := v.seen[id]; st.err == nil {
		st.err = err
		v.damaged(id, path, st)
	}
}

func (v *verifier) damaged(id ID, path string, st *objectState) {
	st.damage = len(v.report.Damage)
	v.report.Damage = append(v.report.Damage, Damage{Object: id, Path: path, Err: st.err})
}
