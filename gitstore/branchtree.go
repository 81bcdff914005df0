package gitstore

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// branchTree carries a checkpoint's tree into the project's repository.
type branchTree struct {
	s    *Store
	pack *odb.PackWriter
	lane *odb.Lane
	// limit bounds how much is walked.
	limit *entryLimit
	// links are the submodules by path, with the commits that they had.
	links  map[string]ID
	linked []string
	// converts says that an attributes file asks git to convert files.
	converts bool
}

// newBranchTree learns which directories are submodules: the project's repository
// has links there, and plain files in their place could not even be checked out
// over them.
func (s *Store) newBranchTree(c Checkpoint, pack *odb.PackWriter) (*branchTree, error) {
	meta, err := s.Meta(c)
	if err != nil {
		return nil, err
	}
	b := &branchTree{s: s, pack: pack, lane: pack.NewLane(), limit: newEntryLimit(c), links: make(map[string]ID)}
	for _, n := range meta.Nested {
		if id, err := ParseID(n.Head); n.Submodule && err == nil {
			b.links[string(n.Path)] = id
		}
	}
	own, err := durable.ReadFile(filepath.Join(s.project.CommonDir, "info", "attributes"))
	b.converts = err == nil && convertingAttributes(own)
	return b, nil
}

// copy puts the tree and all below it into the pack, as far as the repository
// doesn't have it, and returns its name there.
func (b *branchTree) copy(ctx context.Context, tree ID, path string) (ID, error) {
	if err := ctx.Err(); err != nil {
		return ID{}, err
	}
	list, err := b.s.readForm(tree, path)
	if err == nil {
		err = b.limit.take(len(list))
	}
	if err != nil {
		return ID{}, err
	}
	for i := range list {
		e, p := &list[i], joinPath(path, list[i].Name)
		link, isLink := b.links[p]
		switch {
		case isLink && e.Mode == scan.ModeDir:
			e.Mode, e.ID = scan.ModeGitlink, link
			b.linked = append(b.linked, p)
		case e.Mode == scan.ModeDir:
			e.ID, err = b.copy(ctx, e.ID, p)
		default:
			err = b.blob(*e)
		}
		if err != nil {
			return ID{}, err
		}
	}
	// A link sorts as a file does.
	slices.SortFunc(list, func(x, y odb.TreeEntry) int { return scan.CompareNames(x.Name, x.Mode, y.Name, y.Mode) })
	var data []byte
	for _, e := range list {
		data = odb.AppendTreeEntry(data, e)
	}
	id, _, err := b.lane.Add(odb.Tree, data)
	return id, err
}

func (b *branchTree) blob(e odb.TreeEntry) error {
	if e.Name == ".gitattributes" && e.Mode != scan.ModeSymlink && !b.converts {
		data, err := b.s.db.ReadType(e.ID, odb.Blob)
		if err != nil {
			return err
		}
		b.converts = convertingAttributes(data)
	}
	if b.pack.Has(e.ID) {
		return nil
	}
	_, err := copyBlob(b.s.db, e.ID, b.lane)
	return err
}

// converting are the attributes by which git changes files on their way in or
// out; see gitattributes(5).
var converting = []string{"text", "crlf", "eol", "ident", "filter", "working-tree-encoding"}

// convertingAttributes says whether an attributes file sets one of them for any
// path.
func convertingAttributes(data []byte) bool {
	for line := range bytes.Lines(data) {
		fields := strings.Fields(string(line))
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		for _, attribute := range fields[1:] {
			name, value, _ := strings.Cut(attribute, "=")
			if slices.Contains(converting, name) && value != "unset" {
				return true
			}
		}
	}
	return false
}

// converts says whether git's configuration makes it convert files.
func (p *Project) converts() bool {
	if v, ok := p.Config.Get("core", "autocrlf"); ok && !strings.EqualFold(v, "false") {
		return true
	}
	for _, v := range p.Config.values {
		if strings.EqualFold(v.Section, "filter") {
			return true
		}
	}
	return false
}

// copyBlob brings a blob from one database into the pack of another and returns
// its size.
func copyBlob(from *odb.DB, id ID, lane *odb.Lane) (int64, error) {
	_, size, err := from.Size(id)
	if err != nil {
		return 0, err
	}
	if size < odb.BigObject {
		data, err := from.ReadType(id, odb.Blob)
		if err != nil {
			return 0, err
		}
		_, _, err = lane.Add(odb.Blob, data)
		return size, err
	}
	r := from.Reader(id)
	defer r.Close()
	_, _, err = lane.AddStream(odb.Blob, size, r)
	return size, err
}
