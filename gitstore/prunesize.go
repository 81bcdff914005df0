package gitstore

import (
	"context"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// OnlyIn is how many bytes of files, before compression, only these checkpoints
// hold, and none of the others. It reads trees and no files. Where that would be
// more than most trees and files it gives up, and known is false; so it does where
// a tree can't be read.
func (s *Store) OnlyIn(ctx context.Context, these, others []Checkpoint, most int) (bytes int64, known bool, err error) {
	w := &sharing{s: s, seen: make(map[ID]struct{}), left: most}
	for _, c := range others {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		w.tree(c.Tree)
	}
	w.count = true
	for _, c := range these {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		w.tree(c.Tree)
	}
	return w.bytes, w.left >= 0, nil
}

// sharing walks trees, each once.
type sharing struct {
	s    *Store
	seen map[ID]struct{}
	// left is how many objects may yet be looked at; negative ends it.
	left  int
	count bool
	bytes int64
}

func (w *sharing) fresh(id ID) bool {
	if _, known := w.seen[id]; known || w.left < 0 {
		return false
	}
	w.seen[id] = struct{}{}
	w.left--
	return w.left >= 0
}

func (w *sharing) tree(id ID) {
	if !w.fresh(id) {
		return
	}
	list, err := w.s.db.ReadTree(id)
	if err != nil {
		w.s.log.Debug("what checkpoints share can't be told", "tree", id, "error", err)
		w.left = -1
		return
	}
	for _, e := range list {
		if e.Mode == scan.ModeDir {
			w.tree(e.ID)
		} else if w.fresh(e.ID) && w.count {
			w.blob(e)
		}
	}
}

func (w *sharing) blob(e odb.TreeEntry) {
	if _, n, err := w.s.db.Size(e.ID); err == nil {
		w.bytes += n
	} else {
		w.left = -1
	}
}
