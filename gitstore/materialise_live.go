package gitstore

import (
	"os"
	"sync"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
)

// source is a live directory that may still hold what is wanted, with what the
// stat cache knows of it. A nil directory holds nothing.
type source struct {
	dir   *liveDir
	cache statcache.Dir
}

// liveDir is a directory of the live project that is opened when the first file is
// copied from it: where a target is brought up to date, few are. Several tasks share
// it.
type liveDir struct {
	above *liveDir
	name  string
	refs  atomic.Int32

	once   sync.Once
	opened *dirfd.Handle // nil when it can't be opened
}

// liveSource is the top of the live project, as far as the stat cache knows it.
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
	top := &liveDir{}
	top.refs.Store(1)
	if top.opened, err = dirfd.Dup(f); err != nil {
		return source{}, err
	}
	return source{top, cache.Root()}, nil
}

// sub is the directory of that name in it.
func (s source) sub(name string) source {
	if s.dir == nil {
		return source{}
	}
	was, ok := s.cache.Find(name)
	if !ok || was.Mode != scan.ModeDir {
		return source{}
	}
	dir := &liveDir{above: s.dir.hold(), name: name}
	dir.refs.Store(1)
	return source{dir, s.cache.Sub(was)}
}

func (d *liveDir) hold() *liveDir {
	if d != nil {
		d.refs.Add(1)
	}
	return d
}

func (d *liveDir) release() {
	for d != nil && d.refs.Add(-1) == 0 {
		d.opened.Release()
		d = d.above
	}
}

// handle opens the directory, and those above it that aren't open yet.
func (d *liveDir) handle() *dirfd.Handle {
	d.once.Do(func() {
		if d.above == nil {
			return
		}
		if above := d.above.handle(); above != nil {
			d.opened, _ = above.Open(d.name)
		}
	})
	return d.opened
}
