package gitstore

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

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
}

// VerifyRequest says what to verify.
type VerifyRequest struct {
	Checkpoints []Checkpoint
	// Refs reads all that the other refs lead to as well, with their whole chains:
	// the notebooks, their archives, the policy. Refs that can't be read and
	// checkpoints that can't be listed, which [Store.Damaged] tells, are in the
	// report then.
	Refs bool
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
	v := &verifier{
		s: s, seen: make(map[ID]*objectState), below: make(map[ID][]ID), metas: make(map[[2]ID]bool),
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
	for _, c := range req.Checkpoints {
		if err := v.checkpoint(ctx, c); err != nil {
			return nil, err
		}
	}
	if req.Refs {
		if err := v.refs(ctx); err != nil {
			return nil, err
		}
	}
	v.report.Objects, v.report.Bytes = v.objects.Load(), v.bytes.Load()
	for _, d := range s.db.CheckPacks() {
		v.report.Damage = append(v.report.Damage, Damage{Err: d})
	}
	return v.report, nil
}

type verifier struct {
	s    *Store
	seen map[ID]*objectState
	// below has, of each tree that was walked, what is damaged in it and under it.
	below map[ID][]ID
	// metas are the pairs of note and tree that were checked.
	metas map[[2]ID]bool
	// shallow are the commits that prune cut off their parents.
	shallow map[ID]bool
	report  *VerifyReport

	objects, bytes atomic.Int64
}

// objectState is what is known of an object: sound, or which damage it is.
type objectState struct {
	typ    odb.Type
	damage int
	err    error
}

func (v *verifier) checkpoint(ctx context.Context, c Checkpoint) error {
	v.one(c.Commit, "commit")
	if v.one(c.Tree, ""); v.seen[c.Tree].err == nil && v.seen[c.Tree].typ != odb.Tree {
		v.spoil(c.Commit, "commit", &odb.TypeError{ID: c.Tree, Got: v.seen[c.Tree].typ, Want: odb.Tree})
	}
	hit, err := v.tree(ctx, c.Tree, "")
	if err != nil {
		return err
	}
	if !c.MetaID.IsZero() {
		v.meta(c, len(hit) == 0)
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
	hit = slices.Clone(hit)
	slices.SortFunc(hit, func(a, b ID) int { return strings.Compare(string(a[:]), string(b[:])) })
	hit = slices.Compact(hit)
	for _, id := range hit {
		d := &v.report.Damage[v.seen[id].damage]
		d.Versions = append(d.Versions, c.Version)
	}
	if len(hit) == 0 {
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

// tree verifies a tree and all below it, and returns what is damaged there.
func (v *verifier) tree(ctx context.Context, id ID, path string) ([]ID, error) {
	if bad, done := v.below[id]; done {
		return bad, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v.one(id, path)
	var bad []ID
	if st := v.seen[id]; st.err != nil {
		bad = []ID{id}
	} else if st.typ == odb.Tree {
		var err error
		if bad, err = v.entries(ctx, id, path); err != nil {
			return nil, err
		}
	}
	v.below[id] = bad
	return bad, nil
}

func (v *verifier) entries(ctx context.Context, id ID, path string) (bad []ID, err error) {
	list, err := v.s.readForm(id, path)
	if err != nil {
		v.spoil(id, path, err)
		return []ID{id}, nil
	}
	if err := v.blobs(ctx, list, path); err != nil {
		return nil, err
	}
	for _, e := range list {
		at := joinPath(path, e.Name)
		v.one(e.ID, at)
		switch err := v.misused(e); {
		case err != nil:
			v.spoil(id, path, &FormError{Object: id, Path: path, Err: fmt.Errorf("entry %q: %w", shown(e.Name), err)})
			bad = append(bad, id)
		case e.Mode == scan.ModeDir:
			below, err := v.tree(ctx, e.ID, at)
			if err != nil {
				return nil, err
			}
			bad = append(bad, below...)
		case v.seen[e.ID].err != nil:
			bad = append(bad, e.ID)
		}
	}
	return bad, nil
}

// misused says that an object which is sound can't be what the entry makes of it.
func (v *verifier) misused(e odb.TreeEntry) error {
	st := v.seen[e.ID]
	if st.err != nil {
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
			if !work.Stopped() {
				v.read(id, st)
			}
		})
	}
	if err := work.Run(v.s.opts.Workers, func() struct{} { return struct{}{} }); err != nil {
		return err
	}
	for id, st := range states {
		v.note(id, fresh[id], st)
	}
	return nil
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
	st.typ, st.err = typ, err
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
