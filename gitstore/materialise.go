package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/worklist"
)

// Sink is the directory that a checkpoint is written into: empty or an older
// rollback's, and nobody else's business yet.
type Sink interface {
	// Dir is a handle on it. Everything is written through this handle.
	Dir() *os.File
	// CheckName refuses the name of a tree entry that must not be written.
	CheckName(name string) error
	// Remove removes what bears that name in a directory below Dir, with all that it
	// holds. Only a sink that was filled before is asked.
	Remove(dir *os.File, name string) error
}

// MaterialiseRequest says what to write and where to.
type MaterialiseRequest struct {
	Checkpoint Checkpoint
	Sink       Sink
	// Paths restricts the work to these files and directories below the
	// project's top, with slashes; none is everything.
	Paths []string
	// FromStore reads everything from the store, and nothing from the live
	// project even where that still has it.
	FromStore bool
	// Filled is what an older rollback wrote into the sink; nil for an empty one. Only
	// what differs is written then.
	Filled *Filled
	// Beside opens another directory that an older rollback filled, and tells what it wrote
	// there; nil for none. It is asked once the live project turns out to have lost many
	// files, which are copied from there then. The directory is closed in the end.
	Beside func() (dir *os.File, filled *Filled, err error)
	// Progress is as in [RecordRequest].
	Progress func(Progress)
}

// Materialised is what [Store.Materialise] wrote.
type Materialised struct {
	Files, Bytes int64
	// Copied files were read from the live project or from the directory beside, Inflated
	// ones from the store; both were hashed on their way. Unchanged ones were in the sink already,
	// by their stat data or, where that doesn't tell, by their bytes.
	Copied, Inflated, Unchanged int64
	// RootPerm are the bits that the directory itself had in the project. They
	// are left to the caller, who may have more to put into it.
	RootPerm Perm

	root  *slotDir
	index []*gitindex.Entry
	paths []string
	empty []Path
	// slot is what LinkSlot made of the directory.
	slot *Slot
	// started is when the work was, by the clock of the sink's file system.
	started int64
}

// ErrNoPath says that a checkpoint holds nothing under a path.
var ErrNoPath = errors.New("the checkpoint holds no such path")

// Materialise writes a checkpoint's tree into a directory, with the permission
// bits and empty directories that its meta note keeps. Every byte is hashed on
// its way: what is written is what was recorded, or the call fails.
//
// A file that the live project still has is copied from there, or else from what
// another rollback wrote, which is faster than inflating it; when its bytes turn out to
// be others, the store's are taken. Set-user-id and set-group-id bits of files are not brought back.
//
// A sink that was filled before is brought up to date by the difference: what was
// changed in it is written anew, what doesn't belong there removed, and what is as
// it was written stays, with its time of change. A file is never written over but
// replaced, so that a hard link to it elsewhere keeps its bytes.
func (s *Store) Materialise(ctx context.Context, req MaterialiseRequest) (*Materialised, error) {
	meta, err := s.Meta(req.Checkpoint)
	if err != nil {
		return nil, err
	}
	filter, err := newPathFilter(req.Paths)
	if err != nil {
		return nil, err
	}
	limit, err := s.newSizeLimit(req.Checkpoint)
	if err != nil {
		return nil, err
	}
	top, err := dirfd.Dup(req.Sink.Dir())
	if err != nil {
		return nil, err
	}
	m := s.newMaterialiser(ctx, req, meta, filter)
	m.limit = limit
	defer m.beside.close()
	if m.started, err = dirfd.Now(top.FD); err != nil {
		s.log.Debug("the target's file system doesn't tell the time", "error", err)
	}
	done := report(req.Progress, func() Progress {
		return Progress{m.files.Load(), req.Checkpoint.Files, m.bytes.Load(), req.Checkpoint.Bytes}
	})
	defer done()
	defer m.releasePerms()
	cache := s.openCache()
	defer cache.Close()
	live, err := s.liveSource(req, cache)
	if err != nil {
		top.Release()
		return nil, err
	}
	root := dirTask{h: top, live: live, out: &slotDir{tree: req.Checkpoint.Tree}}
	if req.Filled != nil {
		root.was = req.Filled.tree.top
		root.reuse()
	}
	m.root = root.out
	m.list.Push(func(w *matWorker) { m.dir(w, root) })
	if err := m.list.Run(s.opts.Workers, newMatWorker); err != nil {
		return nil, err
	}
	if err := m.emptyDirs(req.Checkpoint.MetaID, meta.EmptyDirs); err != nil {
		return nil, err
	}
	if err := m.applyPerms(); err != nil {
		return nil, err
	}
	if missing := filter.unseen(); missing != "" {
		return nil, fmt.Errorf("%q: %w", missing, ErrNoPath)
	}
	return m.result(req.Paths), nil
}

func (s *Store) newMaterialiser(ctx context.Context, req MaterialiseRequest, meta Meta, filter *pathFilter) *materialiser {
	m := &materialiser{
		s: s, sink: req.Sink, bits: newPermissions(meta), empty: meta.EmptyDirs,
		filter: filter, list: worklist.New[*matWorker](ctx), beside: newBeside(req),
	}
	if req.Filled != nil {
		m.settled = req.Filled.tree.settled
	}
	return m
}

// materialiser is one call of Materialise.
type materialiser struct {
	s      *Store
	sink   Sink
	bits   *permissions
	empty  []Path
	filter *pathFilter
	limit  *sizeLimit
	beside *beside
	list   *worklist.List[*matWorker]
	// settled is as in [Slot], of what the sink was filled with before; started is when
	// this work was, by the same clock.
	settled, started int64

	files, bytes, copied, unchanged atomic.Int64

	root *slotDir
	mu   sync.Mutex
	// perms are the directories whose bits can only be set once they are full.
	perms []latePerm
}

type latePerm struct {
	dir  *dirfd.Handle
	perm Perm
}

// matWorker is what one goroutine keeps.
type matWorker struct {
	hash *odb.Hasher
	buf  []byte
}

func newMatWorker() *matWorker {
	return &matWorker{hash: odb.NewVerifier(), buf: make([]byte, 128<<10)}
}

func (m *materialiser) result(paths []string) *Materialised {
	out := &Materialised{
		Files: m.files.Load(), Bytes: m.bytes.Load(), Copied: m.copied.Load(), Unchanged: m.unchanged.Load(), paths: paths,
	}
	out.Inflated = out.Files - out.Copied - out.Unchanged
	out.root, out.started, out.empty = m.root, m.started, m.empty
	out.index = m.root.appendTo(make([]*gitindex.Entry, 0, out.Files))
	out.RootPerm = m.bits.of("", scan.ModeDir)
	return out
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
