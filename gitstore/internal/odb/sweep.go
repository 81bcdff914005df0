package odb

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// Names of files in the making. git's own sweeping knows files that begin with
// "tmp_" and removes old ones.
const (
	tempPack   = "tmp_pack_evoseal_"
	tempIndex  = "tmp_idx_evoseal_"
	tempObject = "tmp_obj_evoseal_"
)

// SweepPacks removes packs that dead writers left unpublished and returns how
// many bytes that freed. The work of living writers is left alone.
func (db *DB) SweepPacks() (int64, error) {
	return durable.Sweep(filepath.Join(db.dir, "pack"), tempPack, tempIndex)
}

// Sweep is SweepPacks for loose objects too.
func (db *DB) Sweep() (int64, error) {
	freed, err := db.SweepPacks()
	errs := []error{err}
	entries, err := os.ReadDir(db.dir)
	errs = append(errs, err)
	for _, e := range entries {
		if e.IsDir() && len(e.Name()) == 2 {
			n, err := durable.Sweep(filepath.Join(db.dir, e.Name()), tempObject)
			freed += n
			errs = append(errs, err)
		}
	}
	return freed, errors.Join(errs...)
}
