package odb

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// A cruft pack holds what nothing leads to and is too young to go. Beside it lies
// a file .mtimes, which has an age for each object, in the order of the index
// (gitformat-pack(5), git 2.37 and later; for earlier ones it is a pack like any
// other).

const (
	mtimesMagic  = "MTME"
	mtimesHeader = 12
)

// writeMtimes makes the pack a cruft pack.
func (db *DB) writeMtimes(p *pack, age func(ID) time.Time) error {
	list, err := p.idx.all()
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b rawEntry) int { return bytes.Compare(a.id[:], b.id[:]) })
	b := []byte(mtimesMagic)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, 1)
	for _, e := range list {
		b = binary.BigEndian.AppendUint32(b, uint32(min(max(age(e.id).Unix(), 0), math.MaxUint32)))
	}
	sum := p.idx.packChecksum()
	b = append(b, sum[:]...)
	all := sha1.Sum(b)
	tmp, err := db.create(tempIndex)
	if err != nil {
		return err
	}
	defer tmp.Discard()
	if _, err := tmp.Write(append(b, all[:]...)); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Rename(p.path(".mtimes")); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(p.path(".mtimes")))
}

// ages are the times of a pack's objects, by the order of its index: those of the
// .mtimes file where there is one, otherwise the pack's own for all of them.
func (s *source) ages() (func(i int) time.Time, error) {
	data, err := durable.ReadFile(s.path(".mtimes"))
	if errors.Is(err, os.ErrNotExist) {
		return func(int) time.Time { return s.modTime }, nil
	}
	if err != nil {
		return nil, err
	}
	body := len(data) - sha1.Size
	if len(data) != mtimesHeader+4*s.idx.count+2*sha1.Size || string(data[:4]) != mtimesMagic ||
		sha1.Sum(data[:body]) != [sha1.Size]byte(data[body:]) {
		return nil, errors.New("the list of ages is damaged")
	}
	return func(i int) time.Time {
		return time.Unix(int64(binary.BigEndian.Uint32(data[mtimesHeader+4*i:])), 0)
	}, nil
}
