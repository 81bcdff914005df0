package odb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

func (db *DB) loosePath(id ID) string {
	hex := id.String()
	return filepath.Join(db.dir, hex[:2], hex[2:])
}

// openLoose returns the type, the size and a reader of the rest.
func (db *DB) openLoose(id ID) (typ Type, size int64, r io.Reader, closer func(), err error) {
	f, err := durable.Open(db.loosePath(id))
	if err != nil {
		return 0, 0, nil, nil, err
	}
	corrupt := func(err error) (Type, int64, io.Reader, func(), error) {
		f.Close()
		return 0, 0, nil, nil, &CorruptError{ID: id, File: f.Name(), Err: err}
	}
	z, err := zlib.NewReader(bufio.NewReader(f))
	if err != nil {
		return corrupt(err)
	}
	b := bufio.NewReader(z)
	// A header is at most "commit ", twenty digits and a NUL.
	head, err := b.Peek(32)
	end := bytes.IndexByte(head, 0)
	if end < 0 {
		return corrupt(errors.Join(errors.New("loose object has no header"), err))
	}
	name, digits, _ := strings.Cut(string(head[:end]), " ")
	typ, err = plumbing.ParseObjectType(name)
	if err != nil {
		return corrupt(err)
	}
	size, err = strconv.ParseInt(digits, 10, 64)
	if err != nil || size < 0 {
		return corrupt(fmt.Errorf("loose object has size %q", digits))
	}
	b.Discard(end + 1)
	return typ, size, b, func() { f.Close() }, nil
}

func (db *DB) looseHeader(id ID) (Type, int64, error) {
	typ, size, _, done, err := db.openLoose(id)
	if err == nil {
		done()
	}
	return typ, size, err
}

func (db *DB) copyLoose(id ID, w io.Writer) (Type, int64, error) {
	typ, size, r, done, err := db.openLoose(id)
	if err != nil {
		return 0, 0, err
	}
	defer done()
	corrupt := func(err error) (Type, int64, error) {
		return 0, 0, &CorruptError{ID: id, File: db.loosePath(id), Err: err}
	}
	h := verifiers.Get().(*Hasher)
	defer verifiers.Put(h)
	h.Start(typ, size)
	sink := &teeWriter{h: h, w: w}
	n, err := io.Copy(sink, io.LimitReader(r, size+1))
	switch {
	case sink.err != nil:
		return 0, 0, sink.err
	case err != nil:
		return corrupt(err)
	case n != size:
		return corrupt(fmt.Errorf("inflates to %d bytes or more instead of %d", n, size))
	}
	if err := checkSum(h, id); err != nil {
		return corrupt(err)
	}
	return typ, size, nil
}

// looseIDs lists the loose objects. A directory that can't be read holds none:
// the worst that follows is an object stored twice.
func (db *DB) looseIDs() map[ID]struct{} {
	found := make(map[ID]struct{})
	dirs, _ := os.ReadDir(db.dir)
	for _, d := range dirs {
		if len(d.Name()) != 2 {
			continue
		}
		files, _ := os.ReadDir(filepath.Join(db.dir, d.Name()))
		for _, f := range files {
			if id, err := ParseID(d.Name() + f.Name()); err == nil {
				found[id] = struct{}{}
			}
		}
	}
	return found
}

// WriteLoose makes one small object durable and returns its name. An object
// that is there already is not written again, but made young.
func (db *DB) WriteLoose(typ Type, data []byte) (ID, error) {
	id, err := Hash(typ, data)
	if err != nil || db.renew(id) {
		return id, err
	}
	tmp, err := db.create(tempObject)
	if err != nil {
		return ID{}, err
	}
	defer tmp.Discard()
	z, err := zlib.NewWriterLevel(tmp, zlib.BestSpeed)
	if err != nil {
		return ID{}, err
	}
	fmt.Fprintf(z, "%s %d\x00", typ, len(data))
	if _, err := z.Write(data); err != nil {
		return ID{}, err
	}
	if err := z.Close(); err != nil {
		return ID{}, err
	}
	if err := tmp.Sync(); err != nil {
		return ID{}, err
	}
	return id, db.publishLoose(tmp, db.loosePath(id))
}

// publishLoose gives a loose object its name, in a directory that git may remove
// as long as it is empty.
func (db *DB) publishLoose(tmp *durable.File, final string) error {
	dir := filepath.Dir(final)
	made := false
	for attempt := 0; ; attempt++ {
		err := os.Mkdir(dir, 0o777)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		made = made || err == nil
		err = tmp.Rename(final)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || attempt == 100 {
			return err
		}
	}
	// git may have taken the object for garbage already, and the directory with it.
	if err := durable.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if made {
		return durable.SyncDir(db.dir)
	}
	return nil
}
