package odb

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// CheckPacks compares every pack and index with its own checksum, and with each
// other, and returns what does not hold. It reads all of them.
func (db *DB) CheckPacks() []error {
	var bad []error
	if err := db.Refresh(); err != nil {
		bad = append(bad, err)
	}
	for _, p := range db.snapshot() {
		err := p.check()
		if err != nil && db.Refresh() == nil && p.gone.Load() {
			// git has put its objects elsewhere meanwhile.
			continue
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", filepath.Base(p.name), err))
		}
	}
	return bad
}

func (p *pack) check() error {
	if err := p.open(); err != nil {
		return err
	}
	if err := p.idx.checksum(); err != nil {
		return err
	}
	f, err := p.acquire()
	if err != nil {
		return err
	}
	defer f.release()
	if f.length < packHeader+sha1.Size {
		return errors.New("pack is truncated")
	}
	h := sha1.New()
	body := io.NewSectionReader(f, 0, f.length-sha1.Size)
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{body}, make([]byte, 1<<20)); err != nil {
		return err
	}
	var trailer [sha1.Size]byte
	if _, err := f.ReadAt(trailer[:], f.length-sha1.Size); err != nil {
		return err
	}
	if [sha1.Size]byte(h.Sum(nil)) != trailer {
		return errors.New("pack does not match its own checksum")
	}
	if trailer != p.idx.packChecksum() {
		return errors.New("index belongs to another pack")
	}
	return nil
}
