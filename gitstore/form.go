package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
	"golang.org/x/sys/unix"
)

// FormError says that a checkpoint holds what none can be made of: its bytes are
// those that their name promises, and no rollback could bring back what they
// describe.
type FormError struct {
	// Object is the tree or note at fault, Path where it stands in the checkpoint.
	Object ID
	Path   string
	Err    error
}

func (e *FormError) Error() string {
	path := e.Path
	if path == "" {
		path = "."
	}
	return fmt.Sprintf("object %s (%q) can't be brought back: %v", e.Object, path, e.Err)
}

// Is matches [ErrCorrupt].
func (e *FormError) Is(target error) bool { return target == ErrCorrupt }

func (e *FormError) Unwrap() error { return e.Err }

// checkName refuses what no checkpoint records.
func (s *Store) checkName(name string) error {
	switch {
	case name == "", name == ".", name == "..", name == ".git", strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%q is no name of a file", shown(name))
	case s.opts.CheckName != nil:
		return s.opts.CheckName(name)
	}
	return nil
}

var errNotName = errors.New("that is no name of a file")

// shown is a name as an error can hold it: whoever forged it chose its length, too.
func shown(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	return name[:most] + "..."
}

// readForm reads a tree of a checkpoint, of which every entry can be written.
func (s *Store) readForm(id ID, path string) ([]odb.TreeEntry, error) {
	list, err := s.db.ReadTree(id)
	if err != nil {
		return nil, err
	}
	return list, s.checkForm(list, id, path)
}

func (s *Store) checkForm(list []odb.TreeEntry, id ID, path string) error {
	for i, e := range list {
		if err := s.checkEntry(list, i); err != nil {
			return &FormError{Object: id, Path: path, Err: fmt.Errorf("entry %q: %w", shown(e.Name), err)}
		}
	}
	return nil
}

// cachedEntries are the entries of a tree as the stat cache has them, nil when they don't
// have the tree's hash. Their names live as long as the cache.
func cachedEntries(d statcache.Dir, id ID, hash *odb.Hasher) []odb.TreeEntry {
	list := make([]odb.TreeEntry, 0, d.Len())
	for i := range d.Len() {
		// What holds no file is in no tree.
		if e := d.Entry(i); !ID(e.ID).IsZero() {
			list = append(list, odb.TreeEntry{Mode: e.Mode, Name: e.Name, ID: e.ID})
		}
	}
	slices.SortFunc(list, func(a, b odb.TreeEntry) int { return scan.CompareNames(a.Name, a.Mode, b.Name, b.Mode) })
	var data []byte
	for _, e := range list {
		data = odb.AppendTreeEntry(data, e)
	}
	if name, err := hash.Name(odb.Tree, data); err != nil || name != id {
		return nil
	}
	return list
}

func (s *Store) checkEntry(list []odb.TreeEntry, i int) error {
	e := list[i]
	if err := s.checkName(e.Name); err != nil {
		return err
	}
	switch {
	case isRecorded(e.Mode):
	case e.Mode == scan.ModeDir:
		// A file of the same name may be some way before the directory.
		_, found := slices.BinarySearchFunc(list[:i], e.Name, func(o odb.TreeEntry, name string) int {
			return scan.CompareNames(o.Name, o.Mode, name, scan.ModeFile)
		})
		if found {
			return errors.New("is there twice, as a file and as a directory")
		}
	default:
		return fmt.Errorf("its mode %o is none that is ever recorded", e.Mode)
	}
	if i == 0 {
		return nil
	}
	before := list[i-1]
	switch order := scan.CompareNames(before.Name, before.Mode, e.Name, e.Mode); {
	case before.Name == e.Name:
		return errors.New("is there twice")
	case order >= 0:
		return fmt.Errorf("stands after %q: the tree is not sorted", shown(before.Name))
	}
	return nil
}

// isRecorded says whether files have that mode in checkpoints.
func isRecorded(mode uint32) bool {
	switch mode {
	case scan.ModeFile, scan.ModeExec, scan.ModeSymlink, modeGroupWrite:
		return true
	}
	return false
}

// modeGroupWrite is a mode of files that early versions of git wrote.
const modeGroupWrite = 0o100664

// objectType is what an entry of that mode must name.
func objectType(mode uint32) odb.Type {
	if mode == scan.ModeDir {
		return odb.Tree
	}
	return odb.Blob
}

// linkDest reads where a symbolic link leads.
func (s *Store) linkDest(id ID) ([]byte, error) {
	_, size, err := s.db.Size(id)
	if err != nil {
		return nil, err
	}
	if size >= unix.PathMax {
		return nil, malformed(fmt.Sprintf("a symbolic link of %d bytes", size))
	}
	dest, err := s.db.ReadType(id, odb.Blob)
	if err != nil {
		return nil, err
	}
	if len(dest) == 0 || bytes.IndexByte(dest, 0) >= 0 {
		return nil, malformed("a symbolic link to nowhere")
	}
	return dest, nil
}

// checkMeta refuses a note whose paths lead out of the checkpoint. What was left
// out may have any name: that can be why it was.
func (s *Store) checkMeta(m *Meta) error {
	for _, p := range m.EmptyDirs {
		if err := checkPath(p, s.checkName); err != nil {
			return err
		}
	}
	for _, mode := range m.Modes {
		if mode.Path == "" {
			continue
		}
		if err := checkPath(mode.Path, s.checkName); err != nil {
			return err
		}
	}
	any := func(string) error { return nil }
	for _, n := range m.Nested {
		if err := checkPath(n.Path, any); err != nil {
			return err
		}
	}
	for _, skipped := range m.Skipped {
		if skipped.Path == "" {
			continue
		}
		if err := checkPath(skipped.Path, any); err != nil {
			return err
		}
	}
	return nil
}

func checkPath(p Path, checkName func(string) error) error {
	for name := range strings.SplitSeq(string(p), "/") {
		if name == "" || name == "." || name == ".." || strings.Contains(name, "\x00") {
			return fmt.Errorf("%q is no path below a project's top", shown(string(p)))
		}
		if err := checkName(name); err != nil {
			return fmt.Errorf("%q: %w", shown(string(p)), err)
		}
	}
	return nil
}

var errNotEmptyDir = errors.New("an empty directory stands where the tree has a file")

// checkEmptyDirs finds an empty directory that a file of the tree is in the way
// of. Trees that can't be read are somebody else's to report.
func (s *Store) checkEmptyDirs(c Checkpoint, m *Meta) error {
	read := make(map[ID]map[string]odb.TreeEntry)
	for _, p := range m.EmptyDirs {
		at := c.Tree
		for name := range strings.SplitSeq(string(p), "/") {
			list, known := read[at]
			if !known {
				list = make(map[string]odb.TreeEntry)
				entries, _ := s.db.ReadTree(at)
				for _, e := range entries {
					list[e.Name] = e
				}
				read[at] = list
			}
			e, found := list[name]
			if !found {
				break
			}
			if e.Mode != scan.ModeDir {
				return &FormError{Object: c.MetaID, Path: string(p), Err: errNotEmptyDir}
			}
			at = e.ID
		}
	}
	return nil
}
