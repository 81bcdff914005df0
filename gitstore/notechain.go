package gitstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
)

// archivePrefix is where notebooks are kept after they were archived: still
// notes that git prints, but not among those of `--notes=evoseal/*`.
const archivePrefix = "refs/notes/evoseal-archive/"

const trailerContinues = "Continues"

// Rewrite is a commit of a notebook's chain that did more than add lines.
type Rewrite struct {
	Commit ID
	// Objects are those whose notes were shortened, changed or removed.
	Objects []ID
}

// ChainReport is what [Store.VerifyChain] found.
type ChainReport struct {
	// Head is the notebook's newest commit: keep it elsewhere, and give it to a
	// later check.
	Head    ID
	Commits int
	// Lines were added over all.
	Lines    int
	Rewrites []Rewrite
	// Archives are the heads of archived notebooks that this one continues.
	Archives []ID
	// HasSince says that the head that the caller knew is part of the chain.
	HasSince bool
}

// VerifyChain follows a notebook's chain of commits to its beginning, also
// through what was archived, and checks that each of them only added lines. Since is
// a head that was true once, null for none; a chain that doesn't contain it has
// been replaced by another.
func (s *Store) VerifyChain(ctx context.Context, book Notebook, since ID) (*ChainReport, error) {
	head, err := s.notesHead(book)
	if err != nil {
		return nil, err
	}
	report := &ChainReport{Head: head, HasSince: since.IsZero()}
	for at := head; !at.IsZero(); {
		chain, _, err := s.chainTo(ctx, at, ID{})
		if err != nil {
			return nil, err
		}
		err = s.replay(ctx, chain, func(link chainLink) error {
			report.Commits++
			report.Lines += len(link.lines)
			if len(link.lost) > 0 {
				report.Rewrites = append(report.Rewrites, Rewrite{link.commit, link.lost})
			}
			report.HasSince = report.HasSince || link.commit == since
			return nil
		})
		if err != nil {
			return nil, err
		}
		if at, err = continues(chain[len(chain)-1]); err != nil {
			return nil, err
		}
		if !at.IsZero() {
			report.Archives = append(report.Archives, at)
		}
	}
	return report, nil
}

// continues is the archived head that a chain's first commit names, null for
// none.
func continues(first chainLink) (ID, error) {
	_, trailers := splitTrailers(strings.TrimSpace(first.message))
	if trailers[trailerContinues] == "" {
		return ID{}, nil
	}
	return ParseID(trailers[trailerContinues])
}

// Archived is a notebook that was put away.
type Archived struct {
	Ref  string
	Head ID
}

// ErrNothingToArchive says that a notebook is empty.
var ErrNothingToArchive = errors.New("the notebook holds nothing")

// ArchiveNotes begins a notebook anew and keeps the old one, whole, under a ref of
// its own, which the first commit of the new one names.
func (s *Store) ArchiveNotes(ctx context.Context, book Notebook, summary string) (*Archived, error) {
	held, err := s.queue(ctx, book.ref())
	if err != nil {
		return nil, err
	}
	defer held.Release()
	current, ok := held.Current()
	if !ok {
		return nil, ErrNothingToArchive
	}
	head := ID(current)
	out := &Archived{Ref: archivePrefix + string(book) + "-" + s.now().Format("20060102T150405.000"), Head: head}
	none := ID{}
	if err := s.refs.Update(ctx, refs.Update{Name: out.Ref, Old: (*[20]byte)(&none), New: current, Reason: summary}); err != nil {
		return nil, refError(err)
	}
	w := s.newWriting()
	tree, err := w.put(odb.Tree, nil)
	if err != nil {
		return nil, err
	}
	message := withTrailers(summary, []trailer{{trailerContinues, head.String()}, {"Archived-As", out.Ref}})
	data, err := encodeCommit(commitData{Tree: tree, Who: s.identity(), When: s.now(), Message: message})
	if err != nil {
		return nil, err
	}
	next, err := w.put(odb.Commit, data)
	if err != nil {
		return nil, err
	}
	if err := w.commit(held, next, summary); err != nil {
		return nil, fmt.Errorf("archived as %s, but not begun anew: %w", out.Ref, err)
	}
	return out, nil
}

// Archives lists the heads of a notebook's archives, oldest first.
func (s *Store) Archives(book Notebook) ([]Archived, error) {
	list, err := s.refs.List(archivePrefix + string(book) + "-")
	if err != nil {
		return nil, refError(err)
	}
	var all []Archived
	for _, r := range list {
		all = append(all, Archived{r.Name, r.ID})
	}
	return all, nil
}
