package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrStorePlace says that something stands where a project's store and targets
// are to be. See [PlaceError].
var ErrStorePlace = errors.New("the store can't be there")

// PlaceError says what stands in the store's place. What is written through a
// symbolic link would be elsewhere than where it seems, and the project's own git
// would record the link.
type PlaceError struct {
	Path string
	// Link is where a symbolic link leads, empty for anything else.
	Link string
}

func (e *PlaceError) Error() string {
	if e.Link != "" {
		return fmt.Sprintf("%s is a symbolic link to %q: it must be a directory; the setting evoseal.store puts the store elsewhere", e.Path, e.Link)
	}
	return fmt.Sprintf("%s is not a directory: the store can't be there; the setting evoseal.store puts it elsewhere", e.Path)
}

// Is matches [ErrStorePlace].
func (e *PlaceError) Is(target error) bool { return target == ErrStorePlace }

func (p *Project) placed() (*Project, error) {
	if err := p.checkPlace(); err != nil {
		return nil, err
	}
	return p, nil
}

// checkPlace refuses an engine's directory, and a store in it, that is anything
// but a directory. A store that is configured may be reached as its owner likes.
func (p *Project) checkPlace() error {
	top := filepath.Join(p.Root, Dir)
	paths := []string{top}
	if own := filepath.Join(top, ".git"); p.StoreDir() == own {
		paths = append(paths, own)
	}
	for _, path := range paths {
		fi, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case fi.IsDir():
			continue
		}
		place := &PlaceError{Path: path}
		if fi.Mode()&fs.ModeSymlink != 0 {
			if place.Link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		return place
	}
	return nil
}
