package gitstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"golang.org/x/sys/unix"
)

// RecordCommitRequest says which commit of the project's own repository to
// record.
type RecordCommitRequest struct {
	// Commit is its full name, or that of a tag on it.
	Commit string
	// Branch is what the checkpoint keeps as its Source-Branch; it may be empty.
	Branch string
	// Objects are object directories to read beside the repository's own, such as
	// the one in which git keeps a push until its hooks agree.
	Objects []string
	// These are as [RecordRequest] has them, but for an empty Parent: that is the
	// newest checkpoint among the commit's own ancestors, and the newest of all
	// where none of them was recorded.
	Version, Message, Reason, Parent string
	Force                            bool
	Progress                         func(Progress)
}

// ErrNoCommit says that the project's repository has no such commit.
var ErrNoCommit = errors.New("the repository has no such commit")

// RecordCommit makes a checkpoint of a commit of the project's repository,
// straight from its objects: work tree and index play no part, and need not be
// there. Files are as git keeps them, without what filters and line ends do to
// them on their way out; a submodule is an empty directory, and named in the meta.
//
// A commit that was recorded before with the same content is not recorded again,
// unless a Version is asked for: Recorded.Known says so. Errors are those of
// [Store.Record], [ErrNoRepository], [ErrForeignFormat] and [ErrNoCommit].
func (s *Store) RecordCommit(ctx context.Context, req RecordCommitRequest) (Recorded, error) {
	from, err := s.projectObjects(req.Objects)
	if err != nil {
		return Recorded{}, err
	}
	defer from.Close()
	id, commit, err := readProjectCommit(from, req.Commit)
	if err != nil {
		return Recorded{}, err
	}
	unlock, err := s.lockObjects(ctx, unix.LOCK_SH, "checkpoint")
	if err != nil {
		return Recorded{}, err
	}
	defer unlock()
	s.sweepPacks(s.db)
	return s.recordCommit(ctx, req, from, id, commit)
}

func (s *Store) recordCommit(ctx context.Context, req RecordCommitRequest, from *odb.DB, id ID, commit commitData) (Recorded, error) {
	r := &recording{s: s, req: RecordRequest{
		Version: req.Version, Message: req.Message, Reason: req.Reason, Parent: req.Parent, Force: req.Force, Progress: req.Progress,
	}}
	known, err := s.bySource(ctx)
	if err != nil {
		return Recorded{}, err
	}
	have, recorded := known[id]
	recorded = recorded && req.Version == ""
	if recorded && have.Tree == commit.Tree {
		// Only a commit with submodules has to be looked through to know as much.
		return s.alreadyRecorded(have)
	}
	if r.req.Parent == "" {
		r.req.Parent = nearestRecorded(ctx, from, id, known)
	}
	if r.req.Message == "" {
		r.req.Message = commitSubject(id, commit)
	}
	defer r.release()
	same := false
	if err := r.again(func(int) error {
		if err := r.newPack(); err != nil {
			return err
		}
		if err := r.takeCommit(ctx, from, commit.Tree); err != nil {
			return err
		}
		if same = recorded && have.Tree == r.content.tree; same {
			return nil
		}
		r.content.source, r.content.dirty = Head{Commit: id.String(), Branch: req.Branch}, "false"
		return r.publishTaken(ctx)
	}); err != nil {
		return Recorded{}, err
	}
	if same {
		return s.alreadyRecorded(have)
	}
	s.consolidateIfCheap(ctx)
	return r.out, nil
}

// publishTaken makes a checkpoint of what was taken from a commit.
func (r *recording) publishTaken(ctx context.Context) error {
	if err := r.name(ctx); err != nil {
		return err
	}
	if err := r.writeMeta(); err != nil {
		return err
	}
	return r.finish(ctx)
}

func (s *Store) alreadyRecorded(c Checkpoint) (Recorded, error) {
	meta, err := s.Meta(c)
	return Recorded{Checkpoint: c, Meta: meta, Unchanged: true, Known: true}, err
}

// projectObjects opens the objects of the project's own repository.
func (s *Store) projectObjects(others []string) (*odb.DB, error) {
	p := s.project
	switch {
	case p.CommonDir == "":
		return nil, ErrNoRepository
	case p.idSize() != 20:
		return nil, fmt.Errorf("%w: its objects are named by SHA-256", ErrForeignFormat)
	}
	return odb.OpenWith(filepath.Join(p.CommonDir, "objects"), others...)
}

// readProjectCommit reads the commit of a full name, through any tags on it.
func readProjectCommit(from *odb.DB, name string) (ID, commitData, error) {
	id, err := ParseID(name)
	if err != nil {
		return ID{}, commitData{}, fmt.Errorf("%q: %w", name, ErrNoCommit)
	}
	id, commit, err := readCommit(from, id)
	var typ *odb.TypeError
	if errors.Is(err, odb.ErrNotFound) || errors.As(err, &typ) {
		return ID{}, commitData{}, fmt.Errorf("%s: %w", name, ErrNoCommit)
	}
	return id, commit, err
}

// bySource maps commits of the project to the newest checkpoint that has just
// their content.
func (s *Store) bySource(ctx context.Context) (map[ID]Checkpoint, error) {
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	known := make(map[ID]Checkpoint, len(all))
	for _, c := range all {
		id, err := ParseID(c.SourceCommit)
		if err != nil || c.SourceDirty != "false" {
			continue
		}
		if _, newer := known[id]; !newer {
			known[id] = c
		}
	}
	return known, nil
}

// maxAncestors bounds the search for an ancestor that was recorded. What is
// further back than that says little about a commit.
const maxAncestors = 10_000

// nearestRecorded finds the checkpoint of the commit's nearest ancestor that has
// one, in the fewest steps through any parents; empty for none. The commit itself
// counts. History that can't be read, as in a shallow clone, ends the search.
func nearestRecorded(ctx context.Context, from *odb.DB, id ID, known map[ID]Checkpoint) string {
	queue, seen := []ID{id}, map[ID]bool{id: true}
	for i := 0; i < len(queue) && i < maxAncestors && ctx.Err() == nil; i++ {
		if c, ok := known[queue[i]]; ok {
			return c.Commit.String()
		}
		data, err := from.ReadType(queue[i], odb.Commit)
		if err != nil {
			continue
		}
		commit, err := decodeCommit(data)
		if err != nil {
			continue
		}
		for _, parent := range commit.Parents {
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	return ""
}

func commitSubject(id ID, c commitData) string {
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return strings.TrimSpace(fmt.Sprintf("commit %s: %s", id.String()[:10], strings.ToValidUTF8(subject, "�")))
}
