package safety

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Options say what a [Guard] protects.
type Options struct {
	// Project is the top of the project. It must exist.
	Project string
	// Store is the store's repository directory, usually <project>/.evoseal/.git.
	// It may lie elsewhere and need not exist yet.
	Store string
	// Cwd is the directory that relative paths start from and that no target
	// may contain. The zero value means the process's own.
	Cwd string
	// Home names home directories beyond $HOME and those of the users in /etc/passwd.
	Home []string
	// Owned says whether the engine made an existing directory. It is asked
	// with a handle that is open for reading, which it must not close. It may
	// be asked again for the same directory. Nil means that none is.
	Owned func(dir *os.File) bool
}

// Guard applies the safety rules for one project. It may be used by several
// goroutines at once if its Options.Owned may.
type Guard struct {
	project string
	top     string // project, resolved
	store   string
	cwd     string // "" when the working directory is gone
	homes   []string
	ours    func(*os.File) bool
}

// NewGuard returns a guard for a project that exists.
func NewGuard(opts Options) (*Guard, error) {
	if opts.Project == "" || opts.Store == "" {
		return nil, errors.New("safety: project and store must be named")
	}
	cwd := opts.Cwd
	if cwd == "" {
		// A shell may stand in a directory that was deleted under it; absolute
		// paths still work then.
		cwd, _ = os.Getwd()
	} else if !filepath.IsAbs(cwd) {
		abs, err := filepath.Abs(cwd)
		if err != nil {
			return nil, fmt.Errorf("safety: current directory: %w", err)
		}
		cwd = abs
	}
	g := &Guard{cwd: cwd, homes: homeDirs(passwdFile, opts.Home), ours: opts.Owned}
	var err error
	if g.project, err = g.absolute(opts.Project); err != nil {
		return nil, fmt.Errorf("safety: project: %w", err)
	}
	if g.store, err = g.absolute(opts.Store); err != nil {
		return nil, fmt.Errorf("safety: store: %w", err)
	}
	top, err := g.openProject(nil)
	if err != nil {
		return nil, fmt.Errorf("safety: project: %w", err)
	}
	g.top = top.path()
	top.close()
	return g, nil
}

// openProject resolves the project anew: the directory may have been replaced
// in the life of a guard.
func (g *Guard) openProject(mounts []mount) (*place, error) {
	p, err := resolve(g.project, mounts)
	if err != nil {
		return nil, err
	}
	if len(p.rest) > 0 {
		p.close()
		return nil, fmt.Errorf("%q is no directory: %w", g.project, os.ErrNotExist)
	}
	return p, nil
}

// absolute joins a relative path to the working directory, and leaves its ".."
// alone: what they mean depends on the links before them.
func (g *Guard) absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	if g.cwd == "" {
		return "", fmt.Errorf("relative path %q: the current directory is gone: %w", path, os.ErrNotExist)
	}
	return g.cwd + "/" + path, nil
}

func (g *Guard) owned(dir *os.File) bool { return g.ours != nil && g.ours(dir) }

// DefaultTarget returns the project's own target, <project>/.evoseal/rollback_target.
func (g *Guard) DefaultTarget() string { return filepath.Join(g.top, engineDir, defaultBase) }

// Request asks for a directory to roll back into.
type Request struct {
	// Path is the directory; relative ones start from the working directory,
	// "" means the default target.
	Path string
	// Configured says that Path comes from configuration and not from a person.
	Configured bool
	// Adopt allows a non-empty directory that the engine did not make. Its
	// tree is kept as the previous one, whatever else is asked. It is also right
	// for a request that will only exchange the target with the previous tree.
	Adopt bool
}

// Decision says what came of a [Request].
type Decision struct {
	Target    *Target // to be closed by the caller; nil after an error
	Requested string  // the path as asked for; "" for the default
	Used      string  // the resolved path of Target
	// Fallback says that a configured directory was refused, and the default used.
	Fallback bool
	// Refusal is the refusal behind Fallback.
	Refusal *UnsafeError
	// Validated says that Used passed all the rules.
	Validated bool
}

// Choose applies the rules to the requested directory and returns a handle on
// it. Nothing is written. A refusal is an [*UnsafeError], unless the request
// is a configured one: then the default target is used, if the rules allow
// that. After an error the decision holds what is known, for the record.
func (g *Guard) Choose(req Request) (Decision, error) {
	d := Decision{Requested: req.Path}
	path := req.Path
	if path == "" {
		path = g.DefaultTarget()
	}
	target, err := g.inspect(path, req.Adopt)
	if unsafe := (*UnsafeError)(nil); req.Configured && req.Path != "" && errors.As(err, &unsafe) {
		d.Fallback, d.Refusal = true, unsafe
		target, err = g.inspect(g.DefaultTarget(), false)
	}
	if err != nil {
		return d, err
	}
	d.Target, d.Used, d.Validated = target, target.Path(), true
	return d, nil
}

// inspect applies the rules to one path.
func (g *Guard) inspect(path string, adopt bool) (*Target, error) {
	mounts := readMounts()
	abs, err := g.absolute(path)
	if err != nil {
		return nil, unresolved("target", path, err)
	}
	target, err := resolve(abs, mounts)
	if err != nil {
		return nil, unresolved("target", path, err)
	}
	defer target.close()
	in := &inspection{guard: g, asked: path, target: target, adopt: adopt, system: systemIDs()}
	defer in.close()
	if in.project, err = g.openProject(mounts); err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	if in.store, err = resolve(g.store, mounts); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if g.cwd != "" {
		if in.cwd, err = resolve(g.cwd, mounts); err != nil {
			in.cwd = nil // gone or out of reach: nothing below it can be named
		}
	}
	in.homes = resolveAll(g.homes, mounts)
	in.own = target.path() == filepath.Join(in.project.path(), engineDir, defaultBase)
	t, err := in.run()
	if err != nil && !errors.Is(err, ErrUnsafe) {
		err = unresolved("target", path, err) // what can't be looked at can't be called safe
	}
	return t, err
}

func (in *inspection) run() (*Target, error) {
	if err := in.openTarget(); err != nil {
		return nil, err
	}
	if err := in.apply(); err != nil {
		return nil, err
	}
	return newTarget(in)
}

// openTarget opens the target itself, if it is an existing directory, through
// its parent's handle.
func (in *inspection) openTarget() error {
	if len(in.target.rest) > 0 || len(in.target.steps) < 2 {
		return nil
	}
	last := in.target.last()
	dir, err := openDirAt(in.target.steps[len(in.target.steps)-2].dir, last.name)
	if err != nil {
		return err
	}
	in.dir = dir
	e, err := lookAtHandle(dir)
	if err == nil && e.id != last.id {
		err = fmt.Errorf("%w: %s", ErrChanged, in.target.path())
	}
	return err
}

// close releases everything but the target's place.
func (in *inspection) close() {
	for _, p := range append(slices.Clone(in.homes), in.project, in.store, in.cwd) {
		if p != nil {
			p.close()
		}
	}
	if in.dir != nil {
		in.dir.Close()
	}
}

func resolveAll(paths []string, mounts []mount) []*place {
	var places []*place
	for _, path := range paths {
		if p, err := resolve(path, mounts); err == nil {
			places = append(places, p)
		}
	}
	return places
}

func unresolved(op, path string, err error) error {
	return &UnsafeError{Op: op, Path: path, Rule: RuleUnresolved, Detail: err.Error(), Err: err}
}

// CheckProject refuses to record "/", a system directory itself, a home
// directory, or what contains one, as a project, unless allowed names it. Names
// and project are compared by where they lead.
func (g *Guard) CheckProject(allowed []string) error {
	mounts := readMounts()
	project, err := g.openProject(mounts)
	if err != nil {
		return unresolved("project", g.project, err)
	}
	defer project.close()
	for _, p := range resolveAll(absoluteOnly(allowed), nil) {
		same := len(p.rest) == 0 && p.last().id == project.last().id
		p.close()
		if same {
			return nil
		}
	}
	refuse := func(rule Rule, detail string) error {
		return &UnsafeError{Op: "project", Path: filepath.Clean(g.project), Resolved: project.path(), Rule: rule, Detail: detail}
	}
	if project.path() == "/" {
		return refuse(RuleSystem, "it is the root of the file system")
	}
	_, system := systemIDs()[project.last().id]
	if system || slices.Contains(slices.Concat(systemDirs(), crowdedDirs()), project.path()) {
		return refuse(RuleSystem, "it is a system directory")
	}
	homes := resolveAll(g.homes, mounts)
	defer func() {
		for _, home := range homes {
			home.close()
		}
	}()
	for _, home := range homes {
		if project.contains(home) {
			return refuse(RuleHome, fmt.Sprintf("it is, or contains, the home directory %q", home.path()))
		}
	}
	return nil
}

func absoluteOnly(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !filepath.IsAbs(p) })
}
