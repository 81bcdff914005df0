package safety

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	engineDir       = ".evoseal"
	defaultBase     = "rollback_target"
	previousSuffix  = ".previous"
	sharedMemoryDir = "/dev/shm"
	// maxBase leaves room for what is put before and after the name of a
	// target, so that its neighbours' names stay below 255 bytes.
	maxBase = 220
)

// keptName matches the names that the engine gives to a target's neighbours.
var keptName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\..+\.((pending|trash|aside)-[0-9a-f]{16}|swap)$`)
})

// inspection is one target under examination and all that it is compared with.
type inspection struct {
	guard   *Guard
	asked   string // the target as it was asked for
	target  *place
	project *place
	store   *place
	cwd     *place // nil if the working directory is gone
	homes   []*place
	system  map[fileID]string
	own     bool     // the target is the project's own rollback_target
	adopt   bool     // the user named a directory that the engine did not make
	dir     *os.File // the target itself, when it is an existing directory
	found   found
	blocker string // what is in the way beside the target
}

// check returns why its rule refuses the target, or "".
type check func(*inspection) (string, error)

// rules returns the rules in their order. The project's own target is spared
// those that look at nothing but where it lies: a project may well live in
// /usr/src/app.
func rules() []struct {
	rule     Rule
	sparesIt bool
	check    check
} {
	return []struct {
		rule     Rule
		sparesIt bool
		check    check
	}{
		{RuleUnresolved, false, checkName},
		{RuleProject, false, checkProject},
		{RuleInsideProject, true, checkInsideProject},
		{RuleStore, false, checkStore},
		{RuleSystem, true, checkSystem},
		{RuleHome, true, checkHome},
		{RuleMountPoint, false, checkMountPoint},
		{RuleForeignRepository, false, checkInsideRepository},
		{RuleForeignRepository, false, checkRepository},
		{RuleNotOurs, false, checkOurs},
	}
}

// apply runs the rules and returns the first refusal. Other errors mean that
// a rule could not be applied.
func (in *inspection) apply() error {
	for _, r := range rules() {
		if r.sparesIt && in.own {
			continue
		}
		detail, err := r.check(in)
		if err != nil {
			return err
		}
		if detail != "" {
			return &UnsafeError{Op: "target", Path: in.asked, Resolved: in.target.path(), Rule: r.rule, Blocker: in.blocker, Detail: detail}
		}
	}
	return nil
}

func checkName(in *inspection) (string, error) {
	base := filepath.Base(in.target.path())
	if len(base) > maxBase {
		return fmt.Sprintf("its name is longer than %d bytes, which leaves no room for the names beside it", maxBase), nil
	}
	if keptName().MatchString(base) {
		return "its name is one that the engine gives to its own temporary files", nil
	}
	return "", nil
}

func checkProject(in *inspection) (string, error) {
	if in.target.contains(in.project) {
		return fmt.Sprintf("it is, or contains, the project %q", in.project.path()), nil
	}
	if in.cwd != nil && in.target.contains(in.cwd) {
		return fmt.Sprintf("it is, or contains, the current directory %q", in.cwd.path()), nil
	}
	return "", nil
}

func checkInsideProject(in *inspection) (string, error) {
	if !in.project.contains(in.target) {
		return "", nil
	}
	engine := filepath.Join(in.project.path(), engineDir)
	below, ok := strings.CutPrefix(in.target.path(), engine+"/")
	if !ok {
		return fmt.Sprintf("it lies in the project %q, outside %s/", in.project.path(), engineDir), nil
	}
	first, _, deeper := strings.Cut(below, "/")
	switch {
	case first == defaultBase && deeper:
		return "it lies in the project's own rollback target", nil
	case strings.HasPrefix(first, "."), strings.HasSuffix(first, previousSuffix):
		return fmt.Sprintf("%q is a name that the engine keeps for itself", first), nil
	}
	return "", nil
}

func checkStore(in *inspection) (string, error) {
	if in.target.contains(in.store) {
		return fmt.Sprintf("it is, or contains, the store %q", in.store.path()), nil
	}
	if in.store.contains(in.target) {
		return fmt.Sprintf("it lies in the store %q", in.store.path()), nil
	}
	return "", nil
}

func checkSystem(in *inspection) (string, error) {
	for _, name := range append(in.target.names(), in.target.asked) {
		if detail := systemName(name); detail != "" {
			return detail, nil
		}
	}
	shm, isTmpfs := sharedMemory()
	steps := in.target.steps
	for i, s := range steps {
		top, ok := in.system[s.id]
		spared := isTmpfs && i+1 < len(steps) && steps[i+1].id == shm && len(in.target.below(i+1)) > 0
		if ok && !spared {
			return fmt.Sprintf("it is, or lies below, the system directory %s", top), nil
		}
	}
	return "", nil
}

// systemName applies the system rule to one spelling.
func systemName(name string) string {
	if top := systemDirOf(name); top != "" {
		return fmt.Sprintf("it is, or lies below, the system directory %s", top)
	}
	parent := filepath.Dir(name)
	if parent == "/" {
		return "it is a top-level directory"
	}
	if slices.Contains(crowdedDirs(), parent) {
		return fmt.Sprintf("it is a direct child of %s", parent)
	}
	return ""
}

// systemDirOf returns the system directory that a clean absolute path is or
// lies below, or "".
func systemDirOf(name string) string {
	if _, ok := sharedMemory(); ok && name != sharedMemoryDir && within(sharedMemoryDir, name) {
		return ""
	}
	for _, dir := range systemDirs() {
		if within(dir, name) {
			return dir
		}
	}
	if top, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/"); strings.HasPrefix(top, "lib") {
		return "/" + top
	}
	return ""
}

// systemIDs returns the identities of the system directories that exist.
func systemIDs() map[fileID]string {
	ids := make(map[fileID]string)
	for _, dir := range systemDirs() {
		p, err := resolve(dir, nil)
		if err != nil {
			continue
		}
		if len(p.rest) == 0 {
			ids[p.last().id] = dir
		}
		p.close()
	}
	return ids
}

func checkHome(in *inspection) (string, error) {
	for _, home := range in.homes {
		if in.target.contains(home) {
			return fmt.Sprintf("it is, or contains, the home directory %q", home.path()), nil
		}
	}
	return "", nil
}

func checkMountPoint(in *inspection) (string, error) {
	if in.dir == nil {
		return "", nil
	}
	parent, _ := in.parent()
	mounted, err := isMountPoint(parent, in.dir)
	if err != nil || !mounted {
		return "", err
	}
	return "it is a mount point", nil
}

// checkInsideRepository looks at what the target lies in. Directories above
// the project don't count for targets in the project: people keep work trees
// inside a bare clone.
func checkInsideRepository(in *inspection) (string, error) {
	names := in.target.below(0)
	start := in.target.find(in.project.last().id)
	for i := max(start, 0); i < len(names); i++ {
		if isDotGit(names[i]) {
			return fmt.Sprintf("it is, or lies in, the repository directory %q", names[i]), nil
		}
	}
	for i := start + 1; i < len(in.target.steps); i++ {
		if in.dir != nil && i == len(in.target.steps)-1 {
			break // the target itself: checkRepository
		}
		if looksBare(in.target.steps[i].dir) {
			return fmt.Sprintf("it lies in the bare repository %q", in.target.steps[i].dir.Name()), nil
		}
	}
	return "", nil
}

func checkRepository(in *inspection) (string, error) {
	if in.dir == nil || !(exists(in.dir, ".git") || looksBare(in.dir)) || in.guard.owned(in.dir) {
		return "", nil
	}
	return "it is a Git work tree or repository that the engine did not make", nil
}

// looksBare tells a Git directory by what git itself looks for in one.
func looksBare(dir *os.File) bool {
	return exists(dir, "HEAD") && exists(dir, "objects") && exists(dir, "refs")
}

func checkOurs(in *inspection) (string, error) {
	if in.target.file {
		return "it exists and is no directory", nil
	}
	if in.dir != nil {
		kind, err := in.guard.whose(in.dir)
		if err != nil {
			return "", err
		}
		if kind == foreign && !in.adopt {
			return "it is not empty, and the engine did not make it", nil
		}
		in.found = found{exists: true, id: in.target.last().id, kind: kind}
	}
	parent, ok := in.parent()
	if !ok || in.adopt {
		return "", nil
	}
	// A commit removes the previous tree, so that must be ours as well.
	previous := filepath.Base(in.target.path()) + previousSuffix
	kind, err := in.guard.whoseAt(parent, previous)
	if err == nil && kind == foreign {
		in.blocker = in.target.path() + previousSuffix
		return fmt.Sprintf("%q beside it is needed for the previous tree, and the engine did not make what is there", previous), nil
	}
	return "", err
}

// parent returns the directory that holds the target's name, if it exists.
func (in *inspection) parent() (*os.File, bool) {
	steps := in.target.steps
	switch {
	case in.dir != nil:
		return steps[len(steps)-2].dir, true
	case len(in.target.rest) == 1:
		return in.target.last().dir, true
	}
	return nil, false
}

// ownership says what may become of an existing directory.
type ownership int

const (
	foreign ownership = iota // holds what the engine did not make: never deleted
	empty
	owned
)

// found is what was at the target's name when the rules were applied.
type found struct {
	exists bool
	id     fileID
	kind   ownership
}

// whose tells who made an open directory.
func (g *Guard) whose(dir *os.File) (ownership, error) {
	if g.owned(dir) {
		return owned, nil
	}
	nothing, err := isEmpty(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist): // removed while it was open
		return empty, nil
	case err != nil:
		return foreign, err
	case nothing:
		return empty, nil
	}
	return foreign, nil
}

// whoseAt tells who made the entry of an open directory. What is missing is
// empty, and what is no directory is foreign.
func (g *Guard) whoseAt(parent *os.File, name string) (ownership, error) {
	e, err := lookAt(parent, name)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil || !e.isDir() {
		return foreign, err
	}
	dir, err := openDirAt(parent, name)
	if err != nil {
		return foreign, err
	}
	defer dir.Close()
	return g.whose(dir)
}
