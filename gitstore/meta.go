package gitstore

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// Meta is what a Git tree can't hold of a checkpoint. It is kept as a note on
// the commit, as JSON, and the commit names the note's blob.
type Meta struct {
	Schema   int    `json:"schema"`
	Platform string `json:"platform"`
	Files    int64  `json:"files"`
	Bytes    int64  `json:"bytes"`
	// Base are the permission bits that most files, executables and directories
	// have; Modes lists the others. A project made under another umask costs
	// three numbers this way, not a line a file.
	Base      BaseModes          `json:"base_modes"`
	Modes     []Mode             `json:"modes,omitempty"`
	EmptyDirs []Path             `json:"empty_dirs,omitempty"`
	Nested    []NestedRepository `json:"nested,omitempty"`
	// Skipped are sockets, pipes and devices, a .git that is no repository and, in
	// a partial checkpoint, what could not be read.
	Skipped []Skipped `json:"skipped,omitempty"`
	Partial bool      `json:"partial,omitempty"`
}

// BaseModes are permission bits by kind of entry.
type BaseModes struct {
	File Perm `json:"file"`
	Exec Perm `json:"exec"`
	Dir  Perm `json:"dir"`
}

// Mode is a path whose permission bits differ from its kind's base.
type Mode struct {
	Path Path `json:"path"`
	Perm Perm `json:"mode"`
	// Dir says that it is a directory.
	Dir bool `json:"dir,omitempty"`
}

// Privileged counts the files that had a set-user-id or set-group-id bit. These
// bits are recorded and not brought back: a file's owner isn't recorded, and the
// bits would hand out the rights of whoever rolls back.
func (m Meta) Privileged() int {
	n := 0
	for _, mode := range m.Modes {
		if !mode.Dir && mode.Perm&0o6000 != 0 {
			n++
		}
	}
	return n
}

// NestedRepository is a repository inside the project, whose files are recorded
// as ordinary ones.
type NestedRepository struct {
	Path Path `json:"path"`
	// Submodule says that the project's index names it; Head is the commit that
	// it had checked out, empty when there was none.
	Submodule bool   `json:"submodule,omitempty"`
	Head      string `json:"head,omitempty"`
}

// Skipped is a path that is not recorded, and why.
type Skipped struct {
	Path   Path   `json:"path"`
	Reason string `json:"reason"`
	// Unread marks a path that should have been recorded.
	Unread bool `json:"unread,omitempty"`
}

// Perm are permission bits, 07777, written in octal.
type Perm uint32

// MarshalText writes four octal digits.
func (p Perm) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%04o", uint32(p)), nil }

// UnmarshalText reads octal digits.
func (p *Perm) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 12)
	*p = Perm(n)
	return err
}

// Path is a path below the project's top, with slashes, in the bytes that the
// file system has. In JSON it is a string, or {"base64": …} when it isn't UTF-8.
type Path string

type pathBytes struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements [json.Marshaler].
func (p Path) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(p)) {
		return json.Marshal(string(p))
	}
	return fmt.Appendf(nil, `{"base64":%q}`, base64.StdEncoding.EncodeToString([]byte(p))), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Path) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var b pathBytes
		err := json.Unmarshal(data, &b)
		*p = Path(b.Base64)
		return err
	}
	var s string
	err := json.Unmarshal(data, &s)
	*p = Path(s)
	return err
}

const metaSchema = 1

// newMeta gathers what the trees don't hold.
func newMeta(p *Project, t *scan.Tree) Meta {
	m := Meta{
		Schema: metaSchema, Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Files: t.Files, Bytes: t.Bytes, Base: baseModes(t), Partial: len(t.Failed) > 0,
	}
	t.Walk(func(in, d *scan.Dir, e *scan.Entry) {
		perm, base := uint32(0), Perm(0)
		switch {
		case e == nil:
			perm, base = d.Perm, m.Base.Dir
		case e.Mode == scan.ModeSymlink:
			return
		default:
			perm, base = e.Perm, m.Base.of(e.Mode)
		}
		if Perm(perm) != base {
			m.Modes = append(m.Modes, Mode{Path: pathOf(in, e), Perm: Perm(perm), Dir: d != nil})
		}
		if d != nil && e != nil && !d.Failed && isEmpty(d) {
			m.EmptyDirs = append(m.EmptyDirs, pathOf(in, e))
		}
	})
	for _, n := range t.Nested {
		if p.isStore(n.Path) {
			continue
		}
		m.Nested = append(m.Nested, NestedRepository{
			Path: Path(n.Path), Submodule: n.Submodule, Head: p.nestedHead(n.Path),
		})
	}
	for _, f := range t.Special {
		m.Skipped = append(m.Skipped, Skipped{Path: Path(f.Path), Reason: reason(f.Err)})
	}
	for _, f := range t.Failed {
		m.Skipped = append(m.Skipped, Skipped{Path: Path(f.Path), Reason: reason(f.Err), Unread: true})
	}
	return m
}

// pathOf is the path of an entry, empty for the top, which is in no directory.
func pathOf(in *scan.Dir, e *scan.Entry) Path {
	if in == nil {
		return ""
	}
	return Path(in.PathOf(e))
}

// isEmpty says that nothing keeps the directory in the tree, and no directory
// below does it the favour.
func isEmpty(d *scan.Dir) bool {
	if d.Recorded() {
		return false
	}
	for _, e := range d.Entries {
		if e.Mode == scan.ModeDir {
			return false
		}
	}
	return true
}

func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return strings.TrimSpace(err.Error())
}

// of returns the base for a tree entry's mode.
func (b BaseModes) of(mode uint32) Perm {
	switch mode {
	case scan.ModeExec:
		return b.Exec
	case scan.ModeDir:
		return b.Dir
	}
	return b.File
}

// permissions are the bits of all that a checkpoint holds.
type permissions struct {
	base BaseModes
	odd  map[string]Perm
}

func newPermissions(m Meta) *permissions {
	p := &permissions{m.Base, make(map[string]Perm, len(m.Modes))}
	for _, mode := range m.Modes {
		p.odd[string(mode.Path)] = mode.Perm
	}
	return p
}

// of is what the entry's bits are to be.
func (p *permissions) of(path string, mode uint32) Perm {
	perm, ok := Perm(0), false
	if len(p.odd) > 0 {
		perm, ok = p.odd[path]
	}
	if !ok {
		perm = p.base.of(mode)
	}
	if mode != scan.ModeDir {
		perm &= 0o1777
	}
	return perm
}

// plainBits are the permission bits without set-user-id, set-group-id and sticky.
const plainBits = 0o777

// baseModes finds the most common permission bits of each kind. The special ones
// are always told path by path.
func baseModes(t *scan.Tree) BaseModes {
	file, exec, dir := make(tally), make(tally), make(tally)
	t.Walk(func(_, d *scan.Dir, e *scan.Entry) {
		switch {
		case d != nil:
			dir.add(d.Perm)
		case e.Mode == scan.ModeExec:
			exec.add(e.Perm)
		case e.Mode == scan.ModeFile:
			file.add(e.Perm)
		}
	})
	return BaseModes{File: most(file, 0o644), Exec: most(exec, 0o755), Dir: most(dir, 0o755)}
}

// tally counts permission bits.
type tally map[uint32]int

func (t tally) add(perm uint32) { t[perm&plainBits]++ }

// most returns the most frequent bits; of equals the smaller, so that the same
// tree always makes the same note.
func most(counts tally, none Perm) Perm {
	if len(counts) == 0 {
		return none
	}
	return Perm(slices.MaxFunc(slices.Collect(maps.Keys(counts)), func(a, b uint32) int {
		return cmp.Or(cmp.Compare(counts[a], counts[b]), cmp.Compare(b, a))
	}))
}

// Meta reads what the checkpoint's tree can't hold. Its bytes are those that
// the commit names: a changed note is an error, never believed.
func (s *Store) Meta(c Checkpoint) (Meta, error) {
	if c.MetaID.IsZero() {
		return Meta{Base: BaseModes{File: 0o644, Exec: 0o755, Dir: 0o755}}, nil
	}
	data, err := s.db.ReadUpTo(c.MetaID, odb.Blob, maxMeta)
	if err != nil {
		return Meta{}, fmt.Errorf("meta note of %s: %w", c.Version, err)
	}
	if err := checkMetaSize(data); err != nil {
		return Meta{}, &FormError{Object: c.MetaID, Path: metaPath, Err: err}
	}
	var m Meta
	if json.Unmarshal(data, &m) != nil {
		return Meta{}, &FormError{Object: c.MetaID, Path: metaPath, Err: errors.New("it is not the JSON that such a note is")}
	}
	if m.Schema > metaSchema {
		return Meta{}, fmt.Errorf("meta note of %s was written by a newer version of this program", c.Version)
	}
	if err := s.checkMeta(&m); err != nil {
		return Meta{}, &FormError{Object: c.MetaID, Path: metaPath, Err: err}
	}
	// No file gets more than the plain bits by being one of many.
	m.Base.File &= plainBits
	m.Base.Exec &= plainBits
	return m, nil
}

// What a meta note may have: some seven hundred thousand odd files. Decoded, each value takes
// many times the three bytes that it has at least.
const (
	maxMeta       = 64 << 20
	maxMetaValues = 2 << 20
)

// checkMetaSize bounds what is recorded, and so what is ever read.
func checkMetaSize(data []byte) error {
	if len(data) > maxMeta || bytes.Count(data, []byte(",")) > maxMetaValues {
		return fmt.Errorf("its odd permissions, empty directories and skipped files are more than a meta note holds, which are %d MiB and %d values", maxMeta>>20, maxMetaValues)
	}
	return nil
}

// metaPath stands for the note where a path is told.
const metaPath = "meta note"
