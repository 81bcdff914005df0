package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/worklist"
	"golang.org/x/sys/unix"
)

// Sink is the directory that a checkpoint is written into: empty, and nobody
// else's business yet.
type Sink interface {
	// Dir is a handle on it. Everything is written through this handle.
	Dir() *os.File
	// CheckName refuses the name of a tree entry that must not be written.
	CheckName(name string) error
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
	// Progress is as in [RecordRequest].
	Progress func(Progress)
}

// Materialised is what [Store.Materialise] wrote.
type Materialised struct {
	Files, Bytes int64
	// Copied files were read from the live project, Inflated ones from the
	// store; both were hashed on their way.
	Copied, Inflated int64
	// RootPerm are the bits that the directory itself had in the project. They
	// are left to the caller, who may have more to put into it.
	RootPerm Perm

	index []gitindex.Entry
	paths []string
}

// ErrNoPath says that a checkpoint holds nothing under a path.
var ErrNoPath = errors.New("the checkpoint holds no such path")

// Materialise writes a checkpoint's tree into a directory, with the permission
// bits and empty directories that its meta note keeps. Every byte is hashed on
// its way: what is written is what was recorded, or the call fails.
//
// A file that the live project still has is copied from there, which is faster
// than inflating it; when its bytes turn out to be others, the store's are
// taken. Set-user-id and set-group-id bits of files are not brought back.
func (s *Store) Materialise(ctx context.Context, req MaterialiseRequest) (*Materialised, error) {
	meta, err := s.Meta(req.Checkpoint)
	if err != nil {
		return nil, err
	}
	filter, err := newPathFilter(req.Paths)
	if err != nil {
		return nil, err
	}
	top, err := dirfd.Dup(req.Sink.Dir())
	if err != nil {
		return nil, err
	}
	m := s.newMaterialiser(ctx, req, meta, filter)
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
	m.list.Push(func(w *matWorker) { m.dir(w, top, "", req.Checkpoint.Tree, live) })
	if err := m.list.Run(s.opts.Workers, m.newWorker); err != nil {
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
		s: s, sink: req.Sink, base: meta.Base, modes: make(map[string]Perm, len(meta.Modes)),
		filter: filter, list: worklist.New[*matWorker](ctx),
	}
	for _, mode := range meta.Modes {
		m.modes[string(mode.Path)] = mode.Perm
	}
	return m
}

// liveSource opens the live project to copy from, as far as the stat cache knows
// it.
func (s *Store) liveSource(req MaterialiseRequest, cache *statcache.Cache) (source, error) {
	if req.FromStore || cache == nil {
		return source{}, nil
	}
	f, err := os.Open(s.project.Root)
	if err != nil {
		// The project may be gone altogether: that is what rollbacks are for.
		return source{}, nil
	}
	defer f.Close()
	dir, err := dirfd.Dup(f)
	return source{dir, cache.Root()}, err
}

// materialiser is one call of Materialise.
type materialiser struct {
	s      *Store
	sink   Sink
	base   BaseModes
	modes  map[string]Perm
	filter *pathFilter
	list   *worklist.List[*matWorker]

	files, bytes, copied atomic.Int64

	mu      sync.Mutex
	workers []*matWorker
	// perms are the directories whose bits can only be set once they are full.
	perms []latePerm
}

type latePerm struct {
	dir  *dirfd.Handle
	perm Perm
}

// matWorker is what one goroutine keeps.
type matWorker struct {
	hash  *odb.Hasher
	buf   []byte
	index []gitindex.Entry
}

func (m *materialiser) newWorker() *matWorker {
	w := &matWorker{hash: odb.NewHasher(), buf: make([]byte, 128<<10)}
	m.mu.Lock()
	m.workers = append(m.workers, w)
	m.mu.Unlock()
	return w
}

// source is a live directory that may still hold what is wanted, with what the
// stat cache knows of it. A nil handle holds nothing.
type source struct {
	dir   *dirfd.Handle
	cache statcache.Dir
}

// fileBatch is how many files of one directory make a task.
const fileBatch = 128

// dir fills a directory from a tree, and takes over both handles.
func (m *materialiser) dir(w *matWorker, h *dirfd.Handle, path string, tree ID, src source) {
	defer h.Release()
	defer src.dir.Release()
	if m.list.Stopped() {
		return
	}
	entries, err := m.s.readForm(tree, path)
	if err != nil {
		m.list.Stop(fmt.Errorf("directory %q: %w", path, err))
		return
	}
	var files []odb.TreeEntry
	for _, e := range slices.Backward(entries) {
		if err := m.sink.CheckName(e.Name); err != nil {
			m.list.Stop(&FormError{Object: tree, Path: path, Err: err})
			return
		}
		if !m.filter.wants(joinPath(path, e.Name), e.Mode == scan.ModeDir) {
			continue
		}
		if e.Mode == scan.ModeDir {
			m.pushDir(h, path, e, src)
		} else {
			files = append(files, e)
		}
	}
	slices.Reverse(files)
	for len(files) > fileBatch {
		part := files[len(files)-fileBatch:]
		files = files[:len(files)-fileBatch]
		held, from := h.Hold(), src
		if from.dir != nil {
			from.dir.Hold()
		}
		m.list.Push(func(w *matWorker) {
			defer held.Release()
			defer from.dir.Release()
			m.write(w, held, path, part, from)
		})
	}
	m.write(w, h, path, files, src)
}

func (m *materialiser) pushDir(h *dirfd.Handle, path string, e odb.TreeEntry, src source) {
	parent := h.Hold()
	var from source
	if was, ok := src.cache.Find(e.Name); src.dir != nil && ok && was.Mode == scan.ModeDir {
		from = source{src.dir.Hold(), src.cache.Sub(was)}
	}
	m.list.Push(func(w *matWorker) {
		defer parent.Release()
		if live := from.dir; live != nil {
			from.dir, _ = live.Open(e.Name)
			live.Release()
		}
		sub := joinPath(path, e.Name)
		made, err := m.mkdir(parent, e.Name, sub)
		if err != nil {
			m.list.Stop(err)
			from.dir.Release()
			return
		}
		m.dir(w, made, sub, e.ID, from)
	})
}

// mkdir makes a directory that must not be there yet.
func (m *materialiser) mkdir(parent *dirfd.Handle, name, path string) (*dirfd.Handle, error) {
	if err := unix.Mkdirat(parent.FD, name, 0o700); err != nil {
		return nil, &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	h, err := parent.Open(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	m.setPerm(h.Hold(), path)
	return h, nil
}

// setPerm gives a directory its bits: at once if its owner may still fill it
// then, else at the end. It takes over the handle.
func (m *materialiser) setPerm(h *dirfd.Handle, path string) {
	perm := m.perm(path, scan.ModeDir)
	if perm&0o700 != 0o700 {
		m.mu.Lock()
		m.perms = append(m.perms, latePerm{h, perm})
		m.mu.Unlock()
		return
	}
	defer h.Release()
	if err := unix.Fchmod(h.FD, uint32(perm)); err != nil {
		m.list.Stop(&fs.PathError{Op: "chmod", Path: path, Err: err})
	}
}

// perm is what the entry's bits are to be.
func (m *materialiser) perm(path string, mode uint32) Perm {
	perm, ok := m.modes[path]
	if !ok {
		perm = m.base.of(mode)
	}
	if mode != scan.ModeDir {
		perm &= 0o1777
	}
	return perm
}

func (m *materialiser) applyPerms() error {
	for _, p := range m.perms {
		if err := unix.Fchmod(p.dir.FD, uint32(p.perm)); err != nil {
			return &fs.PathError{Op: "chmod", Path: "directory", Err: err}
		}
	}
	return nil
}

func (m *materialiser) releasePerms() {
	for _, p := range m.perms {
		p.dir.Release()
	}
	m.perms = nil
}

// emptyDirs makes the directories that no tree could hold, and those on the way.
func (m *materialiser) emptyDirs(note ID, paths []Path) error {
	for _, p := range paths {
		if !m.filter.wants(string(p), true) {
			continue
		}
		err := m.emptyDir(string(p))
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			err = &FormError{Object: note, Path: string(p), Err: errNotEmptyDir}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *materialiser) emptyDir(path string) error {
	h, err := dirfd.Dup(m.sink.Dir())
	if err != nil {
		return err
	}
	at := ""
	for name := range strings.SplitSeq(path, "/") {
		if err := m.sink.CheckName(name); err != nil {
			h.Release()
			return &FormError{Path: path, Err: err}
		}
		at = joinPath(at, name)
		next, err := m.mkdir(h, name, at)
		if errors.Is(err, fs.ErrExist) {
			next, err = h.Open(name)
		}
		h.Release()
		if err != nil {
			return err
		}
		h = next
	}
	h.Release()
	return nil
}

func (m *materialiser) result(paths []string) *Materialised {
	out := &Materialised{Files: m.files.Load(), Bytes: m.bytes.Load(), Copied: m.copied.Load(), paths: paths}
	out.Inflated = out.Files - out.Copied
	for _, w := range m.workers {
		out.index = append(out.index, w.index...)
	}
	sortIndex(out.index)
	out.RootPerm = m.perm("", scan.ModeDir)
	return out
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
