package odb

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// PackProblem is what is wrong with one pack of this directory.
type PackProblem struct {
	// Name is the pack's without extension.
	Name string
	// Pack is what is wrong with the pack's own bytes, Index with its index; nil for
	// what is sound, or wasn't looked at.
	Pack, Index error
	// Spare says that the index names nothing that isn't stored elsewhere.
	Spare bool
}

// Halved says that pack or index is there without the other.
func (p PackProblem) Halved() bool { return p.Pack == errNoPack || p.Index == errNoIndex }

// Err joins the two.
func (p PackProblem) Err() error { return errors.Join(p.Pack, p.Index) }

var (
	errNoPack  = errors.New("its pack is gone")
	errNoIndex = errors.New("its index is gone, so that nobody finds what is in it")
)

// PackProblems looks at every pack and index, also at those of which the other is
// gone. With read it reads all of them, else it looks only for what keeps them
// from being opened.
func (db *DB) PackProblems(read bool) []PackProblem {
	var bad []PackProblem
	for _, name := range db.packNames() {
		if p := db.packProblem(name, read); p.Err() != nil {
			bad = append(bad, p)
		}
	}
	// Of what is being replaced meanwhile the half is seen for a moment, which is longer
	// where many processes share the processors.
	for look := range moreLooks {
		if !slices.ContainsFunc(bad, PackProblem.Halved) {
			break
		}
		if look > 0 {
			time.Sleep(50 * time.Millisecond)
		}
		bad = slices.DeleteFunc(bad, func(p PackProblem) bool {
			return p.Halved() && db.packProblem(p.Name, false).passed()
		})
	}
	return bad
}

// moreLooks is how often half a pack is looked at once more before it is damage.
const moreLooks = 10

// passed says that there is nothing any more to have a problem, or that it has none.
func (p PackProblem) passed() bool {
	return p.Err() == nil || p.Pack == errNoPack && p.Index == errNoIndex
}

func (db *DB) packNames() []string {
	entries, _ := os.ReadDir(filepath.Join(db.dir, "pack"))
	var names []string
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if strings.HasPrefix(e.Name(), "pack-") && (ext == ".pack" || ext == ".idx") {
			names = append(names, strings.TrimSuffix(e.Name(), ext))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (db *DB) packProblem(name string, read bool) PackProblem {
	out := PackProblem{Name: name}
	p := newPack(db, name)
	defer p.close()
	var sum [20]byte
	if read {
		sum, out.Pack = p.ownSum()
	} else if fi, err := os.Stat(p.path(".pack")); err != nil {
		out.Pack = err
	} else if fi.Size() < packHeader+sha1.Size {
		out.Pack = errors.New("pack is truncated")
	}
	if errors.Is(out.Pack, fs.ErrNotExist) {
		out.Pack = errNoPack
		out.Spare = db.spare(p)
	}
	switch err := p.open(); {
	case errors.Is(err, fs.ErrNotExist):
		out.Index = errNoIndex
	case err != nil:
		out.Index = err
	case !read:
	default:
		if out.Index = p.idx.checksum(); out.Index == nil && out.Pack == nil && p.idx.packChecksum() != sum {
			out.Index = errors.New("index belongs to another pack")
		}
	}
	return out
}

// ownSum compares the pack with its own checksum, and returns that.
func (p *pack) ownSum() (sum [sha1.Size]byte, err error) {
	f, err := p.acquire()
	if err != nil {
		return sum, err
	}
	defer f.release()
	if f.length < packHeader+sha1.Size {
		return sum, errors.New("pack is truncated")
	}
	h := sha1.New()
	body := io.NewSectionReader(f, 0, f.length-sha1.Size)
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{body}, make([]byte, 1<<20)); err != nil {
		return sum, err
	}
	if _, err := f.ReadAt(sum[:], f.length-sha1.Size); err != nil {
		return sum, err
	}
	if [sha1.Size]byte(h.Sum(nil)) != sum {
		return sum, errors.New("pack does not match its own checksum")
	}
	return sum, nil
}

// RebuildIndex writes the index of a pack anew from the pack, every object of which
// is read and named by its hash. It refuses a pack that isn't whole: see
// [DB.Salvage]. What was the index before, if anything, is handed to aside, by its
// path, which must move it away.
func (db *DB) RebuildIndex(name string, aside func(path string) error) (objects int, err error) {
	p := newPack(db, name)
	defer p.close()
	sum, err := p.ownSum()
	if err != nil {
		return 0, err
	}
	f, err := p.acquire()
	if err != nil {
		return 0, err
	}
	defer f.release()
	s, err := db.scanPack(f)
	if err != nil {
		return 0, err
	}
	if len(s.found) != s.announced || s.gaps > 0 {
		return 0, fmt.Errorf("%d of %d objects can be read", len(s.found), s.announced)
	}
	idx, err := db.create(tempIndex)
	if err != nil {
		return 0, err
	}
	defer idx.Discard()
	if _, err := idx.Write(sealIndex(encodeIndex(s.found), sum)); err != nil {
		return 0, err
	}
	if err := idx.Sync(); err != nil {
		return 0, err
	}
	if _, err := os.Lstat(p.path(".idx")); err == nil {
		if err := aside(p.path(".idx")); err != nil {
			return 0, err
		}
	}
	if err := idx.Publish(p.path(".idx")); err != nil {
		return 0, err
	}
	db.forget(name)
	return len(s.found), db.Refresh()
}

// forget makes the next Refresh open a pack anew whose index was replaced. What
// another goroutine still reads of it stays mapped until the process ends.
func (db *DB) forget(name string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.packs = slices.DeleteFunc(db.packs, func(p *pack) bool { return p.name == name })
}

// Salvage is what can be had of a damaged pack.
type Salvage struct {
	// Readable are the objects whose bytes are right.
	Readable []ID
	// Lost are those that the index names and that can't be read.
	Lost []ID
	// Unnamed is how many more can't be read, whose names are lost with the index.
	Unnamed int

	db   *DB
	pack *pack
	offs map[ID]int64
}

// Salvage finds what can be read of a pack, by its index where that is sound, else
// by the pack alone. The caller closes it.
func (db *DB) Salvage(name string) (*Salvage, error) {
	out := &Salvage{db: db, pack: newPack(db, name), offs: make(map[ID]int64)}
	indexed := out.pack.open() == nil && out.pack.idx.checksum() == nil
	if indexed {
		list, err := out.pack.idx.all()
		if err != nil {
			return out, err
		}
		for _, e := range list {
			out.offs[e.id] = e.off
		}
	} else {
		f, err := out.pack.acquire()
		if err != nil {
			return out, err
		}
		defer f.release()
		s, err := db.scanPack(f)
		if err != nil && !errors.Is(err, errPackHeader) && !errors.Is(err, io.EOF) {
			return out, err
		}
		out.offs = s.at
		out.Unnamed = max(0, s.announced-len(s.found), s.gaps)
	}
	for id, off := range out.offs {
		if _, _, err := out.pack.copy(db, id, off, io.Discard); err != nil {
			out.Lost = append(out.Lost, id)
		} else {
			out.Readable = append(out.Readable, id)
		}
	}
	for _, list := range [][]ID{out.Readable, out.Lost} {
		slices.SortFunc(list, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	}
	return out, nil
}

// Close lets go of the pack.
func (s *Salvage) Close() error { return s.pack.close() }

// Copy brings a readable object to a lane.
func (s *Salvage) Copy(id ID, lane *Lane) error {
	off, ok := s.offs[id]
	if !ok {
		return &NotFoundError{ID: id}
	}
	return laneCopy(lane, id, func(w io.Writer) (Type, int64, error) { return s.pack.copy(s.db, id, off, w) })
}

// laneCopy reads an object twice when it is big: once for its type and size.
func laneCopy(lane *Lane, id ID, read func(io.Writer) (Type, int64, error)) error {
	typ, size, err := read(io.Discard)
	if err != nil {
		return err
	}
	if size < BigObject {
		var buf bytes.Buffer
		if _, _, err := read(&buf); err != nil {
			return err
		}
		got, _, err := lane.Add(typ, buf.Bytes())
		return sameName(id, got, err)
	}
	r, w := io.Pipe()
	go func() {
		_, _, err := read(w)
		w.CloseWithError(err)
	}()
	defer r.Close()
	got, _, err := lane.AddStream(typ, size, r)
	return sameName(id, got, err)
}

func sameName(want, got ID, err error) error {
	if err == nil && want != got {
		err = fmt.Errorf("object %s came out as %s", want, got)
	}
	return err
}

// NewCopies is NewPack for objects that are to be packed although an index names
// them already, because what it names is damaged.
func (db *DB) NewCopies() (*PackWriter, error) {
	w, err := db.NewPack()
	if err == nil {
		w.again = true
	}
	return w, err
}

// StreamElsewhere is Stream that leaves one pack out.
func (db *DB) StreamElsewhere(id ID, not string, w io.Writer) error {
	var bad error = &NotFoundError{ID: id}
	for _, p := range db.snapshot() {
		off, ok := p.find(id)
		if !ok || p.name == not || p.gone.Load() {
			continue
		}
		if _, _, err := p.copy(db, id, off, w); err == nil {
			return nil
		}
	}
	if _, _, err := db.copyLoose(id, w); err == nil {
		return nil
	}
	for _, alt := range db.alternates {
		if _, _, err := alt.Stream(id, w); err == nil {
			return nil
		}
	}
	return bad
}

// LoosePath is where a loose object of that name is, or would be.
func (db *DB) LoosePath(id ID) string { return db.loosePath(id) }

// PackFiles are the files of one pack: index first, so that whoever moves them away in
// this order never leaves an index without a pack.
func (db *DB) PackFiles(name string) []string {
	var out []string
	for _, ext := range []string{".idx", ".rev", ".bitmap", ".keep", ".pack"} {
		path := filepath.Join(db.dir, "pack", name+ext)
		if _, err := os.Lstat(path); err == nil {
			out = append(out, path)
		}
	}
	return out
}

// DamagedLoose lists loose objects that can't be read, whether or not anything leads
// to them.
func (db *DB) DamagedLoose() []ID {
	var bad []ID
	for id := range db.looseIDs() {
		if _, _, err := db.copyLoose(id, io.Discard); err != nil && !errors.Is(err, fs.ErrNotExist) {
			bad = append(bad, id)
		}
	}
	slices.SortFunc(bad, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return bad
}

// DerivedProblems lists files that git derives from the packs and that don't match
// the checksum at their own end: a commit-graph, a multi-pack-index, reverse indexes
// and bitmaps. Git believes them.
func (db *DB) DerivedProblems() []string {
	var paths []string
	for _, pattern := range []string{"info/commit-graph", "info/commit-graphs/*.graph", "pack/multi-pack-index*", "pack/pack-*.rev", "pack/pack-*.bitmap"} {
		found, _ := filepath.Glob(filepath.Join(db.dir, pattern))
		paths = append(paths, found...)
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		data, err := durable.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return true
		}
		at := len(data) - sha1.Size
		return err == nil && at > 0 && sha1.Sum(data[:at]) == [sha1.Size]byte(data[at:]) && ownKind(path, data)
	})
}

// ownKind says that such a file is what its name tells, and of the pack that it tells.
func ownKind(path string, data []byte) bool {
	base := filepath.Base(path)
	ext := filepath.Ext(base)
	magic := map[string]string{".graph": "CGPH", ".rev": "RIDX", ".bitmap": "BITM"}[ext]
	switch {
	case base == "commit-graph":
		magic = "CGPH"
	case base == "multi-pack-index":
		magic = "MIDX"
	case strings.HasPrefix(base, "pack-"):
		sum, err := ParseID(strings.TrimSuffix(strings.TrimPrefix(base, "pack-"), ext))
		if err == nil && !bytes.Contains(data, sum[:]) {
			return false
		}
	}
	return bytes.HasPrefix(data, []byte(magic))
}
