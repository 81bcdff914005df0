package safety

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	removeBatch = 1024 // names read at a time
	// maxDepth bounds how many handles a removal holds. What lies deeper is
	// moved up and removed from there.
	maxDepth = 100
)

// removeTree removes the directory called name, if it is the one with this
// identity, and all that it holds. It works through handles, follows no link,
// enters no mount, and gives itself the rights that read-only directories
// withhold. One entry that won't go doesn't keep the others.
func removeTree(parent *os.File, name string, id fileID) error {
	top, err := openForRemoval(parent, name)
	if err != nil {
		return err
	}
	defer top.Close()
	e, err := lookAtHandle(top)
	if err != nil {
		return err
	}
	if e.id != id {
		return changed(pathError("remove", parent, name, unix.ESTALE))
	}
	r := remover{top: top}
	if err := r.empty(top, 0); err != nil {
		return err
	}
	return unlinkAt(parent, name, unix.AT_REMOVEDIR)
}

// openForRemoval opens a directory so that its entries can be listed and removed.
func openForRemoval(parent *os.File, name string) (*os.File, error) {
	dir, err := openInside(parent, name)
	if errors.Is(err, fs.ErrPermission) {
		if makeRemovable(parent, name) == nil {
			dir, err = openInside(parent, name)
		}
	}
	if err != nil {
		return nil, err
	}
	if e, err := lookAtHandle(dir); err == nil && e.mode&0o700 != 0o700 {
		_ = dir.Chmod(0o700) // if that fails, the removal says so better
	}
	return dir, nil
}

type remover struct {
	top   *os.File
	moved int // how many directories were moved up
}

// empty removes every entry of an open directory and returns the first error.
func (r *remover) empty(dir *os.File, depth int) error {
	var first error
	for {
		names, err := dir.Readdirnames(removeBatch)
		if len(names) == 0 {
			if err != nil && !errors.Is(err, io.EOF) && first == nil {
				first = err
			}
			return first
		}
		progress := false
		for _, name := range names {
			err := r.remove(dir, name, depth)
			progress = progress || err == nil
			if first == nil {
				first = err
			}
		}
		// Some file systems skip entries when others were removed meanwhile.
		if progress {
			if _, err := dir.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
	}
}

func (r *remover) remove(dir *os.File, name string, depth int) error {
	err := unlinkAt(dir, name, 0)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if e, lerr := lookAt(dir, name); lerr != nil || !e.isDir() {
		return err
	}
	if depth >= maxDepth {
		return r.moveUp(dir, name)
	}
	sub, err := openForRemoval(dir, name)
	if err != nil {
		return err
	}
	err = r.empty(sub, depth+1)
	sub.Close()
	if err != nil {
		return err
	}
	return unlinkAt(dir, name, unix.AT_REMOVEDIR)
}

// moveUp moves a directory to the top, where the loop in empty finds it.
func (r *remover) moveUp(dir *os.File, name string) error {
	// Moving a directory changes its "..", which a read-only one forbids.
	sub, err := openForRemoval(dir, name)
	if err != nil {
		return err
	}
	sub.Close()
	for ; ; r.moved++ {
		to := deepName(r.moved)
		if exists(r.top, to) {
			continue
		}
		err := withFD(dir, func(from int) error {
			return withFD(r.top, func(top int) error { return unix.Renameat(from, name, top, to) })
		})
		return pathError("rename", dir, name, err)
	}
}

func deepName(n int) string { return ".deep-" + strconv.Itoa(n) }
