package gitstore

import (
	"context"
	"errors"
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

// Verify reads every object of the checkpoints and compares it with its name,
// their meta notes with what the commits say of them, and each pack and index
// with its own checksum. An object that several checkpoints share is read once.
// Damage is in the report, not in the error.
func (s *Store) Verify(ctx context.Context, checkpoints []Checkpoint, progress func(Progress)) (*VerifyReport, error) {
	v := &verifier{s: s, seen: make(map[ID]*objectState), report: &VerifyReport{Checkpoints: len(checkpoints)}}
	var expected Progress
	for _, c := range checkpoints {
		// Checkpoints share most of their objects: the largest is the least that
		// there is to read.
		expected.TotalFiles, expected.TotalBytes = max(expected.TotalFiles, c.Files), max(expected.TotalBytes, c.Bytes)
	}
	done := report(progress, func() Progress {
		p := Progress{Files: v.objects.Load(), Bytes: v.bytes.Load()}
		p.TotalFiles, p.TotalBytes = max(p.Files, expected.TotalFiles), max(p.Bytes, expected.TotalBytes)
		return p
	})
	defer done()
	for _, c := range checkpoints {
		if err := v.checkpoint(ctx, c); err != nil {
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
	s      *Store
	seen   map[ID]*objectState
	report *VerifyReport

	objects, bytes atomic.Int64
}

// objectState is what is known of an object: sound, or which damage it is.
type objectState struct {
	// below says that something under this tree is damaged, which other
	// checkpoints that hold the tree share.
	below  []ID
	damage int
	err    error
}

func (v *verifier) checkpoint(ctx context.Context, c Checkpoint) error {
	var hit []ID
	for _, root := range []struct {
		id   ID
		path string
	}{{c.Tag, "tag"}, {c.Commit, "commit"}, {c.MetaID, "meta note"}} {
		if !root.id.IsZero() {
			v.one(root.id, root.path)
			if v.seen[root.id].err != nil {
				hit = append(hit, root.id)
			}
		}
	}
	bad, err := v.tree(ctx, c.Tree, "")
	if err != nil {
		return err
	}
	hit = append(hit, bad...)
	slices.SortFunc(hit, func(a, b ID) int { return strings.Compare(string(a[:]), string(b[:])) })
	for _, id := range slices.Compact(hit) {
		d := &v.report.Damage[v.seen[id].damage]
		d.Versions = append(d.Versions, c.Version)
	}
	if len(hit) == 0 {
		v.report.Intact = append(v.report.Intact, c.Version)
	}
	return nil
}

// tree verifies a tree and all below it, and returns what is damaged there.
func (v *verifier) tree(ctx context.Context, id ID, path string) ([]ID, error) {
	if st := v.seen[id]; st != nil {
		return st.below, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v.one(id, path)
	st := v.seen[id]
	if st.err != nil {
		st.below = []ID{id}
		return st.below, nil
	}
	list, err := v.s.db.ReadTree(id)
	if err != nil {
		st.err = err
		v.damaged(id, path, st)
		st.below = []ID{id}
		return st.below, nil
	}
	if err := v.blobs(ctx, list, path); err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.Mode == scan.ModeDir {
			bad, err := v.tree(ctx, e.ID, joinPath(path, e.Name))
			if err != nil {
				return nil, err
			}
			st.below = append(st.below, bad...)
		} else if v.seen[e.ID].err != nil {
			st.below = append(st.below, e.ID)
		}
	}
	return st.below, nil
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
	_, size, err := v.s.db.Stream(id, io.Discard)
	st.err = err
	v.objects.Add(1)
	v.bytes.Add(size)
}

func (v *verifier) note(id ID, path string, st *objectState) {
	v.seen[id] = st
	if st.err != nil {
		v.damaged(id, path, st)
	}
}

func (v *verifier) damaged(id ID, path string, st *objectState) {
	st.damage = len(v.report.Damage)
	v.report.Damage = append(v.report.Damage, Damage{Object: id, Path: path, Err: st.err})
}

// Damaged lists what keeps the store from being read at all levels above the
// checkpoints: refs that hold no object's name, tags whose objects are broken.
func (s *Store) Damaged(ctx context.Context) []Damage {
	var found []Damage
	refs, err := s.refs.List("refs/")
	if err != nil {
		found = append(found, Damage{Err: err})
	}
	for _, r := range refs {
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
		d := Damage{Object: r.ID, Path: r.Name, Err: fmt.Errorf("%s: %w", r.Name, err)}
		if version != "" {
			d.Versions = []string{version}
		}
		found = append(found, d)
	}
	return found
}
