package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// Repository is a Git repository whose hooks are looked at and changed. It is what
// [Open] found, so a long-lived program opens it anew for each request. Its methods
// may be called at the same time, from several processes too.
type Repository struct {
	// Root is the top of the work tree, or the bare repository.
	Root string
	// CommonDir is the Git directory that all work trees share.
	CommonDir string
	// Bare says that there is no work tree.
	Bare bool
	// Dir is where Git looks for hooks, OwnDir the repository's own hooks directory.
	// They differ when core.hooksPath says so.
	Dir, OwnDir string
	// HooksPath is core.hooksPath as it is written, Origin whose configuration has
	// it: "repository", "work tree", or "user or system". Both are empty when it
	// isn't set.
	HooksPath, Origin string

	// outside says that Dir is no directory of the repository's own.
	outside bool
	disk    disk
}

// Open finds the repository that dir lies in: that of its work tree, which may be a
// linked one or a submodule, or a bare one. Like the rest of the engine it goes by
// dir alone, not by GIT_DIR and its like, nor by configuration from the
// environment. Outside a repository the error is [ErrNoRepository].
func Open(dir string) (*Repository, error) {
	p, err := gitstore.FindProject(dir)
	if err != nil {
		return nil, err
	}
	if p.CommonDir == "" {
		return nil, fmt.Errorf("%s: %w", p.Root, ErrNoRepository)
	}
	common, err := filepath.Abs(p.CommonDir)
	if err != nil {
		return nil, err
	}
	r := &Repository{Root: p.Root, CommonDir: common, Bare: p.Bare}
	r.OwnDir = filepath.Join(common, "hooks")
	if err := r.readHooksPath(p); err != nil {
		return nil, err
	}
	return r, nil
}

// readHooksPath finds out where Git looks for hooks.
func (r *Repository) readHooksPath(p *gitstore.Project) error {
	// The reader of the configuration passes over what it can't read, and Git may
	// well read it: then the wrong directory would be written to.
	local, err := gitstore.ReadConfigFile(filepath.Join(r.CommonDir, "config"))
	if err != nil {
		return err
	}
	r.Dir = r.OwnDir
	if path, set := p.Config.Path("core", "hooksPath"); set {
		r.HooksPath, _ = p.Config.Get("core", "hooksPath")
		r.Origin = origin(local, filepath.Join(p.GitDir, "config.worktree"), r.HooksPath)
		switch {
		case path == "":
			// Git takes it as it is, so every hook's path begins at the root.
			path = string(filepath.Separator)
		case !filepath.IsAbs(path):
			path = filepath.Join(r.Root, path)
		}
		r.Dir = filepath.Clean(path)
	}
	dir, err := resolve(r.Dir)
	if err != nil {
		return err
	}
	common, err := resolve(r.CommonDir)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(common, dir)
	r.outside = err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, "../")
	if !r.outside {
		r.Dir = dir
	}
	return nil
}

func origin(local []gitstore.ConfigEntry, worktreeFile, value string) string {
	if entries, err := gitstore.ReadConfigFile(worktreeFile); err == nil && setsHooksPath(entries, value) {
		return "work tree"
	}
	if setsHooksPath(local, value) {
		return "repository"
	}
	return "user or system"
}

func setsHooksPath(entries []gitstore.ConfigEntry, value string) bool {
	for _, e := range entries {
		if strings.EqualFold(e.Section, "core") && strings.EqualFold(e.Key, "hooksPath") && e.Value == value {
			return true
		}
	}
	return false
}

// resolve follows symbolic links as far as the path is there.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s is a symbolic link to nothing", path)
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// ownDirs are the directories that hooks of ours may lie in: where Git looks, if
// that is the repository's own, and where it looked before core.hooksPath was set.
func (r *Repository) ownDirs() []string {
	own, err := resolve(r.OwnDir)
	if r.outside {
		if err != nil || own == r.Dir || !strings.HasPrefix(own, r.CommonDir+string(filepath.Separator)) {
			return nil
		}
		return []string{own}
	}
	if err != nil || own == r.Dir {
		return []string{r.Dir}
	}
	return []string{r.Dir, own}
}
