package gitstore

import (
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// dirty says whether the recorded tree differs from that of the commit that is
// checked out: "true", "false", or "" where that can't be told. Submodules,
// which a commit names and we record as files, are stepped over. Bytes are
// compared as they are, so a work tree whose files git converts counts as dirty.
func (p *Project) dirty(head Head, t *scan.Tree) string {
	if p.GitDir == "" || p.idSize() != 20 {
		return ""
	}
	if head.Commit == "" {
		return "true"
	}
	db, err := odb.Open(filepath.Join(p.CommonDir, "objects"))
	if err != nil {
		return ""
	}
	defer db.Close()
	id, err := ParseID(head.Commit)
	if err != nil {
		return ""
	}
	data, err := db.ReadType(id, odb.Commit)
	if err != nil {
		return ""
	}
	c, err := decodeCommit(data)
	if err != nil {
		return ""
	}
	if c.Tree == t.Root.ID {
		return "false"
	}
	same, err := sameButSubmodules(db, c.Tree, t.Root)
	switch {
	case err != nil:
		return ""
	case same:
		return "false"
	}
	return "true"
}

func sameButSubmodules(db *odb.DB, tree ID, d *scan.Dir) (bool, error) {
	if tree == d.ID {
		return true, nil
	}
	list, err := db.ReadTree(tree)
	if err != nil {
		return false, err
	}
	have := make(map[string]*scan.Entry, len(d.Entries))
	for i := range d.Entries {
		if e := &d.Entries[i]; e.Mode != 0 && !e.ID.IsZero() {
			have[e.Name] = e
		}
	}
	for _, want := range list {
		e := have[want.Name]
		delete(have, want.Name)
		switch {
		case want.Mode == scan.ModeGitlink:
		case e == nil || e.Mode != want.Mode:
			return false, nil
		case e.Sub != nil:
			if same, err := sameButSubmodules(db, want.ID, e.Sub); !same || err != nil {
				return false, err
			}
		case e.ID != want.ID:
			return false, nil
		}
	}
	return len(have) == 0, nil
}

// nestedHead is the commit that a repository inside the project has checked
// out, empty when it has none.
func (p *Project) nestedHead(path string) string {
	dir := filepath.Join(p.Root, filepath.FromSlash(path))
	gitDir, err := gitDirOf(dir)
	if err != nil || gitDir == "" {
		return ""
	}
	nested := &Project{Root: dir, GitDir: gitDir, CommonDir: commonDirOf(gitDir)}
	return nested.Head().Commit
}
