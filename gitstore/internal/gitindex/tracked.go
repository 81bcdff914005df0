package gitindex

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// ReadTracked returns the tracked paths of the repository whose index is in
// gitDir; without an index, none. IdSize is the length of its object names, 20
// or 32 bytes.
//
// A split index takes the rest from sharedindex.<id> in gitDir, or else in
// commonDir. Paths that the split part says were removed since stay in the set,
// which may thus hold more than git would list, never less. Like git, it trusts
// the checksum to whoever wrote the index, and doesn't follow GIT_INDEX_FILE.
func ReadTracked(gitDir, commonDir string, idSize int) (*PathSet, error) {
	if idSize != 20 && idSize != 32 {
		return nil, fmt.Errorf("%w: object names of %d bytes", ErrUnsupported, idSize)
	}
	path := filepath.Join(gitDir, "index")
	data, err := durable.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &PathSet{}, nil
	}
	if err != nil {
		return nil, err
	}
	var b pathSetBuilder
	base, err := b.addIndex(data, idSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if base == "" {
		return b.finish(), nil
	}
	path = filepath.Join(gitDir, "sharedindex."+base)
	data, err = durable.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && commonDir != "" {
		path = filepath.Join(commonDir, "sharedindex."+base)
		data, err = durable.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("split index: %w", err)
	}
	if _, err := b.addIndex(data, idSize); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b.finish(), nil
}

// addIndex adds the paths of an index, and returns the name of the index that
// it is split from, if any.
func (b *pathSetBuilder) addIndex(data []byte, idSize int) (base string, err error) {
	r, err := newReader(data, idSize)
	if err != nil {
		return "", err
	}
	b.set.paths = append(make([]pathRef, 0, len(b.set.paths)+r.left), b.set.paths...)
	if r.version < 4 {
		b.text.Grow(max(0, len(r.data)-r.left*(statSize+idSize+2)))
	}
	nameless := false
	for r.left > 0 {
		e, err := r.next()
		if err != nil {
			return "", err
		}
		if len(e.name) == 0 {
			// A split index that changes an entry leaves its name out.
			nameless = true
			continue
		}
		if err := b.add(e.name, binary.BigEndian.Uint32(e.stat[24:])); err != nil {
			return "", err
		}
	}
	base, split, err := r.sharedIndex()
	if err == nil && nameless && !split {
		err = fmt.Errorf("%w: empty name", ErrCorrupt)
	}
	return base, err
}

// sharedIndex reads the extensions for the name of the index that this one is
// split from; a split index may well have none.
func (r *reader) sharedIndex() (base string, split bool, err error) {
	var link []byte
	err = r.extensions(func(name string, body []byte) bool {
		if name == "link" {
			link, split = body, true
		}
		return name == "link" || name == "sdir"
	})
	if err != nil || !split {
		return "", split, err
	}
	if len(link) < r.idSize {
		return "", true, fmt.Errorf("%w: truncated link to the shared index", ErrCorrupt)
	}
	base = hex.EncodeToString(link[:r.idSize])
	if strings.Trim(base, "0") == "" {
		base = ""
	}
	return base, true, nil
}
