package installer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// Repository is a Git repository as far as its hooks go.
type Repository struct {
	// Root is the top of the work tree, or a bare repository itself.
	Root string
	Bare bool
	// Dir is where git looks for hooks.
	Dir string
	// Manager is the tool that keeps the hooks in place of us, empty for none.
	Manager Manager
}

// ErrNoRepository says that a directory lies in no Git repository.
var ErrNoRepository = errors.New("there is no Git repository here")

// Open finds the repository that dir lies in. Linked work trees share their hooks;
// a submodule has its own.
func Open(dir string) (*Repository, error) {
	p, err := gitstore.FindProject(dir)
	if err != nil {
		return nil, err
	}
	if p.CommonDir == "" {
		return nil, fmt.Errorf("%s: %w", p.Root, ErrNoRepository)
	}
	r := &Repository{Root: p.Root, Bare: p.Bare, Dir: filepath.Join(p.CommonDir, "hooks")}
	if configured, ok := p.Config.Path("core", "hooksPath"); ok && configured != "" {
		if !filepath.IsAbs(configured) {
			configured = filepath.Join(p.Root, configured)
		}
		r.Dir = filepath.Clean(configured)
	}
	r.Manager = r.manager(p.CommonDir)
	return r, nil
}

// known are the hooks that there are, the ones installed without being named
// first; server says that it is one of a bare repository.
type known struct {
	name             string
	server, optional bool
	// gates may stop git, and stdin says that git writes to it.
	gates, stdin bool
}

func hooks() []known {
	return []known{
		{name: "pre-push", gates: true, stdin: true},
		{name: "post-commit"},
		{name: "post-merge"},
		{name: "post-rewrite", stdin: true},
		{name: "pre-commit", gates: true, optional: true},
		{name: "pre-receive", gates: true, stdin: true, server: true},
		{name: "post-receive", stdin: true, server: true},
	}
}

// Defaults are the hooks to install where none are named.
func (r *Repository) Defaults() []string {
	var names []string
	for _, h := range hooks() {
		if h.server == r.Bare && !h.optional {
			names = append(names, h.name)
		}
	}
	return names
}

// Names are all hooks that can be installed.
func (r *Repository) Names() []string {
	var names []string
	for _, h := range hooks() {
		if h.server == r.Bare {
			names = append(names, h.name)
		}
	}
	return names
}

// ErrUnknown says that there is no hook of a name, or none in this kind of
// repository.
var ErrUnknown = errors.New("no such hook")

// pick finds the hooks of names; none are the defaults.
func (r *Repository) pick(names []string) ([]known, error) {
	if len(names) == 0 {
		names = r.Defaults()
	}
	var picked []known
	for _, name := range names {
		i := slices.IndexFunc(hooks(), func(h known) bool { return h.name == name && h.server == r.Bare })
		if i < 0 {
			return nil, fmt.Errorf("%q: %w here: there are %s", name, ErrUnknown, strings.Join(r.Names(), ", "))
		}
		picked = append(picked, hooks()[i])
	}
	return picked, nil
}

// keptSuffix makes the name under which a foreign hook is kept. git runs no hook
// of such a name.
const keptSuffix = ".evoseal-kept"

func (r *Repository) path(hook string) string { return filepath.Join(r.Dir, hook) }

func (r *Repository) kept(hook string) string { return r.path(hook) + keptSuffix }

// sameFile says whether two names are one file, links themselves and not where
// they lead.
func sameFile(a, b string) bool {
	x, err := os.Lstat(a)
	if err != nil {
		return false
	}
	y, err := os.Lstat(b)
	return err == nil && os.SameFile(x, y)
}
