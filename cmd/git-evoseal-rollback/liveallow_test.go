package main

import (
	"path/filepath"
	"slices"
	"strings"
)

// liveAllowance is what one command may change in a live project. The zero value is
// nothing at all.
type liveAllowance struct {
	// first says that there was no store, so that one may be made.
	first bool
	// branch is the branch that --branch asked for.
	branch string
	// hooks says that the command is about the repository's hooks, and
	// config that these may be told to git in its configuration.
	hooks, config bool
	// file is what the command that guard runs was told to write or remove.
	file string
}

// allows says whether a change is one that the command may make.
func (a liveAllowance) allows(p *liveProject, c liveChange) bool {
	return a.first && p.allowsFirst(c) ||
		a.branch != "" && p.allowsBranch(a.branch, c) ||
		a.hooks && p.allowsHooks(c) ||
		a.config && p.allowsConfig(c) ||
		a.file != "" && (c.path == a.file || c.path == filepath.Dir(a.file) && c.entriesOnly())
}

// allowsFirst is for the first use: .evoseal appears in the project's directory,
// and one line in info/exclude.
func (p *liveProject) allowsFirst(c liveChange) bool {
	info := filepath.Join(p.common, "info")
	switch {
	case c.path == p.root:
		return c.entriesOnly()
	case p.common == "" || p.bare:
		return false
	case c.path == p.common:
		return c.entriesOnly()
	case c.path == info:
		return c.isNew() || c.entriesOnly()
	case c.path != filepath.Join(info, "exclude"):
		return false
	case c.isNew():
		return c.now.text == "/.evoseal/\n"
	}
	was := c.was.text
	if was != "" && !strings.HasSuffix(was, "\n") {
		was += "\n"
	}
	return c.only("content", "size", "inode", "mtime", "ctime") && c.now.text == was+"/.evoseal/\n"
}

// allowsBranch is for one new ref with its reflog, and its objects in a pack. What
// was there stays the file that it was, times and all.
func (p *liveProject) allowsBranch(branch string, c liveChange) bool {
	for _, top := range []string{p.common, filepath.Join(p.common, "logs")} {
		ref := filepath.Join(top, "refs", "heads", branch)
		if c.path == ref {
			return c.isNew()
		}
		if strings.HasPrefix(ref, c.path+"/") && strings.HasPrefix(c.path, top) {
			return c.isNew() || c.entriesOnly()
		}
	}
	objects := filepath.Join(p.common, "objects")
	pack := filepath.Join(objects, "pack")
	switch {
	case c.path == objects || c.path == pack:
		return c.isNew() || c.entriesOnly()
	case filepath.Dir(c.path) == pack:
		return c.isNew() && slices.Contains([]string{".pack", ".idx"}, filepath.Ext(c.path))
	}
	return false
}

func (p *liveProject) allowsHooks(c liveChange) bool {
	for _, dir := range []string{"hooks", "evoseal-hooks"} {
		hooks := filepath.Join(p.common, dir)
		if c.path == hooks || filepath.Dir(c.path) == hooks {
			return true
		}
	}
	return c.path == p.common && c.entriesOnly()
}

func (p *liveProject) allowsConfig(c liveChange) bool {
	return c.path == p.common && c.entriesOnly() || c.path == filepath.Join(p.common, "config")
}
