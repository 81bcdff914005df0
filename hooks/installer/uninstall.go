package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Uninstall takes hooks out and puts back what was there before; none named are all
// that are installed. Hooks of others are left alone. One of ours that somebody
// edited is left as it is, and is [ErrAltered]; the others go.
func (r *Repository) Uninstall(names []string, opts Options) ([]Change, error) {
	if len(names) == 0 {
		names = r.Names()
	}
	picked, err := r.pick(names)
	if err != nil {
		return nil, err
	}
	var changes []Change
	var errs []error
	for _, h := range picked {
		c, err := r.uninstall(h.name, opts)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		changes = append(changes, c)
	}
	if !opts.DryRun && len(changes) > 0 {
		if err := syncDir(r.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return changes, errors.Join(errs...)
}

func (r *Repository) uninstall(hook string, opts Options) (Change, error) {
	path, kept := r.path(hook), r.kept(hook)
	c := Change{Hook: hook, Path: path, Action: Unchanged}
	_, err := os.Lstat(kept)
	hasKept := err == nil
	have, err := readHook(path)
	if err != nil {
		return c, err
	}
	is, whole := ours(have)
	_, err = os.Lstat(path)
	switch gone := errors.Is(err, fs.ErrNotExist); {
	case is && !whole:
		return c, fmt.Errorf("%s: %w", path, ErrAltered)
	case hasKept && !gone && !is && sameFile(path, kept):
		// An interrupted installation: only the second name is ours.
		c.Action = Restored
		return c, remove(kept, opts)
	case hasKept && (is || gone):
		c.Action = Restored
		if opts.DryRun {
			return c, nil
		}
		return c, os.Rename(kept, path)
	case is:
		c.Action = Removed
		return c, remove(path, opts)
	}
	if hasKept {
		c.Kept = kept
	}
	return c, nil
}

func remove(path string, opts Options) error {
	if opts.DryRun {
		return nil
	}
	return os.Remove(path)
}
