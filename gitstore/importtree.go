package gitstore

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/worklist"
)

// takeCommit brings the tree of a commit into the pack, as far as the store
// doesn't have it, and says what it holds.
func (r *recording) takeCommit(ctx context.Context, from *odb.DB, tree ID) error {
	t := &treeImport{r: r, from: from, wanted: make(map[ID]bool), limit: &entryLimit{commit: tree}}
	t.limit.left.Store(maxImport)
	r.lane = r.pack.NewLane()
	root, err := t.tree(ctx, tree, "")
	if err != nil {
		return err
	}
	if len(t.bad) > 0 {
		return &PartialError{Paths: t.bad}
	}
	if root.IsZero() {
		// A commit may hold nothing at all.
		if root, _, err = r.lane.Add(odb.Tree, nil); err != nil {
			return err
		}
	}
	if err := t.copyBlobs(ctx); err != nil {
		return err
	}
	t.meta.Schema, t.meta.Platform = metaSchema, runtime.GOOS+"/"+runtime.GOARCH
	t.meta.Files, t.meta.Bytes = t.files, t.bytes
	t.meta.Base = BaseModes{File: 0o644, Exec: 0o755, Dir: 0o755}
	r.content = content{tree: root, files: t.files, bytes: t.bytes, meta: t.meta}
	return nil
}

// maxImport is how many entries a commit's trees may have. Anybody may push one
// that has more than can ever be counted.
const maxImport = 1 << 23

// treeImport reads trees of the project's repository.
type treeImport struct {
	r    *recording
	from *odb.DB

	files, bytes int64
	meta         Meta
	// wanted are the blobs to copy.
	wanted map[ID]bool
	limit  *entryLimit
	bad    []scan.Failure
}

// tree brings a tree without what no checkpoint holds, and returns its name then;
// a null one when nothing is left of it.
func (t *treeImport) tree(ctx context.Context, id ID, path string) (ID, error) {
	if err := ctx.Err(); err != nil {
		return ID{}, err
	}
	list, err := t.from.ReadTree(id)
	if err == nil {
		err = t.limit.take(len(list))
	}
	if err != nil {
		return ID{}, err
	}
	var kept []byte
	for i, e := range list {
		p := joinPath(path, e.Name)
		if e.Name == Dir {
			continue
		}
		if err := t.r.s.checkEntry(list, i); err != nil && e.Mode != scan.ModeGitlink {
			t.bad = append(t.bad, scan.Failure{Path: p, Err: err})
			continue
		}
		switch e.Mode {
		case scan.ModeGitlink:
			t.submodule(p, e.ID)
			continue
		case scan.ModeDir:
			if e.ID, err = t.tree(ctx, e.ID, p); err == nil && e.ID.IsZero() {
				continue
			}
		default:
			err = t.blob(e.ID, p)
		}
		if err != nil {
			return ID{}, err
		}
		kept = odb.AppendTreeEntry(kept, e)
	}
	if len(kept) == 0 {
		if len(list) == 0 && path != "" {
			t.meta.EmptyDirs = append(t.meta.EmptyDirs, Path(path))
		}
		return ID{}, nil
	}
	id, _, err = t.r.lane.Add(odb.Tree, kept)
	return id, err
}

// submodule leaves an empty directory, as git does: what would be in it lies in
// another repository.
func (t *treeImport) submodule(path string, commit ID) {
	if err := checkPath(Path(path), t.r.s.checkName); err != nil {
		t.bad = append(t.bad, scan.Failure{Path: path, Err: err})
		return
	}
	t.meta.EmptyDirs = append(t.meta.EmptyDirs, Path(path))
	t.meta.Skipped = append(t.meta.Skipped, Skipped{
		Path: Path(path), Reason: fmt.Sprintf("a submodule at %s, whose files this repository doesn't have", commit),
	})
}

func (t *treeImport) blob(id ID, path string) error {
	typ, size, err := t.from.Size(id)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	if typ != odb.Blob {
		return fmt.Errorf("%q: %w", path, &odb.TypeError{ID: id, Got: typ, Want: odb.Blob})
	}
	t.files++
	t.bytes += size
	if !t.wanted[id] && !t.r.pack.Has(id) {
		t.wanted[id] = true
	}
	return nil
}

// copyBlobs brings the blobs, on all processors.
func (t *treeImport) copyBlobs(ctx context.Context) error {
	var files, bytes atomic.Int64
	done := report(t.r.req.Progress, func() Progress {
		return Progress{Files: files.Load(), TotalFiles: int64(len(t.wanted)), Bytes: bytes.Load()}
	})
	defer done()
	list := worklist.New[*odb.Lane](ctx)
	for id := range t.wanted {
		list.Push(func(lane *odb.Lane) {
			if list.Stopped() {
				return
			}
			n, err := copyBlob(t.from, id, lane)
			if err != nil {
				list.Stop(err)
				return
			}
			files.Add(1)
			bytes.Add(n)
		})
	}
	return list.Run(t.r.s.opts.Workers, t.r.pack.NewLane)
}
