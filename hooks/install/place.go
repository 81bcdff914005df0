package install

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxRead bounds what is read of a hook to tell whose it is.
const maxRead = 1 << 20

// kind is whose a file is.
type kind int

const (
	absent kind = iota
	ours
	altered
	foreign
	// blocked is no file that could be a hook.
	blocked
)

// place is a name in a hooks directory, and what is there.
type place struct {
	path string
	kind kind
	info fs.FileInfo
	// text is the beginning of the file, empty if it can't be read.
	text []byte
}

// look never fails for the file's content: one that may not be read, or a link to
// nowhere, is foreign like any other.
func look(path string) (place, error) {
	p := place{path: path}
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p.info, p.kind = fi, foreign
	link := fi.Mode()&fs.ModeSymlink != 0
	if !link && !fi.Mode().IsRegular() {
		p.kind = blocked
		return p, nil
	}
	if f, err := open(path); err == nil {
		p.text, _ = io.ReadAll(io.LimitReader(f, maxRead))
		f.Close()
	}
	if is, intact := authorship(p.text); is && !link {
		p.kind = altered
		if intact {
			p.kind = ours
		}
	}
	return p, nil
}

// same says whether two names are of one file, or of equal ones: where the file
// system has no links, or after a tool wrote its hook anew.
func (p place) same(q place) bool {
	if p.info == nil || q.info == nil {
		return false
	}
	if os.SameFile(p.info, q.info) {
		return true
	}
	if p.info.Mode() != q.info.Mode() || p.info.Size() != q.info.Size() {
		return false
	}
	if p.info.Mode()&fs.ModeSymlink != 0 {
		a, _ := os.Readlink(p.path)
		b, _ := os.Readlink(q.path)
		return a == b
	}
	a, errA := readFile(p.path)
	b, errB := readFile(q.path)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// found is everything in one directory that belongs to a hook.
type found struct {
	hook Hook
	main place
	// aside is first <hook>.legacy, which pre-commit runs, whatever it is; and then
	// our own hook under all the names that other tools gave it when they put theirs
	// in its place.
	aside []place
	kept  place
}

func find(dir string, h Hook) (found, error) {
	f := found{hook: h}
	path := filepath.Join(dir, h.Name)
	var errs [3]error
	f.main, errs[0] = look(path)
	f.kept, errs[1] = look(path + KeptSuffix)
	f.aside = make([]place, 1)
	f.aside[0], errs[2] = look(path + legacySuffix)
	if err := errors.Join(errs[:]...); err != nil {
		return f, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	for _, e := range entries {
		suffix, is := strings.CutPrefix(e.Name(), h.Name+".")
		if !is || "."+suffix == KeptSuffix || "."+suffix == legacySuffix || suffix == "sample" {
			continue
		}
		if p, err := look(filepath.Join(dir, e.Name())); err == nil && (p.kind == ours || p.kind == altered) {
			f.aside = append(f.aside, p)
		}
	}
	return f, nil
}

// legacySuffix is what pre-commit adds to the name of the hook that it found.
const legacySuffix = ".legacy"

// own is everywhere that our hook is, the place that Git runs first.
func (f *found) own() []place {
	var own []place
	for _, p := range append([]place{f.main}, f.aside...) {
		if p.kind == ours || p.kind == altered {
			own = append(own, p)
		}
	}
	return own
}
