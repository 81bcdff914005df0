package gitstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// survey verifies everything, and remembers what was read.
func (r *rebuild) survey() (*VerifyReport, error) {
	all, err := r.s.Checkpoints(r.ctx)
	if err != nil {
		return nil, err
	}
	return r.s.VerifyStore(r.ctx, VerifyRequest{Checkpoints: all, Refs: true, Progress: r.req.Progress})
}

// unreadable are the objects of a report whose bytes can't be had; others are
// readable, and wrong in what they say.
func (r *rebuild) unreadable(report *VerifyReport) map[ID]Damage {
	out := make(map[ID]Damage)
	for _, d := range report.Damage {
		for _, id := range append([]ID{d.Object}, namedIn(d.Err)...) {
			if id.IsZero() || r.would[id] {
				continue
			}
			if _, _, err := r.s.db.Stream(id, io.Discard); err != nil {
				d.Object = id
				out[id] = d
			}
		}
	}
	return out
}

// namedIn finds the objects that an error is about.
func namedIn(err error) []ID {
	var missing *odb.NotFoundError
	var corrupt *odb.CorruptError
	var ids []ID
	if errors.As(err, &missing) {
		ids = append(ids, missing.ID)
	}
	if errors.As(err, &corrupt) {
		ids = append(ids, corrupt.ID)
	}
	return ids
}

// needed are all objects that a ref leads to and that can't be read, or could not be
// if the damaged packs were gone.
func (r *rebuild) needed() (map[ID]bool, error) {
	reached := make(map[ID]bool)
	all, err := r.s.Checkpoints(r.ctx)
	if err != nil {
		return nil, err
	}
	_, err = r.s.verifyStore(r.ctx, VerifyRequest{Checkpoints: all, Refs: true}, func(id ID) { reached[id] = true })
	return reached, err
}

// objects looks for what is damaged or missing wherever it may still be. A tree that
// is found shows what is below it, so that it takes a few rounds; and once a base is
// there again, so is what was built upon it.
func (r *rebuild) objects() error {
	seen, lost := make(map[ID]bool), make(map[ID]Damage)
	for {
		report, err := r.survey()
		if err != nil {
			return err
		}
		want := r.unreadable(report)
		for id := range want {
			if seen[id] {
				delete(want, id)
			}
			seen[id] = true
		}
		if len(want) == 0 {
			break
		}
		found, err := r.search(want)
		if err != nil {
			return err
		}
		for _, id := range sortedIDs(want) {
			if found[id] == "" {
				lost[id] = want[id]
				continue
			}
			r.tellObject(id, want[id], "written anew from "+found[id])
		}
	}
	for _, id := range sortedIDs(lost) {
		how := ""
		if _, _, err := r.s.db.Stream(id, io.Discard); err == nil {
			how = "read again, since what it was built upon is there"
		}
		r.tellObject(id, lost[id], how)
	}
	return r.damagedLoose()
}

func sortedIDs(of map[ID]Damage) []ID {
	return slices.SortedFunc(maps.Keys(of), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
}

// tellObject tells how an object came back; how is empty for one that is lost.
func (r *rebuild) tellObject(id ID, d Damage, how string) {
	m := Mend{Kind: "object", What: id.String(), Why: d.Err, Versions: d.Versions, State: Lost}
	if d.Path != "" {
		m.Why = fmt.Errorf("%s: %w", d.Path, d.Err)
	}
	switch {
	case how == "":
		m.How = "neither the project, nor a target, nor the project's repository has it"
	case r.req.DryRun:
		m.State, m.How = Mendable, how
	default:
		m.State, m.How = Mended, how
	}
	r.add(m)
}

// search looks for objects, writes those that it finds into a new pack, and says
// where each was.
func (r *rebuild) search(want map[ID]Damage) (map[ID]string, error) {
	h := &hunt{found: make(map[ID]string), want: make(map[ID]bool, len(want)), spool: r.s.CacheDir()}
	for id := range want {
		h.want[id] = true
	}
	if !r.req.DryRun {
		w, err := r.s.db.NewCopies()
		if err != nil {
			return nil, err
		}
		defer w.Abort()
		defer w.Release()
		h.pack = w
	}
	r.fromRepository(h)
	r.fromTags(h)
	dirs := [][2]string{{"the project", r.s.project.Root}}
	slots, err := r.s.slots()
	if err != nil {
		return nil, err
	}
	for _, path := range r.s.ownPlaces() {
		dirs = append(dirs, [2]string{"the target " + filepath.Base(path), path})
	}
	for _, slot := range slots {
		if !slices.Contains(r.s.ownPlaces(), slot.Path) {
			dirs = append(dirs, [2]string{"the target " + slot.Path, slot.Path})
		}
	}
	for _, d := range dirs {
		if err := r.fromDirectory(h, d[0], d[1]); err != nil {
			return nil, err
		}
	}
	if h.err != nil {
		return nil, h.err
	}
	if h.pack != nil {
		if _, err := h.pack.Finish(); err != nil {
			return nil, err
		}
	}
	for id := range h.found {
		r.willHave([]ID{id})
	}
	return h.found, nil
}

// fromRepository asks the project's own object database.
func (r *rebuild) fromRepository(h *hunt) {
	db, err := r.s.projectObjects(nil)
	if err != nil {
		return
	}
	defer db.Close()
	lane := h.lane("the project's repository")
	for id := range h.want {
		typ, size, err := db.Size(id)
		if err != nil {
			continue
		}
		if size >= odb.BigObject {
			in := db.Reader(id)
			lane.AddStream(typ, size, in)
			in.Close()
		} else if typ, data, err := db.Read(id); err == nil {
			lane.Add(typ, data)
		}
	}
}

// fromTags makes the tags of all commits that are noted anew: a tag holds nothing
// that its commit doesn't tell.
func (r *rebuild) fromTags(h *hunt) {
	lane := h.lane("the checkpoint's commit")
	head, err := r.s.notesHead(metaBook)
	if err != nil || head.IsZero() {
		return
	}
	_, c, err := r.s.readCommit(head)
	if err != nil {
		return
	}
	notes, _ := r.s.changedNotes(r.ctx, ID{}, c.Tree)
	for commit := range notes {
		if tag, err := r.s.tagAnew(commit); err == nil {
			lane.Add(odb.Tag, tag)
		}
	}
}

// tagAnew is the tag that was made for a checkpoint's commit.
func (s *Store) tagAnew(commit ID) ([]byte, error) {
	cp, err := s.load("", commit)
	if err != nil {
		return nil, err
	}
	_, data, err := s.readCommit(cp.Commit)
	if err != nil {
		return nil, err
	}
	_, trailers := splitTrailers(data.Message)
	return encodeTag(cp.Commit, trailers[trailerVersion], cp.Author, cp.Time, cp.Message+"\n"), nil
}

// fromDirectory hashes all that lies in a directory, files and trees alike.
func (r *rebuild) fromDirectory(h *hunt, what, path string) error {
	top, err := os.Open(path)
	if err != nil {
		// Whatever isn't there has nothing.
		return nil
	}
	defer top.Close()
	opts := scan.Options{
		Top: top, Workers: r.s.opts.Workers, Never: r.s.isStoreDir(),
		Nested:  func(string) *scan.Scope { return nil },
		NewLane: func() scan.Lane { return h.lane(what) },
	}
	if path == r.s.project.Root {
		if opts.Scope, err = r.s.project.scope(); err != nil {
			opts.Scope = nil
		}
		opts.Nested = r.s.project.nestedScope
	}
	tree, err := scan.Walk(r.ctx, opts)
	if err != nil {
		return err
	}
	if meta, err := json.Marshal(newMeta(r.s.project, tree)); err == nil {
		h.lane(what).Add(odb.Blob, append(meta, '\n'))
	}
	return nil
}

// damagedLoose moves loose objects aside that can't be read, and that can be read
// elsewhere by now, or are of no use to anybody.
func (r *rebuild) damagedLoose() error {
	bad := r.s.db.DamagedLoose()
	if len(bad) == 0 {
		return nil
	}
	needed, err := r.needed()
	if err != nil {
		return err
	}
	for _, id := range bad {
		if _, _, err := r.s.db.Stream(id, io.Discard); err != nil && needed[id] && !r.would[id] {
			continue
		}
		m := Mend{Kind: "object", What: r.rel(r.s.db.LoosePath(id)), Why: malformed("the file of the loose object is damaged"), How: "put aside; the object is stored elsewhere"}
		if !needed[id] {
			m.How, m.Trivial = "put aside; nothing leads to the object", true
		}
		r.do(m, func() error { return r.aside(r.s.db.LoosePath(id)) })
	}
	return nil
}

// remaining tells what is still damaged after all that.
func (r *rebuild) remaining() error {
	report, err := r.survey()
	if err != nil {
		return err
	}
	left := r.unreadable(report)
	for i, m := range r.report.Mends {
		if id, err := ParseID(m.What); err == nil && m.State == Lost {
			if _, still := left[id]; !still {
				r.report.Mends[i].Trivial = true
				r.report.Mends[i].How += ", and nothing leads to it any more"
			}
		}
	}
	for _, d := range report.Damage {
		what := d.Ref
		if !d.Object.IsZero() {
			what = d.Object.String()
		}
		if what == "" {
			what = d.Err.Error()
		}
		if r.lostAlready(what) {
			continue
		}
		r.add(Mend{Kind: "object", What: what, Why: d.Err, Versions: d.Versions, State: Lost, How: "nothing that is left tells what it was"})
	}
	return nil
}

func (r *rebuild) lostAlready(what string) bool {
	return slices.ContainsFunc(r.report.Mends, func(m Mend) bool { return m.What == what && (m.State == Lost || m.State == MendFailed) })
}

// hunt is a search for objects. Its lanes name what they are given and keep what is
// wanted.
type hunt struct {
	want  map[ID]bool
	pack  *odb.PackWriter
	spool string

	mu    sync.Mutex
	found map[ID]string
	err   error
}

// lane is for one goroutine.
func (h *hunt) lane(where string) *huntLane {
	l := &huntLane{h: h, where: where, hash: odb.NewHasher()}
	if h.pack != nil {
		l.to = h.pack.NewLane()
	}
	return l
}

type huntLane struct {
	h     *hunt
	where string
	hash  *odb.Hasher
	to    *odb.Lane
}

// Add is as of [odb.Lane].
func (l *huntLane) Add(typ odb.Type, data []byte) (ID, bool, error) {
	l.hash.Start(typ, int64(len(data)))
	l.hash.Write(data)
	id, err := l.hash.Sum()
	if err != nil || !l.h.want[id] {
		return id, false, err
	}
	if l.to != nil {
		if _, _, err := l.to.Add(typ, data); err != nil {
			l.h.fail(err)
			return id, false, err
		}
	}
	l.h.take(id, l.where)
	return id, true, nil
}

// AddStream is as of [odb.Lane]. What is read waits in a file until its name says
// whether it is wanted.
func (l *huntLane) AddStream(typ odb.Type, size int64, in io.Reader) (ID, bool, error) {
	spool, err := os.CreateTemp(l.h.spool, "repair-")
	if err != nil {
		return ID{}, false, err
	}
	defer spool.Close()
	if err := os.Remove(spool.Name()); err != nil {
		return ID{}, false, err
	}
	l.hash.Start(typ, size)
	n, err := io.Copy(io.MultiWriter(l.hash, spool), io.LimitReader(in, size+1))
	if err != nil {
		return ID{}, false, err
	}
	if n != size {
		return ID{}, false, odb.ErrSize
	}
	id, err := l.hash.Sum()
	if err != nil || !l.h.want[id] {
		return id, false, err
	}
	if l.to != nil {
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return id, false, err
		}
		if _, _, err := l.to.AddStream(typ, size, spool); err != nil {
			l.h.fail(err)
			return id, false, err
		}
	}
	l.h.take(id, l.where)
	return id, true, nil
}

func (h *hunt) take(id ID, where string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.found[id] == "" {
		h.found[id] = where
	}
}

func (h *hunt) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = errors.Join(h.err, err)
}
