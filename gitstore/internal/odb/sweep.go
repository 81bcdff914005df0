package odb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// Names of files in the making.
const (
	tempPack   = "evoseal_pack_"
	tempIndex  = "evoseal_idx_"
	tempObject = "evoseal_obj_"
	tempKeep   = "evoseal_keep_"
	// tempGone is what is about to be removed, which only the remover sweeps, and
	// tempRemoval says which packs are.
	tempGone    = "evoseal_gone_"
	tempRemoval = "evoseal_removal_"
)

// Names that files in the making had once, beside what they were to become, where
// git takes them for its own and removes them.
const (
	oldTempPack   = "tmp_pack_evoseal_"
	oldTempIndex  = "tmp_idx_evoseal_"
	oldTempObject = "tmp_obj_evoseal_"
)

// create makes a file of that kind in the staging directory.
func (db *DB) create(prefix string) (*durable.File, error) {
	f, err := durable.Create(db.staging, prefix, 0o444)
	if errors.Is(err, fs.ErrNotExist) {
		// A cache may be deleted at any time.
		if err := os.MkdirAll(db.staging, 0o777); err != nil {
			return nil, err
		}
		f, err = durable.Create(db.staging, prefix, 0o444)
	}
	return f, err
}

// SweepPacks removes packs that dead writers left unpublished, and the marks by
// which they kept git from removing published ones, and returns how many bytes
// that freed. The work of living writers is left alone.
func (db *DB) SweepPacks() (int64, error) {
	dir := filepath.Join(db.dir, "pack")
	freed, err := durable.Sweep(db.staging, tempPack, tempIndex, tempObject, tempKeep)
	old, err2 := durable.Sweep(dir, oldTempPack, oldTempIndex)
	return freed + old, errors.Join(err, err2, db.sweepKeeps(), db.sweepRemovals())
}

// Sweep is SweepPacks for loose objects too.
func (db *DB) Sweep() (int64, error) {
	freed, err := db.SweepPacks()
	errs := []error{err}
	entries, err := os.ReadDir(db.dir)
	errs = append(errs, err)
	for _, e := range entries {
		if e.IsDir() && len(e.Name()) == 2 {
			n, err := durable.Sweep(filepath.Join(db.dir, e.Name()), oldTempObject)
			freed += n
			errs = append(errs, err)
		}
	}
	if db.staging != db.dir {
		// Where they are while the staging directory can't be had.
		n, err := durable.Sweep(db.dir, tempPack, tempIndex, tempObject, tempKeep)
		freed += n
		errs = append(errs, err)
	}
	return freed, errors.Join(errs...)
}
