package main

import (
	"bytes"
	"context"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/spf13/pflag"
)

type diffOptions struct{ worktree, stat, nameStatus bool }

func (o *diffOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.worktree, "worktree", false, "compare with the live project, as is done without a second version")
	fs.BoolVar(&o.stat, "stat", false, "count lines instead of showing them")
	fs.BoolVar(&o.nameStatus, "name-status", false, "show only names and what happened to them")
}

func (o *diffOptions) run(ctx context.Context, c *call) error {
	switch {
	case o.worktree && len(c.args) == 2:
		return &usageError{msg: "a second version and --worktree exclude each other", cmd: c.cmd}
	case o.stat && o.nameStatus:
		return &usageError{msg: "--stat and --name-status exclude each other", cmd: c.cmd}
	}
	m, s, err := c.store(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	req, err := c.diffRequest(ctx, s)
	if err != nil {
		return err
	}
	d, err := s.Diff(ctx, req)
	if err != nil {
		return err
	}
	switch {
	case c.json:
		return o.printJSON(ctx, c, d)
	case o.stat:
		return c.printStat(ctx, d)
	case o.nameStatus:
		c.printNames(d)
		return nil
	}
	return c.printPatches(ctx, d)
}

func (c *call) diffRequest(ctx context.Context, s *gitstore.Store) (gitstore.DiffRequest, error) {
	paths, err := c.projectPaths(s.Project().Root)
	req := gitstore.DiffRequest{Paths: paths}
	if err != nil {
		return req, err
	}
	if req.Old, err = s.Resolve(ctx, c.args[0]); err != nil || len(c.args) < 2 {
		return req, err
	}
	other, err := s.Resolve(ctx, c.args[1])
	req.New = &other
	return req, err
}

type changeJSON struct {
	Schema  int                 `json:"schema"`
	Kind    gitstore.ChangeKind `json:"kind"`
	Path    gitstore.Path       `json:"path"`
	OldPath *gitstore.Path      `json:"old_path,omitempty"`
	// The modes are Git's, in octal, as in a tree; the permissions are in full.
	OldMode string         `json:"old_mode,omitempty"`
	NewMode string         `json:"new_mode,omitempty"`
	OldPerm *gitstore.Perm `json:"old_perm,omitempty"`
	NewPerm *gitstore.Perm `json:"new_perm,omitempty"`
	OldID   gitstore.ID    `json:"old_id"`
	NewID   gitstore.ID    `json:"new_id"`
	// Line counts come with --stat only: they need every file's content.
	Added   *int  `json:"added,omitempty"`
	Deleted *int  `json:"deleted,omitempty"`
	Binary  *bool `json:"binary,omitempty"`
}

func newChangeJSON(ch gitstore.Change) changeJSON {
	out := changeJSON{Schema: schema, Kind: ch.Kind, Path: gitstore.Path(ch.Path), OldID: ch.OldID, NewID: ch.NewID}
	if ch.OldPath != "" {
		old := gitstore.Path(ch.OldPath)
		out.OldPath = &old
	}
	if ch.OldMode != 0 {
		out.OldMode = gitMode(ch.OldMode)
	}
	if ch.NewMode != 0 {
		out.NewMode = gitMode(ch.NewMode)
	}
	if ch.OldPerm != ch.NewPerm {
		out.OldPerm, out.NewPerm = &ch.OldPerm, &ch.NewPerm
	}
	return out
}

func (o *diffOptions) printJSON(ctx context.Context, c *call, d *gitstore.Diff) error {
	for _, ch := range d.Changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		out := newChangeJSON(ch)
		if o.stat {
			st, err := d.Stat(ch)
			if err != nil {
				return err
			}
			out.Added, out.Deleted, out.Binary = &st.Added, &st.Deleted, &st.Binary
		}
		if err := c.out.object(out); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) printNames(d *gitstore.Diff) {
	for _, ch := range d.Changes {
		name := quotePath(ch.Path)
		if ch.OldPath != "" {
			name = quotePath(ch.OldPath) + "\t" + name
		}
		c.out.println(letter(ch) + "\t" + name)
	}
}

// letter is git's for a change.
func letter(ch gitstore.Change) string {
	const typeBits = 0o170000
	switch {
	case ch.Kind == gitstore.Added:
		return "A"
	case ch.Kind == gitstore.Deleted:
		return "D"
	case ch.Kind == gitstore.Renamed:
		return "R"
	case ch.OldMode&typeBits != ch.NewMode&typeBits:
		return "T"
	}
	return "M"
}

func (c *call) printPatches(ctx context.Context, d *gitstore.Diff) error {
	for _, ch := range d.Changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		var b bytes.Buffer
		if err := d.Patch(&b, ch); err != nil {
			return err
		}
		if b.Len() == 0 {
			c.printDirectory(ch)
			continue
		}
		c.printPatch(quoteHeader(b.String(), ch))
	}
	return nil
}

// printDirectory tells of an empty directory, for which a patch has no words.
func (c *call) printDirectory(ch gitstore.Change) {
	name := quotePath(strings.TrimSuffix(ch.Path, "/") + "/")
	c.out.println(c.out.paint(bold, "empty directory "+string(ch.Kind)+": "+name))
}

// quoteHeader quotes odd names in the lines before the first hunk, where a
// newline in a name would break the patch. The names stand there in this order,
// so that each is found behind the one before it.
func quoteHeader(patch string, ch gitstore.Change) string {
	old := ch.OldPath
	if old == "" {
		old = ch.Path
	}
	if quotePath(old) == old && quotePath(ch.Path) == ch.Path {
		return patch
	}
	var out strings.Builder
	for _, at := range []struct{ before, name, after string }{
		{"diff --git ", "a/" + old, " b/"},
		{" ", "b/" + ch.Path, "\n"},
		{"\nrename from ", old, "\n"},
		{"\nrename to ", ch.Path, "\n"},
		{"\nBinary files ", "a/" + old, " and "},
		{" and ", "b/" + ch.Path, " differ\n"},
		{"\n--- ", "a/" + old, "\n"},
		{"\n+++ ", "b/" + ch.Path, "\n"},
	} {
		head, rest, found := strings.Cut(patch, at.before+at.name+at.after)
		if found && !strings.Contains(head, "\n@@ ") {
			out.WriteString(head + at.before + quotePath(at.name))
			patch = at.after + rest
		}
	}
	return out.String() + patch
}

// printPatch colours a patch of one file line by line.
func (c *call) printPatch(patch string) {
	if !c.out.color {
		c.out.WriteString(patch)
		return
	}
	inHunk := false
	for line := range strings.Lines(patch) {
		text, end := strings.CutSuffix(line, "\n")
		color := bold
		switch {
		case strings.HasPrefix(text, "@@ "):
			inHunk, color = true, cyan
		case inHunk && strings.HasPrefix(text, "+"):
			color = green
		case inHunk && strings.HasPrefix(text, "-"):
			color = red
		case inHunk:
			color = ""
		}
		if color != "" {
			text = c.out.paint(color, text)
		}
		c.out.WriteString(text)
		if end {
			c.out.WriteString("\n")
		}
	}
}
