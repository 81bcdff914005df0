package gitstore

import (
	"os"
	"strings"
	"sync/atomic"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"golang.org/x/sys/unix"
)

// beside is another directory that an older rollback filled, for files that the live
// project has lost. To know what is in it takes the reading of a whole index, which
// isn't worth it for a few of them.
type beside struct {
	open func() (*os.File, *Filled, error)
	// lost is how many files the project turned out not to have, enough how many make it
	// worth while.
	lost   atomic.Int64
	enough int64
	tree   atomic.Pointer[besideTree]
}

type besideTree struct {
	dir *os.File
	top *slotDir
}

// besideShare is the share of all files that makes enough of them, one in so many.
const besideShare = 20

func newBeside(req MaterialiseRequest) *beside {
	if req.Beside == nil || req.FromStore {
		return nil
	}
	return &beside{open: req.Beside, enough: 64 + req.Checkpoint.Files/besideShare}
}

func (b *beside) close() {
	if b == nil {
		return
	}
	if t := b.tree.Load(); t != nil {
		t.dir.Close()
	}
}

// copyBeside fills fd from the directory beside, if that has the file under the same
// name. As with the live project's, the bytes are hashed as they pass.
func (m *materialiser) copyBeside(w *matWorker, fd int, it *slotItem) (bool, error) {
	if m.beside == nil {
		return false, nil
	}
	if m.beside.lost.Add(1) == m.beside.enough {
		m.openBeside()
	}
	t := m.beside.tree.Load()
	if t == nil {
		return false, nil
	}
	has := t.top.file(it.file.Name)
	if has == nil || has.file.ID != it.file.ID || has.file.Mode != it.file.Mode {
		return false, nil
	}
	in, err := dirfd.OpenFileInside(int(t.dir.Fd()), it.file.Name)
	if err != nil {
		return false, nil
	}
	defer unix.Close(in)
	st, err := dirfd.Fstat(in)
	if err != nil || st.Kind() != unix.S_IFREG || otherSize(has.file, st) {
		return false, nil
	}
	return m.copyFrom(w, fd, in, st.Size, ID(it.file.ID))
}

// openBeside reads what is in it. The other goroutines go on inflating.
func (m *materialiser) openBeside() {
	dir, filled, err := m.beside.open()
	if err != nil {
		m.s.log.Debug("the target is no help", "error", err)
	}
	if err != nil || dir == nil || filled == nil {
		if dir != nil {
			dir.Close()
		}
		return
	}
	m.beside.tree.Store(&besideTree{dir, filled.tree.top})
}

// file is the file of that path below the directory, nil for none.
func (d *slotDir) file(path string) *slotItem {
	for {
		name, rest, below := strings.Cut(path, "/")
		it := d.find(name, below)
		if it == nil || !below {
			return it
		}
		d, path = it.sub, rest
	}
}
