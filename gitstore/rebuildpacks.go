package gitstore

import (
	"errors"
	"fmt"
	"io"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
)

// salvagedPack is a damaged pack with what it held.
type salvagedPack struct {
	name string
	held []ID
	why  error
	// lost is how many of those couldn't be read.
	lost int
	// copies is how many of its objects were written elsewhere.
	copies int
	// unnamed is how many it held whose names nobody knows.
	unnamed int
}

// packs rebuilds indexes from packs that are whole, and writes what can be read of
// those that aren't into new packs.
func (r *rebuild) packs() error {
	for _, p := range r.s.db.PackProblems(r.req.Objects) {
		switch {
		case p.Halved() && r.unneeded(p):
			r.half(p)
		case !r.req.Objects:
			r.do(Mend{Kind: kindOf(p), What: "objects/pack/" + p.Name, Why: damaged(p.Name, p.Err()), How: "rebuilt, or told what is lost, by reading all of it"}, func() error { return nil })
		case p.Pack == nil:
			r.index(p)
		default:
			if err := r.salvage(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func kindOf(p odb.PackProblem) string {
	if p.Pack != nil {
		return "pack"
	}
	return "index"
}

// unneeded says that the other half of a pack is missed by nobody: a process died
// while it wrote or removed the pack. A ref that is gone may well miss it.
func (r *rebuild) unneeded(p odb.PackProblem) bool {
	if p.Spare || p.Pack != nil {
		return p.Spare
	}
	if gone, err := r.s.lostRefs(); err != nil || len(gone) > 0 {
		return false
	}
	return r.s.reach(r.ctx, r.s.db.NewReach(), false) == nil
}

func (r *rebuild) half(p odb.PackProblem) {
	m := Mend{
		Kind: "leftover", What: "objects/pack/" + p.Name, Why: damaged(p.Name, p.Err()), Trivial: true,
		How: "put aside: all that is needed is stored elsewhere",
	}
	r.do(m, func() error { return r.packAside(p.Name) })
}

func (r *rebuild) packAside(name string) error {
	var errs []error
	for _, path := range r.s.db.PackFiles(name) {
		errs = append(errs, r.aside(path))
	}
	return errors.Join(append(errs, r.s.db.Refresh())...)
}

func (r *rebuild) index(p odb.PackProblem) {
	m := Mend{Kind: "index", What: "objects/pack/" + p.Name + ".idx", Why: damaged(p.Name, p.Index), How: "rebuilt from the pack, every object of which was read"}
	if r.req.DryRun {
		if sal, err := r.s.db.Salvage(p.Name); err == nil {
			r.willHave(sal.Readable)
			sal.Close()
		}
	}
	r.do(m, func() error {
		_, err := r.s.db.RebuildIndex(p.Name, r.aside)
		return err
	})
}

// willHave keeps what a dry run would have written; otherwise it is there to be read.
func (r *rebuild) willHave(ids []ID) {
	if !r.req.DryRun {
		return
	}
	if r.would == nil {
		r.would = make(map[ID]bool)
	}
	for _, id := range ids {
		r.would[id] = true
	}
}

// salvage writes what can be read of a pack anew. The pack itself stays until
// putPacksAside.
func (r *rebuild) salvage(p odb.PackProblem) error {
	sal, err := r.s.db.Salvage(p.Name)
	if err != nil && !isNotExist(err) {
		sal.Close()
		return err
	}
	defer sal.Close()
	sp := salvagedPack{name: p.Name, why: p.Err(), held: append(sal.Readable, sal.Lost...), lost: len(sal.Lost), unnamed: sal.Unnamed}
	sp.copies, err = r.copyOut(sal, p.Name)
	r.salvaged = append(r.salvaged, sp)
	return err
}

// copyOut writes what can be read of a pack, and isn't stored elsewhere, into a new one,
// and returns how many objects that is.
func (r *rebuild) copyOut(sal *odb.Salvage, name string) (int, error) {
	var copies []ID
	for _, id := range sal.Readable {
		if r.s.db.StreamElsewhere(id, name, io.Discard) != nil {
			copies = append(copies, id)
		}
	}
	r.willHave(copies)
	if r.req.DryRun || len(copies) == 0 {
		return len(copies), nil
	}
	w, err := r.s.db.NewCopies()
	if err != nil {
		return 0, err
	}
	defer w.Abort()
	defer w.Release()
	lane := w.NewLane()
	for _, id := range copies {
		if err := sal.Copy(id, lane); err != nil {
			return 0, err
		}
	}
	_, err = w.Finish()
	return len(copies), err
}

// salvageAgain writes what was built upon an object of a damaged pack that was found
// elsewhere meanwhile.
func (r *rebuild) salvageAgain() error {
	for i, p := range r.salvaged {
		if r.req.DryRun || p.lost == 0 {
			continue
		}
		sal, err := r.s.db.Salvage(p.name)
		if err != nil && !isNotExist(err) {
			return errors.Join(err, sal.Close())
		}
		n, err := r.copyOut(sal, p.name)
		if err := errors.Join(err, sal.Close()); err != nil {
			return err
		}
		r.salvaged[i].copies += n
	}
	return nil
}

// putPacksAside moves damaged packs away of which nothing is needed any more: what
// they held can be read elsewhere, or nothing leads to it.
func (r *rebuild) putPacksAside() error {
	if len(r.salvaged) == 0 {
		return nil
	}
	needed, err := r.needed()
	if err != nil {
		return err
	}
	// Below what can't be read may be anything.
	lacking := r.lacks(needed)
	for _, p := range r.salvaged {
		m := Mend{
			Kind: "pack", What: "objects/pack/" + p.name + ".pack", Why: damaged(p.name, p.why),
			How: fmt.Sprintf("%d of its objects were written into a new pack, and the damaged one was put aside", p.copies),
		}
		missing := 0
		for _, id := range p.held {
			if (needed[id] || lacking) && !r.would[id] && r.s.db.StreamElsewhere(id, p.name, io.Discard) != nil {
				missing++
			}
		}
		if missing > 0 || p.unnamed > 0 && lacking {
			m.State = Lost
			m.How = fmt.Sprintf("%d of its objects were written into a new pack; it stays where it is for what it held besides and nobody else has", p.copies)
			r.add(m)
			continue
		}
		r.do(m, func() error { return r.packAside(p.name) })
	}
	return nil
}

// lacks says that something needed can't be had.
func (r *rebuild) lacks(needed map[ID]bool) bool {
	for id := range needed {
		if _, _, err := r.s.db.Stream(id, io.Discard); err != nil && !r.would[id] {
			return true
		}
	}
	return false
}
