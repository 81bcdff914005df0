package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
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

// noteSize is how long a note may get. What is longer is put aside, under a name
// that git keeps and no reader takes for a note, and the note begins anew: every
// line that is added writes the whole note again.
const noteSize = 1 << 16

// What a note may hold, line by line as a whole. The longest line is a verdict with all
// its tests and samples; git's own merging of notes makes one of two.
const (
	maxNote      = 32 << 20
	maxNoteLines = 1 << 16
	// maxEarlier bounds a note together with what was put aside of it.
	maxEarlier = 128 << 20
)

// readNote reads what may be a note. One that is longer than any is damage, and costs
// no more memory than a note.
func (s *Store) readNote(blob ID) ([]byte, error) {
	data, err := s.db.ReadUpTo(blob, odb.Blob, maxNote)
	if err == nil && bytes.Count(data, []byte("\n")) > maxNoteLines {
		return nil, malformed(fmt.Sprintf("object %s has more than %d lines, which no note has", blob, maxNoteLines))
	}
	return data, err
}

// earlierDir is where notes are put aside, as earlier/<object>/<number>.
const earlierDir = "earlier"

// AppendNote adds one line to the note of an object. Two writers at once, in
// this process or others, lose nothing: the ref is locked in git's own protocol
// while it is read, changed and written.
func (s *Store) AppendNote(ctx context.Context, book Notebook, object ID, line []byte, summary string) error {
	held, err := s.queue(ctx, book.ref())
	if err != nil {
		return err
	}
	defer held.Release()
	head, _ := held.Current()
	var old []byte
	var oldBlob ID
	err = untilRestored(ctx, func() (err error) {
		old, oldBlob, err = s.noteAt(head, object)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", book.ref(), err)
	}
	change := noteChange{object: object}
	if len(old) > 0 && len(old)+len(line) > noteSize {
		change.aside, old = oldBlob, nil
	}
	content := bytes.TrimRight(old, "\n")
	if len(content) > 0 {
		content = append(content, '\n')
	}
	content = append(append(content, bytes.TrimRight(line, "\n")...), '\n')
	if len(content) > maxNote {
		return fmt.Errorf("%s: the line would make a note of %d bytes, and none may have more than %d", book.ref(), len(content), maxNote)
	}
	w := s.newWriting()
	if change.blob, err = w.put(odb.Blob, content); err != nil {
		return err
	}
	next, err := s.notesCommit(head, change, summary, w.put)
	if err != nil {
		return err
	}
	return w.commit(held, next, "notes: "+summary)
}

// queue locks a ref that many write to at once. As long as the lock changes
// hands it is a queue, however long; when it doesn't, its holder hangs.
func (s *Store) queue(ctx context.Context, ref string) (*refs.Held, error) {
	const rounds = 60
	var before time.Time
	for i := 0; ; i++ {
		held, err := s.refs.Lock(ctx, ref)
		var locked *refs.LockedError
		if !errors.As(err, &locked) || i == rounds || locked.Since.Equal(before) {
			return held, refError(err)
		}
		before = locked.Since
	}
}

// noteChange is a note that is added or replaced. Aside, unless it is null, is the
// blob that was its content so far and is to be kept.
type noteChange struct{ object, blob, aside ID }

// notesCommit makes the commit that follows head and has the change; put stores
// the objects.
func (s *Store) notesCommit(head ID, change noteChange, summary string, put func(odb.Type, []byte) (ID, error)) (ID, error) {
	var root ID
	var parents []ID
	if !head.IsZero() {
		_, c, err := s.readCommit(head)
		if err != nil {
			return ID{}, err
		}
		root, parents = c.Tree, []ID{head}
	}
	tree, err := s.insertNote(root, change.object.String(), change.blob, put)
	if err == nil && !change.aside.IsZero() {
		tree, err = s.putAside(tree, change, put)
	}
	if err != nil {
		return ID{}, err
	}
	data, err := encodeCommit(commitData{Tree: tree, Parents: parents, Who: s.identity(), When: s.now(), Message: summary + "\n"})
	if err != nil {
		return ID{}, err
	}
	return put(odb.Commit, data)
}

// CheckNotes says whether an append to the object's note would find all that it
// builds upon. What is damaged is an error that matches [ErrCorrupt].
func (s *Store) CheckNotes(book Notebook, object ID) error {
	// A ref that is there can't be moved when what may conflict with it can't be read.
	if err := s.refs.CheckReadable(); err != nil {
		return refError(err)
	}
	head, err := s.notesHead(book)
	if err != nil {
		return err
	}
	content, _, err := s.noteAt(head, object)
	if err == nil && len(content) > noteSize/2 {
		// The next line may have to put this aside.
		_, err = s.readEarlier(head, object)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", book.ref(), err)
	}
	return nil
}

// noteAt reads the note of an object in the notes commit head, without what was
// put aside; the null id stands for none.
func (s *Store) noteAt(head, object ID) ([]byte, ID, error) {
	if head.IsZero() {
		return nil, ID{}, nil
	}
	_, c, err := s.readCommit(head)
	if err != nil {
		return nil, ID{}, err
	}
	blob, err := s.findNote(c.Tree, object.String())
	if err != nil || blob.IsZero() {
		return nil, ID{}, err
	}
	content, err := s.readNote(blob)
	return content, blob, err
}

// ReadNote returns the whole note of an object, nil when there is none.
func (s *Store) ReadNote(book Notebook, object ID) ([]byte, error) {
	head, err := s.notesHead(book)
	if err != nil || head.IsZero() {
		return nil, err
	}
	content, _, err := s.noteAt(head, object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", book.ref(), err)
	}
	earlier, err := s.readEarlier(head, object)
	return append(earlier, content...), err
}

func (s *Store) notesHead(book Notebook) (ID, error) {
	id, err := s.refs.Read(book.ref())
	if isNotExist(err) {
		return ID{}, nil
	}
	return id, refError(err)
}

// Genesis is the object that records are attached to when no checkpoint is
// theirs: the policy in force.
func (s *Store) Genesis() (ID, error) {
	id, err := s.refs.Read(policyRef)
	return id, refError(err)
}

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
