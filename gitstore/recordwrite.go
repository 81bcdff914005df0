package gitstore

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
)

// writeMeta adds the meta note to the pack.
func (r *recording) writeMeta() error {
	r.out.Meta = r.content.meta
	data, err := json.Marshal(r.out.Meta)
	if err == nil {
		// Else it could never be brought back.
		err = checkMetaSize(data)
	}
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if r.meta, err = odb.Hash(odb.Blob, data); err != nil {
		return err
	}
	// The parent's is no garbage, so its pack needn't be made young.
	if r.parent == nil || r.parent.MetaID != r.meta || !r.s.db.HasPacked(r.meta) {
		_, _, err = r.lane.Add(odb.Blob, data)
	}
	r.out.Unchanged = r.parent != nil && r.parent.Tree == r.content.tree && r.parent.MetaID == r.meta
	return err
}

// finish makes the checkpoint of what the pack holds. When somebody else took the
// name meanwhile that was made up for it, it gets another: only commit, tag and note
// have to be written again.
func (r *recording) finish(ctx context.Context) error {
	const tries = 100
	for try := 1; ; try++ {
		err := r.write()
		if err == nil {
			err = r.publish(ctx)
		}
		if !errors.Is(err, ErrExists) || !r.generated || try == tries {
			return err
		}
		// The first pack keeps git from collecting what this one needs.
		if err := r.newPack(); err != nil {
			return err
		}
		if err := r.name(ctx); err != nil {
			return err
		}
	}
}

// write adds commit and tag to the pack.
func (r *recording) write() error {
	s, who := r.s, r.s.identity()
	from := r.content
	c := Checkpoint{
		Version: r.req.Version, Tree: from.tree, Time: r.when, Author: who, MetaID: r.meta,
		Message: strings.TrimSpace(r.req.Message), Reason: strings.TrimSpace(r.req.Reason),
		SourceCommit: from.source.Commit, SourceBranch: from.source.Branch, SourceDirty: from.dirty,
		ToolVersion: s.opts.ToolVersion, Files: from.files, Bytes: from.bytes, Partial: r.out.Meta.Partial,
	}
	if c.Message == "" {
		c.Message = "checkpoint " + c.Version
	}
	var parents []ID
	if r.parent != nil {
		c.Parent, parents = r.parent.Commit, []ID{r.parent.Commit}
	}
	commit, err := encodeCommit(commitData{Tree: c.Tree, Parents: parents, Who: who, When: r.when, Message: c.fullMessage()})
	if err != nil {
		return err
	}
	if c.Commit, _, err = r.lane.Add(odb.Commit, commit); err != nil {
		return err
	}
	if c.Tag, _, err = r.lane.Add(odb.Tag, encodeTag(c.Commit, c.Version, who, r.when, c.Message+"\n")); err != nil {
		return err
	}
	r.out.Checkpoint = c
	return r.writeNote(r.meta)
}

// writeNote adds the next state of the meta notebook to the pack, in the hope
// that nobody else changes the notebook meanwhile.
func (r *recording) writeNote(meta ID) (err error) {
	if r.notesHead, err = r.s.notesHead(metaBook); err != nil {
		return err
	}
	put := func(typ odb.Type, data []byte) (ID, error) {
		id, _, err := r.lane.Add(typ, data)
		return id, err
	}
	r.notesNext, err = r.s.notesCommit(r.notesHead, noteChange{object: r.out.Commit, blob: meta}, "meta: "+r.out.Version, put)
	return err
}

func (c Checkpoint) fullMessage() string {
	trailers := []trailer{
		{trailerVersion, c.Version}, {trailerSourceCommit, c.SourceCommit}, {trailerSourceBranch, c.SourceBranch},
		{trailerSourceDirty, c.SourceDirty}, {trailerTool, c.ToolVersion}, {trailerReason, c.Reason},
		{trailerFiles, strconv.FormatInt(c.Files, 10)}, {trailerBytes, strconv.FormatInt(c.Bytes, 10)},
	}
	if c.Partial {
		trailers = append(trailers, trailer{trailerPartial, "true"})
	}
	return withTrailers(c.Message, append(trailers, trailer{trailerMeta, c.MetaID.String()}))
}
