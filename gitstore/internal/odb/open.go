package odb

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// Open reads the list of packs below dir, an existing objects directory, and
// follows its alternates. Files in the making are at its top, where git looks
// for none.
func Open(dir string) (*DB, error) {
	return open(dir, 0)
}

// OpenStaged is Open with a directory of the caller's for files in the making,
// which git then never sees. On another file system than the objects it is of no
// use and is not taken.
func OpenStaged(dir, staging string) (*DB, error) {
	db, err := Open(dir)
	if err != nil {
		return nil, err
	}
	var a, b unix.Stat_t
	if unix.Stat(dir, &a) == nil && unix.Stat(staging, &b) == nil && a.Dev == b.Dev {
		db.staging = staging
	}
	return db, nil
}

// OpenWith is Open with other objects directories to read from as well, such as
// those that git names to a hook. One that is gone is skipped, as git does.
func OpenWith(dir string, others ...string) (*DB, error) {
	db, err := Open(dir)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if alt, err := open(other, 1); err == nil {
			db.alternates = append(db.alternates, alt)
		}
	}
	return db, nil
}

// maxAlternates is git's own bound on how deep alternates may nest.
const maxAlternates = 5

func open(dir string, depth int) (*DB, error) {
	fi, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return nil, fmt.Errorf("%s is not an objects directory", dir)
	}
	db := &DB{dir: dir, staging: dir}
	if err := db.Refresh(); err != nil {
		return nil, err
	}
	if depth < maxAlternates {
		db.openAlternates(depth)
	}
	return db, nil
}

// openAlternates skips an alternate that is gone, as git does: objects that
// were only there are then reported missing by name.
func (db *DB) openAlternates(depth int) {
	data, err := durable.ReadFile(filepath.Join(db.dir, "info", "alternates"))
	if err != nil {
		return
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		p := strings.TrimSpace(lines.Text())
		if p == "" || strings.HasPrefix(p, "#") {
			continue
		}
		if !filepath.IsAbs(p) {
			p = filepath.Join(db.dir, p)
		}
		if alt, err := open(p, depth+1); err == nil {
			db.alternates = append(db.alternates, alt)
		}
	}
}
