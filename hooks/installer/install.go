package installer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Options of an installation. The zero value works.
type Options struct {
	// Program is the program's path, for when it isn't found by PATH; empty is this
	// process's own.
	Program string
	// DryRun says what would be done, and does nothing.
	DryRun bool
}

// Action is what was done with a hook.
type Action string

// The actions.
const (
	Installed Action = "installed"
	// Chained is installed around a hook that was there.
	Chained Action = "chained"
	// Renewed replaces a script that another version of this program wrote.
	Renewed Action = "renewed"
	Removed Action = "removed"
	// Restored puts back what was there before.
	Restored Action = "restored"
	// Unchanged is for what is as it should be.
	Unchanged Action = "unchanged"
)

// Change is what was done with one hook.
type Change struct {
	Hook   string
	Path   string
	Action Action
	// Kept is where the hook lies that was there before, empty for none.
	Kept string
}

var (
	// ErrAltered says that somebody edited a hook of ours since it was installed.
	ErrAltered = errors.New("the hook was edited since it was installed")
	// ErrKept says that a foreign hook is kept already, and that there is another one
	// in our place.
	ErrKept = errors.New("another hook took the place of ours")
	// ErrNotAFile says that something else than a file has a hook's name.
	ErrNotAFile = errors.New("this is no file")
)

// Install puts hooks into their places; none named are [Repository.Defaults]. What
// was done before an error stays, and can be gone on with. Errors match
// [ErrUnknown], [ErrAltered], [ErrKept], [ErrNotAFile] and [ErrManaged].
func (r *Repository) Install(names []string, opts Options) ([]Change, error) {
	picked, err := r.pick(names)
	if err != nil {
		return nil, err
	}
	if r.Manager != "" {
		return nil, r.managed(picked)
	}
	if opts.Program == "" {
		if opts.Program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if !opts.DryRun {
		if err := os.MkdirAll(r.Dir, 0o777); err != nil {
			return nil, err
		}
	}
	var changes []Change
	for _, h := range picked {
		c, err := r.install(h, opts)
		if err != nil {
			return changes, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

func (r *Repository) install(h known, opts Options) (Change, error) {
	path, kept := r.path(h.name), r.kept(h.name)
	c := Change{Hook: h.name, Path: path}
	if _, err := os.Lstat(kept); err == nil {
		c.Kept = kept
	}
	text := script(h, opts.Program)
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Action = Installed
		return c, r.write(path, text, opts)
	case err != nil:
		return c, err
	case !fi.Mode().IsRegular() && fi.Mode()&fs.ModeSymlink == 0:
		return c, fmt.Errorf("%s: %w", path, ErrNotAFile)
	}
	have, err := readHook(path)
	if err != nil {
		return c, err
	}
	is, whole := ours(have)
	switch {
	case is && have == text && fi.Mode()&0o111 != 0:
		c.Action = Unchanged
		return c, nil
	case is && whole:
		c.Action = Renewed
		return c, r.write(path, text, opts)
	case is:
		return c, fmt.Errorf("%s: %w", path, ErrAltered)
	case c.Kept != "" && !sameFile(path, kept):
		return c, fmt.Errorf("%s: %w, and %s is still kept", path, ErrKept, kept)
	}
	c.Action, c.Kept = Chained, kept
	if !opts.DryRun {
		if err := keep(path, kept); err != nil {
			return c, err
		}
	}
	return c, r.write(path, text, opts)
}

// keep gives the hook a second name, under which it stays when ours takes its
// place. A file system without links gets a copy.
func keep(path, kept string) error {
	err := os.Link(path, kept)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err2nil(err)
	}
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.EXDEV) {
		return err
	}
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := writeFile(kept, data, fi.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(kept, fi.ModTime(), fi.ModTime())
}

// err2nil passes over a link that an interrupted run made before.
func err2nil(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func (r *Repository) write(path, text string, opts Options) error {
	if opts.DryRun {
		return nil
	}
	return writeFile(path, []byte(text), 0o777)
}

// writeFile puts a file into its place in one step. Like git's own hooks it gets
// the bits that the umask allows.
func writeFile(path string, data []byte, perm fs.FileMode) error {
	f, err := os.OpenFile(path+".evoseal-new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// maxScript bounds what is read of a hook to find out whose it is; ours are
// shorter.
const maxScript = 64 << 10

// readHook reads the beginning of a hook. A link that leads nowhere is an empty
// one, as git has it.
func readHook(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxScript))
	return string(data), err
}
