package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/ignore"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// Dir is the directory in a project that everything of the engine lies in.
const Dir = ".evoseal"

// ErrBareRepository says that a project has no work tree, so that there is nothing
// to record but commits.
var ErrBareRepository = errors.New("bare repository: there is no project to record")

// ErrInsideTarget says that a directory lies in a rollback target, and that its
// store doesn't tell which project it belongs to.
var ErrInsideTarget = errors.New("a rollback target is no project")

// Project is the directory whose tree is recorded: the top level of a Git work
// tree, or any directory; or a bare repository, of which commits are.
type Project struct {
	// Root is the top, absolute, with symbolic links resolved. That of a bare
	// repository is the repository itself.
	Root string
	// Bare says that there is no work tree.
	Bare bool
	// GitDir is the work tree's own Git directory, CommonDir the one that it
	// shares with the others; both are empty for a project without Git.
	GitDir, CommonDir string
	// Config is Git's configuration as it holds for the project.
	Config *Config
}

// FindProject finds the project that dir lies in: the nearest directory upwards
// that is a Git work tree, a bare repository, or has a store. Without one, dir itself is the
// project. Inside a rollback target it is the project that the target belongs
// to. GIT_DIR and its like, which hooks inherit, are not looked at. A project
// whose .evoseal is no directory of its own is [ErrStorePlace].
func FindProject(dir string) (*Project, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, err
	}
	if fi, err := os.Stat(abs); err != nil {
		return nil, err
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", abs)
	}
	start := leaveEngineDir(abs)
	for at := start; ; at = filepath.Dir(at) {
		p, err := projectAt(at)
		if err != nil {
			return nil, err
		}
		if p != nil {
			return p.placed()
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return newProject(start, "", "").placed()
}

func newProject(root, gitDir, commonDir string) *Project {
	return &Project{Root: root, GitDir: gitDir, CommonDir: commonDir, Config: readConfig(gitDir, commonDir)}
}

// leaveEngineDir steps out of a project's .evoseal, whose targets and store look
// like repositories themselves.
func leaveEngineDir(dir string) string {
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if filepath.Base(at) == Dir && hasStore(at) {
			return leaveEngineDir(filepath.Dir(at))
		}
	}
	return dir
}

// hasStore says whether an engine's directory has a store, be it one that lost its
// cache or its HEAD.
func hasStore(engine string) bool {
	dir := filepath.Join(engine, ".git")
	if isStore(dir) {
		return true
	}
	has, err := partsOf(dir)
	return err == nil && has == 2
}

func isStore(dir string) bool {
	fi, err := os.Stat(filepath.Join(dir, cacheDir))
	return err == nil && fi.IsDir()
}

// projectAt returns nil when dir is the top of nothing.
func projectAt(dir string) (*Project, error) {
	if filepath.Base(dir) == ".git" && looksLikeRepository(dir) {
		return nil, nil
	}
	gitDir, err := gitDirOf(dir)
	if err != nil {
		return nil, err
	}
	if gitDir != "" {
		common := commonDirOf(gitDir)
		if isStore(common) {
			return projectOfStore(dir, common)
		}
		return newProject(dir, gitDir, common), nil
	}
	if looksLikeRepository(dir) {
		return bareProject(dir)
	}
	if hasStore(filepath.Join(dir, Dir)) {
		return newProject(dir, "", ""), nil
	}
	return nil, nil
}

// bareProject is nil for the Git directory of a work tree that is elsewhere.
func bareProject(dir string) (*Project, error) {
	p := newProject(dir, dir, dir)
	if p.Bare = p.Config.Bool("core", "bare", false); !p.Bare {
		return nil, fmt.Errorf("%s: %w", dir, ErrBareRepository)
	}
	return p, nil
}

// projectOfStore finds the project whose rollback target lies at dir, somewhere
// outside it.
func projectOfStore(dir, store string) (*Project, error) {
	if filepath.Base(store) == ".git" && filepath.Base(filepath.Dir(store)) == Dir {
		return FindProject(filepath.Dir(filepath.Dir(store)))
	}
	return nil, fmt.Errorf("%s: %w", dir, ErrInsideTarget)
}

// gitDirOf follows dir/.git, directory or file.
func gitDirOf(dir string) (string, error) {
	path := filepath.Join(dir, ".git")
	fi, err := os.Stat(path)
	if err != nil {
		return "", nil
	}
	if fi.IsDir() {
		if !looksLikeRepository(path) {
			return "", nil
		}
		return path, nil
	}
	if !fi.Mode().IsRegular() || fi.Size() > 64<<10 {
		return "", nil
	}
	data, err := durable.ReadFile(path)
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.TrimRight(string(data), "\r\n"), "gitdir: ")
	if !ok {
		return "", nil
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	if _, err := os.Stat(filepath.Join(target, "HEAD")); err != nil {
		return "", fmt.Errorf("%s points to %s, which is not a repository", path, target)
	}
	return target, nil
}

func looksLikeRepository(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

func commonDirOf(gitDir string) string {
	data, err := durable.ReadFile(filepath.Join(gitDir, "commondir"))
	if err != nil {
		return gitDir
	}
	dir := strings.TrimSpace(string(data))
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(gitDir, dir)
	}
	return filepath.Clean(dir)
}

// StoreDir is where the project's store is: evoseal.store if configured, else
// .evoseal/.git.
func (p *Project) StoreDir() string {
	if dir, ok := p.Config.Path("evoseal", "store"); ok && dir != "" {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(p.Root, dir)
		}
		return filepath.Clean(dir)
	}
	return filepath.Join(p.Root, Dir, ".git")
}

// isStore says whether the repository found at a path below the top is the store.
func (p *Project) isStore(path string) bool {
	found, err := os.Stat(filepath.Join(p.Root, filepath.FromSlash(path), ".git"))
	if err != nil {
		return false
	}
	store, err := os.Stat(p.StoreDir())
	return err == nil && os.SameFile(found, store)
}

// Head is what the project's repository has checked out.
type Head struct {
	// Commit is empty on an unborn branch, Branch when HEAD is detached.
	Commit, Branch string
}

// Head reads the project's HEAD; the zero Head without a repository.
func (p *Project) Head() Head {
	if p.GitDir == "" {
		return Head{}
	}
	ref, symbolic := headOf(p.GitDir)
	if !symbolic {
		return Head{Commit: ref}
	}
	h := Head{Branch: strings.TrimPrefix(ref, "refs/heads/")}
	if id, err := refs.Open(p.CommonDir, refs.Options{}).ReadHex(ref); err == nil {
		h.Commit = id
	}
	return h
}

// idSize is the number of bytes of the repository's object names.
func (p *Project) idSize() int {
	if v, _ := p.Config.Get("extensions", "objectFormat"); v == "sha256" {
		return 32
	}
	return 20
}

// scope is the project's idea of what is ignored and what is tracked.
func (p *Project) scope() (*scan.Scope, error) {
	var exclude []byte
	var err error
	if p.CommonDir != "" {
		if exclude, err = readRules(filepath.Join(p.CommonDir, "info", "exclude")); err != nil {
			return nil, err
		}
	}
	global, err := p.Config.globalExcludes(p.Root)
	if err != nil {
		return nil, err
	}
	s := &scan.Scope{Rules: ignore.New(ignore.Options{
		Exclude: exclude, Global: global, FoldCase: p.Config.Bool("core", "ignoreCase", false),
	})}
	if p.GitDir != "" {
		s.Tracked = sync.OnceValues(func() (*gitindex.PathSet, error) {
			return gitindex.ReadTracked(p.GitDir, p.CommonDir, p.idSize())
		})
	}
	return s, nil
}

// nestedScope is the scope of a repository inside the project. A directory whose
// .git is no repository is an ordinary one, as for git, and has none. Rules that
// can't be read are no rules: more is recorded then, never less.
func (p *Project) nestedScope(path string) *scan.Scope {
	dir := filepath.Join(p.Root, filepath.FromSlash(path))
	gitDir, err := gitDirOf(dir)
	if err != nil || gitDir == "" {
		return nil
	}
	s, err := newProject(dir, gitDir, commonDirOf(gitDir)).scope()
	if err != nil {
		return &scan.Scope{Rules: ignore.New(ignore.Options{})}
	}
	return s
}

// Exclude makes the project's own git step over the engine's directory, and says
// whether that was needed. It is the one thing that is ever written in a
// project's Git directory unasked.
func (p *Project) Exclude() (changed bool, err error) {
	if p.CommonDir == "" || p.Bare {
		return false, nil
	}
	const line = "/" + Dir + "/"
	path := filepath.Join(p.CommonDir, "info", "exclude")
	data, err := durable.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	for have := range strings.Lines(string(data)) {
		if strings.TrimSpace(have) == line {
			return false, nil
		}
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(data, '\n')
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return false, err
	}
	// Nobody else looks after what a dead process left here.
	if _, err := durable.Sweep(filepath.Dir(path), durable.Temp(path)); err != nil {
		return false, err
	}
	return true, rewrite(path, append(data, line+"\n"...))
}
