package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// arena is where contestants meet: a directory of its own on one medium with a
// project and everybody's stores.
type arena struct {
	*settings
	report *report
	// medium is what the directory lies on, for people.
	medium string
	dir    string
	// project is the tree that is recorded. It is a repository of its own, lest one
	// further up be taken for it; our store lies in it.
	project string
	env     []string
	// named counts the checkpoints that were given a name, changes the changes made
	// to the project.
	named, changes int
	// removed counts what was put aside.
	removed int
	// recordedSoFar is how many checkpoints of a history there are.
	recordedSoFar int
}

// newArena describes an arena in dir; begin makes it.
func newArena(s *settings, r *report, medium, dir string) *arena {
	a := &arena{settings: s, report: r, medium: medium, dir: dir, project: filepath.Join(dir, "project")}
	// Nobody sees the configuration of the machine, and all that is written is
	// written to the medium in question.
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "GIT_"), strings.HasPrefix(name, "XDG_"), strings.HasPrefix(name, "RESTIC_"),
			strings.HasPrefix(name, "EVOSEAL_"), name == "HOME", name == "TMPDIR", name == "LC_ALL":
		default:
			a.env = append(a.env, v)
		}
	}
	a.env = append(a.env, "HOME="+a.path("home"), "TMPDIR="+a.path("tmp"), "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C.UTF-8",
		"RESTIC_PASSWORD=bench", "RESTIC_REPOSITORY="+a.path("restic"), "BUP_DIR="+a.path("bup"))
	return a
}

// atHome has the library, too, not see the configuration of the machine, until back is
// called: the go command would make a home anew that is gone.
func (a *arena) atHome() (back func(), err error) {
	old := os.Getenv("HOME")
	return func() { os.Setenv("HOME", old) }, os.Setenv("HOME", a.path("home"))
}

// beside describes a second arena on the same medium.
func (a *arena) beside(name string) *arena {
	return newArena(a.settings, a.report, a.medium, filepath.Join(a.dir, name))
}

// begin makes the arena's directories, with an empty project.
func (a *arena) begin(ctx context.Context) error {
	for _, d := range []string{a.project, a.path("home"), a.path("tmp")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return a.do(command{a.project, []string{"git", "init", "-q", "."}})(ctx)
}

func (a *arena) path(elem ...string) string {
	return filepath.Join(append([]string{a.dir}, elem...)...)
}

func (a *arena) has(tool string) bool {
	_, err := exec.LookPath(tool)
	return err == nil
}

// output runs a command that isn't timed.
func (a *arena) output(ctx context.Context, c command) (string, error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, a.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(c.argv, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

func (a *arena) do(all ...command) step {
	return func(ctx context.Context) error {
		for _, c := range all {
			if _, err := a.output(ctx, c); err != nil {
				return err
			}
		}
		return nil
	}
}

func (a *arena) remove(paths ...string) step {
	return func(context.Context) error {
		for _, p := range paths {
			if err := a.removeOne(p); err != nil {
				return err
			}
		}
		return nil
	}
}

// removeOne puts aside on disk what it removes in memory: for the next minutes ext4 would
// look, for each new file, past the inodes of all that were just removed, which takes
// longer than anything that is measured here.
func (a *arena) removeOne(path string) error {
	if a.inMemory() {
		return os.RemoveAll(path)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	a.removed++
	aside := a.path("removed", fmt.Sprint(a.removed))
	return errors.Join(os.MkdirAll(filepath.Dir(aside), 0o755), os.Rename(path, aside))
}

// emptied makes directories anew.
func (a *arena) emptied(paths ...string) step {
	return func(ctx context.Context) error {
		if err := a.remove(paths...)(ctx); err != nil {
			return err
		}
		for _, p := range paths {
			if err := os.Mkdir(p, 0o755); err != nil {
				return err
			}
		}
		return nil
	}
}

// entries are the names at the project's top that are part of what is recorded.
func (a *arena) entries() ([]string, error) {
	dir, err := os.ReadDir(a.project)
	var names []string
	for _, e := range dir {
		if e.Name() != ".git" && e.Name() != ".evoseal" {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// moveAway takes the project's files out of it, so that there is nothing left to
// copy from, and moveBack brings them back.
func (a *arena) moveAway(context.Context) error {
	names, err := a.entries()
	if err != nil {
		return err
	}
	return renameAll(names, a.project, a.path("away"))
}

func (a *arena) moveBack(context.Context) error {
	dir, err := os.ReadDir(a.path("away"))
	if err != nil {
		return err
	}
	var names []string
	for _, e := range dir {
		names = append(names, e.Name())
	}
	return renameAll(names, a.path("away"), a.project)
}

func renameAll(names []string, from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, n := range names {
		if err := os.Rename(filepath.Join(from, n), filepath.Join(to, n)); err != nil {
			return err
		}
	}
	return nil
}

// touch changes the one file that rows about single commits change.
func (a *arena) touch(context.Context) error {
	a.changes++
	return os.WriteFile(filepath.Join(a.project, "changed-each-time"), fmt.Appendln(nil, a.changes), 0o644)
}

func makeProgram(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o755)
}
