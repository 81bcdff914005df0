package gitstore

import (
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// verifiedFile is where a verification that stopped keeps what it has read: a line of
// JSON, the names of the objects, and a SHA-1 of both.
const (
	verifiedFile  = "verified"
	verifiedMagic = "EVVS0001"
)

// verifiedHead ties what was read to where it was read from. The refs say what there
// was to read: when they moved, what is new is read as well.
type verifiedHead struct {
	Magic string           `json:"magic"`
	Packs map[string]int64 `json:"packs"`
	Refs  map[string]ID    `json:"refs"`
	Count int              `json:"count"`
}

// writeVerified keeps packed objects only: a loose one may be replaced by another file
// any time, and there are few.
func (s *Store) writeVerified(done map[ID]bool) error {
	head := verifiedHead{Magic: verifiedMagic, Packs: s.db.Packs(), Refs: make(map[string]ID)}
	list, _ := s.listRefs()
	for _, r := range list {
		head.Refs[r.Name] = r.ID
	}
	var ids []byte
	for id := range done {
		if s.db.HasPacked(id) {
			ids = append(ids, id[:]...)
			head.Count++
		}
	}
	data, err := json.Marshal(head)
	if err != nil {
		return err
	}
	data = append(append(data, '\n'), ids...)
	sum := sha1.Sum(data)
	return durable.WriteFile(s.cachePath(verifiedFile), append(data, sum[:]...), 0o644)
}

// readVerified returns what an earlier call has read, or why that is of no use.
func (s *Store) readVerified() (done []ID, why string) {
	data, err := durable.ReadFile(s.cachePath(verifiedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ""
	}
	if err != nil {
		return nil, err.Error()
	}
	at := len(data) - sha1.Size
	if at < 0 || sha1.Sum(data[:at]) != [sha1.Size]byte(data[at:]) {
		return nil, "what was kept of the last one is damaged"
	}
	line, ids, _ := bytes.Cut(data[:at], []byte("\n"))
	var head verifiedHead
	if json.Unmarshal(line, &head) != nil || head.Magic != verifiedMagic || len(ids) != head.Count*len(ID{}) {
		return nil, "what was kept of the last one is of another version"
	}
	now := s.db.Packs()
	for name, size := range head.Packs {
		if now[name] != size {
			return nil, fmt.Sprintf("%s isn't there any more", name)
		}
	}
	list, _ := s.listRefs()
	have := make(map[string]bool)
	for _, r := range list {
		have[r.Name] = true
	}
	for name := range head.Refs {
		if !have[name] {
			return nil, fmt.Sprintf("%s isn't there any more", name)
		}
	}
	for ; len(ids) > 0; ids = ids[len(ID{}):] {
		done = append(done, ID(ids[:len(ID{})]))
	}
	return done, ""
}

func (s *Store) forgetVerified() error {
	err := os.Remove(s.cachePath(verifiedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
