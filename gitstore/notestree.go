package gitstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// fanOut is the number of notes in one tree from which the next one makes the
// tree fan out into sub-trees by the first two digits.
const fanOut = 256

// insertNote returns the tree with the note added or replaced. What is left of
// the object's name below the trees passed so far is rest.
func (s *Store) insertNote(tree ID, rest string, blob ID, put func(odb.Type, []byte) (ID, error)) (ID, error) {
	var list []odb.TreeEntry
	if !tree.IsZero() {
		var err error
		if list, err = s.db.ReadTree(tree); err != nil {
			return ID{}, err
		}
	}
	at := func(name string) int {
		return slices.IndexFunc(list, func(e odb.TreeEntry) bool { return e.Name == name })
	}
	if i := at(rest); i >= 0 {
		list[i].ID = blob
		return s.putTree(list, put)
	}
	notes := 0
	for _, e := range list {
		if e.Mode != scan.ModeDir {
			notes++
		}
	}
	sub := at(rest[:2])
	if sub < 0 && (notes < fanOut || len(rest) == 2) {
		return s.putTree(append(list, odb.TreeEntry{Mode: scan.ModeFile, Name: rest, ID: blob}), put)
	}
	// Notes already here stay: git reads a tree that is fanned out in part.
	var below ID
	if sub >= 0 {
		below = list[sub].ID
	}
	id, err := s.insertNote(below, rest[2:], blob, put)
	if err != nil {
		return ID{}, err
	}
	if sub >= 0 {
		list[sub].ID = id
	} else {
		list = append(list, odb.TreeEntry{Mode: scan.ModeDir, Name: rest[:2], ID: id})
	}
	return s.putTree(list, put)
}

func (s *Store) putTree(list []odb.TreeEntry, put func(odb.Type, []byte) (ID, error)) (ID, error) {
	slices.SortFunc(list, func(a, b odb.TreeEntry) int { return scan.CompareNames(a.Name, a.Mode, b.Name, b.Mode) })
	var data []byte
	for _, e := range list {
		data = odb.AppendTreeEntry(data, e)
	}
	return put(odb.Tree, data)
}

func (s *Store) findNote(tree ID, rest string) (ID, error) {
	list, err := s.db.ReadTree(tree)
	if err != nil {
		return ID{}, err
	}
	for _, e := range list {
		if e.Name == rest && e.Mode != scan.ModeDir {
			return e.ID, nil
		}
	}
	for _, e := range list {
		if e.Mode == scan.ModeDir && len(rest) > 2 && e.Name == rest[:2] {
			return s.findNote(e.ID, rest[2:])
		}
	}
	return ID{}, nil
}

// putAside adds what a note held so far to the tree of its earlier contents.
func (s *Store) putAside(root ID, change noteChange, put func(odb.Type, []byte) (ID, error)) (ID, error) {
	list, err := s.db.ReadTree(root)
	if err != nil {
		return ID{}, err
	}
	all, i := entryOf(list, earlierDir)
	objects, err := s.readTreeOrNone(all.ID)
	if err != nil {
		return ID{}, err
	}
	one, j := entryOf(objects, change.object.String())
	parts, err := s.readTreeOrNone(one.ID)
	if err != nil {
		return ID{}, err
	}
	parts = append(parts, odb.TreeEntry{Mode: scan.ModeFile, Name: fmt.Sprintf("%08d", len(parts)), ID: change.aside})
	if one.ID, err = s.putTree(parts, put); err != nil {
		return ID{}, err
	}
	one.Mode, one.Name = scan.ModeDir, change.object.String()
	objects = setEntry(objects, j, one)
	if all.ID, err = s.putTree(objects, put); err != nil {
		return ID{}, err
	}
	all.Mode, all.Name = scan.ModeDir, earlierDir
	return s.putTree(setEntry(list, i, all), put)
}

func entryOf(list []odb.TreeEntry, name string) (odb.TreeEntry, int) {
	i := slices.IndexFunc(list, func(e odb.TreeEntry) bool { return e.Name == name })
	if i < 0 {
		return odb.TreeEntry{}, i
	}
	return list[i], i
}

func setEntry(list []odb.TreeEntry, i int, e odb.TreeEntry) []odb.TreeEntry {
	if i < 0 {
		return append(list, e)
	}
	list[i] = e
	return list
}

func (s *Store) readTreeOrNone(id ID) ([]odb.TreeEntry, error) {
	if id.IsZero() {
		return nil, nil
	}
	return s.db.ReadTree(id)
}

// readEarlier returns what was put aside of an object's note, in order.
func (s *Store) readEarlier(head, object ID) ([]byte, error) {
	_, c, err := s.readCommit(head)
	if err != nil {
		return nil, err
	}
	parts, err := s.earlierParts(c.Tree, object)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	for _, part := range parts {
		data, err := s.readNote(part.ID)
		if err != nil {
			return nil, err
		}
		if content.Len()+len(data) > maxEarlier {
			return nil, malformed(fmt.Sprintf("the note of %s has more than %d MiB with what was put aside of it", object, maxEarlier>>20))
		}
		content.Write(data)
	}
	return content.Bytes(), nil
}

func (s *Store) earlierParts(root, object ID) ([]odb.TreeEntry, error) {
	list, err := s.db.ReadTree(root)
	if err != nil {
		return nil, err
	}
	all, _ := entryOf(list, earlierDir)
	objects, err := s.readTreeOrNone(all.ID)
	if err != nil {
		return nil, err
	}
	one, _ := entryOf(objects, object.String())
	return s.readTreeOrNone(one.ID)
}

// notePair is the blob of one note before and after a change; null is none.
type notePair struct{ before, after ID }

// changedNotes finds the notes in which two trees differ. Sub-trees that are the
// same aren't read; a note that only moved, as git moves them when a tree fans
// out, hasn't changed.
func (s *Store) changedNotes(ctx context.Context, before, after ID) (map[ID]notePair, error) {
	pairs := make(map[ID]notePair)
	c := &notesComparison{s: s, pairs: pairs, left: maxNotes}
	err := c.compare(ctx, before, after, "")
	for object, pair := range pairs {
		if pair.before == pair.after {
			delete(pairs, object)
		}
	}
	return pairs, err
}

// maxNotes is in how many entries trees of notes may differ: trees that hold one
// another may tell of more than there are atoms.
const maxNotes = 1 << 20

type notesComparison struct {
	s     *Store
	pairs map[ID]notePair
	left  int
}

func (c *notesComparison) compare(ctx context.Context, before, after ID, prefix string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a, err := c.s.readTreeOrNone(before)
	if err != nil {
		return err
	}
	b, err := c.s.readTreeOrNone(after)
	if err != nil {
		return err
	}
	if c.left -= len(a) + len(b); c.left < 0 {
		return malformed(fmt.Sprintf("tree %s holds more than %d notes", after, maxNotes))
	}
	same := make(map[odb.TreeEntry]bool, len(a))
	for _, e := range a {
		same[e] = true
	}
	subtrees := make(map[string]notePair)
	for _, e := range b {
		if same[e] {
			delete(same, e)
		} else {
			collect(e, prefix, c.pairs, subtrees, func(p *notePair) *ID { return &p.after })
		}
	}
	for e := range same {
		collect(e, prefix, c.pairs, subtrees, func(p *notePair) *ID { return &p.before })
	}
	for name, pair := range subtrees {
		if err := c.compare(ctx, pair.before, pair.after, name); err != nil {
			return err
		}
	}
	return nil
}

// collect puts a tree's entry where it belongs. Entries that are no notes, which
// git keeps too, are stepped over.
func collect(e odb.TreeEntry, prefix string, notes map[ID]notePair, subtrees map[string]notePair, side func(*notePair) *ID) {
	name := prefix + e.Name
	if _, err := hex.DecodeString(name); err != nil {
		return
	}
	switch {
	case e.Mode == scan.ModeDir && len(e.Name) == 2 && len(name) < 40:
		pair := subtrees[name]
		*side(&pair) = e.ID
		subtrees[name] = pair
	case e.Mode != scan.ModeDir && len(name) == 40:
		object, err := ParseID(name)
		if err != nil {
			return
		}
		pair := notes[object]
		*side(&pair) = e.ID
		notes[object] = pair
	}
}
