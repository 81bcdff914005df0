package main

import (
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
)

// tellRollback says in a few lines what came back, where it lies, and what can be
// done with it. Target is the directory as it was typed, empty for the default.
func (c *call) tellRollback(m *manager.Manager, res *manager.RollbackResult, target string) {
	rec := res.Record
	c.out.printf("brought back %s: %s, %s in %s (%d copied, %d inflated", c.out.paint(bold, partOf(rec.Version, len(rec.Paths))),
		count(rec.Files, "file"), size(rec.Bytes), millis(rec.DurationMS), res.Copied, res.Inflated)
	if res.Unchanged > 0 {
		c.out.printf(", %d already in place", res.Unchanged)
	}
	c.out.println(")")
	verified := ""
	if rec.Verified {
		verified = " (verified)"
	}
	c.out.printf("it lies in %s%s\n", quotePath(rec.Target), verified)
	for _, step := range c.nextSteps(m.Project(), res, target) {
		c.nextStep(step)
	}
}

// nextStep says what can be done with a result, unless results only are wanted.
func (c *call) nextStep(step string) {
	if !c.quiet {
		c.out.println("next: " + step)
	}
}

// partOf says that only so many paths of a version are meant; 0 is the whole.
func partOf(version string, paths int) string {
	if paths == 0 {
		return version
	}
	return count(int64(paths), "path") + " of " + version
}

// undoLine is the command that undoes the last rollback of a directory.
func undoLine(target string) string {
	if target == "" {
		return "undo"
	}
	return "undo --target " + shellQuote(target)
}

// nextSteps are lines that people can paste, with what each is for.
func (c *call) nextSteps(project *gitstore.Project, res *manager.RollbackResult, target string) []string {
	if res.Branch != nil {
		return c.branchSteps(project, res.Branch)
	}
	rec := res.Record
	var steps []string
	// A bare repository has no files to compare with, or to replace.
	if !project.Bare {
		for _, line := range c.compareLines(project.Root, rec.Target, rec.Paths) {
			steps = append(steps, "`"+line+"` compares it with the project")
		}
		if line := c.takeBackLine(project.Root, rec.Target, rec.Paths); line != "" {
			steps = append(steps, "`"+line+"` takes it back into the project")
		}
	}
	if res.HasPrevious {
		steps = append(steps, c.shown(undoLine(target))+" brings back what was there before")
	}
	return steps
}

// branchSteps lead from a new branch to files in a work tree. Git refuses to
// switch over changes that would be lost, and a tree that needs a rollback mostly
// has some.
func (c *call) branchSteps(project *gitstore.Project, b *gitstore.Branch) []string {
	name := shellQuote(b.Name)
	converts := ""
	if b.Converts {
		converts = " (git converts files here: some may show as changed)"
	}
	beside := project.Root + "-" + strings.ReplaceAll(b.Name, "/", "-")
	worktree := "`" + c.git("worktree add "+c.fromHere(beside)+" "+name) + "` puts it beside the project"
	if project.Bare {
		return []string{worktree}
	}
	return []string{
		"`" + c.git("switch "+name) + "` takes it into the work tree" + converts,
		"`" + c.git("stash -u") + " && " + c.git("switch "+name) + "` does when files were changed; the stash keeps them",
		worktree,
	}
}

// git is a command line of git's that can be pasted where this one was typed.
func (c *call) git(rest string) string {
	s := "git"
	for _, d := range c.dirs {
		s += " -C " + shellQuote(d)
	}
	return s + " " + rest
}

// fromHere is a path relative to the working directory, for a shell.
func (c *call) fromHere(path string) string {
	if wd, err := c.getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
			path = rel
		}
	}
	return shellQuote(path)
}

// fewLines is how many paths get a line of their own to paste.
const fewLines = 3

// compareLines compare the project with the target, but for what a rollback has
// no part in. A part is compared with the same part, not with all of the project.
func (c *call) compareLines(root, target string, paths []gitstore.Path) []string {
	if len(paths) == 0 {
		return []string{"diff -r --no-dereference -x .git -x .evoseal " + c.shownPath(root) + " " + c.shownPath(target)}
	}
	var lines []string
	for _, p := range paths[:min(fewLines, len(paths))] {
		rel := filepath.FromSlash(string(p))
		lines = append(lines, "diff -r --no-dereference -x .git -x .evoseal "+c.shownPath(filepath.Join(root, rel))+" "+c.shownPath(filepath.Join(target, rel)))
	}
	return lines
}

// takeBackLine copies the one path that was brought back over the project's. Of
// the whole there is no such line: it would copy the target's .git as well.
func (c *call) takeBackLine(root, target string, paths []gitstore.Path) string {
	if len(paths) != 1 || paths[0] == "." {
		return ""
	}
	rel := filepath.FromSlash(string(paths[0]))
	return "cp -a " + c.shownPath(filepath.Join(target, rel)) + " " + shellQuote(strings.TrimSuffix(c.plainPath(filepath.Dir(filepath.Join(root, rel))), "/")+"/")
}

// shownPath is a path as short as it can be typed, for a shell.
func (c *call) shownPath(path string) string { return shellQuote(c.plainPath(path)) }

// plainPath is shownPath before quoting. After -C the shell is elsewhere, and only
// the whole path is right for it.
func (c *call) plainPath(path string) string {
	if wd, err := c.getwd(); err == nil && len(c.dirs) == 0 {
		if rel, ok := below(wd, path); ok {
			path = rel
		}
	}
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return path
}
