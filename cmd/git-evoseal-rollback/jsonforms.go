package main

import (
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// schema is the number in every JSON object. It grows when a field changes its
// meaning, which is to be never: fields are added.
const schema = 1

// checkpointJSON is a checkpoint as list, log and status print it.
type checkpointJSON struct {
	Schema       int         `json:"schema"`
	Version      string      `json:"version"`
	Commit       gitstore.ID `json:"commit"`
	Tree         gitstore.ID `json:"tree"`
	Parent       gitstore.ID `json:"parent"`
	Time         time.Time   `json:"time"`
	Author       string      `json:"author"`
	Message      string      `json:"message"`
	Reason       string      `json:"reason,omitempty"`
	SourceCommit string      `json:"source_commit,omitempty"`
	SourceBranch string      `json:"source_branch,omitempty"`
	SourceDirty  string      `json:"source_dirty,omitempty"`
	ToolVersion  string      `json:"tool_version,omitempty"`
	Files        int64       `json:"files"`
	Bytes        int64       `json:"bytes"`
	Partial      bool        `json:"partial"`
}

func newCheckpointJSON(c gitstore.Checkpoint) checkpointJSON {
	return checkpointJSON{
		Schema: schema, Version: c.Version, Commit: c.Commit, Tree: c.Tree, Parent: c.Parent, Time: c.Time.UTC(),
		Author: c.Author.Name + " <" + c.Author.Email + ">", Message: c.Message, Reason: c.Reason,
		SourceCommit: c.SourceCommit, SourceBranch: c.SourceBranch, SourceDirty: c.SourceDirty,
		ToolVersion: c.ToolVersion, Files: c.Files, Bytes: c.Bytes, Partial: c.Partial,
	}
}

type differenceJSON struct {
	Path gitstore.Path           `json:"path"`
	Kind gitstore.DifferenceKind `json:"kind"`
}

func newDifferencesJSON(list []gitstore.Difference) []differenceJSON {
	out := make([]differenceJSON, len(list))
	for i, d := range list {
		out[i] = differenceJSON{gitstore.Path(d.Path), d.Kind}
	}
	return out
}

func newPathsJSON[S ~string](paths []S) []gitstore.Path {
	out := make([]gitstore.Path, len(paths))
	for i, p := range paths {
		out[i] = gitstore.Path(p)
	}
	return out
}

// short is how people read an object's name.
func short(id gitstore.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()[:10]
}
