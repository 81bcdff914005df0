package refs

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/hashicorp/go-hclog"
)

// ID is an object's name.
type ID = [20]byte

// Options of a DB. The zero value works.
type Options struct {
	// Ident signs reflog entries; nil writes none.
	Ident func() (name, email string, when time.Time)
	// JournalDir is where the journal of locks is kept, and what is known of
	// packed-refs; empty takes plain locks.
	JournalDir string
	// Log takes what is worth knowing; nil discards it.
	Log hclog.Logger
	// LockTimeout is how long to wait for a lock; zero is five seconds.
	LockTimeout time.Duration
}

// DB is the refs of one repository. Its methods may be called by any number of
// goroutines.
type DB struct {
	dir  string
	opts Options
	// swept is for the first lock, which clears away what dead processes left.
	swept sync.Once

	// packed is packed-refs as it was in the state of packedStamp; nil for unknown.
	packedMu    sync.Mutex
	packed      *packedLines
	packedStamp PackedStamp
	// summed is the state whose checksum was compared, searches how often packed-refs
	// was searched.
	summed   PackedStamp
	searches int
}

// Open returns the refs of the repository whose common directory is gitDir.
func Open(gitDir string, opts Options) *DB {
	if opts.Log == nil {
		opts.Log = hclog.NewNullLogger()
	}
	if opts.LockTimeout == 0 {
		opts.LockTimeout = 5 * time.Second
	}
	return &DB{dir: gitDir, opts: opts}
}

var (
	// ErrNotFound says that there is no such ref. It also matches
	// [fs.ErrNotExist].
	ErrNotFound error = notFound{}
	// ErrBroken says that a ref's file, or packed-refs, holds what is no object's
	// name. See [BrokenError].
	ErrBroken = errors.New("broken ref")
)

type notFound struct{}

func (notFound) Error() string { return "no such ref" }

func (notFound) Is(target error) bool { return target == fs.ErrNotExist }

// BrokenError names a ref whose file is empty or holds something else than an
// object's name, such as a power cut leaves.
type BrokenError struct{ Name, Path string }

func (e *BrokenError) Error() string {
	return fmt.Sprintf("ref %s is broken: %s holds no object's name", e.Name, e.Path)
}

// Is matches [ErrBroken].
func (e *BrokenError) Is(target error) bool { return target == ErrBroken }

// Ref is one ref. Peeled is the object behind an annotated tag where packed-refs
// tells it, else null.
type Ref struct {
	Name       string
	ID, Peeled ID
}

func (db *DB) path(name string) string { return filepath.Join(db.dir, filepath.FromSlash(name)) }

// maxSymbolic is git's own bound on refs that name refs.
const maxSymbolic = 5

// Read returns what a ref names, through symbolic refs.
func (db *DB) Read(name string) (ID, error) {
	for range maxSymbolic {
		if err := CheckName(name); err != nil {
			return ID{}, err
		}
		id, next, err := db.readOne(name)
		if err != nil || next == "" {
			return id, err
		}
		name = next
	}
	return ID{}, &BrokenError{Name: name, Path: db.path(name)}
}

// ReadHex is Read for a repository with any kind of object names: it returns the
// 40 or 64 hexadecimal digits.
func (db *DB) ReadHex(name string) (string, error) {
	for range maxSymbolic {
		if err := CheckName(name); err != nil {
			return "", err
		}
		data, err := durable.ReadFile(db.path(name))
		if err != nil {
			return db.packedHex(name)
		}
		text := strings.TrimSpace(string(data))
		target, symbolic := strings.CutPrefix(text, "ref: ")
		if symbolic {
			name = target
			continue
		}
		if !isHex(text) {
			return "", &BrokenError{Name: name, Path: db.path(name)}
		}
		return text, nil
	}
	return "", &BrokenError{Name: name, Path: db.path(name)}
}

func (db *DB) packedHex(name string) (string, error) {
	data, err := db.packedData()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		hex, found := strings.CutSuffix(strings.TrimRight(line, "\n"), " "+name)
		if found && isHex(hex) {
			return hex, nil
		}
	}
	return "", ErrNotFound
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && (len(s) == 40 || len(s) == 64)
}

// readOne reads a ref without following it: next is what a symbolic one names.
func (db *DB) readOne(name string) (id ID, next string, err error) {
	id, next, err = db.readLoose(name)
	if !errors.Is(err, ErrNotFound) {
		return id, next, err
	}
	r, found, err := db.packedFrom(name)
	if err != nil {
		return ID{}, "", err
	}
	if found && r.Name == name {
		return r.ID, "", nil
	}
	// git may have packed the ref between our two looks.
	return db.readLoose(name)
}

func (db *DB) readLoose(name string) (id ID, next string, err error) {
	path := db.path(name)
	data, err := durable.ReadFile(path)
	if err != nil {
		if fi, statErr := os.Stat(path); errors.Is(err, fs.ErrNotExist) || isNotDir(err) || statErr == nil && fi.IsDir() {
			return ID{}, "", ErrNotFound
		}
		if errors.Is(err, durable.ErrNotRegular) {
			return ID{}, "", &BrokenError{Name: name, Path: path}
		}
		return ID{}, "", err
	}
	if target, ok := strings.CutPrefix(string(data), "ref: "); ok {
		// A link to nowhere must not read as no object.
		if target = strings.TrimSpace(target); CheckName(target) != nil {
			return ID{}, "", &BrokenError{Name: name, Path: path}
		}
		return ID{}, target, nil
	}
	// What git takes for space, which is less than Go does.
	id, ok := parseID(bytes.Trim(data, " \t\r\n"))
	if !ok || id == (ID{}) {
		return ID{}, "", &BrokenError{Name: name, Path: path}
	}
	return id, "", nil
}

func parseID(b []byte) (id ID, ok bool) {
	if len(b) != 40 {
		return ID{}, false
	}
	_, err := hex.Decode(id[:], b)
	return id, err == nil
}

// packedRefs is the file packed-refs, sorted by name.
type packedRefs struct {
	header string
	refs   []Ref
}

func (p *packedRefs) find(name string) (int, bool) {
	return slices.BinarySearchFunc(p.refs, name, func(r Ref, name string) int { return strings.Compare(r.Name, name) })
}

func (db *DB) packedPath() string { return filepath.Join(db.dir, "packed-refs") }

func (db *DB) readPacked() (*packedRefs, error) {
	data, err := db.packedData()
	if err != nil {
		return nil, err
	}
	return parsePacked(data)
}

// parsePacked reads lines "<id> <name>", each of which a line "^<id>" may follow
// that tells what an annotated tag leads to.
func parsePacked(data []byte) (*packedRefs, error) {
	p := &packedRefs{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, max(64<<10, len(data)+1))
	for lines.Scan() {
		line := lines.Bytes()
		switch {
		case len(line) == 0:
		case line[0] == '#':
			if p.header == "" {
				p.header = string(line)
			}
		case line[0] == '^':
			id, ok := parseID(line[1:])
			if !ok || len(p.refs) == 0 {
				return nil, fmt.Errorf("%w: packed-refs has the malformed line %q", ErrBroken, line)
			}
			p.refs[len(p.refs)-1].Peeled = id
		default:
			hex, name, ok := bytes.Cut(line, []byte(" "))
			id, valid := parseID(hex)
			if !ok || !valid {
				return nil, fmt.Errorf("%w: packed-refs has the malformed line %q", ErrBroken, line)
			}
			p.refs = append(p.refs, Ref{Name: string(name), ID: id})
		}
	}
	byName := func(a, b Ref) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(p.refs, byName) {
		slices.SortStableFunc(p.refs, byName)
	}
	return p, lines.Err()
}

func (p *packedRefs) encode() []byte {
	var b bytes.Buffer
	header := p.header
	if header == "" {
		header = "# pack-refs with: peeled fully-peeled sorted "
	}
	fmt.Fprintln(&b, header)
	for _, r := range p.refs {
		fmt.Fprintf(&b, "%x %s\n", r.ID, r.Name)
		if r.Peeled != (ID{}) {
			fmt.Fprintf(&b, "^%x\n", r.Peeled)
		}
	}
	return b.Bytes()
}

// List returns the refs that begin with prefix, sorted by name; loose ones
// outrank packed ones. Refs that are broken don't hide the others: they are in
// the error, each a [BrokenError].
func (db *DB) List(prefix string) ([]Ref, error) {
	loose, broken, err := db.listLoose(prefix)
	if err != nil {
		return nil, err
	}
	packed, err := db.readPacked()
	if err != nil {
		return loose, errors.Join(append(broken, err)...)
	}
	return merge(loose, packed, prefix, broken), errors.Join(broken...)
}

// ListLoose is List for refs that have a file of their own.
func (db *DB) ListLoose(prefix string) ([]Ref, error) {
	loose, broken, err := db.listLoose(prefix)
	return loose, errors.Join(append(broken, err)...)
}

func (db *DB) listLoose(prefix string) (loose []Ref, broken []error, err error) {
	root := db.path("refs")
	if dir := strings.TrimRight(prefix, "/"); strings.HasSuffix(prefix, "/") && strings.HasPrefix(prefix, "refs/") {
		root = db.path(dir)
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
				return nil
			}
			return err
		}
		if e.IsDir() || strings.HasSuffix(path, ".lock") {
			return nil
		}
		rel, err := filepath.Rel(db.dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !strings.HasPrefix(name, prefix) || CheckName(name) != nil {
			return nil
		}
		id, err := db.Read(name)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			broken = append(broken, err)
		default:
			loose = append(loose, Ref{Name: name, ID: id})
		}
		return nil
	})
	return loose, broken, err
}

// merge lays loose refs over packed ones.
func merge(loose []Ref, packed *packedRefs, prefix string, broken []error) []Ref {
	hidden := make(map[string]bool, len(loose))
	for _, r := range loose {
		hidden[r.Name] = true
	}
	for _, err := range broken {
		var b *BrokenError
		if errors.As(err, &b) {
			hidden[b.Name] = true
		}
	}
	for _, r := range packed.refs {
		if strings.HasPrefix(r.Name, prefix) && !hidden[r.Name] {
			loose = append(loose, r)
		}
	}
	slices.SortFunc(loose, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return loose
}
