package gitstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// Notebook is one of the store's notes refs. git(1) prints it with
// `git log --notes=evoseal/<name>`.
type Notebook string

// The notebooks of a store.
const (
	History  Notebook = "history"
	Verdicts Notebook = "verdicts"
	metaBook Notebook = "meta"
)

func (n Notebook) ref() string { return "refs/notes/evoseal/" + string(n) }

// AppendNote adds one line to the note of an object. Two writers at once, in
// this process or others, lose nothing: the ref is locked in git's own protocol
// while it is read, changed and written.
func (s *Store) AppendNote(ctx context.Context, book Notebook, object ID, line []byte, summary string) error {
	held, err := s.refs.Lock(ctx, book.ref())
	if err != nil {
		return refError(err)
	}
	defer held.Release()
	var head ID
	if id, ok := held.Current(); ok {
		head = id
	}
	old, err := s.noteAt(head, object)
	if err != nil {
		return err
	}
	content := bytes.TrimRight(old, "\n")
	if len(content) > 0 {
		content = append(content, '\n')
	}
	content = append(append(content, bytes.TrimRight(line, "\n")...), '\n')
	put := func(typ odb.Type, data []byte) (ID, error) { return s.db.WriteLoose(typ, data) }
	blob, err := put(odb.Blob, content)
	if err != nil {
		return err
	}
	next, err := s.notesCommit(head, object, blob, summary, put)
	if err != nil {
		return err
	}
	return refError(held.Commit(next, "notes: "+summary))
}

// notesCommit makes the commit that follows head and has the note; put stores
// the objects.
func (s *Store) notesCommit(head, object, blob ID, summary string, put func(odb.Type, []byte) (ID, error)) (ID, error) {
	var root ID
	var parents []ID
	if !head.IsZero() {
		_, c, err := s.readCommit(head)
		if err != nil {
			return ID{}, err
		}
		root, parents = c.Tree, []ID{head}
	}
	tree, err := s.insertNote(root, object.String(), blob, put)
	if err != nil {
		return ID{}, err
	}
	data, err := encodeCommit(commitData{Tree: tree, Parents: parents, Who: s.identity(), When: s.now(), Message: summary + "\n"})
	if err != nil {
		return ID{}, err
	}
	return put(odb.Commit, data)
}

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
	if sub < 0 && notes < fanOut {
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

// noteAt reads the note of an object in the notes commit head; nil when there
// is none.
func (s *Store) noteAt(head, object ID) ([]byte, error) {
	if head.IsZero() {
		return nil, nil
	}
	_, c, err := s.readCommit(head)
	if err != nil {
		return nil, err
	}
	blob, err := s.findNote(c.Tree, object.String())
	if err != nil || blob.IsZero() {
		return nil, err
	}
	return s.db.ReadType(blob, odb.Blob)
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

// ReadNote returns the note of an object, nil when there is none.
func (s *Store) ReadNote(book Notebook, object ID) ([]byte, error) {
	head, err := s.notesHead(book)
	if err != nil {
		return nil, err
	}
	return s.noteAt(head, object)
}

func (s *Store) notesHead(book Notebook) (ID, error) {
	id, err := s.refs.Read(book.ref())
	if isNotExist(err) {
		return ID{}, nil
	}
	return id, refError(err)
}

// Note is what a notebook says of an object.
type Note struct {
	Object  ID
	Content []byte
}

// Notes returns all notes of a notebook, in the order of their objects' names.
func (s *Store) Notes(ctx context.Context, book Notebook) ([]Note, error) {
	head, err := s.notesHead(book)
	if err != nil || head.IsZero() {
		return nil, err
	}
	_, c, err := s.readCommit(head)
	if err != nil {
		return nil, err
	}
	var notes []Note
	err = s.walkNotes(ctx, c.Tree, "", func(object, blob ID) error {
		content, err := s.db.ReadType(blob, odb.Blob)
		if err != nil {
			return fmt.Errorf("note of %s: %w", object, err)
		}
		notes = append(notes, Note{object, content})
		return nil
	})
	return notes, err
}

// walkNotes follows any fan-out. Entries that are no notes, which git keeps
// too, are stepped over.
func (s *Store) walkNotes(ctx context.Context, tree ID, prefix string, f func(object, blob ID) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	list, err := s.db.ReadTree(tree)
	if err != nil {
		return err
	}
	for _, e := range list {
		name := prefix + e.Name
		if _, err := hex.DecodeString(e.Name); err != nil || len(name) > 40 {
			continue
		}
		switch {
		case e.Mode == scan.ModeDir && len(e.Name) == 2:
			err = s.walkNotes(ctx, e.ID, name, f)
		case e.Mode != scan.ModeDir && len(name) == 40:
			object, _ := ParseID(name)
			err = f(object, e.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Genesis is the object that records are attached to when no checkpoint is
// theirs: the policy in force.
func (s *Store) Genesis() (ID, error) { return s.refs.Read(policyRef) }

// refError gives what the ref database says the store's own error kinds.
func refError(err error) error {
	var locked *refs.LockedError
	if errors.As(err, &locked) {
		return &BusyError{Path: locked.Path, Holder: "it holds the lock " + locked.Path}
	}
	if errors.Is(err, refs.ErrBroken) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
