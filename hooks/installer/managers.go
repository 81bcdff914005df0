package installer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Manager is a tool that keeps a repository's hooks.
type Manager string

// The managers. Hooks of the pre-commit framework are files like others, which is
// why it isn't among them: ours runs after its own, and when it is installed again
// it calls ours.
const (
	Husky     Manager = "husky"
	Lefthook  Manager = "lefthook"
	HooksPath Manager = "core.hooksPath"
)

// ErrManaged says that the hooks are another tool's to keep. See [ManagedError].
var ErrManaged = errors.New("the hooks are kept by another tool")

// ManagedError has what to add to that tool's own files.
type ManagedError struct {
	Manager Manager
	Dir     string
	Adds    []Addition
}

// Addition are lines that a file needs.
type Addition struct {
	Hook string
	// File is where they belong, Lines what to add at its end, each with a line end.
	File, Lines string
}

func (e *ManagedError) Error() string {
	if e.Manager == HooksPath {
		return fmt.Sprintf("core.hooksPath has git look for hooks in %s, outside this repository's own directory", e.Dir)
	}
	return fmt.Sprintf("%s keeps the hooks of this repository", e.Manager)
}

// Is matches [ErrManaged].
func (e *ManagedError) Is(target error) bool { return target == ErrManaged }

// manager recognises who keeps the hooks.
func (r *Repository) manager(gitDir string) Manager {
	if rel, err := filepath.Rel(gitDir, r.Dir); err != nil || !filepath.IsLocal(rel) {
		if r.huskyTop() != "" {
			return Husky
		}
		return HooksPath
	}
	if real, err := filepath.EvalSymlinks(r.Dir); err == nil && real != r.Dir {
		if top, err := filepath.EvalSymlinks(gitDir); err != nil || !strings.HasPrefix(real, top+string(filepath.Separator)) {
			return HooksPath
		}
	}
	if r.lefthookFile() != "" && r.hasLefthook() {
		return Lefthook
	}
	return ""
}

// huskyTop is the directory of husky's files: git looks into it, or from version 9
// on into its subdirectory _.
func (r *Repository) huskyTop() string {
	for _, dir := range []string{r.Dir, filepath.Dir(r.Dir)} {
		if filepath.Base(dir) == ".husky" {
			return dir
		}
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "husky.sh")); err == nil {
		return filepath.Dir(r.Dir)
	}
	return ""
}

func (r *Repository) huskyFile(hook string) string { return filepath.Join(r.huskyTop(), hook) }

// lefthookFile is its configuration, empty for none.
func (r *Repository) lefthookFile() string {
	for _, name := range []string{"lefthook.yml", ".lefthook.yml", "lefthook.yaml", ".lefthook.yaml", ".config/lefthook.yml"} {
		path := filepath.Join(r.Root, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// hasLefthook says that lefthook was installed here, and not only configured.
func (r *Repository) hasLefthook() bool {
	for _, h := range hooks() {
		if text, err := readHook(r.path(h.name)); err == nil && strings.Contains(text, "lefthook") {
			return true
		}
	}
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if text, err := readHook(filepath.Join(r.Dir, e.Name())); err == nil && !strings.HasSuffix(e.Name(), ".sample") && strings.Contains(text, "lefthook") {
			return true
		}
	}
	return false
}

// call is what a hook of somebody else's runs.
func call(hook string) string { return "git evoseal-rollback hooks run " + hook }

// calls says whether a hook's text, or the manager's configuration, has the call.
func (r *Repository) calls(hook, text string) bool {
	if strings.Contains(text, call(hook)) {
		return true
	}
	if r.Manager != Lefthook {
		return false
	}
	config, err := readHook(r.lefthookFile())
	return err == nil && strings.Contains(config, call(hook))
}

// managed says what to add where.
func (r *Repository) managed(picked []known) *ManagedError {
	e := &ManagedError{Manager: r.Manager, Dir: r.Dir}
	for _, h := range picked {
		a := Addition{Hook: h.name, File: r.path(h.name), Lines: call(h.name) + " \"$@\"\n"}
		switch r.Manager {
		case Husky:
			a.File = r.huskyFile(h.name)
		case Lefthook:
			a.File = r.lefthookFile()
			a.Lines = fmt.Sprintf("%s:\n  commands:\n    evoseal:\n      run: %s {0}\n", h.name, call(h.name))
			if h.stdin {
				a.Lines += "      use_stdin: true\n"
			}
		case HooksPath:
			if fi, err := os.Stat(a.File); err != nil || fi.Mode()&0o111 == 0 {
				a.Lines = "#!/bin/sh\n" + a.Lines
			}
		}
		e.Adds = append(e.Adds, a)
	}
	return e
}
