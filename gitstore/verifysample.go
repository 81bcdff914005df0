package gitstore

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// Sample says which part of the files' contents to read. Which of them these are
// follows from the seed and their names alone: the same seed takes the same ones.
type Sample struct {
	// Share is between 0 and 1; Count is about how many objects, and counts when Share
	// is zero.
	Share float64
	Count int64
	Seed  uint64
}

func (s Sample) isZero() bool { return s.Share == 0 && s.Count == 0 }

// limit is what the hash of an object's name must be below.
func (s Sample) limit(stored int64) uint64 {
	share := s.Share
	if share == 0 && stored > 0 {
		share = float64(s.Count) / float64(stored)
	}
	if share >= 1 {
		return math.MaxUint64
	}
	return uint64(share * math.MaxUint64)
}

// takes says whether an object is in the sample.
func (s Sample) takes(id ID, limit uint64) bool {
	h := fnv.New64a()
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], s.Seed)
	h.Write(seed[:])
	h.Write(id[:])
	// FNV's low bits are its best; a last multiplication spreads them.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x < limit
}

// errLate says within a verifier that the time is up.
var errLate = errors.New("the time is up")

// reading is what bounds a verification.
type reading struct {
	deadline time.Time
	limit    uint64
	unread   atomic.Int64

	mu   sync.Mutex
	done map[ID]bool
	// used counts those of done that an earlier call read.
	used atomic.Int64
}

func (s *Store) newReading(req VerifyRequest) *reading {
	r := &reading{limit: math.MaxUint64, done: make(map[ID]bool)}
	if req.MaxTime > 0 {
		r.deadline = s.now().Add(req.MaxTime)
	}
	return r
}

func (v *verifier) late() error {
	if v.reading.deadline.IsZero() || v.s.now().Before(v.reading.deadline) {
		return nil
	}
	return errLate
}

func (v *verifier) unlessLate(err error) error {
	if errors.Is(err, errLate) {
		v.report.Stopped = true
		return nil
	}
	return err
}

// resume takes over what an earlier call read.
func (v *verifier) resume() {
	v.report.Stored = v.s.db.Count()
	v.reading.limit = math.MaxUint64
	if !v.req.Sample.isZero() {
		v.reading.limit = v.req.Sample.limit(v.report.Stored)
	}
	if v.req.Resume {
		done, why := v.s.readVerified()
		for _, id := range done {
			v.reading.done[id] = true
		}
		v.report.StartedOver = why
	}
}

// readBlob reads the content of a file, unless that isn't to be. The error is that the
// time is up.
func (v *verifier) readBlob(id ID, st *objectState) error {
	r := v.reading
	if !v.req.Sample.takes(id, r.limit) && r.limit != math.MaxUint64 {
		st.unread = true
		r.unread.Add(1)
		if st.err = v.s.db.Lookup(id); st.err == nil {
			// What is wrong with its header is for those to tell who read it.
			_, st.size, _ = v.s.db.Size(id)
		}
		return nil
	}
	r.mu.Lock()
	known := r.done[id]
	r.mu.Unlock()
	if known && v.s.db.HasPacked(id) {
		r.used.Add(1)
		_, st.size, _ = v.s.db.Size(id)
		return nil
	}
	if err := v.late(); err != nil {
		return err
	}
	v.read(id, st)
	if st.err == nil && v.resumable() {
		r.mu.Lock()
		r.done[id] = true
		r.mu.Unlock()
	}
	return nil
}

// resumable says that what was read is worth keeping.
func (v *verifier) resumable() bool { return v.req.Resume || v.req.MaxTime > 0 }

// finish looks at the packs as wholes and says how far all of it came.
func (v *verifier) finish() {
	out := v.report
	late := func() bool { return v.late() != nil }
	sampled := !v.req.Sample.isZero()
	if !out.Stopped && !sampled {
		var bad []error
		bad, out.Stopped = v.s.db.CheckPacksUntil(late)
		for _, d := range bad {
			out.Damage = append(out.Damage, Damage{Err: d})
		}
	}
	out.Objects, out.Bytes = v.objects.Load(), v.bytes.Load()
	out.Before, out.Unread = v.reading.used.Load(), v.reading.unread.Load()
	out.Complete = !out.Stopped && out.Unread == 0
	if out.Stopped && len(out.Damage) > 0 {
		v.nameHits()
	}
	v.keep()
}

// nameHits finds the checkpoints that damage hits which was found when not all of them
// were looked at. It reads trees alone.
func (v *verifier) nameHits() {
	in := make(map[ID]bool)
	for _, d := range v.report.Damage {
		in[d.Object] = !d.Object.IsZero()
	}
	known := make(map[ID]subtree)
	var below func(tree ID) []ID
	below = func(tree ID) []ID {
		if hit, ok := known[tree]; ok {
			return hit.bad
		}
		var hit subtree
		list, _ := v.s.readForm(tree, "")
		for _, e := range list {
			if in[e.ID] {
				hit.spoiled([]ID{e.ID})
			}
			if e.Mode == scan.ModeDir {
				hit.spoiled(below(e.ID))
			}
		}
		known[tree] = hit
		return hit.bad
	}
	for _, c := range v.req.Checkpoints {
		hit := append([]ID{c.Tag, c.Commit, c.MetaID, c.Tree}, below(c.Tree)...)
		for i := range v.report.Damage {
			d := &v.report.Damage[i]
			if !d.Object.IsZero() && slices.Contains(hit, d.Object) && !slices.Contains(d.Versions, c.Version) {
				d.Versions = append(d.Versions, c.Version)
			}
		}
	}
}

// keep writes down what was read, for a call that resumes; when nothing is left to
// read, that is forgotten.
func (v *verifier) keep() {
	if !v.resumable() {
		return
	}
	var err error
	if v.report.Complete {
		err = v.s.forgetVerified()
	} else {
		err = v.s.writeVerified(v.reading.done)
	}
	if err != nil {
		v.s.log.Warn("what was verified can't be kept for the next time", "error", err)
	}
}
