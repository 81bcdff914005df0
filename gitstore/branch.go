package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
)

var (
	// ErrNoRepository says that the project isn't a Git work tree.
	ErrNoRepository = errors.New("the project is not a Git repository")
	// ErrBranchExists says that the branch is there already.
	ErrBranchExists = errors.New("branch exists")
	// ErrForeignFormat says that the project's repository keeps its objects or
	// refs in a way that this program doesn't write.
	ErrForeignFormat = errors.New("the project's repository has a format that can't be written")
)

// Branch is what [Store.WriteBranch] made.
type Branch struct {
	Name    string
	Commit  ID
	Objects int
	// Submodules are directories that are links to commits of their own
	// repositories on the branch, as in the project's. What was changed in them since
	// those commits is in the checkpoint only.
	Submodules []string
	// Converts says that the project's own git converts files on their way in
	// or out (line ends, filters), so that files may show as changed.
	Converts bool
}

// WriteBranch carries a checkpoint into the project's own repository as a new
// branch: its objects as one pack, and the ref. Nothing is checked out; index,
// HEAD and work tree stay as they are. The commit's parent is the checkpoint's
// Source-Commit, if the repository still has it.
func (s *Store) WriteBranch(ctx context.Context, name string, c Checkpoint) (*Branch, error) {
	p := s.project
	if err := s.CheckBranch(name); err != nil {
		return nil, err
	}
	db, err := odb.Open(filepath.Join(p.CommonDir, "objects"))
	if err != nil {
		return nil, err
	}
	// What is reused keeps its age, as all of the live project does; that git may remove
	// it meanwhile is looked for.
	db.KeepAges()
	defer db.Close()
	s.sweepPacks(db)
	if err := s.announceBranch(); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		b, err := s.writeBranch(ctx, db, name, c)
		if !errors.Is(err, ErrRemoved) || try == recordTries {
			return b, err
		}
	}
}

func (s *Store) writeBranch(ctx context.Context, db *odb.DB, name string, c Checkpoint) (*Branch, error) {
	pack, err := db.NewPack()
	if err != nil {
		return nil, err
	}
	defer pack.Abort()
	defer pack.Release()
	b, err := s.newBranchTree(c, pack)
	if err != nil {
		return nil, err
	}
	tree, err := b.copy(ctx, c.Tree, "")
	if err != nil {
		return nil, err
	}
	commit := commitData{Tree: tree, Who: s.identity(), When: c.Time, Message: c.branchMessage()}
	if source, err := ParseID(c.SourceCommit); err == nil && db.Has(source) {
		commit.Parents = []ID{source}
	}
	data, err := encodeCommit(commit)
	if err != nil {
		return nil, err
	}
	id, _, err := b.lane.Add(odb.Commit, data)
	if err != nil {
		return nil, err
	}
	packed, err := pack.Finish()
	if err != nil {
		return nil, err
	}
	look := func() error { return lookAt(ctx, db, []*odb.PackWriter{pack}, name, id) }
	if err := look(); err != nil {
		return nil, err
	}
	if err := s.makeBranch(ctx, name, id, "branch: checkpoint "+c.Version); err != nil {
		return nil, err
	}
	if err := look(); err != nil {
		back := refs.Update{Name: "refs/heads/" + name, Old: (*[20]byte)(&id)}
		return nil, errors.Join(err, refError(s.projectRefs().Update(context.WithoutCancel(ctx), back)))
	}
	return &Branch{Name: name, Commit: id, Objects: packed.Objects, Submodules: b.linked, Converts: b.converts || s.project.converts()}, nil
}

// makeBranch makes a ref that isn't there.
func (s *Store) makeBranch(ctx context.Context, name string, id ID, reason string) error {
	none := [20]byte{}
	err := s.projectRefs().Update(ctx, refs.Update{Name: "refs/heads/" + name, Old: &none, New: id, Reason: reason})
	if errors.Is(err, refs.ErrChanged) {
		return fmt.Errorf("%q: %w", name, ErrBranchExists)
	}
	return refError(err)
}

// CheckBranch says whether [Store.WriteBranch] could make a branch of this name.
func (s *Store) CheckBranch(name string) error {
	p := s.project
	switch {
	case p.CommonDir == "":
		return ErrNoRepository
	case p.idSize() != 20:
		return fmt.Errorf("%w: its objects are named by SHA-256", ErrForeignFormat)
	}
	if format, ok := p.Config.Get("extensions", "refStorage"); ok && format != "files" {
		return fmt.Errorf("%w: its refs are kept as %s", ErrForeignFormat, format)
	}
	if name == "" || name[0] == '-' || name == "HEAD" || refs.CheckName("refs/heads/"+name) != nil {
		return &NameError{Name: name, Reason: "git allows no such branch"}
	}
	if _, err := s.projectRefs().Read("refs/heads/" + name); err == nil || p.checkedOut(name) {
		return fmt.Errorf("%q: %w", name, ErrBranchExists)
	}
	return nil
}

// checkedOut says whether the HEAD of any work tree names the branch, which it
// does also before the branch's first commit: to make the branch then would
// change what that work tree's index is compared with.
func (p *Project) checkedOut(branch string) bool {
	heads, err := filepath.Glob(filepath.Join(p.CommonDir, "worktrees", "*", "HEAD"))
	if err != nil {
		return false
	}
	for _, head := range append(heads, filepath.Join(p.CommonDir, "HEAD")) {
		data, err := durable.ReadFile(head)
		if err == nil && strings.TrimSpace(string(data)) == "ref: refs/heads/"+branch {
			return true
		}
	}
	return false
}

// branchJournals is where locks in the project's repository are announced: apart
// from the store's, whose journals name paths in the store.
const branchJournals = "branches"

// announceBranch leaves the mark, durably, by which a sweep looks into the project's
// repository: before there is anything that may be left there.
func (s *Store) announceBranch() error {
	dir := s.cachePath(branchJournals)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

func (s *Store) projectRefs() *refs.DB {
	return refs.Open(s.project.CommonDir, refs.Options{
		Log: s.log, LockTimeout: s.opts.LockTimeout, Ident: s.reflogIdent, JournalDir: s.cachePath(branchJournals),
	})
}

func (c Checkpoint) branchMessage() string {
	return withTrailers(c.Message, []trailer{{trailerVersion, c.Version}, {"Checkpoint-Commit", c.Commit.String()}})
}
